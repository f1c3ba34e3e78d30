"""Trusted publishing: workloads that come with a token of an issuer instead of a secret (OpenID Connect Core 1.0).

The issuer says which keys are its own (OpenID Connect Discovery 1.0); what its tokens claim decides
which publishers a workload is. What a publisher may do is the gate's.
"""

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from registry.errors import InvalidConfiguration, InvalidDocument
from registry.server.access.egress import EgressFailed, EgressGuard
from registry.server.access.globs import Glob, parse_glob
from registry.server.access.principals import Principal
from registry.server.access.tokens import MAX_TOKEN
from registry.server.config.access import AccessConfig, IssuerConfig, PublisherConfig
from registry.strictjson import load_json
from registry.words import printable

if TYPE_CHECKING:
    from jwt import PyJWK

__all__ = ["InvalidAssertion", "Issuers", "Unbelieved", "Workload", "looks_like_assertion"]

_LOGGER = logging.getLogger(__name__)
_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
_REQUIRED = ["iss", "sub", "aud", "exp", "iat"]
_LEEWAY = 30.0
_LONGEST = 24 * 3600
_KEYS_SECONDS = 3600.0
_AGAIN_SECONDS = 30.0
_SOON_SECONDS = 1.0
_MAX_KEYS = 100
_MAX_CLAIM = 512
_MAX_NAME = 250
_REMEMBERED = (
    *("iss", "sub", "jti", "repository", "repository_id", "ref", "sha", "environment"),
    *("workflow", "workflow_ref", "job_workflow_ref", "run_id", "run_attempt", "actor", "event_name"),
    *("project_path", "project_id", "pipeline_id", "pipeline_source", "job_id", "ci_config_ref_uri", "user_login"),
)
"""Claims of GitHub's and GitLab's tokens by which a run can be found again."""

_ANYBODYS = frozenset(
    {
        *("iss", "aud", "ref", "ref_type", "ref_protected", "ref_path", "base_ref", "head_ref", "sha", "event_name"),
        *("environment", "environment_protected", "deployment_tier", "runner_environment", "workflow"),
        *("repository_visibility", "project_visibility", "namespace_visibility", "pipeline_source", "run_attempt"),
    }
)
"""Claims that whoever has a repository at GitHub or GitLab can have as well, whatever their values."""


Unbelieved = Literal["issuer", "audience", "expired", "publisher", "used", "invalid"]
"""Why a token is refused, for programs: its issuer or audience is another, its time is over, no publisher has its
claims, it was exchanged before; or anything else."""


class InvalidAssertion(Exception):  # no Failure: the route turns it into an answer
    """A workload's token is not to be believed, or is nobody's that we know. The text is for its sender."""

    def __init__(self, text: str, why: Unbelieved = "invalid") -> None:
        super().__init__(text)
        self.why: Unbelieved = why


@dataclass(frozen=True, slots=True)
class Workload:
    """Who came with an issuer's token; ``expires`` is the token's end in seconds since the epoch.

    ``identity`` tells this token from all others.
    """

    principal: Principal
    expires: float
    identity: str


class Issuers:
    """All issuers of one server; belongs to one event loop."""

    def __init__(self, config: AccessConfig, egress: EgressGuard) -> None:
        """Raises InvalidConfiguration when a setting is malformed, or would let in everybody."""
        self._issuers = {issuer.url: _Issuer(issuer, egress) for issuer in config.issuers}
        self._publishers = [_Publisher.of(each, self._issuers) for each in config.publishers]
        if len({each.name for each in self._publishers}) != len(self._publishers):
            raise InvalidConfiguration("two publishers have the same name", hint="give each publisher its own")

    def __bool__(self) -> bool:
        return bool(self._issuers)

    async def verify(self, text: str) -> Workload:
        """Who a token stands for. Raises InvalidAssertion."""
        import jwt  # noqa: PLC0415  with issuers only

        if len(text) > MAX_TOKEN:
            raise InvalidAssertion("the token is too large")
        try:
            said = jwt.decode(text, options={"verify_signature": False}).get("iss")
            issuer = self._issuers.get(said) if isinstance(said, str) else None
            if issuer is None:
                raise InvalidAssertion("the token is of an issuer that is not known here", "issuer")
            claims = await issuer.verify(text)
        except (jwt.PyJWTError, RecursionError) as error:
            raise InvalidAssertion(f"the token is not valid: {str(error)[:200]}", _why(error)) from error
        names = frozenset(each.name for each in self._publishers if each.matches(issuer.url, claims))
        if not names:
            raise InvalidAssertion("no trusted publisher has the claims of the token", "publisher")
        return Workload(
            Principal("workload", _name(issuer.url, claims["sub"]), names, claims=_remembered(claims)),
            float(claims["exp"]),
            _identity(claims, text),
        )


class _Issuer:
    def __init__(self, config: IssuerConfig, egress: EgressGuard) -> None:
        strange = set(config.algorithms) - _ALGORITHMS
        if strange or not config.algorithms:
            raise InvalidConfiguration(
                f"the issuer {config.url} has algorithms that are not taken",
                hint=f"of {', '.join(sorted(_ALGORITHMS))}",
            )
        if not config.audience:
            raise InvalidConfiguration(f"the issuer {config.url} has no audience", hint="name what tokens are made for")
        self.url = config.url
        self._config = config
        self._egress = egress
        self._keys: dict[str, PyJWK] = {}
        self._fetched = self._next = float("-inf")
        self._fetching = asyncio.Lock()

    async def verify(self, text: str) -> dict[str, Any]:
        """The claims of a token. Raises PyJWTError and InvalidAssertion."""
        import jwt  # noqa: PLC0415

        header = jwt.get_unverified_header(text)
        algorithm, identifier = header.get("alg"), header.get("kid")
        if algorithm not in self._config.algorithms or not isinstance(identifier, str):
            raise InvalidAssertion("the token is signed in a way that is not taken here")
        key = await self._key(identifier)
        if key is None or key.algorithm_name != algorithm:
            raise InvalidAssertion("the token is signed with a key that its issuer does not name")
        claims: dict[str, Any] = jwt.decode(
            text,
            key.key,
            [algorithm],
            {"require": _REQUIRED},
            audience=self._config.audience,
            issuer=self.url,
            leeway=_LEEWAY,
        )
        begins, ends = claims["iat"], claims["exp"]
        # The library takes texts for numbers; nobody issues those (RFC 7519, section 2, "NumericDate").
        if not isinstance(begins, int | float) or not isinstance(ends, int | float):
            raise InvalidAssertion("the times of the token are no numbers")
        if ends - begins > _LONGEST:
            raise InvalidAssertion("the token lasts longer than a day")
        return claims

    async def _key(self, identifier: str) -> "PyJWK | None":
        if self._fresh and identifier in self._keys:
            return self._keys[identifier]  # whoever comes with unknown ones keeps nobody waiting
        async with self._fetching:
            if not (self._fresh and identifier in self._keys) and time.monotonic() >= self._next:
                await self._refresh()
        if not self._fresh:
            raise InvalidAssertion("the keys of the issuer cannot be had")
        return self._keys.get(identifier)

    @property
    def _fresh(self) -> bool:
        return time.monotonic() - self._fetched <= _KEYS_SECONDS

    async def _refresh(self) -> None:
        """Ask for the keys; where they cannot be had, those that are there stay good for their time."""
        try:
            self._keys = _usable(await self._fetch(await self._where()), self._config.algorithms)
        except EgressFailed as error:
            # The reason tells of our network, and the issuer's words are not ours to pass on.
            _LOGGER.warning("the keys of the issuer %s cannot be had: %s", self.url, printable(str(error)))
            self._next = time.monotonic() + _SOON_SECONDS
        else:
            self._fetched = time.monotonic()
            self._next = self._fetched + _AGAIN_SECONDS

    async def _where(self) -> str:
        if self._config.jwks_url is not None:
            return self._config.jwks_url
        found = await self._fetch(self.url.rstrip("/") + "/.well-known/openid-configuration")
        place = found.get("jwks_uri")
        if found.get("issuer") != self.url or not isinstance(place, str):
            raise EgressFailed("its discovery document is of another issuer, or names no keys")
        return place

    async def _fetch(self, url: str) -> dict[str, Any]:
        answer = await self._egress.get(url, {"Accept": "application/json"})
        if answer.status != 200:
            raise EgressFailed(f"the answer was {answer.status}")
        try:
            found = load_json(answer.body, "the answer")
        except InvalidDocument as error:
            raise EgressFailed("the answer is not JSON") from error
        if not isinstance(found, dict):
            raise EgressFailed("the answer is no JSON object")
        return found


@dataclass(frozen=True, slots=True)
class _Publisher:
    name: str
    issuer: str
    claims: tuple[tuple[str, Glob], ...]

    @classmethod
    def of(cls, config: PublisherConfig, issuers: Mapping[str, object]) -> "_Publisher":
        """Raises InvalidConfiguration."""
        if config.issuer not in issuers:
            raise InvalidConfiguration(f"the publisher {config.name} is of an issuer that is not configured")
        claims = tuple((claim, parse_glob(glob)) for claim, glob in config.claims.items())
        if not any(_tells_whose(claim, glob.text) for claim, glob in claims):
            raise InvalidConfiguration(
                f"the publisher {config.name} would be everybody at {config.issuer}",
                cause="none of its claims tells whose workload it is; a glob that begins with * or ? does not",
                hint='say which, for example claims = { repository_id = "1234" }',
            )
        return cls(config.name, config.issuer, claims)

    def matches(self, issuer: str, claims: Mapping[str, Any]) -> bool:
        return issuer == self.issuer and all(
            any(glob.matches(text) for text in _texts(claims.get(claim))) for claim, glob in self.claims
        )


def _tells_whose(claim: str, glob: str) -> bool:
    """Whether a claim tells whose a workload is: what the glob leaves open at its beginning, anybody can be called."""
    name = glob.removeprefix("repo:").removeprefix("project_path:") if claim == "sub" else glob
    return claim not in _ANYBODYS and not name.startswith(("*", "?")) and name != ""


def _texts(value: object) -> list[str]:
    """A claim as texts: one, or those of a list."""
    if isinstance(value, list):
        return [text for each in value[:100] if not isinstance(each, list) for text in _texts(each)]
    if isinstance(value, bool):
        return [str(value).lower()]
    if isinstance(value, int | str) and len(str(value)) <= _MAX_CLAIM:
        return [str(value)]
    return []


def _usable(found: Mapping[str, Any], algorithms: tuple[str, ...]) -> "dict[str, PyJWK]":
    """Keys by their ids (RFC 7517): those that are for signatures, and for an algorithm that is taken."""
    import jwt  # noqa: PLC0415

    keys: dict[str, PyJWK] = {}
    entries = found.get("keys")
    for entry in entries[:_MAX_KEYS] if isinstance(entries, list) else []:
        if not isinstance(entry, dict) or entry.get("use", "sig") != "sig" or not isinstance(entry.get("kid"), str):
            continue
        try:
            key = jwt.PyJWK(entry)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            continue
        if key.algorithm_name in algorithms:
            keys[entry["kid"]] = key
    return keys


def _name(issuer: str, subject: object) -> str:
    """For people; different for each subject of each issuer. It holds ``://``, as no user's name does."""
    name = f"{issuer}#{subject}"
    if len(name) > _MAX_NAME or not name.isprintable():
        told_apart = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
        return f"{issuer[:150]}#{told_apart}"
    return name


def _remembered(claims: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What tells one run of a workload from another, where the issuer says it."""
    said = ((name, claims.get(name)) for name in _REMEMBERED)
    return tuple((name, printable(str(value), _MAX_NAME)) for name, value in said if isinstance(value, str | int))


def _identity(claims: Mapping[str, Any], text: str) -> str:
    given = claims.get("jti")
    named = json.dumps([claims["iss"], given]) if isinstance(given, str) and given else text
    return hashlib.sha256(named.encode()).hexdigest()


def _why(error: Exception) -> Unbelieved:
    import jwt  # noqa: PLC0415  with issuers only

    if isinstance(error, jwt.InvalidAudienceError):
        return "audience"
    return "expired" if isinstance(error, jwt.ExpiredSignatureError) else "invalid"


def looks_like_assertion(text: str) -> bool:
    """Whether a password may be a token of an issuer."""
    return text.startswith("eyJ") and text.count(".") == 2
