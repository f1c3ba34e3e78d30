"""How many connections there may be at once: no more than there are files for.

The soft limit of open files is raised by Granian when it is imported, as far as the system allows.
"""

import resource

__all__ = ["connections"]

_MAX_CONNECTIONS = 2048
_OTHER_FILES = 40
"""Open files of a server that nobody asks anything: its database, its log, its event loops."""

_FILES_PER_CONNECTION = 2
"""A socket, and the file that is read from or written to."""


def connections() -> int:
    """How many connections can be open at once without running out of files; at least one."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _MAX_CONNECTIONS
    return max(1, min(_MAX_CONNECTIONS, (soft - _OTHER_FILES) // _FILES_PER_CONNECTION))
