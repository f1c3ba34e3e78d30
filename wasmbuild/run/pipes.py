"""What happens when the guest writes to a pipe that nobody reads any more.

Python ignores SIGPIPE, so a guest gets an error, which most do not look at, and prints for ever. A process
that is there for the guest alone had better end. In any other, a write of some other thread would end it, too.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["broken_pipes_end_the_process"]


@contextmanager
def broken_pipes_end_the_process() -> Iterator[None]:
    """Let SIGPIPE do what it does to native programs, while the standard streams are a guest's.

    A handler that somebody set stays, and so does everything in threads, which cannot change it.
    """
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGPIPE) is not signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
