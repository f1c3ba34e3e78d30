"""What a guest tries that it must not be able to do, and what it must be able to do where that is granted.

How the guests are run and judged is in ``escapes``.
"""

from .attempt import READ_ONLY, Attempt, probe
from .attempts_files import FILES, READ_ONLY_FOLDER
from .attempts_host import HOST
from .attempts_limits import MEMORY, TIME

__all__ = ["ATTEMPTS", "CONTROLS", "Attempt"]

ATTEMPTS = (*FILES, *READ_ONLY_FOLDER, *HOST, *MEMORY, *TIME)

CONTROLS = (
    probe("control", "read its own file", "read", "own.txt", code=99, says="read: its own"),
    probe("control", "read its own file by name", "name", "/data/own.txt", code=99, says="read: its own"),
    probe("control", "read in a read-only folder", "read", "own.txt", options=READ_ONLY, code=99, says="read: its own"),
    probe(
        "control",
        "write, make a folder, link and rename in its folder",
        "rename-out",
        "renamed.txt",
        code=99,
        says="DONE",
    ),
    probe("control", "make a link in its folder", "link-out", "linked.txt", code=99, says="DONE"),
    probe("control", "follow a link that stays in its folder", "follow", "own.txt", code=99, says="read: its own"),
    probe("control", "create a file", "create", "made.txt", code=99, says="DONE"),
    probe(
        "control",
        "see a variable that it is given",
        "environment",
        options=("--env", "GIVEN=yes"),
        code=99,
        says="variable: GIVEN=yes",
    ),
    probe("control", "fill 512 MiB without a limit", "grow", options=(), code=99, says="got 512 MiB"),
    Attempt("control", "make a request with the grant", "request.wat", options=("--net", "*"), code=0),
)
"""What the same guests do where it is granted: their refusals say something only because this succeeds."""
