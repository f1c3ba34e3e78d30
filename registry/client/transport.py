"""The one place where HTTP leaves: sessions, retries, time-outs, redirects, authorization.

A :class:`Transport` speaks to one registry. It is the registry session of the ``oras`` package
with its request replaced: that one retries what must not be sent twice, and waits for minutes.
"""

import io
import ipaddress
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from oras.provider import Registry
from requests.adapters import HTTPAdapter

from registry.client.answers import refusal, unreachable
from registry.client.auth import RegistryAuth
from registry.content import CHUNK, Opener, Readable
from registry.errors import Failure, UnexpectedAnswer
from registry.words import printable

__all__ = ["Body", "Request", "Transport", "is_loopback"]

_TIMEOUT = (10.0, 90.0)
"""Seconds to connect, and between two packets."""
_HUB = {"docker.io": "registry-1.docker.io"}
_USER_AGENT = "wasmbuild"


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes to send: how to open them, again if need be, and how many there are."""

    open: Opener
    size: int


@dataclass(frozen=True, slots=True)
class Request:
    """One request: ``what`` says in words what it is for, ``scope`` which token it needs."""

    method: str
    url: str
    what: str
    scope: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None


class Transport(Registry):
    """HTTP with one registry. ``host`` is as in a reference; plain http is for loopback only."""

    def __init__(self, host: str) -> None:
        self.host = _HUB.get(host, host)
        plain = is_loopback(self.host)
        super().__init__(hostname=self.host, insecure=plain)
        cookies = self.session.cookies
        self.session = _session()
        self.session.trust_env = not plain  # a proxy does not lead back to this machine
        self.session.cookies = cookies
        self.auth = RegistryAuth(self.host, self.session, plain=plain)

    @property
    def base(self) -> str:
        """Scheme and host, without a slash at the end."""
        return f"{self.prefix}://{self.host}"

    def send(self, request: Request, *expected: int) -> requests.Response:
        """Send a request and return its answer, whose body has not been read.

        Any answer is returned whose status is among ``expected``; other ones raise what
        :func:`refusal` makes of them. Raises Unreachable when there is no answer.
        """
        response = self._authorized(request)
        if response.status_code in expected:
            return response
        raise self._failure(request.what, response)

    def check_login(self, username: str, password: str) -> bool:
        """Whether the registry asked for credentials, and took these.

        False: it did not ask. Raises AuthenticationFailed when it does not take them.
        """
        self.auth.set_basic_auth(username, password)
        what = f"{self.host} does not take these credentials"
        with self.send(Request("GET", f"{self.base}/v2/", what), 200) as response:
            return "Authorization" in response.request.headers

    def do_request(
        self,
        url: str,
        method: str = "GET",
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
        **unused: object,
    ) -> requests.Response:
        """What the methods inherited from ``oras`` call; the answer is returned whatever it is."""
        if unused.get("json") is not None:
            raise TypeError("documents are sent as bytes, so that their digest is theirs")
        body = None if data is None else Body(lambda: io.BytesIO(data), len(data))
        return self._authorized(Request(method, url, "", self._scope_of(url), headers or {}, body))

    def location(self, response: requests.Response, what: str) -> str:
        """The absolute URL of a ``Location`` header.

        Raises UnexpectedAnswer when there is none, or it leads away from http.
        """
        if "Location" not in response.headers:
            raise UnexpectedAnswer(what, cause=f"{response.status_code} without a Location")
        return self.absolute(response.url, response.headers["Location"], what)

    def absolute(self, base: str, relative: str, what: str) -> str:
        """The URL that a registry means by one in its answer.

        Raises UnexpectedAnswer when it leads away from http, or from https to http.
        """
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
        if response.status_code != 401:
            return response
        try:
            learned = self._learn(request, response)
        except BaseException:
            response.close()
            raise
        if not learned:
            return response
        response.close()
        return self._attempt(request)

    def _attempt(self, request: Request) -> requests.Response:
        headers = {"Accept-Encoding": "identity", **request.headers}
        if urlsplit(request.url).netloc == self.host:
            headers |= self.auth.header(request.scope)
        try:
            return self._exchange(request, headers)
        except (urllib3.exceptions.HTTPError, OSError) as error:  # requests' own are OSErrors
            raise unreachable(error, request.url) from error
        except ValueError as error:  # of a URL that we were sent to
            raise UnexpectedAnswer(request.what, cause=printable(str(error))) from error

    def _exchange(self, request: Request, headers: dict[str, str]) -> requests.Response:
        if request.body is None or request.body.size == 0:
            return self._request(request, headers, None if request.body is None else b"")
        with closing(request.body.open()) as source:
            return self._request(request, headers, _Stream(source, request.body.size))

    def _request(self, request: Request, headers: dict[str, str], data: "bytes | _Stream | None") -> requests.Response:
        return self.session.request(
            request.method,
            request.url,
            data=data,
            headers=headers,
            stream=True,
            timeout=_TIMEOUT,
            allow_redirects=request.method in {"GET", "HEAD"},
        )

    def _learn(self, request: Request, response: requests.Response) -> bool:
        """Whether a 401 taught us how to authenticate."""
        if urlsplit(response.url).netloc != self.host:
            return False
        learned: bool = self.auth.answer(response, request.scope, response.request.headers.get("Authorization"))
        return learned

    def _check_200_response(self, response: requests.Response) -> None:
        if response.status_code not in (200, 201, 202):
            raise self._failure(f"the registry {self.host} did not answer as asked", response)

    @staticmethod
    def _failure(what: str, response: requests.Response) -> Failure:
        if response.status_code < 400:
            response.close()
            return UnexpectedAnswer(what, cause=f"{response.status_code} is no answer to {response.request.method}")
        return refusal(response, what)

    @staticmethod
    def _scope_of(url: str) -> str:
        match = re.search(r"/v2/(.+?)/(?:tags|manifests|blobs|referrers)/", urlsplit(url).path)
        return f"repository:{match[1]}:pull" if match else ""


def is_loopback(host: str) -> bool:
    """Whether ``host[:port]`` is this machine, so that plain http is safe."""
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class _Stream:
    """A body of known length, read in chunks; ``len`` is what requests takes Content-Length from."""

    def __init__(self, source: Readable, size: int) -> None:
        self.len = size
        self._source = source

    def read(self, size: int = -1, /) -> bytes:
        return self._source.read(size)

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.read(CHUNK):
            yield chunk


class _Session(requests.Session):
    """A session that sends credentials only where we put them: never netrc's, never across hosts."""

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        if self.should_strip_auth(response.request.url or "", prepared_request.url or ""):
            prepared_request.headers.pop("Authorization", None)


class _Adapter(HTTPAdapter):
    """Sends bodies a megabyte at a time instead of 16 kilobytes."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401
        super().init_poolmanager(*arguments, blocksize=CHUNK, **options)


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An authentication that changes nothing; without one, requests would ask netrc."""
    return request


def _session() -> _Session:
    session = _Session()
    session.auth = _as_it_is
    session.headers["User-Agent"] = _USER_AGENT
    session.max_redirects = 5
    retries = urllib3.Retry(
        total=4,
        connect=2,
        status_forcelist=(408, 425, 429, 500, 502, 503, 504),
        allowed_methods={"GET", "HEAD"},
        backoff_factor=0.25,
        backoff_jitter=0.25,
        backoff_max=20,
        retry_after_max=20,
        raise_on_status=False,
    )
    for prefix in ("http://", "https://"):
        session.mount(prefix, _Adapter(max_retries=retries, pool_maxsize=16))
    return session
