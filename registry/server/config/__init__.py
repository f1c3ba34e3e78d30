"""What a server is told before it starts: one dataclass for each section. Nothing here opens a file or a socket."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from registry.errors import InvalidConfiguration
from registry.server.config.access import AccessConfig
from registry.server.config.admission import AdmissionConfig
from registry.server.config.collection import CollectionConfig, RetentionRule
from registry.server.config.observing import ObservingConfig
from registry.server.config.storage import StorageConfig
from registry.server.config.tls import TlsConfig

__all__ = [
    "DEFAULT_LISTEN",
    "AccessConfig",
    "AdmissionConfig",
    "CollectionConfig",
    "ObservingConfig",
    "RetentionRule",
    "ServerConfig",
    "StorageConfig",
    "TlsConfig",
    "is_loopback",
    "split_listen",
]

DEFAULT_LISTEN = "127.0.0.1:5000"
"""Where a server listens when nobody says otherwise."""

_MAX_BLOB = 64 * 1024**3
_MAX_WORKERS = 64


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """All settings of one server.

    ``data`` is the folder that holds everything it keeps. ``host`` is an IP address, ``port`` 0
    lets the system choose. Sizes are in bytes, times in seconds: ``max_blob`` bounds one blob,
    ``patience`` how long a client may stand still in the middle of a body, ``upload_lifetime`` how
    long an unfinished upload is kept after its last byte, ``grace`` how long requests in flight
    may take once the server was told to stop, and ``drain`` how long before that it answers as ever
    but says that it is not ready, for a load balancer to notice. ``database`` is its URL, by default a file in
    ``data``; ``durable``: what was answered survives a power cut. ``external_url`` is how clients
    reach the server, where that is not how they address it; ``trusted_proxies`` are networks
    (``10.0.0.0/8``) whose word about the client's address is taken. ``namespace_prefix`` is what
    comes before the names of packages (``wasm/``) when they become names of repositories.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 5000
    max_blob: int = _MAX_BLOB
    patience: float = 60.0
    upload_lifetime: float = 24 * 3600.0
    grace: float = 10.0
    drain: float = 0.0
    database: str | None = None
    durable: bool = True
    workers: int = 1
    external_url: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    namespace_prefix: str = ""
    tls: TlsConfig = field(default_factory=TlsConfig)
    storage: StorageConfig = field(default_factory=StorageConfig)
    access: AccessConfig = field(default_factory=AccessConfig)
    collection: CollectionConfig = field(default_factory=CollectionConfig)
    observing: ObservingConfig = field(default_factory=ObservingConfig)
    admission: AdmissionConfig = field(default_factory=AdmissionConfig)

    def __post_init__(self) -> None:
        """Refuse what is malformed; ``AccessControl.start`` refuses what would be unsafe.

        Raises InvalidConfiguration.
        """
        _address(self.host)
        if not 0 <= self.port < 65536:
            raise InvalidConfiguration(f"{self.port} is not a port", hint="use 0 to 65535; 0 means any free one")
        _check_workers(self.workers, self.database)

    @classmethod
    def at(cls, data: Path, listen: str = DEFAULT_LISTEN) -> Self:
        """The settings for a folder and an address as people write it, ``127.0.0.1:0``.

        Raises InvalidConfiguration.
        """
        host, port = split_listen(listen)
        return cls(data, host, port)


def _check_workers(workers: int, database: str | None) -> None:
    if not 1 <= workers <= _MAX_WORKERS:
        raise InvalidConfiguration(f"a server has 1 to {_MAX_WORKERS} workers, not {workers}")
    if workers > 1 and not (database or "").startswith(("postgresql:", "postgresql+")):
        raise InvalidConfiguration(
            f"{workers} workers need PostgreSQL",
            cause="SQLite has one writer at a time, and several processes would keep one another waiting",
            hint="name a database as postgresql://USER@HOST/NAME, or have one worker",
        )


def split_listen(listen: str) -> tuple[str, int]:
    """Address and port of ``127.0.0.1:0`` or ``[::1]:5000``. Raises InvalidConfiguration."""
    host, colon, port = listen.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or len(port) > 5:
        raise InvalidConfiguration(
            f"{listen[:80]!r} is not an address to listen on", hint=f"write it as {DEFAULT_LISTEN}"
        )
    if not host:
        raise InvalidConfiguration(
            f"{listen[:80]!r} names no address to listen on",
            hint=f"write 127.0.0.1{listen} for this machine alone, or 0.0.0.0{listen} for all that reach it",
        )
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    return bare, int(port)


def is_loopback(host: str) -> bool:
    """Whether an IP address is reached only from this machine. Raises InvalidConfiguration when it is none."""
    return _address(host).is_loopback


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(host)
    except ValueError as error:
        raise InvalidConfiguration(
            f"{host[:80]!r} is not an IP address", hint=f"write the address to listen on as {DEFAULT_LISTEN}"
        ) from error
