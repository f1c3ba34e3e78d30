"""A file of ``name:bcrypt`` lines, read again whenever it changes.

A file that has become unreadable or malformed keeps meaning what it meant before, and that is logged.
"""

import logging
import re
from collections.abc import Mapping
from pathlib import Path

from registry.errors import InvalidConfiguration
from registry.server.access.accounts import valid_user

__all__ = ["Htpasswd", "parse_htpasswd"]

_LOGGER = logging.getLogger(__name__)
_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|1[0-6])\$[./A-Za-z0-9]{53}")
_MAX_BYTES = 4 * 1024 * 1024
_USUAL = 10
_KINDS = (("$apr1$", "MD5"), ("{SHA}", "SHA-1"), ("$5$", "SHA-256 crypt"), ("$6$", "SHA-512 crypt"), ("$2", "bcrypt"))


class Htpasswd:
    """The users of a file."""

    def __init__(self, path: Path) -> None:
        """Read it. Raises InvalidConfiguration."""
        self._path = path
        self._seen = self._stamp()
        self._entries = self._read()

    @property
    def cost(self) -> int:
        """The greatest cost of bcrypt in it; what is usual when it has nobody."""
        return max((int(hashed[4:6]) for hashed in self._entries.values()), default=_USUAL)

    def entries(self) -> Mapping[str, str]:
        """The hash of each user's password, as the file says now."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            try:
                self._entries = self._read()
            except InvalidConfiguration as failure:
                _LOGGER.error("the users stay as they were: %s", failure)  # noqa: TRY400  no traceback
        return self._entries

    def _stamp(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return (found.st_mtime_ns, found.st_size, found.st_ino)

    def _read(self) -> Mapping[str, str]:
        try:
            with self._path.open("rb") as file:
                content = file.read(_MAX_BYTES + 1)
            text = content.decode()
        except (OSError, UnicodeDecodeError) as error:
            cause = getattr(error, "strerror", None) or "it is not UTF-8"
            raise InvalidConfiguration(f"the users in {self._path} cannot be read", cause=cause) from error
        if len(content) > _MAX_BYTES:
            raise InvalidConfiguration(f"{self._path} is larger than {_MAX_BYTES} bytes")
        return parse_htpasswd(text, str(self._path))


def parse_htpasswd(text: str, where: str) -> Mapping[str, str]:
    """Users, and the bcrypt hash of each one's password. ``where`` is for errors, which repeat no hash.

    Raises InvalidConfiguration.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        name, _, hashed = entry.partition(":")
        place = f"{where}, line {number}"
        if not valid_user(name) or name in found:
            raise InvalidConfiguration(f"{place}: this is not a user's name, or it comes twice")
        if not _BCRYPT.fullmatch(hashed):
            raise InvalidConfiguration(
                f"{place}: the password of {name} is not kept with bcrypt",
                cause=f"it looks like {_kind(hashed)}",
                hint=f"set it anew: htpasswd -B {where} {name} (a cost of at most 16)",
            )
        found[name] = hashed
    return found


def _kind(hashed: str) -> str:
    return next((name for start, name in _KINDS if hashed.startswith(start)), "something else")
