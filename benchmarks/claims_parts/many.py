"""Run one file many times at once in this process, by the library, each guest in a thread of its own.

    python many.py FILE COUNT

Ends when it is ended: it is weighed from the outside.
"""

import sys
import threading
from pathlib import Path

from wasmbuild.caches import Caches
from wasmbuild.run.program import Program
from wasmbuild.run.sandbox import run


def main(file: str, count: int) -> None:
    """Start all of them, and wait."""
    program = Program.open(Path(file))
    aot = Caches.of_user().root / "aot"
    guests = [
        threading.Thread(target=run, args=(program, [program.name]), kwargs={"cache": aot}, daemon=True)
        for _ in range(count)
    ]
    for guest in guests:
        guest.start()
    for guest in guests:
        guest.join()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
