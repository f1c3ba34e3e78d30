"""The one place where HTTP leaves: tries, time-outs, redirects, authorization, warnings.

A :class:`Transport` speaks to one registry. It is the registry session of the ``oras`` package
with its request replaced: that one retries what must not be sent twice, and waits for minutes.
"""

import io
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from threading import Lock
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from registry.client.answers import refusal, unreachable, warnings_of
from registry.client.auth import RegistryAuth
from registry.client.bodies import bounded, is_empty, let_go
from registry.client.lazily import Registry
from registry.client.patience import Patience
from registry.client.session import open_session, speaks_plain
from registry.client.settings import Settings
from registry.content import CHUNK, Opener, Readable
from registry.errors import (
    AuthenticationFailed,
    ContentTooLarge,
    Failure,
    InvalidDocument,
    RegistryRefused,
    StorageFailed,
    UnexpectedAnswer,
    Unreachable,
)
from registry.strictjson import load_json
from registry.words import printable

__all__ = ["Body", "Request", "Transport"]

_TIMEOUT = (10.0, 90.0)
"""Seconds to connect, and between two packets."""
_FIRST_CONTACT = 1.5
"""Seconds of trying while a registry has never answered: a name may just be wrong."""
_HEADERS = {"User-Agent": "wasmbuild", "Accept": "*/*", "Accept-Encoding": "identity"}
_KEPT = 12
"""Connections that are kept at least: several works of four requests at once may go on side by side."""
_MAX_LESSONS = 2
"""How often a refusal may teach us something: that a token is needed, and what it lacked."""
_MAX_PAGES = 2000
_MAX_LIST = 64 * 1024 * 1024
"""Bytes of all pages of a list."""
_DEFAULT = Settings()
_HUB = {"docker.io": "registry-1.docker.io"}


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes to send: how to open them, again if need be, and how many there are."""

    open: Opener
    size: int


@dataclass(frozen=True, slots=True)
class Request:
    """One request: ``what`` says in words what it is for, ``scope`` which token it needs.

    ``missing`` says it for an answer of 404, where there is a better way to. ``scope`` may be several
    scopes with spaces between them. ``again``: it may be sent more than once, as most may.
    """

    method: str
    url: str
    what: str
    scope: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None
    again: bool = True
    missing: str | None = None


class Transport(Registry):
    """HTTP with one registry, from any thread. ``host`` is as in a reference.

    ``extensions`` are names of what it can do beside the specification; None: nobody has asked yet.
    """

    def __init__(self, host: str, settings: Settings = _DEFAULT) -> None:
        self.host = _HUB.get(host, host)
        self.settings = settings
        self.host_settings = settings.of(host)
        plain = speaks_plain(self.host, self.host_settings)
        super().__init__(hostname=self.host, insecure=plain)
        cookies = self.session.cookies
        self.session = open_session(self.host, self.host_settings, max(settings.concurrency, _KEPT))
        self.session.cookies = cookies
        realms, audience = self.host_settings.realms, self.host_settings.audience
        self.auth = RegistryAuth(self.host, self.session, plain=plain, realms=realms, audience=audience)
        self.extensions: frozenset[str] | None = None
        self._reached = False
        self._said: set[str] = set()
        self._lock = Lock()
        if self.host_settings.insecure_skip_tls_verify:
            self._say("its certificate is not checked: whoever is in between can read and change everything")

    @property
    def base(self) -> str:
        """Scheme and host, without a slash at the end."""
        return f"{self.prefix}://{self.host}"

    def patience(self) -> Patience:
        """How long one thing may be tried again with this registry."""
        return Patience(self._budget, self.settings.notice)

    def send(self, request: Request, *expected: int) -> requests.Response:
        """Send a request, several times if need be, and return its answer, whose body has not been read.

        Any answer is returned whose status is among ``expected``; other ones raise what
        :func:`refusal` makes of them. Raises Unreachable when there is no answer.
        """
        patience = self.patience()
        while True:
            try:
                response = self._authorized(request)
                if response.status_code in expected:
                    return response
                failure = self._failure(request, response)
            except (Unreachable, RegistryRefused) as error:  # the latter is the token server's
                if error.side is not None:  # it is another registry's, whose bytes we were sending
                    raise
                failure = error
            if not request.again:
                raise failure
            patience.wait(failure)

    def do_request(
        self,
        url: str,
        method: str = "GET",
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
        **unused: object,
    ) -> requests.Response:
        """What the methods inherited from ``oras`` call; a bounded answer, whatever its status."""
        if unused.get("json") is not None:
            raise TypeError("documents are sent as bytes, so that their digest is theirs")
        body = None if data is None else Body(lambda: io.BytesIO(data), len(data))
        what = f"{self.host} did not answer as asked"
        response = self.send(Request(method, url, what, self._scope_of(url), headers or {}, body), 200, 201, 202)
        response._content = bounded(response, what)  # noqa: SLF001 - or requests would read without a bound
        return response

    def _do_paginated_request(self, url: str, callable: Callable[[requests.Response], bool]) -> None:  # noqa: A002
        """The pages of a list, as the inherited methods want them: one by one, of this host, and not for ever."""
        what = f"{self.host} did not list all of it"
        seen, size = set[str](), 0
        while len(seen) < _MAX_PAGES and size <= _MAX_LIST:
            seen.add(url)
            response = self.do_request(url)
            size += len(response.content)
            _check_json(response, what)
            following = response.links.get("next", {}).get("url")
            if not callable(response) or not following:
                return
            url = self.page(response.url, following, what)
            if url in seen:
                raise UnexpectedAnswer(what, cause=f"its pages go in a circle, at {printable(following, 100)}")
        raise ContentTooLarge(what, cause=f"there are more than {len(seen)} pages with {size} bytes")

    def location(self, response: requests.Response, what: str) -> str:
        """The absolute URL of a ``Location`` header.

        Raises UnexpectedAnswer when there is none, or it leads away from http.
        """
        if "Location" not in response.headers:
            raise UnexpectedAnswer(what, cause=f"{response.status_code} without a Location")
        return self._absolute(response.url, response.headers["Location"], what)

    def page(self, base: str, relative: str, what: str) -> str:
        """The URL of a list's next page, which is of this registry.

        Raises UnexpectedAnswer when it leads elsewhere: nobody may send us around by a list.
        """
        url = self._absolute(base, relative, what)
        if urlsplit(url).netloc != self.host:
            raise UnexpectedAnswer(what, cause=f"its next page is {printable(relative, 100)}")
        return url

    def _absolute(self, base: str, relative: str, what: str) -> str:
        try:
            url = urljoin(base, relative)
            scheme = urlsplit(url).scheme
        except ValueError:
            url, scheme = "", ""
        if scheme not in {"http", "https"} or (scheme, self.prefix) == ("http", "https"):
            raise UnexpectedAnswer(what, cause=f"it leads us to {printable(relative, 100)}")
        return url

    def _authorized(self, request: Request) -> requests.Response:
        response = self._attempt(request)
        for _ in range(_MAX_LESSONS):
            if response.status_code not in (401, 403):
                break
            try:
                learned = self._learn(request, response)
            except BaseException:
                response.close()
                raise
            if not learned:
                break
            let_go(response)
            response = self._attempt(request)
        return response

    def _attempt(self, request: Request) -> requests.Response:
        headers = {**_HEADERS, **request.headers}
        if urlsplit(request.url).netloc == self.host:
            headers |= self.auth.header(request.scope)
        try:
            response = self._exchange(request, headers)
        except (urllib3.exceptions.HTTPError, OSError) as error:  # requests' own are OSErrors
            # Without the chain: it quotes URLs, which may be signed.
            raise unreachable(error, _asked_for(error) or request.url) from None
        except ValueError as error:  # of a URL that we were sent to
            raise UnexpectedAnswer(request.what, cause=printable(str(error))) from error
        self._reached = True
        if is_empty(response):
            let_go(response)
        for text in warnings_of(response) if "Warning" in response.headers else ():
            self._say(text)
        return response

    def _exchange(self, request: Request, headers: dict[str, str]) -> requests.Response:
        if request.body is None or request.body.size == 0:
            return self._request(request, headers, None if request.body is None else b"")
        with closing(_opened(request.body)) as source:
            stream = _Stream(source, request.body.size)
            try:
                return self._request(request, headers, stream)
            except (urllib3.exceptions.HTTPError, OSError, ValueError):
                if stream.failure is None:
                    raise
            raise _not_the_connections(stream.failure)

    def _request(self, request: Request, headers: dict[str, str], data: "bytes | _Stream | None") -> requests.Response:
        prepared = requests.PreparedRequest()
        prepared.prepare(request.method, request.url, headers, data=data)
        follow = request.method in {"GET", "HEAD"}
        return self.session.send(prepared, stream=True, timeout=_TIMEOUT, allow_redirects=follow)

    def _learn(self, request: Request, response: requests.Response) -> bool:
        """Whether a refusal taught us how to authenticate, or which right we lack."""
        if urlsplit(response.url).netloc != self.host:
            return False
        learned: bool = self.auth.answer(response, request.scope, response.request.headers.get("Authorization"))
        return learned

    def _budget(self) -> float:
        budget = self.settings.retry_for
        return budget if self._reached else min(budget, _FIRST_CONTACT)

    def _say(self, text: str) -> None:
        """Tell the person, once."""
        with self._lock:
            new = text not in self._said
            self._said.add(text)
        if new:
            self.settings.notice(f"{self.host}: {text}")

    def _failure(self, request: Request, response: requests.Response) -> Failure:
        status = response.status_code
        if status < 400:
            response.close()
            return UnexpectedAnswer(request.what, cause=f"{status} is no answer to {response.request.method}")
        failure = refusal(response, request.missing if status == 404 and request.missing else request.what)
        return self.auth.explained(failure, request.scope) if isinstance(failure, AuthenticationFailed) else failure

    @staticmethod
    def _scope_of(url: str) -> str:
        match = re.search(r"/v2/(.+?)/(?:tags|manifests|blobs|referrers)/", urlsplit(url).path)
        if match is None:
            return "registry:catalog:*" if url.partition("?")[0].endswith("/v2/_catalog") else ""
        return f"repository:{match[1]}:pull"


def _asked_for(error: Exception) -> str | None:
    """Where a redirect had led when it failed."""
    asked = getattr(error, "request", None)
    return getattr(asked, "url", None)


def _opened(body: Body) -> Readable:
    try:
        return body.open()
    except OSError as error:
        raise StorageFailed("the content to send cannot be read", cause=error.strerror or str(error)) from error


def _check_json(response: requests.Response, what: str) -> None:
    """Look at a page before the inherited methods parse it, without a bound on how deep it goes."""
    try:
        load_json(response.content, "the list")
    except InvalidDocument as error:
        raise UnexpectedAnswer(what, cause=str(error)) from error


def _not_the_connections(failure: Exception) -> Exception:
    """What to raise when it was the content that could not be read while it was being sent."""
    if isinstance(failure, OSError):
        return StorageFailed("the content to send cannot be read", cause=failure.strerror or str(failure))
    return failure


class _Stream:
    """A body of known length, read in chunks; ``len`` is what requests takes Content-Length from.

    ``failure`` is what reading it ended with, if it did.
    """

    def __init__(self, source: Readable, size: int) -> None:
        self.len = size
        self.failure: Exception | None = None
        self._source = source

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._source.read(size)
        except Exception as error:
            self.failure = error
            raise

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.read(CHUNK):
            yield chunk
