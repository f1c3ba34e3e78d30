"""Our own tokens: what the token endpoint gives, and what requests come with (JWT, RFC 7519; EdDSA, RFC 8037).

A token says who somebody is and what it was asked for; it narrows, and permits nothing: the rules of
the moment do. Keys are ours alone, found by ``kid``; whatever else a header says about keys is not
read (RFC 8725, section 3).
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from registry.server.access.principals import Principal
from registry.server.access.scopes import Scope, grants_of
from registry.server.access.signing_keys import SigningKey, ensure_key, list_keys
from registry.server.database.protocol import Database

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["MAX_TOKEN", "IssuedToken", "Tokens"]

MAX_TOKEN = 16 * 1024
_ALGORITHM = "EdDSA"
_REQUIRED = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"]
_LEEWAY = 5.0
_KEYS_SECONDS = 60.0
_UNKNOWN_SECONDS = 1.0
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token; ``issued`` is in seconds since the epoch, ``lifetime`` in seconds."""

    text: str
    issued: float
    lifetime: int


@dataclass(frozen=True, slots=True)
class _Verified:
    """What was found of a token: ``expires`` is in seconds since the epoch, ``key`` the id of what signed it."""

    principal: Principal
    expires: float
    key: str


class Tokens:
    """Issues and verifies the tokens of one service; belongs to one event loop."""

    def __init__(self, service: str, database: Database) -> None:
        self._service = service
        self._database = database
        self._keys: dict[str, Ed25519PrivateKey] = {}
        self._loaded = float("-inf")
        self._loading = asyncio.Lock()
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()

    async def issue(self, principal: Principal, access: tuple[Scope, ...] | None, lifetime: float) -> IssuedToken:
        """A token for a principal, for that ``access``; None: for whatever it may do."""
        import jwt  # noqa: PLC0415  with users only

        keys = await self._current()
        identifier, now = next(iter(keys)), time.time()
        claims: dict[str, Any] = {
            "iss": self._service,
            "sub": principal.name,
            "aud": self._service,
            "iat": int(now),
            "nbf": int(now),
            "exp": int(now) + int(lifetime),
            "jti": token_hex(16),
            "kind": principal.kind,
            "groups": sorted(principal.groups),
        }
        if principal.credential is not None:
            claims["credential"] = principal.credential
        if principal.claims:
            claims["claims"] = dict(principal.claims)
        if access is not None:
            claims["access"] = [{"type": s.kind, "name": s.name, "actions": list(s.actions)} for s in access]
        text = jwt.encode(claims, keys[identifier], _ALGORITHM, {"kid": identifier})
        return IssuedToken(text, now, int(lifetime))

    async def verify(self, text: str) -> Principal | None:
        """Whom a token stands for; None: it is not ours, is not for us, or has ended."""
        name = hashlib.sha256(text.encode()).digest()
        known = self._verified.get(name)
        if known is not None:
            # A key that was removed, because somebody else has it, is good for nothing from then on.
            good = known.expires > time.time() and known.key in await self._current()
            return known.principal if good else None
        found = await self._verify(text) if len(text) <= MAX_TOKEN else None
        if found is None:
            return None
        self._verified[name] = found
        if len(self._verified) > _REMEMBERED:
            self._verified.popitem(last=False)
        return found.principal

    async def _verify(self, text: str) -> _Verified | None:
        import jwt  # noqa: PLC0415  with users only

        try:
            header = jwt.get_unverified_header(text)
            key = await self._key(header.get("kid")) if header.get("alg") == _ALGORITHM else None
            if key is None:
                return None
            claims = jwt.decode(
                text,
                key.public_key(),
                [_ALGORITHM],
                {"require": _REQUIRED, "strict_aud": True},
                audience=self._service,
                issuer=self._service,
                leeway=_LEEWAY,
            )
        except jwt.PyJWTError:
            return None
        return _Verified(_principal(claims), float(claims["exp"]), header["kid"])

    async def _key(self, identifier: object) -> "Ed25519PrivateKey | None":
        if not isinstance(identifier, str):
            return None
        if identifier not in self._keys and time.monotonic() - self._loaded > _UNKNOWN_SECONDS:
            self._loaded = float("-inf")  # another replica may have made a new one
        return (await self._current()).get(identifier)

    async def _current(self) -> "dict[str, Ed25519PrivateKey]":
        if time.monotonic() - self._loaded <= _KEYS_SECONDS:
            return self._keys
        async with self._loading:
            if time.monotonic() - self._loaded > _KEYS_SECONDS:
                stored = await self._database.read(list_keys) or await self._database.write(ensure_key)
                self._keys = {key.id: _private(key) for key in stored}
                self._loaded = time.monotonic()
        return self._keys


def _private(key: SigningKey) -> "Ed25519PrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    private = load_pem_private_key(key.private.encode(), None)
    assert isinstance(private, Ed25519PrivateKey)
    return private


def _principal(claims: dict[str, Any]) -> Principal:
    """Claims that we have written, and signed, ourselves."""
    access = claims.get("access")
    grants = None
    if access is not None:
        grants = grants_of(Scope(entry["type"], entry["name"], tuple(entry["actions"])) for entry in access)
    return Principal(
        claims["kind"],
        claims["sub"],
        frozenset(claims["groups"]),
        grants,
        claims.get("credential"),
        renewable=access is not None,
        claims=tuple(claims.get("claims", {}).items()),
    )
