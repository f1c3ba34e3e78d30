"""Grants: what a guest is given beyond arguments, standard streams, a clock and randomness.

Made by flags (``wasmbuild.run.deciding.wishes``) or a policy, handed to the engine; what a file asks for is
``wasmbuild.wasm``'s.
"""

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["NOTHING", "Folder", "Grants"]


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of the host, under the name by which the guest sees it."""

    host: Path
    guest: str
    writable: bool = True

    @property
    def words(self) -> str:
        """What the guest may do in it."""
        return "read and write" if self.writable else "read"


@dataclass(frozen=True, slots=True)
class Grants:
    """What a guest gets. The values of its environment may be secret, and are in no repr.

    ``http`` is outgoing HTTP to any host; ``hosts`` is outgoing HTTP to these alone, for those who can
    tell hosts apart, which our engine cannot.
    """

    folders: tuple[Folder, ...] = ()
    environment: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    http: bool = False
    hosts: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the environment variables, sorted: what of them may be shown."""
        return tuple(sorted(name for name, _ in self.environment))


NOTHING = Grants()
