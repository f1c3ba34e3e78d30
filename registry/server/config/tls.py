"""How connections are encrypted."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from registry.errors import InvalidConfiguration

__all__ = ["TlsConfig"]


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """PEM files, which are read again on SIGHUP; without a certificate, connections are plain HTTP.

    ``client_ca`` holds authorities, and a client must then show a certificate of one of them.
    """

    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    minimum: Literal["1.2", "1.3"] = "1.2"

    def __post_init__(self) -> None:
        """Refuse half of what is needed.

        Raises InvalidConfiguration.
        """
        if (self.certificate is None) != (self.key is None):
            raise InvalidConfiguration(
                "TLS needs both a certificate and its key", hint="give both, or neither for plain HTTP"
            )
        if self.client_ca is not None and self.certificate is None:
            raise InvalidConfiguration(
                "certificates of clients can be asked for only with TLS", hint="give a certificate and its key as well"
            )
