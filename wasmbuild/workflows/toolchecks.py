"""Checks of the tools that languages need: what is here, from where, and what to do about what is not.

Nothing is fetched. Not here: what else a machine must have (``doctor``).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from wasmbuild.build.host import describe
from wasmbuild.build.runner import capture
from wasmbuild.build.tool import HostTool, ToolPin
from wasmbuild.build.toolfolders import is_installed, tool_folder
from wasmbuild.build.tree import SourceTree
from wasmbuild.caches import Caches
from wasmbuild.errors import Failure
from wasmbuild.project import Target
from wasmbuild.project.workspace import Part
from wasmbuild.toolchains import Need, Toolchain, detect, toolchain_for, toolchains
from wasmbuild.toolchains.finish import finishing_needs
from wasmbuild.toolchains.pins import shipped_pins

__all__ = ["Check", "Mark", "Tools", "check_languages", "check_part", "failed"]

Mark = Literal["ok", "later", "problem"]
"""It is here; it is not, and comes when it is needed; somebody has to do something."""

_CUSTOM = "custom"


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

    def check(self, section: str, name: str, need: Need) -> Check:
        """Whether a tool is here; ``name`` is what needs it."""
        return self._pinned(section, name, need) if isinstance(need, str) else self._found(section, name, need)

    def _pinned(self, section: str, name: str, need: str) -> Check:
        locked, shipped = self.pins.get(need), shipped_pins().get(need)
        pin = locked or shipped
        if pin is None:
            return Check(section, name, "problem", f"{need} is a tool that this wasmbuild does not pin")
        origin = "pinned by wasmbuild.lock" if locked else "pinned by wasmbuild"
        if is_installed(pin, self.caches):
            return Check(section, name, "ok", f"{pin}, {origin}, in {tool_folder(pin, self.caches)}")
        hint = f"wasmbuild toolchain install {need}"
        return Check(section, name, "later", f"{pin}, {origin}, is fetched when it is needed first", hint)

    def _found(self, section: str, name: str, need: HostTool) -> Check:
        found = describe(need, self.environment, lambda argv: capture(argv, env=dict(self.environment)))
        if found.problem is not None:
            return failed(section, name, found.problem)
        return Check(section, name, "ok", f"{need.name} {found.version}, of this machine, not pinned: {found.program}")


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
        toolchain = _toolchain(target, SourceTree.of(root))
        if toolchain is None:
            yield Check("project", part.label, "problem", f"no sources in {root} that a toolchain recognises")
            return
        known = replace(target, language=toolchain.language)
        needs = (*toolchain.needs(known), *finishing_needs(known))
    except Failure as failure:
        yield failed("project", part.label, failure)
        return
    yield from _checked("project", f"{part.label} ({toolchain.language})", needs, tools)


def _toolchain(target: Target, tree: SourceTree) -> Toolchain | None:
    if target.language is None:
        found = detect(tree, target)
        return found[0] if found else None
    toolchain = toolchain_for(target.language)
    return toolchain if toolchain.detect(tree, target) is not None else None


def _checked(section: str, name: str, needs: Iterable[Need], tools: Tools) -> Iterator[Check]:
    wanted = list(dict.fromkeys(needs))
    if not wanted:
        yield Check(section, name, "ok", "needs nothing but wasmbuild")
    for need in wanted:
        yield tools.check(section, name, need)
