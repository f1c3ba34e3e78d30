"""Passwords: how they are kept, and how they are checked without keeping anybody else waiting.

A check is made to be slow, so it runs on a thread, few at once, and its good result is remembered for
a while under a keyed hash of password and stored hash: another password on either side is another
key. An unknown user costs as much as a wrong password.
"""

import asyncio
import hashlib
import hmac
import os
import time
from collections import OrderedDict

from registry.errors import InvalidConfiguration
from registry.server.refusal import Refusal

__all__ = ["BCRYPT_BYTES", "Passwords", "hash_password"]

BCRYPT_BYTES = 72
"""Bcrypt sees no more of a password than this."""

_MAX_BYTES = 1024
_MIN_CHARACTERS = 8
_AT_ONCE = 2
_WAITING = 64
_REMEMBERED = 4096
_REMEMBERED_SECONDS = 300.0
# Of passwords that nobody knows: random bytes, forgotten.
_NOBODY_BCRYPT = "$2b${cost:02}$bdHYx9zT.UFSJ44dUOYNv.SsshcTx4szryy5cF.9l7rmGfbF38/qu"
_NOBODY_ARGON2 = "$argon2id$v=19$m=65536,t=3,p=4$VT5nQXkUSDcaHK7sO4HiXg$SNCBh07CaugcPcbAM4MEmSMzAQkc0HdngeqMJt/FfPY"


def hash_password(password: str) -> str:
    """How a password is kept (Argon2id, RFC 9106). Takes about 50 ms.

    Raises InvalidConfiguration when it is too short, too long, or looks like an API token.
    """
    import argon2  # noqa: PLC0415  only who sets passwords

    fault = _fault(password)
    if fault is not None:
        raise InvalidConfiguration("this cannot be a password", cause=fault)
    return argon2.PasswordHasher().hash(password)


def _fault(password: str) -> str | None:
    if len(password) < _MIN_CHARACTERS:
        return f"it has fewer than {_MIN_CHARACTERS} characters"
    if len(password.encode()) > _MAX_BYTES:
        return f"it has more than {_MAX_BYTES} bytes"
    return "it begins with wbt_, as API tokens do" if password.startswith("wbt_") else None


class Passwords:
    """Checks passwords; belongs to one event loop. ``bcrypt`` is the cost of those in a file, None without."""

    def __init__(self, *, bcrypt: int | None) -> None:
        self._nobody = _NOBODY_ARGON2 if bcrypt is None else _NOBODY_BCRYPT.format(cost=bcrypt)
        self._key = os.urandom(32)
        self._known: OrderedDict[bytes, float] = OrderedDict()
        self._running: dict[bytes, asyncio.Task[bool]] = {}
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def check(self, password: str, stored: str | None) -> bool:
        """Whether a password is the one that is stored; None: there is no such user, and this takes as long.

        Raises Refusal (429) when too many are waiting.
        """
        content = password.encode()
        if len(content) > _MAX_BYTES:
            return False
        if self.remembers(password, stored):
            return True
        name = self._name(password, stored)
        running = self._running.get(name)
        if running is None:
            if len(self._running) >= _WAITING:
                raise Refusal(429, "TOOMANYREQUESTS", "too many logins at once", headers={"retry-after": "1"})
            running = self._running[name] = asyncio.create_task(self._verify(name, content, stored))
        # Whoever goes away does not take the answer from the others who wait for it.
        return await asyncio.shield(running)

    def _name(self, password: str, stored: str | None) -> bytes:
        return hmac.digest(self._key, f"{stored}\0{password}".encode(), hashlib.sha256)

    def remembers(self, password: str, stored: str | None) -> bool:
        """Whether the same password was found good a short while ago."""
        name = self._name(password, stored)
        until = self._known.get(name)
        if until is None or until < time.monotonic():
            self._known.pop(name, None)
            return False
        return True

    async def _verify(self, name: bytes, content: bytes, stored: str | None) -> bool:
        try:
            async with self._turn:
                good = await asyncio.to_thread(_verify, content, stored or self._nobody) and stored is not None
        finally:
            del self._running[name]
        if good:
            self._known[name] = time.monotonic() + _REMEMBERED_SECONDS
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return good


def _verify(content: bytes, stored: str) -> bool:
    if stored.startswith("$argon2"):
        import argon2  # noqa: PLC0415  only where there are accounts

        try:
            return argon2.PasswordHasher().verify(stored, content)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False
    import bcrypt  # noqa: PLC0415

    try:
        # More than bcrypt sees, or a zero, is not the password: two of them could be the same to it.
        whole = len(content) <= BCRYPT_BYTES and b"\0" not in content
        return bcrypt.checkpw(content if whole else b"", stored.encode()) and whole
    except ValueError:
        return False
