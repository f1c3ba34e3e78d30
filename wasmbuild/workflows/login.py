"""``login`` and ``logout``: credentials that were tried before they are kept."""

from dataclasses import dataclass
from pathlib import Path

from registry.reference import Reference
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note, Sink, step

__all__ = ["LoggedIn", "login", "logout", "registry_host"]


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Where credentials are kept now."""

    host: str
    username: str
    kept_in: Path


def registry_host(text: str) -> str:
    """The host that a person means: a registry, or any reference into one.

    Raises UsageFailed, InvalidReference.
    """
    if "/" in text:
        return Reference.parse(text).host
    reference = Reference.parse(f"{text}/any") if text else None
    if reference is None or reference.host != text.lower():
        raise UsageFailed(f"{text[:80]!r} is not the host of a registry", hint="wasmbuild login ghcr.io")
    return reference.host


def login(host: str, username: str, password: str, *, sink: Sink) -> LoggedIn:
    """Try credentials on a registry, and keep them in Docker's configuration when it takes them.

    Raises AuthenticationFailed, and what the client raises; nothing is kept then.
    """
    from registry.client.credentials import save  # noqa: PLC0415 - the client imports requests and oras
    from registry.client.transport import Transport  # noqa: PLC0415

    if not username or ":" in username or not password:
        raise UsageFailed("a user name without ':' and a password are needed")
    with step(sink, "login", host):
        asked = Transport(host).check_login(username, password)
    if not asked:
        sink(Note("warning", f"{host} did not ask for credentials: these were not checked"))
    return LoggedIn(host, username, save(host, username, password))


def logout(host: str) -> bool:
    """Forget the credentials of a registry; whether there were any."""
    from registry.client.credentials import forget  # noqa: PLC0415

    return forget(host)
