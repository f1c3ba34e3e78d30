"""How a blob gets to a registry (distribution-spec 1.1, "Pushing blobs"), whatever happens on the way.

A small one in one POST where the registry takes that, others whole in one PUT, or in chunks where the registry
or its settings ask for that. After a broken
connection the registry is asked how much it has, and gets the rest.
"""

import re
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

import requests

from registry.ahead import ReadAhead
from registry.client.answers import number_in
from registry.client.transport import Body, Request, Transport
from registry.content import CHUNK, Opener, Readable, read_past
from registry.digest import Digest
from registry.errors import (
    AuthenticationFailed,
    Failure,
    RegistryRefused,
    RemoteNotFound,
    UnexpectedAnswer,
    Unreachable,
)
from registry.model import OCTETS, Descriptor

__all__ = ["Uploads"]

_CHUNKED_HOSTS = {"ghcr.io": 4 * 1024 * 1024}
"""Hosts that end long requests: bytes of a chunk that they take."""
_EMPTY = {"Content-Length": "0"}
_LARGE = 8 * 1024 * 1024
"""Bytes from which on another thread reads ahead."""
_SMALL = 64 * 1024
"""Bytes up to which a blob goes along with the request that would open its upload."""
_MAX_RESTARTS = 5
_LARGEST_CHUNK = 1024 * 1024 * 1024
_RANGE = re.compile(r"(?:bytes=)?0-(\d{1,19})")


@dataclass(slots=True)
class _Session:
    """An upload that a registry has opened: where it goes on, and how many bytes are there."""

    location: str
    chunk_size: int | None
    offset: int = 0


class Uploads:
    """The uploads to one repository, whose API is at ``url``."""

    def __init__(self, transport: Transport, url: str, scope: str) -> None:
        self._transport = transport
        self._url = url
        self._scope = scope
        self._chunk_size = transport.host_settings.chunk_size or _CHUNKED_HOSTS.get(transport.host)
        self._spare: list[_Session] = []
        self._at_once = self._chunk_size is None

    def probe(self, what: str) -> None:
        """Open an upload, to find out whether we may; the next blob uses it. ``what`` is a failure's sentence."""
        self._spare.append(self._begin(what))

    def mount(self, descriptor: Descriptor, repository: str) -> bool:
        """Take a blob over from another repository of the registry; False when it would not."""
        query = urlencode({"mount": str(descriptor.digest), "from": repository})
        what = f"{self._transport.host} did not mount {descriptor.digest} from {repository}"
        scope = f"{self._scope} repository:{repository}:pull"
        request = Request("POST", f"{self._url}/blobs/uploads/?{query}", what, scope, _EMPTY)
        try:
            with self._transport.send(request, 201, 202) as response:
                if response.status_code == 202:
                    self._spare.append(self._session(response, what))
                return response.status_code == 201
        except (RegistryRefused, RemoteNotFound):
            return False

    def push(self, descriptor: Descriptor, body: Opener) -> None:
        """Push one blob. Raises UnexpectedAnswer when the registry says that it stored something else."""
        if not self._pushed_at_once(descriptor, body):
            _Upload(self._transport, self, descriptor, body).run()

    def cancel_spare(self) -> None:
        """Give up what was opened and is not needed; where that is not possible, it expires."""
        while self._spare:
            request = Request("DELETE", self._spare.pop().location, "", self._scope, again=False)
            try:
                self._transport.send(request, 202, 204).close()
            except Failure:
                return

    def has(self, descriptor: Descriptor) -> bool:
        """Whether the repository has a blob."""
        what = f"{self._transport.host} could not say whether it has a blob"
        request = Request("HEAD", f"{self._url}/blobs/{descriptor.digest}", what, self._scope)
        with self._transport.send(request, 200, 404) as response:
            return response.status_code == 200

    def open(self, what: str) -> _Session:
        """An upload to use: one that was opened before, or a new one."""
        try:
            return self._spare.pop()
        except IndexError:
            return self._begin(what)

    def request(self, method: str, location: str, what: str, headers: dict[str, str], body: Body | None) -> Request:
        """A request within an upload, which is not to be sent twice."""
        return Request(method, location, what, self._scope, headers, body, again=False)

    def _pushed_at_once(self, descriptor: Descriptor, body: Opener) -> bool:
        """Push a small blob in one request (distribution-spec 1.1, "Single POST"); False when it has to be opened.

        A registry need not take that; one that opens an upload instead, or refuses, is not asked again.
        """
        if not self._at_once or descriptor.size > _SMALL or self._spare:
            return False
        what = f"{self._transport.host} did not take the blob {descriptor.digest}"
        location = _with_digest(f"{self._url}/blobs/uploads/", descriptor.digest)
        headers = {"Content-Type": OCTETS}
        request = self.request("POST", location, what, headers, Body(body, descriptor.size))
        try:
            with self._transport.send(request, 201, 202) as response:
                if response.status_code == 201:
                    _check_stored(response, descriptor, what)
                    return True
                self._spare.append(self._session(response, what))
        except (RegistryRefused, RemoteNotFound, Unreachable) as failure:
            if failure.side is not None or isinstance(failure, AuthenticationFailed):  # the source's, or for good
                raise
        self._at_once = False
        return False

    def _begin(self, what: str) -> _Session:
        request = Request("POST", f"{self._url}/blobs/uploads/", what, self._scope, _EMPTY)
        with self._transport.send(request, 202) as response:
            return self._session(response, what)

    def _session(self, response: requests.Response, what: str) -> _Session:
        location = self._transport.location(response, what)
        least = number_in(response.headers.get("OCI-Chunk-Min-Length", ""))
        if self._chunk_size is None or least is None or least > _LARGEST_CHUNK:
            return _Session(location, self._chunk_size)
        return _Session(location, max(self._chunk_size, least))


class _Upload:
    """One blob on its way."""

    def __init__(self, transport: Transport, uploads: Uploads, descriptor: Descriptor, body: Opener) -> None:
        self._transport = transport
        self._uploads = uploads
        self._descriptor = descriptor
        self._body = body if descriptor.size < _LARGE else lambda: ReadAhead(body())
        self._what = f"{transport.host} did not take the blob {descriptor.digest}"

    def run(self) -> None:
        """Try until it is there, or patience is at its end."""
        patience, restarts, steady = self._transport.patience(), 0, 0
        session = self._uploads.open(self._what)
        while True:
            try:
                return self._send(session)
            except Failure as failure:
                if failure.side is not None:  # the source's: the bytes to send did not come
                    raise
                restarts += _out_of_step(failure)
                if not _out_of_step(failure) or restarts > _MAX_RESTARTS:
                    patience.wait(failure, passes=_still_busy(failure))
            if not self._ask(session):
                if self._is_there():
                    return None
                session = self._uploads.open(self._what)
            elif session.offset - steady >= CHUNK:  # a few bytes a try are not progress
                steady = session.offset
                patience.renew()

    def _ask(self, session: _Session) -> bool:
        """Find out how much of it the registry has; False when the upload is of no use any more."""
        request = self._uploads.request("GET", session.location, self._what, {}, None)
        try:
            with self._transport.send(request, 204, 200, 202) as response:
                session.offset = _bytes_there(response, 0)
                if "Location" in response.headers:
                    session.location = self._transport.location(response, self._what)
        except Failure:
            return False
        # "0-0" is also what many say of an upload that has nothing.
        return 1 < session.offset <= self._descriptor.size

    def _is_there(self) -> bool:
        """Whether it arrived after all: the answer that said so may be what was lost."""
        try:
            return self._uploads.has(self._descriptor)
        except Failure:
            return False

    def _send(self, session: _Session) -> None:
        """Send what the registry does not have yet, and close the upload."""
        size = self._descriptor.size
        if session.offset == 0 and (session.chunk_size is None or session.chunk_size >= size):
            self._finish(session, Body(self._body, size))
            return
        with closing(self._body()) as source:
            read_past(source, session.offset)
            while session.offset < size:
                count = min(session.chunk_size or size, size - session.offset)
                self._patch(session, _Part(source, count), count)
            source.read(1)  # there is no more: it is verified now
        self._finish(session, None)

    def _patch(self, session: _Session, part: "_Part", count: int) -> None:
        end = session.offset + count
        headers = {"Content-Type": OCTETS, "Content-Range": f"{session.offset}-{end - 1}"}
        request = self._uploads.request("PATCH", session.location, self._what, headers, Body(lambda: part, count))
        with self._transport.send(request, 202, 201, 204) as response:
            session.location = self._transport.location(response, self._what)
            has = _bytes_there(response, end)
        if has != end:
            raise RegistryRefused(self._what, status=416, cause=f"it says that it has {has} bytes of {end}")
        session.offset = end

    def _finish(self, session: _Session, body: Body | None) -> None:
        headers = {"Content-Type": OCTETS} if body else dict(_EMPTY)
        location = _with_digest(session.location, self._descriptor.digest)
        with self._transport.send(
            self._uploads.request("PUT", location, self._what, headers, body), 201, 204
        ) as response:
            _check_stored(response, self._descriptor, self._what)


class _Part(Readable):
    """The next so many bytes of a source, which stays open behind them."""

    def __init__(self, source: Readable, count: int) -> None:
        self._source = source
        self._left = count

    def read(self, size: int = -1, /) -> bytes:
        data = self._source.read(min(size if size >= 0 else CHUNK, self._left))
        self._left -= len(data)
        return data

    def close(self) -> None:
        """The source is closed by whoever opened it."""


def _check_stored(response: requests.Response, descriptor: Descriptor, what: str) -> None:
    """Insist that a registry stored what was sent, where it says so."""
    stored = response.headers.get("Docker-Content-Digest", str(descriptor.digest))
    if stored != str(descriptor.digest):
        raise UnexpectedAnswer(what, cause=f"it says that it stored {stored[:100]}")


def _out_of_step(failure: Failure) -> bool:
    """Whether registry and client mean different places of an upload, or it is gone."""
    return isinstance(failure, RemoteNotFound) or (isinstance(failure, RegistryRefused) and failure.status == 416)


def _still_busy(failure: Failure) -> bool:
    """Whether the registry still reads what a broken connection brought."""
    return isinstance(failure, RegistryRefused) and failure.status == 409


def _bytes_there(response: requests.Response, otherwise: int) -> int:
    match = _RANGE.fullmatch(response.headers.get("Range", ""))
    return int(match[1]) + 1 if match else otherwise


def _with_digest(location: str, digest: Digest) -> str:
    """The upload's own URL, whose query is the registry's and stays, and the digest."""
    parts = urlsplit(location)
    query = "&".join(part for part in (parts.query, urlencode({"digest": str(digest)})) if part)
    return urlunsplit(parts._replace(query=query))
