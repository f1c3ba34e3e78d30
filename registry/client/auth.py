"""Who we are to a registry: Basic credentials, or tokens that they are exchanged for.

Tokens are kept by scope (distribution token specification). Where credentials come from is
``keychain``'s; they go to the registry and to a token server that it may name, and nowhere else. Where there are
none, the identity of a job may do (``exchange``).
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Lock, RLock

import oras.logger
import requests
from oras.auth.token import TokenAuth

from registry.client.challenge import Challenge, parse_challenges
from registry.client.credentials import Credentials
from registry.client.exchange import WorkloadLogin
from registry.client.keychain import Keychain
from registry.client.realms import check_realm
from registry.client.scopes import covers, merged, repository_of
from registry.client.tokens import Token, TokenRequest, TokenSource
from registry.client.workload_advice import forbidden
from registry.errors import AuthenticationFailed

__all__ = ["RegistryAuth"]

_YOUNG = 5.0
"""Seconds after which a token that is refused has simply expired, whatever its server said."""
_MAX_REFUSALS = 3
"""Young tokens that are refused one after another before we believe that none will do."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A token for a scope of ours, and how to get the next; ``refusals`` counts those before it, one after another."""

    token: Token
    challenge: Challenge
    scopes: tuple[str, ...]
    refusals: int = 0


class RegistryAuth(TokenAuth):
    """What to send in ``Authorization`` to one registry, for all threads.

    Of the inherited methods, those that look for credentials or ask token servers are replaced.
    """

    def __init__(
        self,
        host: str,
        session: requests.Session,
        *,
        plain: bool,
        realms: Sequence[str] = (),
        audience: str | None = None,
    ) -> None:
        super().__init__()
        self.session = session
        self.prefix = "http" if plain else "https"
        self._host = host
        self._realms = tuple(realms)
        self._keychain = Keychain(host)
        self._source = TokenSource(session)
        self.workload = WorkloadLogin(host, session, self._source, plain=plain, audience=audience)
        self._held: dict[str, _Held] = {}
        self._sent_as_it_is: str | None = None
        self._use_basic = False
        self._lock = Lock()
        self._by_scope: dict[str, RLock] = {}
        oras.logger.setup_logger(quiet=True)

    def use(self, credentials: Credentials) -> None:
        """Use these credentials, and none from anywhere else."""
        self._keychain.use(credentials)

    def set_basic_auth(self, username: str, password: str) -> None:
        """Use this user name and password, and no other credentials."""
        self.use(Credentials.of_password(username, password))

    def set_token_auth(self, token: str) -> None:
        """Send this token as it is, and use no other credentials."""
        self.use(Credentials.of_registry(token))

    def advice(self) -> str | None:
        """What a person can do when who we are is refused."""
        return self._keychain.advice()

    def explained(self, failure: AuthenticationFailed, scope: str) -> AuthenticationFailed:
        """A refusal, with what a person can do about it, where that is known."""
        reason, verified = self.workload.reason, self.workload.verified
        if failure.status == 401:
            nobody = self._keychain.find(repository_of(scope)) is None
            if nobody and reason is not None:
                return AuthenticationFailed(reason.what, status=401, cause=reason.cause, hint=reason.hint)
            failure.hint = self._advice(nobody=nobody)
        elif verified is not None:
            return forbidden(failure, verified.claims, repository_of(scope))
        return failure

    def load_configs(self, container: object, configs: list[str] | None = None) -> None:
        """Nothing: credentials are looked for when a registry asks, by the keychain."""

    def get_auth_header(self) -> dict[str, str]:
        """What would be sent for no scope in particular."""
        return self.header("")

    def authenticate_request(
        self,
        original: requests.Response,
        headers: dict[str, str] | None,
        refresh: bool = False,  # noqa: ARG002
    ) -> tuple[dict[str, str], bool]:
        """The headers for another try, and whether it makes sense; as the inherited methods ask for it."""
        learned = self.answer(original, "", original.request.headers.get("Authorization"))
        return {**(headers or {}), **self.header("")}, learned

    def header(self, scope: str) -> dict[str, str]:
        """The header for a request within ``scope``, which may be several scopes separated by spaces.

        From what is known so far: a token that has expired is renewed, and nothing else asked for.
        Raises what :meth:`answer` raises.
        """
        held = self._held.get(scope)
        if held is not None:
            return {"Authorization": (held if held.token.fresh else self._renewed(scope, held)).token.header}
        if self._sent_as_it_is is not None:
            return {"Authorization": self._sent_as_it_is}
        if self._use_basic and (credentials := self._keychain.find(repository_of(scope))) is not None:
            return {"Authorization": f"Basic {credentials.basic}"}
        return {}

    def answer(self, response: requests.Response, scope: str, sent: str | None) -> bool:
        """Learn from a 401, or from a 403 that names a scope; whether another try with :meth:`header` makes sense.

        ``sent`` is the ``Authorization`` that was refused. One token is fetched for all who wait for
        it. Raises AuthenticationFailed when a token server refuses or may not be asked, or our
        credentials cannot be read, and what :meth:`TokenSource.fetch` raises.
        """
        challenges = parse_challenges(response.headers.get("WWW-Authenticate", ""))
        bearer = next((each for each in challenges if each.scheme == "bearer" and each.get("realm")), None)
        if response.status_code == 403:
            return bearer is not None and self._widened(scope, sent, bearer)
        with self._exclusively(scope):
            if self.header(scope).get("Authorization", sent) != sent:
                return True  # another thread has been here in the meantime
            credentials = self._keychain.find(repository_of(scope))
            if credentials is not None and credentials.kind == "registry":
                self._sent_as_it_is = f"Bearer {credentials.secret}"
                return self._sent_as_it_is != sent
            if bearer is not None:
                return self._negotiated(scope, sent, bearer)
            basic = any(each.scheme == "basic" for each in challenges)
            if basic and credentials is not None and credentials.kind == "password":
                self._use_basic = True
                return f"Basic {credentials.basic}" != sent
        return False

    def _widened(self, scope: str, sent: str | None, bearer: Challenge) -> bool:
        """Whether a 403 asked for more than our token is for, and we have another token now."""
        with self._exclusively(scope):
            held = self._held.get(scope)
            if held is not None and held.token.header != sent:
                return True  # another thread has been here in the meantime
            if self._sent_as_it_is or covers(" ".join(held.scopes if held else ()), bearer.get("scope")):
                return False
            return self._negotiated(scope, sent, bearer)

    def _negotiated(self, scope: str, sent: str | None, bearer: Challenge) -> bool:
        """Get a token for what we need and what the challenge says that it needs; whether it is another one."""
        held, refusals = self._held.get(scope), 0
        if held is not None and time.monotonic() - held.token.issued < _YOUNG:
            refusals = held.refusals + 1
        if refusals > _MAX_REFUSALS:
            return False
        scopes = merged(scope, bearer.get("scope"))
        got = self._held[scope] = _Held(self._fetched(scope, bearer, scopes), bearer, scopes, refusals)
        return got.token.header != sent

    def _renewed(self, scope: str, stale: _Held) -> _Held:
        with self._exclusively(scope):
            held = self._held.get(scope, stale)
            if not held.token.fresh:
                held = replace(held, token=self._fetched(scope, held.challenge, held.scopes), refusals=0)
                self._held[scope] = held
            return held

    def _fetched(self, scope: str, challenge: Challenge, scopes: tuple[str, ...]) -> Token:
        realm = challenge.get("realm")
        check_realm(realm, self._host, plain=self.prefix == "http", realms=self._realms)
        credentials = self._keychain.find(repository_of(scope))
        request = TokenRequest(realm, challenge.get("service"), scopes, credentials)
        if credentials is None and (token := self.workload.token(request, challenge.get("exchange"))) is not None:
            return token
        return self._source.fetch(request, self._advice(nobody=credentials is None))

    def _advice(self, *, nobody: bool) -> str | None:
        """How to log in; with what became of a job's identity where nobody has credentials."""
        return self.workload.login_advice(self.advice()) if nobody else self.advice()

    @contextmanager
    def _exclusively(self, scope: str) -> Iterator[None]:
        """Whoever negotiates a scope does so alone; other scopes do not wait."""
        with self._lock:
            mine = self._by_scope.setdefault(scope, RLock())
        with mine:
            yield
