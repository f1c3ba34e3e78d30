"""Workbench: run one pinned tool on files that somebody named, and take back what it wrote.

Confined as an action of a build is, in a folder that is gone afterwards; nothing is cached. Not here:
which command does what (``wasmbuild.toolchains.binaries``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from registry.files import storage_errors
from wasmbuild.build.action import Action
from wasmbuild.build.drafts import draft_folder
from wasmbuild.build.installed import holding
from wasmbuild.build.limits import Limits
from wasmbuild.build.places import Layout, Room, expand
from wasmbuild.build.staging import collect
from wasmbuild.build.tool import NpmTree, Tool
from wasmbuild.build.toolfolders import tool_folder
from wasmbuild.caches import Caches
from wasmbuild.errors import ToolFailed
from wasmbuild.events import Sink
from wasmbuild.toolchains.pins import shipped_pin
from wasmbuild.workflows.toolroom import Installer

if TYPE_CHECKING:
    from wasmbuild.build.runner import Completed

__all__ = ["MAX_WRITTEN", "Workbench", "Worked"]

MAX_WRITTEN = 1024**3
"""Bytes of one file that a tool writes."""

_NODE = "node"
_MEMORY = 4 * 1024**3
_SHOWN_LINES = 20


@dataclass(frozen=True, slots=True)
class Worked:
    """What a tool made, by name; or why it refused, in its own words, and then it made nothing."""

    files: Mapping[str, bytes]
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Workbench:
    """Where tools work; ``sink`` hears what they print, and of tools that are being fetched."""

    caches: Caches
    sink: Sink
    offline: bool = False

    def tool(self, name: str) -> Tool:
        """A tool that wasmbuild pins, on this machine. Raises ToolchainMissing."""
        pin = shipped_pin(name)
        pins = {each.name: each for each in (pin, *((shipped_pin(_NODE),) if isinstance(pin.source, NpmTree) else ()))}
        tool = Tool(pin.name, pin.version, pin.digest, tool_folder(pin, self.caches))
        Installer(self.caches, pins, self.sink, offline=self.offline).install(tool)
        return tool

    def perform(
        self, action: Action, inputs: Mapping[str, bytes], *, seconds: float, most: int = MAX_WRITTEN
    ) -> Worked:
        """Run an action in a folder with ``inputs`` (paths with ``/``), and take all that it wrote into the other.

        ``most`` is the bytes that one file may get. Raises ToolchainMissing; ToolFailed when it takes too long or
        too much, or is ended by a signal; StorageFailed.
        """
        tools = {name: self.tool(name) for name in action.tools}
        with storage_errors("there is no room to work in"):
            scratch = self.caches.scratch()
        with holding(tools.values()), draft_folder(scratch) as draft, draft_folder(scratch) as made:
            room = Room.make(draft, made)
            _lay_out(room.work, inputs)
            completed = self._run(action, room, tools, seconds, most)
            if completed.exit_code != 0:
                return Worked({}, _words(completed.tail))
            return Worked(_written(made, action, most))

    def _run(self, action: Action, room: Room, tools: Mapping[str, Tool], seconds: float, most: int) -> "Completed":
        from wasmbuild.build.runner import run  # noqa: PLC0415  (starts processes)
        from wasmbuild.build.sandbox import choose_sandbox  # noqa: PLC0415

        sandbox = choose_sandbox(memory=self.caches.root / "sandbox")
        layout = Layout(room, tools, {}, {}, sandbox)
        completed = run(
            sandbox.command(
                [expand(word, layout) for word in action.argv],
                cwd=sandbox.seen(room.work_mount),
                env=room.environment(sandbox),
                mounts=layout.mounts(action),
                network=False,
            ),
            cwd=room.work,
            sink=self.sink,
            timeout_seconds=seconds,
            tool=action.tool,
            limits=Limits(memory=_MEMORY, file_size=most),
        )
        if completed.exit_code < 0:
            raise ToolFailed(
                f"{action.tool} was ended by signal {-completed.exit_code}", cause=_words(completed.tail) or None
            )
        return completed


def _lay_out(folder: Path, inputs: Mapping[str, bytes]) -> None:
    for name, content in inputs.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def _written(made: Path, action: Action, most: int) -> dict[str, bytes]:
    found = {path.relative_to(made).as_posix() for path in made.rglob("*") if not path.is_dir() or path.is_symlink()}
    names = sorted(found.union(action.outputs))
    return {file.name: file.path.read_bytes() for file in collect(made, names, max_size=most)}


def _words(tail: Sequence[str]) -> str:
    return "\n".join(line for line in tail[-_SHOWN_LINES:] if line.strip())
