"""What the server tells about itself."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from registry.errors import InvalidConfiguration
from registry.server.access.globs import parse_glob

__all__ = ["ACTIONS", "ObservingConfig", "WebhookConfig"]

ACTIONS = ("push", "delete", "tag", "tag-moved", "tag-deleted", "yank", "unyank")
"""What webhooks hear of, unless they say otherwise."""

_BLOBS = ("blob-push", "blob-mount", "blob-delete")


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """Somebody who is told what changes.

    ``name`` tells the endpoints apart, and must stay when the ``url`` changes; without it, the URL is
    the name. Both URL and ``secret`` are kept to oneself: many services put a secret into the path.
    ``secret`` signs what is sent. ``actions`` are what it hears of, ``repositories`` globs
    (``access.globs``) of what it hears about; none: everything.
    """

    url: str = field(repr=False)
    name: str = ""
    secret: str | None = field(default=None, repr=False)
    actions: tuple[str, ...] = ACTIONS
    repositories: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what nothing could be sent to, and globs that are none.

        Raises InvalidConfiguration.
        """
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise InvalidConfiguration(
                "a webhook has no usable address", hint="write url as https://host/path, without a user"
            )
        unknown = [action for action in self.actions if action not in ACTIONS + _BLOBS]
        if unknown:
            raise InvalidConfiguration(
                f"webhooks know no action {unknown[0][:60]!r}", hint=f"one of: {', '.join(ACTIONS + _BLOBS)}"
            )
        for glob in self.repositories:
            parse_glob(glob)
        if not self.name:
            object.__setattr__(self, "name", self.url)


@dataclass(frozen=True, slots=True)
class ObservingConfig:
    """Logs, metrics, webhooks, traces. Sizes in bytes, times in seconds.

    ``access_log`` and ``audit_log`` are the paths of files, ``-`` for stderr, or ``off``; None is off
    on a loopback address, and elsewhere stderr for the one and ``audit.jsonl`` in the data folder for
    the other. A file has at most ``log_bytes``, and ``log_files`` older ones are kept beside it.
    ``metrics_listen`` is an address (``127.0.0.1:9090``) that serves nothing but metrics and health,
    to everybody who reaches it; ``metrics_public`` lets everybody read them on the server's own
    address, where otherwise only an administrator may. ``traces`` is the URL that spans are sent to
    with OTLP over HTTP. What is to be said to webhooks waits in a queue of at most ``webhook_queue``,
    is tried ``webhook_attempts`` times, each at most ``webhook_timeout`` long, and then kept for
    ``webhook_keep`` for a person to look at.
    """

    access_log: str | None = None
    audit_log: str | None = None
    log_bytes: int = 64 * 1024**2
    log_files: int = 5
    metrics_listen: str | None = None
    metrics_public: bool = False
    traces: str | None = None
    webhooks: tuple[WebhookConfig, ...] = ()
    webhook_queue: int = 10_000
    webhook_attempts: int = 10
    webhook_timeout: float = 10.0
    webhook_keep: float = 7 * 24 * 3600.0

    def __post_init__(self) -> None:
        """Refuse two endpoints of one name.

        Raises InvalidConfiguration.
        """
        names = [hook.name for hook in self.webhooks]
        if len(set(names)) < len(names):
            raise InvalidConfiguration("two webhooks have the same name", hint="give each a name of its own")
        if self.log_bytes < 4096 or self.log_files < 0 or self.webhook_attempts < 1 or self.webhook_timeout <= 0:
            raise InvalidConfiguration(
                "a bound of logs or webhooks is too small", hint="log_bytes has at least 4096, the others more than 0"
            )
