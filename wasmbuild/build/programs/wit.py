"""``wit``: a folder of WIT that is whole: what the project has, and the packages of WASI that it does not bring.

The project's own files keep their places, and WASI's packages go below ``deps``, where every tool of
the component model looks. A package that the project has of the same name and version wins. With
``--check``, wasm-tools reads the whole before anybody else does: it says in which line what is wrong.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = ["main", "packages"]

_PACKAGE = re.compile(r"^\s*package\s+([a-z0-9:/@.+-]+)\s*[;{]", re.MULTILINE | re.IGNORECASE)
_MOST = 64 * 1024
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


def main(arguments: Sequence[str]) -> int:
    """Copy a folder (or one file) of WIT, and WASI's packages beside it."""
    parser = argparse.ArgumentParser(prog="wit", description=__doc__)
    parser.add_argument("--check", metavar="WASM-TOOLS", help="the program that reads it")
    parser.add_argument("source", type=Path, help="a file or folder of WIT")
    parser.add_argument("wasi", type=Path, help="a folder with a folder for each package of WASI")
    parser.add_argument("output", type=Path)
    chosen = parser.parse_args(arguments)
    try:
        _assemble(chosen.source, chosen.wasi, chosen.output)
        if chosen.check:
            return _check(chosen.check, chosen.source, chosen.output)
    except (OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"{chosen.source}: {error}\n")
        return 1
    return 0


def packages(files: Iterable[Path]) -> frozenset[str]:
    """The packages that WIT files declare, as ``namespace:name@version``. Raises OSError, UnicodeDecodeError."""
    texts = (_COMMENT.sub("", path.read_text(encoding="utf-8")) for path in files)
    return frozenset(name for text in texts for name in _PACKAGE.findall(text))


def _assemble(source: Path, wasi: Path, output: Path) -> None:
    folder = source if source.is_dir() else source.parent
    own = sorted(source.rglob("*.wit")) if source.is_dir() else [source]
    for path in own:
        _copy(path, output / path.relative_to(folder))
    declared = packages(own)
    for package in sorted(path for path in wasi.iterdir() if path.is_dir()):
        files = sorted(package.glob("*.wit"))
        if declared.isdisjoint(packages(files)):
            place = _free(output / "deps" / package.name)
            for path in files:
                _copy(path, place / path.name)


def _free(place: Path) -> Path:
    """A folder that the project does not have: it may keep another release of the package under the usual name."""
    while place.exists():
        place = place.with_name(f"{place.name}-wasi")
    return place


def _check(program: str, source: Path, output: Path) -> int:
    """Its exit code; what it says is about the files of the project. Raises OSError."""
    command = [program, "component", "wit", "--all-features", str(output)]
    with tempfile.TemporaryFile() as said, Path(os.devnull).open("wb") as nowhere:
        streams = [(os.POSIX_SPAWN_DUP2, nowhere.fileno(), 1), (os.POSIX_SPAWN_DUP2, said.fileno(), 2)]
        child = os.posix_spawn(program, command, os.environ, file_actions=streams)
        exit_code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if exit_code:
            said.seek(0)
            folder = source if source.is_dir() else source.parent
            sys.stderr.write(said.read(_MOST).decode(errors="replace").replace(str(output), str(folder)))
    return 1 if exit_code else 0


def _copy(path: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    if destination.exists():
        raise FileExistsError(f"{destination.name} is there already")
    shutil.copyfile(path, destination)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
