"""The pinned tools of a project and of this machine: listed, installed, removed.

Not here: what a build does with them (``wasmbuild.workflows.toolroom``), and tools that the machine
brings itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from registry.errors import StorageFailed
from wasmbuild.build.installed import installed_tools, remove_tool, size_on_disk
from wasmbuild.build.provision import provision
from wasmbuild.build.tool import NpmTree, Tool, ToolPin
from wasmbuild.build.toolfolders import is_installed, tool_folder
from wasmbuild.caches import Caches
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note, Sink
from wasmbuild.lock import locked_pins
from wasmbuild.project.workspace import enclosing
from wasmbuild.tables import closest
from wasmbuild.toolchains.pins import shipped_pins

__all__ = ["Pinned", "Pruned", "install_tools", "list_tools", "prune_tools"]

_NODE = "node"


@dataclass(frozen=True, slots=True)
class Pinned:
    """A pin: whether wasmbuild ships it, whether this project's lock has it, and where it is.

    ``folder`` is where it is or would be; ``size`` is in bytes on disk, None when it is not installed.
    """

    pin: ToolPin
    folder: Path
    size: int | None
    shipped: bool
    used: bool


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed, by name with bytes on disk, and what stays because somebody uses it."""

    removed: tuple[tuple[str, int], ...]
    in_use: tuple[str, ...]

    @property
    def freed(self) -> int:
        """Bytes on disk."""
        return sum(size for _, size in self.removed)


def list_tools(folder: Path, caches: Caches) -> tuple[Pinned, ...]:
    """Every pin that wasmbuild ships or the project in ``folder`` has, by name. Raises InvalidProject."""
    shipped, locked = shipped_pins(), locked_pins(_lock_root(folder))
    pins = {pin.digest: pin for pin in (*shipped.values(), *locked.values())}
    found = []
    for pin in sorted(pins.values(), key=lambda pin: (pin.name, pin.version)):
        place = tool_folder(pin, caches)
        size = size_on_disk(place) if is_installed(pin, caches) else None
        found.append(Pinned(pin, place, size, _has(shipped, pin), _has(locked, pin)))
    return tuple(found)


def install_tools(
    folder: Path, caches: Caches, sink: Sink, *, names: Sequence[str] = (), everything: bool = False
) -> tuple[Tool, ...]:
    """Fetch tools: those named, or ``everything``, or what the lock of the project in ``folder`` has.

    A name means the release in the project's lock, else the shipped one. Raises UsageFailed for a
    name that is none, ToolchainMissing, InvalidProject.
    """
    locked = locked_pins(_lock_root(folder))
    known = {**shipped_pins(), **locked}
    wanted = names or (known if everything else locked)
    if not wanted:
        raise UsageFailed(
            "there is no wasmbuild.lock here that says which tools to install",
            hint="wasmbuild toolchain install NAME, or --all; or in a project: wasmbuild lock",
        )
    pins = [_named(name, known) for name in dict.fromkeys(wanted)]
    return tuple(_install(pin, known[_NODE], caches, sink) for pin in pins)


def prune_tools(folder: Path, caches: Caches, sink: Sink, *, everything: bool = False) -> Pruned:
    """Remove tools that neither wasmbuild nor the project in ``folder`` pins, or ``everything``.

    What a build is using stays. Raises StorageFailed, InvalidProject.
    """
    kept = set[Path]()
    if not everything:
        pins = (*shipped_pins().values(), *locked_pins(_lock_root(folder)).values())
        kept = {tool_folder(pin, caches) for pin in pins}
    removed, in_use = [], []
    for tool in installed_tools(caches):
        if tool.path in kept:
            continue
        try:
            gone = remove_tool(tool)
        except OSError as error:
            raise StorageFailed(f"{tool.path} could not be removed", cause=error.strerror) from error
        if gone:
            removed.append((tool.path.name, tool.size))
        else:
            in_use.append(tool.path.name)
            sink(Note("warning", f"{tool.path.name} stays: somebody is using or fetching it"))
    return Pruned(tuple(removed), tuple(in_use))


def _install(pin: ToolPin, node: ToolPin, caches: Caches, sink: Sink) -> Tool:
    needs_node = isinstance(pin.source, NpmTree) and not is_installed(pin, caches)
    return provision(pin, caches, sink, node=provision(node, caches, sink) if needs_node else None)


def _named(name: str, known: Mapping[str, ToolPin]) -> ToolPin:
    if name not in known:
        guess = closest(name, known)
        raise UsageFailed(
            f"{name[:60]!r} is not a tool that wasmbuild pins",
            hint=f"did you mean {guess}?" if guess else f"known: {', '.join(sorted(known))}",
        )
    return known[name]


def _has(pins: Mapping[str, ToolPin], pin: ToolPin) -> bool:
    return pin.name in pins and pins[pin.name].digest == pin.digest


def _lock_root(folder: Path) -> Path:
    return enclosing(folder) or folder
