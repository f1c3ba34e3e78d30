"""Registries: the repositories of one command, which share connections, tokens and settings."""

from threading import Lock
from typing import TYPE_CHECKING

from registry.client.settings import Settings
from registry.reference import Reference

if TYPE_CHECKING:
    from registry.client.repository import Repository
    from registry.client.transport import Transport

__all__ = ["Registries"]


class Registries:
    """Opens repositories, and imports what speaks HTTP only then."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._transports: dict[str, Transport] = {}
        self._lock = Lock()

    def repository(self, reference: Reference) -> "Repository":
        """The repository that a reference is about, behind its mirrors if it has any."""
        from registry.client.repository import Repository  # noqa: PLC0415 - imports requests and oras

        mirrors = self.settings.of(reference.host).mirrors
        transport = self.transport(reference.host)
        if not mirrors:
            return Repository(transport, reference.repository)
        from registry.client.mirrors import MirroredRepository  # noqa: PLC0415

        return MirroredRepository(transport, reference.repository, mirrors, self.transport)

    def transport(self, host: str) -> "Transport":
        """What speaks to a registry."""
        from registry.client.transport import Transport  # noqa: PLC0415

        with self._lock:
            if host not in self._transports:
                self._transports[host] = Transport(host, self.settings)
            return self._transports[host]
