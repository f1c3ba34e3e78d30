"""Grants: what a guest is given beyond arguments, standard streams, a clock and randomness.

Made by flags or a policy, handed to the engine; what a file asks for is ``wasmbuild.wasm``'s.
"""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["NOTHING", "Folder", "Grants"]


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of the host, under the name by which the guest sees it."""

    host: Path
    guest: str
    writable: bool = True


@dataclass(frozen=True, slots=True)
class Grants:
    """What a guest gets; ``http`` is outgoing HTTP, to any host (the engine cannot tell hosts apart)."""

    folders: tuple[Folder, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    http: bool = False


NOTHING = Grants()
