"""Bytes as they are: what goes to stdout without a frame, what comes from stdin, and a question in between."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from wasmbuild.errors import UsageFailed
from wasmbuild.ui.console import Console

__all__ = [
    "asked",
    "check_terminal",
    "is_stream",
    "read_bounded",
    "show_text",
    "spooled",
    "stdout_is_terminal",
    "write_out",
]

_CHUNK = 1024 * 1024


def is_stream(path: Path | None) -> bool:
    """Whether a path stands for stdin or stdout."""
    return path is not None and str(path) == "-"


def stdout_is_terminal() -> bool:
    """Whether a person would see the bytes."""
    return sys.stdout.isatty()


def write_out(console: Console, chunks: Iterable[bytes]) -> None:
    """Write bytes to stdout, and nothing else."""
    console.hand_over()
    sys.stdout.flush()
    for chunk in chunks:
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def show_text(console: Console, data: bytes, *, escaped: bool = False) -> bool:
    """Show bytes on a terminal if they are text that does nothing to it; whether they are.

    With ``escaped`` they are shown in any case, and what is not text is written out in letters.
    """
    from registry.words import printable

    lines = data.decode("utf-8", "surrogateescape").replace("\r\n", "\n").replace("\t", "    ").split("\n")
    shown = [printable(line, sys.maxsize) for line in lines]
    if shown != lines and not escaped:
        return False
    console.hand_over()
    print("\n".join(shown).removesuffix("\n"), flush=True)
    return True


def read_bounded(file: Path, limit: int) -> bytes:
    """The bytes of a file, or of stdin for ``-``.

    Raises UsageFailed when it cannot be read; ContentTooLarge over ``limit`` bytes.
    """
    from registry.errors import ContentTooLarge
    from registry.files import open_regular

    name = "stdin" if is_stream(file) else str(file)
    try:
        if is_stream(file):
            data = _stdin_read(limit + 1)
        else:
            with open_regular(file) as opened:
                data = opened.read(limit + 1)
    except OSError as error:
        raise UsageFailed(f"{name} cannot be read", cause=error.strerror) from error
    if len(data) > limit:
        raise ContentTooLarge(f"{name} has more than {limit} bytes")
    return data


@contextmanager
def spooled(file: Path) -> Iterator[Path]:
    """A file that can be read again: the one that was named, or a temporary copy of stdin for ``-``.

    Raises StorageFailed when there is no room.
    """
    if not is_stream(file):
        yield file
        return
    import tempfile

    from registry.files import storage_errors

    with tempfile.TemporaryDirectory(prefix="wasmbuild-") as folder:
        copied = Path(folder) / "stdin"
        with storage_errors("what comes from stdin could not be kept"), copied.open("wb") as spool:
            while chunk := _stdin_read(_CHUNK):
                spool.write(chunk)
        yield copied


def check_terminal(otherwise: str) -> None:
    """See that somebody is there to be asked.

    Raises UsageFailed, with ``otherwise`` as its hint, when there is no terminal.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageFailed("this needs a yes, and there is no terminal to ask on", hint=otherwise)


def asked(question: str) -> bool:
    """What a person answers on the terminal; no, unless they say yes."""
    return click.confirm(question, err=True)


def _stdin_read(size: int) -> bytes:
    return sys.stdin.buffer.read(size) if sys.stdin is not None else b""
