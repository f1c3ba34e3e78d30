"""Folders that a guest is given: how ``--dir`` is written, which paths are sound on either side."""

import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from registry.words import printable
from wasmbuild.errors import UsageFailed
from wasmbuild.run.deciding.grants import Folder

__all__ = ["duplicate", "existing_folder", "exposures", "guest_name", "is_text", "opened", "parse_folder", "root_or"]

_MODES = {":ro": False, ":rw": True}
_PROCESSES = Path("/proc")
_HANDLES = "/proc/self/fd"


def parse_folder(text: str) -> Folder:
    """Read ``HOST[:GUEST][:ro]``; the host's folder must be there, and is resolved now.

    GUEST is what follows the last ``:/``, or ``.`` after a last colon, so HOST may have colons in it.
    Without it a relative HOST is seen under the same name below ``/``. Raises UsageFailed.
    """
    host, guest, writable = _split(text)
    plain = os.path.normpath(host)
    if not host:
        raise UsageFailed(f"--dir {printable(text)} names no folder", hint="--dir HOST[:GUEST][:ro]")
    if guest is None and plain.split("/")[0] == "..":
        said = f"--dir {printable(text)} says no name under which the guest sees it"
        raise UsageFailed(said, hint=f"--dir {printable(host)}:/data")
    try:
        seen = guest_name(guest or (plain if plain == "." else f"/{plain}"))
        return Folder(existing_folder(Path(host)), seen, writable)
    except ValueError as error:
        hint = "--dir HOST:GUEST, where GUEST begins with / or is ." if ":" in host else None
        raise UsageFailed(f"--dir {printable(text)}: {error}", hint=hint) from None


def existing_folder(path: Path) -> Path:
    """A folder of the host without symbolic links, so that one that is swapped later changes nothing.

    Raises ValueError with what is wrong, as a sentence.
    """
    try:
        found = path.resolve(strict=True)
        is_folder = found.is_dir()
    except OSError as error:
        raise ValueError(f"there is no such folder ({error.strerror})") from None
    except (RuntimeError, ValueError):  # a loop of links, a NUL
        raise ValueError("there is no such folder") from None
    if not is_folder:
        raise ValueError("it is not a folder")
    if not is_text(str(found)):
        raise ValueError("its name is not UTF-8, and the engine takes no other")
    return found


@contextmanager
def opened(folder: Path) -> Iterator[str]:
    """A path to what a folder that ``existing_folder`` found is while the block lasts.

    Where the system can tell, no link that came into its path since is followed. Raises OSError when it
    cannot be opened, or is another one by now.
    """
    handle = os.open(folder, getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        held = f"{_HANDLES}/{handle}"
        known = os.path.lexists(held)
        if known and os.readlink(held) != str(folder):  # noqa: PTH115 - no path of ours
            raise NotADirectoryError(f"{folder} has become a link to elsewhere")
        yield held if known else str(folder)
    finally:
        os.close(handle)


def exposures(folders: Sequence[Folder]) -> Iterator[str]:
    """What folders give beyond what they seem to, each as a sentence."""
    for folder in folders:
        if folder.host.is_relative_to(_PROCESSES) or _PROCESSES.is_relative_to(folder.host):
            yield f"{printable(folder.guest)} shows the guest {_PROCESSES}: variables and memory of our process as well"
        around = [each for each in folders if each.writable and folder.host.is_relative_to(each.host)]
        if around and not folder.writable:
            seen = f"{printable(folder.guest)} is given to be read"
            yield f"{seen}, and can be written as a part of {printable(around[0].guest)}"


def guest_name(text: str) -> str:
    """The name of a folder in the guest, normalised: an absolute path, or ``.``.

    Raises ValueError with what is wrong, as a sentence.
    """
    if text != "." and not text.startswith("/"):
        raise ValueError("the guest's name for it is to begin with / or to be .")
    if ".." in text.split("/") or "\0" in text or not is_text(text):
        raise ValueError("the guest's name for it is to be a plain path")
    return text if text == "." else "/" + posixpath.normpath(text).strip("/")


def root_or(guest: str) -> str:
    """The name, or ``/`` for ``.``: C's library does not tell these two apart."""
    return "/" if guest == "." else guest


def duplicate(folders: Iterable[Folder]) -> str | None:
    """The first name in the guest that two folders would have; None when there is none."""
    seen: set[str] = set()
    for folder in folders:
        if root_or(folder.guest) in seen:
            return folder.guest
        seen.add(root_or(folder.guest))
    return None


def is_text(text: str) -> bool:
    """Whether it can be UTF-8: a name that the operating system gave need not."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _split(text: str) -> tuple[str, str | None, bool]:
    mode = next((mode for mode in _MODES if text.endswith(mode)), "")
    rest = text.removesuffix(mode)
    if rest.endswith(":."):
        return rest[:-2], ".", _MODES.get(mode, True)
    host, separator, guest = rest.rpartition(":/")
    if separator:
        return host, f"/{guest}", _MODES.get(mode, True)
    return rest, None, _MODES.get(mode, True)
