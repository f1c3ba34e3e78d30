"""``ls``: the repositories of a registry, or those of them that begin alike."""

from dataclasses import dataclass
from typing import Any

from registry.client.registries import Registries
from registry.errors import InvalidReference
from registry.reference import Reference

__all__ = ["Listed", "list_repositories"]

_HINT = "write it as HOST or HOST/PREFIX, for example ghcr.io/acme"


@dataclass(frozen=True, slots=True)
class Listed:
    """A registry, what names were to begin with, and the repositories, as ``host/name``."""

    registry: str
    prefix: str | None
    repositories: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        return {"registry": self.registry, "prefix": self.prefix, "repositories": list(self.repositories)}


def list_repositories(text: str, registries: Registries) -> Listed:
    """The repositories of ``HOST``, or of ``HOST/PREFIX``: that name itself, and what is below it.

    Raises InvalidReference, and what the client raises.
    """
    host, prefix = _parse(text)
    from registry.client.catalog import catalog  # noqa: PLC0415 - imports requests and oras

    names = catalog(registries.transport(host))
    below = [name for name in names if prefix is None or name == prefix or name.startswith(f"{prefix}/")]
    return Listed(host, prefix, tuple(f"{host}/{name}" for name in below))


def _parse(text: str) -> tuple[str, str | None]:
    host, slash, prefix = text.rstrip("/").partition("/")
    if not slash and not ("." in host or ":" in host or host == "localhost"):
        raise InvalidReference(f"{text[:120]!r} is not a registry", cause="there is no host in it", hint=_HINT)
    try:
        reference = Reference.parse(f"{host}/{prefix or 'any'}")
    except InvalidReference as error:
        raise InvalidReference(f"{text[:120]!r} is not a registry", cause=error.cause, hint=_HINT) from error
    if reference.tag or reference.digest:
        raise InvalidReference(f"{text[:120]!r} is an artifact, not a registry", hint=_HINT)
    return reference.host, prefix or None
