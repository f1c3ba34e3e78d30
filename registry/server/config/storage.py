"""Where bytes are kept."""

import re
from dataclasses import dataclass, field

from registry.errors import InvalidConfiguration

__all__ = ["StorageConfig"]

_URL = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([A-Za-z0-9!_.*'()/-]*))?")
_ENDPOINT = re.compile(r"https?://[^/?#@\s]+(?:/[^?#@\s]*)?")


@dataclass(frozen=True, slots=True)
class StorageConfig:
    """``url`` is ``s3://BUCKET/PREFIX``; None keeps bytes in the data folder, and all else says nothing.

    ``endpoint`` is the URL of another server than Amazon's, ``region`` what signatures are made for.
    ``access_key`` and ``secret_key`` come together; without them they are looked for where every S3
    client does (environment, profile, the machine's role). ``path_style`` writes the bucket into the
    path and not into the host's name. ``redirect`` sends clients to the bucket for the bytes of
    blobs; else the server passes them on. ``timeout`` is how many seconds the bucket may stand
    still, ``attempts`` how often it is asked before a request is answered with 503.
    """

    url: str | None = None
    endpoint: str | None = None
    region: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    path_style: bool = False
    redirect: bool = False
    timeout: float = 20.0
    attempts: int = 4

    def __post_init__(self) -> None:
        """Refuse what cannot work. Raises InvalidConfiguration."""
        if self.url is not None and _URL.fullmatch(self.url) is None:
            raise InvalidConfiguration(
                f"{self.url[:80]!r} is not a place for bytes", hint="write s3://BUCKET or s3://BUCKET/PREFIX"
            )
        if self.endpoint is not None and _ENDPOINT.fullmatch(self.endpoint) is None:
            # Not repeated: it may hold a password.
            raise InvalidConfiguration("the endpoint of the storage is not a URL", hint="write https://HOST[:PORT]")
        if (self.access_key is None) != (self.secret_key is None):
            raise InvalidConfiguration("the storage has one of access_key and secret_key", hint="give both, or neither")
        if self.timeout <= 0 or self.attempts < 1:
            raise InvalidConfiguration("the storage's timeout and attempts must be positive")

    @property
    def bucket(self) -> str:
        """The bucket's name; empty without ``url``."""
        match = _URL.fullmatch(self.url or "")
        return match[1] if match else ""

    @property
    def prefix(self) -> str:
        """What all keys begin with: empty, or it ends with a slash."""
        match = _URL.fullmatch(self.url or "")
        path = (match[2] or "").strip("/") if match else ""
        return f"{path}/" if path else ""
