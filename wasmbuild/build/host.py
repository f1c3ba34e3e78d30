"""Tools of the machine: found, asked for their version, and hashed, because no pin decides them.

Pure but for looking at files: who calls gives what runs a program and what hashes a file. Not here:
which tools there are to find (toolchains describe them).
"""

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from registry.digest import Digest
from registry.strictjson import canonical_json
from wasmbuild.build.tool import HostTool, Tool
from wasmbuild.errors import ToolchainMissing, ToolFailed

__all__ = ["MAX_CONTENTS", "UNKNOWN", "Found", "describe", "find"]

MAX_CONTENTS = 100_000
"""Files of a tool that are hashed; more means that a folder is not what it seems."""

UNKNOWN = "of unknown version"
"""The version of a program that nobody knows how to ask."""

Run = Callable[[list[str]], tuple[int, str]]
"""Runs a program for its answer: its exit code, and what it wrote."""

_LINES_SHOWN = 5
_LONGEST_LINE = 400


@dataclass(frozen=True, slots=True)
class Found:
    """What looking for a tool gave: where it is and its version, or the problem with it."""

    name: str
    program: Path | None = None
    root: Path | None = None
    version: str | None = None
    problem: ToolchainMissing | None = None


def find(description: HostTool, environment: Mapping[str, str], run: Run, digests: Callable[[Path], Digest]) -> Tool:
    """The tool that ``description`` describes, with a digest over what of it decides bytes; not pinned.

    ``environment`` is the user's; ``digests`` hashes one file. Raises ToolchainMissing, which says
    where it was looked for, or what is missing in it.
    """
    program, root, version = _locate(description, environment, run)
    try:
        files = sorted(_contents(root, description))
        said = [[path, str(digests(root / path))] for path in files]
        whole = [description.name, version, str(digests(program)), said]
    except OSError as error:
        raise _problem(description, f"cannot be read: {error.filename}", error.strerror) from error
    digest = Digest.of(canonical_json(whole))
    return Tool(description.name, version, digest, root, pinned=False, program=program)


def describe(description: HostTool, environment: Mapping[str, str], run: Run) -> Found:
    """The same without hashing and without raising, for people who ask what is there."""
    try:
        program, root, version = _locate(description, environment, run)
    except ToolchainMissing as error:
        return Found(description.name, problem=error)
    return Found(description.name, program, root, version)


def _locate(description: HostTool, environment: Mapping[str, str], run: Run) -> tuple[Path, Path, str]:
    named = environment.get(description.variable, "") if description.variable else ""
    if named:
        root = Path(named).absolute()
        program = _below(description, root)
    else:
        program = _on_path(description, environment.get("PATH", ""))
        root = _root(description, program, run)
        program = _without_shim(program, root)
    version = _version(description, program, run)
    for needed in description.requires:
        if next(root.glob(needed.pattern), None) is None:
            raise ToolchainMissing(
                f"{description.name} {version} lacks {needed.what}",
                cause=f"{needed.pattern} is not in {root}",
                hint=needed.hint,
            )
    return program, root, version


def _below(description: HostTool, root: Path) -> Path:
    for folder in (root / "bin", root):
        for name in description.programs:
            if _is_program(folder / name):
                return folder / name
    raise ToolchainMissing(
        f"there is no {_one_of(description.programs)} where {description.variable} points",
        cause=f"looked in {root} and {root / 'bin'}",
        hint=description.hint,
    )


def _on_path(description: HostTool, path: str) -> Path:
    # A relative entry would run whatever a project calls so.
    folders = [folder for folder in path.split(os.pathsep) if Path(folder).is_absolute()]
    for name in description.programs:
        found = shutil.which(name, path=os.pathsep.join(folders) or os.devnull)
        if found:
            return Path(found)
    where = f"{description.variable} is not set, and " if description.variable else ""
    raise ToolchainMissing(
        f"there is no {description.name} on this machine",
        cause=f"{where}no {_one_of(description.programs)} is on PATH ({len(folders)} folders)",
        hint=description.hint,
    )


def _root(description: HostTool, program: Path, run: Run) -> Path:
    if not description.root:
        folder = program.resolve().parent
        # A command sees all of its tool, and nobody's home is a part of one.
        alone = folder.name != "bin" or Path.home().resolve().is_relative_to(folder.parent)
        return folder if alone else folder.parent
    lines = _ask(description, program, description.root, run).splitlines()
    answer = next((line.strip() for line in reversed(lines) if Path(line.strip()).is_absolute()), "")
    if not answer or not Path(answer).is_dir():
        raise _problem(description, f"did not say where it is: tried {program} {' '.join(description.root)}", None)
    return Path(answer).resolve()


def _without_shim(program: Path, root: Path) -> Path:
    """The program itself where PATH has one that chooses between several, as rustup's do."""
    own = root / "bin" / program.name
    return own if _is_program(own) else program.resolve()


def _version(description: HostTool, program: Path, run: Run) -> str:
    if not description.version:
        return UNKNOWN
    said = _ask(description, program, description.version, run)
    match = re.search(description.version_pattern, said, re.MULTILINE)
    if match is None:
        raise _problem(description, f"did not say its version: tried {program} {' '.join(description.version)}", said)
    return str(match[1])[:100]


def _ask(description: HostTool, program: Path, arguments: Sequence[str], run: Run) -> str:
    try:
        exit_code, said = run([str(program), *arguments])
    except ToolFailed as error:
        raise _problem(description, f"cannot be asked: {error.what}", error.cause) from error
    if exit_code != 0:
        raise _problem(description, f"does not work: {program} {' '.join(arguments)} ended with {exit_code}", said)
    return said


def _contents(root: Path, description: HostTool) -> Iterator[str]:
    """The files that decide bytes, relative to the root, each once."""
    seen = set[str]()
    for pattern in description.contents:
        for path in _files(root.glob(pattern)):
            relative = path.relative_to(root).as_posix()
            if relative not in seen:
                seen.add(relative)
                yield relative
            if len(seen) > MAX_CONTENTS:
                raise _problem(description, f"is in {root}, which has more than {MAX_CONTENTS} files", None)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            for folder, _, names in os.walk(path):
                yield from (file for name in names if (file := Path(folder, name)).is_file())
        elif path.is_file():
            yield path


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _one_of(names: Sequence[str]) -> str:
    return " or ".join(names)


def _problem(description: HostTool, problem: str, said: str | None) -> ToolchainMissing:
    lines = [line[:_LONGEST_LINE] for line in (said or "").strip().splitlines()[-_LINES_SHOWN:]]
    return ToolchainMissing(f"{description.name} {problem}", cause="\n".join(lines) or None, hint=description.hint)
