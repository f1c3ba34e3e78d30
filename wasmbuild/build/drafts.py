"""Drafts: folders where a build writes before anything gets its final name.

A process that is killed leaves its draft behind. The lock on it goes with the process, so the next
build can tell what nobody uses any more from what another build is just writing.
"""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

__all__ = ["draft_folder"]

_PREFIX = ".building-"


@contextmanager
def draft_folder(parent: Path) -> Iterator[Path]:
    """A fresh folder in ``parent`` that is gone afterwards; drafts of builds that died go first.

    Raises OSError.
    """
    with ExitStack() as held:
        # Between being made and being locked, a draft would look like one that was left behind.
        with _locked(parent):
            _remove_leftovers(parent)
            draft = tempfile.TemporaryDirectory(dir=parent, prefix=_PREFIX)
            held.enter_context(_locked(Path(draft.name)))
        with draft as name:
            yield Path(name)


def _remove_leftovers(parent: Path) -> None:
    for leftover in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError), _locked(leftover, wait=False) as locked:
            if locked:
                shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def _locked(folder: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold a folder's lock, which no child process inherits; False where the file system has none.

    Raises BlockingIOError when somebody else holds it and we do not ``wait``, FileNotFoundError when it has gone
    meanwhile, and OSError.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | (0 if wait else os.O_NOFOLLOW))
    try:
        locked = _lock(handle, wait=wait)
        if not os.path.samestat(os.fstat(handle), folder.stat()):
            # While we waited it was removed, and another one was made: whoever is in that has another lock.
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
        yield locked
    finally:
        os.close(handle)


def _lock(handle: int, *, wait: bool) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise
    except OSError:
        return False
    return True
