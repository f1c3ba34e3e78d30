"""Toolroom: the tools that a workspace builds with, decided by its lock or found on this machine.

Pinned tools are named here and fetched when an action first runs with them: what a cache has needs none.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock

from registry.digest import Digest
from wasmbuild.build.statcache import StatCache
from wasmbuild.build.tool import HostTool, NpmTree, Tool, ToolPin
from wasmbuild.build.toolfolders import tool_folder
from wasmbuild.caches import Caches
from wasmbuild.events import Sink
from wasmbuild.lock import lock_tools, locked_pins
from wasmbuild.toolchains import Need
from wasmbuild.toolchains.pins import shipped_pin

__all__ = ["Installer", "Toolroom"]

_NODE = "node"


@dataclass(slots=True)
class Installer:
    """Has pinned tools on this machine, each once, from any thread."""

    caches: Caches
    pins: dict[str, ToolPin]
    sink: Sink
    offline: bool = False
    _there: set[str] = field(default_factory=set)
    _installing: Lock = field(default_factory=Lock)

    def install(self, tool: Tool) -> None:
        """Have a tool on this machine. Raises ToolchainMissing."""
        if not tool.pinned or tool.name in self._there or tool.root.is_dir():
            return
        with self._installing:
            self._provide(tool.name)

    def here(self, tool: Tool) -> Tool:
        """A tool that was planned on another machine, where it is, or will be, on this one."""
        return replace(tool, root=tool_folder(self.pins[tool.name], self.caches)) if tool.pinned else tool

    def _provide(self, name: str) -> Tool:
        from wasmbuild.build.provision import provision  # noqa: PLC0415  (what is there needs no process)

        pin = self.pins[name]
        node = self._provide(_NODE) if isinstance(pin.source, NpmTree) else None
        tool = provision(pin, self.caches, self.sink, node=node, offline=self.offline)
        self._there.add(name)
        return tool


@dataclass(slots=True)
class Toolroom:
    """The tools of a workspace whose lock is in ``root``.

    ``locked`` refuses to change the lock, ``offline`` to fetch anything; whoever is only ``looking`` leaves
    the lock as it is, and sees the pins that it would get.
    """

    root: Path
    caches: Caches
    digests: StatCache
    environment: Mapping[str, str]
    sink: Sink
    locked: bool = False
    offline: bool = False
    looking: bool = False
    _tools: dict[str, Tool] = field(default_factory=dict)
    _installer: "Installer" = field(init=False)

    def __post_init__(self) -> None:
        self._installer = Installer(self.caches, {}, self.sink, offline=self.offline)

    def prepare(self, needs: Iterable[Need]) -> None:
        """Decide on every tool that will be needed; the lock gets those that it does not have.

        Raises InvalidProject for the lock, ToolchainMissing for a tool that this machine does not have.
        """
        wanted = list(needs)
        names = sorted({need for need in wanted if isinstance(need, str)})
        shipped = [shipped_pin(name) for name in names]
        if any(isinstance(pin.source, NpmTree) for pin in shipped) and _NODE not in names:
            shipped.append(shipped_pin(_NODE))
        for pin in self._decided(shipped) if shipped else ():
            self._installer.pins[pin.name] = pin
            self._tools[pin.name] = Tool(pin.name, pin.version, pin.digest, tool_folder(pin, self.caches))
        for need in wanted:
            if isinstance(need, HostTool) and need.name not in self._tools:
                from wasmbuild.build.host import find  # noqa: PLC0415  (most tools are pinned)

                self._tools[need.name] = find(need, self.environment, self._ask, self._digest)

    def _decided(self, shipped: list[ToolPin]) -> tuple[ToolPin, ...]:
        if self.locked or not self.looking:
            return lock_tools(self.root, shipped, locked=self.locked)
        there = locked_pins(self.root)
        pins = {
            pin.name: pin for pin in lock_tools(self.root, [pin for pin in shipped if pin.name in there], locked=True)
        }
        return tuple(pins.get(pin.name, pin) for pin in shipped)

    def tools(self, needs: Iterable[Need]) -> dict[str, Tool]:
        """Those that are needed, by name; ``prepare`` was told of them."""
        return {name: self._tools[name] for name in (need if isinstance(need, str) else need.name for need in needs)}

    @property
    def installer(self) -> "Installer":
        """What fetches those that are pinned."""
        return self._installer

    def _ask(self, argv: list[str]) -> tuple[int, str]:
        from wasmbuild.build.runner import capture  # noqa: PLC0415

        return capture(argv, env=dict(self.environment))

    def _digest(self, file: Path) -> Digest:
        return self.digests.digest(file, file.stat())[0]
