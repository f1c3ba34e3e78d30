"""custom: any command that writes a wasm file, in the same sandbox and the same cache as the rest.

``command`` is the program and its arguments, no shell. In an argument, ``{output}`` is the path that
the file is expected at, ``{name}`` is the target's name and ``{optimize}`` its profile; an argument that
is ``{sources}`` becomes all of the sources. Instead of ``{output}``, ``outputs`` names the file that
the command writes among the project's.

A program of the project is started by the machine's shell: whatever it runs, and what runs it, is of
this machine, so its result is never shared.
"""

from collections.abc import Iterator, Sequence

from wasmbuild.build.action import Action, Argument, Output, ToolFile
from wasmbuild.build.tool import HostTool, Toolbox
from wasmbuild.build.tree import SourceTree
from wasmbuild.errors import InvalidProject, ToolchainMissing
from wasmbuild.project import Target
from wasmbuild.toolchains.base import Detection, Need
from wasmbuild.toolchains.scripting import refuse_settings

__all__ = ["CustomToolchain"]

_OUTPUT = "{output}"
_SOURCES = "{sources}"
_SHELL = "sh"
_START = 'exec "$0" "$@"'
"""What the shell does with a program of the project: it knows one without a line ``#!`` for its own."""

_INTERPRETER = "PYTHON"
"""How variables begin that our own interpreter would take for its own."""


class CustomToolchain:
    """The adapter for whatever ``command`` says."""

    language = "custom"
    description = "the command in wasmbuild.toml, with a program of this machine or of the project"
    reproducible = None

    def detect(self, tree: SourceTree, target: Target) -> Detection | None:
        """All files of the project, or those that ``sources`` names."""
        if target.language != self.language:
            return None
        _check(target)
        named = {path for pattern in target.sources for path in _matching(tree, pattern)}
        sources = tuple(sorted(named)) if named else tree.files
        program = target.command[0].removeprefix("./")
        if _in_project(target) and not tree.has(program):
            raise InvalidProject(
                f"{target.name}: command: there is no {target.command[0]} in the project",
                hint="a program of this machine is named without a folder, and found on PATH",
            )
        inputs = tuple(sorted({*sources, program})) if _in_project(target) else sources
        return Detection(self.language, sources, inputs, f"the command {target.command[0]}")

    def needs(self, target: Target) -> Sequence[Need]:
        """The program; the shell for a file of the project."""
        _check(target)
        refuse_settings(target, "custom", "toolchain", "triple", "sysroot", "flags")
        return (_host(_tool(target)),)

    def actions(self, target: Target, found: Detection, tools: Toolbox) -> Sequence[Action]:
        """The command."""
        output = f"{target.name}.wasm"
        words = tuple(word for text in target.command[1:] for word in _words(text, target, found, output))
        command: tuple[Argument, ...] = (*_program(target, tools), *words)
        environment = target.environment
        if target.outputs:
            program = ("-P", "-m", "wasmbuild.build.programs.written", target.outputs[0])
            apart = tuple(each for each in environment if each[0].startswith(_INTERPRETER))
            given = (f"{name}={value}" for name, value in apart)
            command = (ToolFile("python"), *program, Output(output), *given, "--", *command)
            environment = tuple(each for each in environment if each not in apart)
        return (
            Action(
                name="compile",
                tool=target.command[0].rpartition("/")[2],
                argv=command,
                outputs=(output,),
                inputs=found.inputs,
                env=environment,
            ),
        )


def _check(target: Target) -> None:
    if not target.command or not target.command[0]:
        raise InvalidProject(
            f"{target.name}: command is missing", hint=f'for example command = ["make", "WASM={_OUTPUT}"]'
        )
    writes = any(_OUTPUT in word for word in target.command[1:])
    if len(target.outputs) > 1 or (writes and target.outputs):
        raise InvalidProject(
            f"{target.name}: it must be said once which file is the result",
            cause=f"{_OUTPUT} in command, and outputs with {len(target.outputs)} entries"
            if writes
            else f"outputs has {len(target.outputs)} entries",
            hint=f"either {_OUTPUT} in command, or one path in outputs",
        )
    if not writes and not target.outputs:
        raise InvalidProject(
            f"{target.name}: nothing says which file the command writes",
            hint=f'give it the path as {_OUTPUT}, or say where it writes: outputs = ["build/{target.name}.wasm"]',
        )


def _matching(tree: SourceTree, pattern: str) -> tuple[str, ...]:
    found = tree.matching(pattern)
    if not found:
        raise InvalidProject(f"sources: {pattern!r} names no file of the project")
    return found


def _in_project(target: Target) -> bool:
    if target.command[0].startswith("/"):
        raise InvalidProject(
            f"{target.name}: command begins with a path of this machine",
            hint="name the program without its folder: it is found on PATH",
        )
    return "/" in target.command[0]


def _host(program: str) -> HostTool:
    return HostTool(
        name=program,
        programs=(program,),
        version=(),
        version_pattern="",
        hint=f"install {program}, so that it is on PATH",
    )


def _tool(target: Target) -> str:
    return _SHELL if _in_project(target) else target.command[0]


def _program(target: Target, tools: Toolbox) -> tuple[Argument, ...]:
    name, program = _tool(target), target.command[0]
    tool = tools[name]
    if tool.program is None or not tool.program.is_relative_to(tool.root):
        raise ToolchainMissing(f"{name} is not below {tool.root}", hint=f"install {name}, so that it is on PATH")
    file = ToolFile(name, tool.program.relative_to(tool.root).as_posix())
    return (
        (file, "-c", _START, program if program.startswith("./") else f"./{program}")
        if _in_project(target)
        else (file,)
    )


def _words(text: str, target: Target, found: Detection, output: str) -> Iterator[Argument]:
    if text == _SOURCES:
        yield from found.sources
        return
    said = text.replace("{name}", target.name).replace("{optimize}", target.optimize)
    before, *rest = said.split(_OUTPUT)
    if not rest:
        yield said
        return
    parts: list[str | Output] = [before]
    for part in rest:
        parts += [Output(output), part]
    parts = [part for part in parts if part != ""]
    yield parts[0] if len(parts) == 1 else tuple(parts)
