"""Checks of the tools that languages need: what is here, from where, and what to do about what is not.

Nothing is fetched, and a compiler is started only to ask where it is and for its version. Not here:
what else a machine must have (``doctor``).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from registry.digest import Digest
from wasmbuild.build.host import describe
from wasmbuild.build.runner import capture
from wasmbuild.build.tool import HostTool, Tool, Toolbox, ToolPin
from wasmbuild.build.toolfolders import is_installed, tool_folder
from wasmbuild.build.tree import SourceTree
from wasmbuild.caches import Caches
from wasmbuild.errors import Failure
from wasmbuild.project import Target
from wasmbuild.project.workspace import Part
from wasmbuild.toolchains import Detection, Need, Toolchain, detect, toolchain_for, toolchains
from wasmbuild.toolchains.finish import all_actions, finishing_needs
from wasmbuild.toolchains.pins import shipped_pins

__all__ = ["Check", "Mark", "Tools", "check_languages", "check_part", "failed"]

Mark = Literal["ok", "later", "problem"]
"""It is here; it is not, and comes when it is needed; somebody has to do something."""

_CUSTOM = "custom"
_NOT_HASHED = Digest.of(b"")
"""In place of the digest of a tool of the machine: nothing is built with it here."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: what it is called, how it is, and a command that mends it."""

    section: str
    name: str
    mark: Mark
    text: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Tools:
    """Where tools are looked for: ``pins`` are those of a lock, which go before the ones that wasmbuild ships."""

    caches: Caches
    environment: Mapping[str, str]
    pins: Mapping[str, ToolPin]

    def look(self, section: str, name: str, need: Need) -> tuple[Check, Tool | None]:
        """Whether a tool is here, and as what a plan sees it; None when it has a problem.

        ``name`` is what needs it.
        """
        return self._pinned(section, name, need) if isinstance(need, str) else self._found(section, name, need)

    def _pinned(self, section: str, name: str, need: str) -> tuple[Check, Tool | None]:
        locked, shipped = self.pins.get(need), shipped_pins().get(need)
        pin = locked or shipped
        if pin is None:
            return Check(section, name, "problem", f"{need} is a tool that this wasmbuild does not pin"), None
        origin = "pinned by wasmbuild.lock" if locked else "pinned by wasmbuild"
        tool = Tool(pin.name, pin.version, pin.digest, tool_folder(pin, self.caches))
        if is_installed(pin, self.caches):
            return Check(section, name, "ok", f"{pin}, {origin}, in {tool.root}"), tool
        hint = f"wasmbuild toolchain install {need}"
        return Check(section, name, "later", f"{pin}, {origin}, is fetched when it is needed first", hint), tool

    def _found(self, section: str, name: str, need: HostTool) -> tuple[Check, Tool | None]:
        found = describe(need, self.environment, lambda argv: capture(argv, env=dict(self.environment)))
        if found.problem is not None or found.root is None or found.version is None:
            return failed(section, name, found.problem or Failure(f"{need.name} was not found")), None
        text = f"{need.name} {found.version}, of this machine, not pinned: {found.program}"
        tool = Tool(need.name, found.version, _NOT_HASHED, found.root, pinned=False, program=found.program)
        return Check(section, name, "ok", text), tool


def failed(section: str, name: str, failure: Failure) -> Check:
    """The check that a failure is."""
    cause = f" ({' '.join(failure.cause.split())[:200]})" if failure.cause else ""
    return Check(section, name, "problem", f"{failure.what}{cause}", failure.hint)


def check_languages(tools: Tools) -> Iterator[Check]:
    """What each language needs for a plain command; what is missing there may not matter to anybody."""
    for toolchain in toolchains():
        if toolchain.language == _CUSTOM:
            continue
        try:
            needs = toolchain.needs(Target("command", toolchain.language))
        except Failure as failure:
            yield failed("languages", toolchain.language, failure)
            continue
        yield from _checked("languages", toolchain.language, needs, tools)


def check_part(part: Part, tools: Tools) -> Iterator[Check]:
    """What one target of a project needs."""
    target, root = part.target, part.project.root
    try:
        chosen = _toolchain(target, SourceTree.of(root))
        if chosen is None:
            yield Check("project", part.label, "problem", f"no sources in {root} that a toolchain recognises")
            return
        toolchain, _ = chosen
        known = replace(target, language=toolchain.language)
        needs = (*toolchain.needs(known), *finishing_needs(known))
    except Failure as failure:
        yield failed("project", part.label, failure)
        return
    name, toolbox = f"{part.label} ({toolchain.language})", dict[str, Tool]()
    yield from _checked("project", name, needs, tools, toolbox)
    if len(toolbox) == len(set(needs)):
        yield from _planned(name, known, chosen, toolbox)


def _planned(name: str, target: Target, chosen: tuple[Toolchain, Detection], toolbox: Toolbox) -> Iterator[Check]:
    """What a toolchain says once it sees its tools: a compiler may be there, and lack what the target needs."""
    toolchain, found = chosen
    try:
        all_actions(toolchain, target, found, toolbox)
    except Failure as failure:
        yield failed("project", name, failure)


def _toolchain(target: Target, tree: SourceTree) -> tuple[Toolchain, Detection] | None:
    if target.language is None:
        return detect(tree, target)
    toolchain = toolchain_for(target.language)
    found = toolchain.detect(tree, target)
    return None if found is None else (toolchain, found)


def _checked(
    section: str, name: str, needs: Iterable[Need], tools: Tools, toolbox: dict[str, Tool] | None = None
) -> Iterator[Check]:
    """One check for each need; ``toolbox`` gets the tools that have no problem."""
    wanted = list(dict.fromkeys(needs))
    if not wanted:
        yield Check(section, name, "ok", "needs nothing but wasmbuild")
    for need in wanted:
        check, tool = tools.look(section, name, need)
        if tool is not None and toolbox is not None:
            toolbox[tool.name] = tool
        yield check
