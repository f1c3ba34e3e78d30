"""Where things are while a command runs: on this machine, and as the command sees them.

Inside a sandbox every path is the same on every machine; without one they are where they are.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wasmbuild.build.action import Action, Argument, CacheFolder, Output, Place, Produced, ToolFile
from wasmbuild.build.sandbox import Mount, Sandbox
from wasmbuild.build.tool import Toolbox

__all__ = ["TOP", "Layout", "Room", "expand"]

_SYSTEM = "/usr"

TOP = "/wasmbuild"
"""Where a sandbox shows all that is not the system's; the interpreter's own folders, which stay, are elsewhere."""


@dataclass(frozen=True, slots=True)
class Room:
    """The folders of one command: ``work`` holds its inputs, ``out`` gets its outputs, the others are empty."""

    draft: Path
    out: Path
    work: Path
    """Where the command runs."""

    @classmethod
    def make(cls, draft: Path, out: Path, work: Path | None = None) -> "Room":
        """Make the folders in an empty draft; ``out`` is there, and ``work`` when it is given. Raises OSError."""
        room = cls(draft, out, work or draft / "work")
        for folder in (draft / "home", draft / "tmp", *(() if work else (room.work,))):
            folder.mkdir()
        return room

    @property
    def stays(self) -> bool:
        """Whether the work folder is kept for the next time, and nobody else has it now."""
        return self.work.parent != self.draft

    @property
    def work_mount(self) -> Mount:
        """The same for a sandbox."""
        return Mount(self.work, f"{TOP}/work", writable=True)

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """All of them."""
        out = Mount(self.out, f"{TOP}/out", writable=True)
        home = Mount(self.draft / "home", "/home/build", writable=True)
        return (self.work_mount, out, home, Mount(self.draft / "tmp", "/tmp", writable=True))  # noqa: S108

    def environment(self, sandbox: Sandbox) -> dict[str, str]:
        """The variables that name them."""
        _, _, home, temporary = self.mounts
        python = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
        return {"HOME": sandbox.seen(home), "TMPDIR": sandbox.seen(temporary), **python}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where every place of an action is: its room, the tools, what earlier actions made, and caches."""

    room: Room
    tools: Toolbox
    earlier: Mapping[str, Path]
    caches: Mapping[str, Path]
    sandbox: Sandbox

    def mounts(self, action: Action) -> tuple[Mount, ...]:
        """What the command may see besides the system."""
        places = {self._mount(place) for place in action.places if not isinstance(place, Output)} - {None}
        return (*self.room.mounts, *sorted((each for each in places if each is not None), key=lambda each: each.at))

    def path(self, place: Place) -> str:
        """A place as the command sees it."""
        if isinstance(place, ToolFile) and place.tool == "python":
            return sys.executable
        if isinstance(place, ToolFile) and self._is_of_the_system(place.tool):
            return str(self.tools[place.tool].root / place.path)
        mount = self.room.mounts[1] if isinstance(place, Output) else self._mount(place)
        assert mount is not None
        seen = self.sandbox.seen(mount)
        below = "" if isinstance(place, CacheFolder) else place.path if isinstance(place, ToolFile) else place.name
        return f"{seen}/{below}" if below else seen

    def _is_of_the_system(self, tool: str) -> bool:
        """Whether a tool is seen where it is; its links, which may be relative, lead somewhere only there."""
        return self.tools[tool].root.is_relative_to(_SYSTEM)

    def _mount(self, place: Place) -> Mount | None:
        match place:
            case ToolFile(tool=tool):
                there = tool == "python" or self._is_of_the_system(tool)
                return None if there else Mount(self.tools[tool].root, f"{TOP}/tools/{tool}")
            case Produced(action=action):
                return Mount(self.earlier[action], f"{TOP}/kept/{action}")
            case CacheFolder(place=name):
                return Mount(self.caches[name], f"{TOP}/cache/{name}", writable=True)
        return None


def expand(word: Argument, layout: Layout) -> str:
    """A word of a command with its places filled in."""
    parts = word if isinstance(word, tuple) else (word,)
    return "".join(part if isinstance(part, str) else layout.path(part) for part in parts)
