"""Which lock files of a project say something about what is built in a language, and all that they say."""

from collections.abc import Callable, Iterator
from pathlib import Path

from wasmbuild.sbom.locks import cargo, go, npm, python, wit
from wasmbuild.sbom.locks.package import Package, merged
from wasmbuild.sbom.locks.reading import read_lock

__all__ = ["lock_packages"]


def lock_packages(folder: Path, language: str | None = None) -> tuple[Package, ...]:
    """The packages that the lock files in a project's folder name, sorted by key; without locks none.

    Of a ``language`` (wasmbuild's word for it) only those of its package manager count; without one all do.
    Raises InvalidProject, with file and line, for a malformed one.
    """
    readers = _ALL if language is None else _READERS.get(language, ())
    return merged(package for read in (*readers, _wit) for package in read(folder))


def _cargo(folder: Path) -> Iterator[Package]:
    lock = read_lock(folder, cargo.LOCK)
    if lock is not None:
        yield from cargo.read(lock)


def _go(folder: Path) -> Iterator[Package]:
    sums, vendored, modules = (read_lock(folder, name) for name in (go.SUMS, go.VENDORED, go.MODULES))
    if vendored is not None:
        yield from go.read_vendored(vendored, sums)
    elif modules is not None:
        yield from go.read(modules, sums)


def _npm(folder: Path) -> Iterator[Package]:
    lock = read_lock(folder, npm.SHRINKWRAP) or read_lock(folder, npm.LOCK)  # npm prefers the first
    if lock is not None:
        yield from npm.read(lock)


def _python(folder: Path) -> Iterator[Package]:
    """Of the lock that a build takes; one that only uv reads counts where there is no other."""
    for name, read in ((python.PYLOCK, python.read_pylock), (python.REQUIREMENTS, python.read_requirements)):
        lock = read_lock(folder, name)
        found = read(lock) if lock else ()
        if found:
            yield from found
            return
    lock = read_lock(folder, python.UV)
    if lock is not None:
        yield from python.read_uv(lock)


def _wit(folder: Path) -> Iterator[Package]:
    lock = read_lock(folder, wit.LOCK)
    if lock is not None:
        yield from wit.read(lock)
    yield from wit.read_folder(folder)


_Reader = Callable[[Path], Iterator[Package]]
_READERS: dict[str, tuple[_Reader, ...]] = {
    "rust": (_cargo,),
    "go": (_go,),
    "javascript": (_npm,),
    "typescript": (_npm,),
    "assemblyscript": (_npm,),
    "python": (_python,),
    "custom": (_cargo, _go, _npm, _python),
}
_ALL = (_cargo, _go, _npm, _python)
