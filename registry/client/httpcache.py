"""A plain HTTP store of content and names: ``GET``, ``HEAD`` and ``PUT``, and nothing else.

Under the URL, ``cas/HEX`` is content by its SHA-256, and ``ac/NAME`` the descriptor of a manifest as
JSON: the paths that build caches have in common (``docs/build-cache.md``). How one is spoken to, with
whose credentials and how often, is decided as for registries.
"""

import io
from dataclasses import replace
from typing import Self
from urllib.parse import urlsplit

from registry.client.bodies import bounded
from registry.client.downloads import Download
from registry.client.settings import Settings
from registry.client.transport import Body, Request, Transport
from registry.content import CHUNK, Opener, Readable, VerifyingReader, verifying
from registry.digest import Digest
from registry.errors import ContentNotFound, InvalidDocument, InvalidReference
from registry.model import Descriptor
from registry.reference import Reference, valid_tag
from registry.strictjson import canonical_json, load_json

__all__ = ["HttpCache"]

_MAX_POINTER = 4096
"""Bytes of a descriptor."""
_STORED = (200, 201, 202, 204)
_JSON = {"Content-Type": "application/json"}
_OCTETS = {"Content-Type": "application/octet-stream"}


class HttpCache:
    """One store, from any thread; every method is a request. ``url`` has no slash at its end."""

    def __init__(self, transport: Transport, url: str) -> None:
        self._transport = transport
        self._url = url

    @classmethod
    def open(cls, url: str, settings: Settings) -> Self:
        """The store at ``http://…`` or ``https://…``; no request is made yet.

        Raises InvalidReference, which never repeats a password.
        """
        scheme, host, path = _parse(url)
        if scheme == "http":
            own = replace(settings.of(host), plain_http=True)
            settings = replace(settings, hosts={**settings.hosts, host: own})
        return cls(Transport(host, settings), f"{scheme}://{host}{path}")

    def exists(self, descriptor: Descriptor, /) -> bool:
        """Whether the store has the content."""
        request = self._request("HEAD", self._path(descriptor.digest), "could not say whether it has a blob")
        with self._transport.send(request, 200, 404) as response:
            return response.status_code == 200

    def fetch(self, descriptor: Descriptor, /) -> VerifyingReader:
        """A reader of the content, straight from the connection. Raises RemoteNotFound."""
        request = self._request("GET", self._path(descriptor.digest), f"does not give {descriptor.digest}")
        return VerifyingReader(Download(self._transport, request), descriptor)

    def push(self, descriptor: Descriptor, body: Opener, /) -> None:
        """Store the content. A store need not look at what it takes: all of it is verified before the end is sent.

        Raises DigestMismatch and SizeMismatch.
        """
        if descriptor.size == 0:
            verifying(body(), descriptor).read()
        sent = Body(lambda: _HeldBack(verifying(body(), descriptor)), descriptor.size)
        request = self._request("PUT", self._path(descriptor.digest), f"did not take {descriptor.digest}")
        self._transport.send(replace(request, body=sent, headers=_OCTETS), *_STORED).close()

    def resolve(self, name: str, /) -> Descriptor:
        """The manifest behind a name. Raises RemoteNotFound; InvalidDocument for what is no descriptor."""
        what = f"did not give {name}"
        with self._transport.send(self._request("GET", self._pointer(name), what), 200) as response:
            data = bounded(response, f"{self} {what}")
        if len(data) > _MAX_POINTER:
            raise InvalidDocument(f"{name} in {self} is too long")
        return Descriptor.from_json(load_json(data, f"{name} in {self}"), f"{name} in {self}")

    def tag(self, descriptor: Descriptor, name: str, /) -> None:
        """Let the name mean this manifest. Raises ContentNotFound when the store has not got it."""
        if not self.exists(descriptor):
            raise ContentNotFound(f"{self} has no {descriptor.digest}")
        data = canonical_json(descriptor.plain().to_json())
        request = self._request("PUT", self._pointer(name), f"did not take {name}")
        body = Body(lambda: io.BytesIO(data), len(data))
        self._transport.send(replace(request, body=body, headers=_JSON), *_STORED).close()

    def __str__(self) -> str:
        return self._url

    def _request(self, method: str, path: str, what: str) -> Request:
        return Request(method, f"{self._url}/{path}", f"{self} {what}")

    @staticmethod
    def _path(digest: Digest) -> str:
        if digest.algorithm != "sha256":
            raise ContentNotFound(f"{digest} cannot be in a store by SHA-256")
        return f"cas/{digest.encoded}"

    @staticmethod
    def _pointer(name: str) -> str:
        if not valid_tag(name):
            raise ContentNotFound(f"{name[:80]!r} cannot be a name")
        return f"ac/{name}"


class _HeldBack(Readable):
    """A reader that gives its last bytes once all of them are verified; ``source`` verifies at its end."""

    def __init__(self, source: VerifyingReader) -> None:
        self._source = source
        self._held = b""

    def read(self, size: int = -1, /) -> bytes:
        wanted = CHUNK if size < 0 else size
        if not self._held:
            self._held = self._source.read(wanted)
        given, self._held = self._held[:wanted], self._held[wanted:]
        if not self._held:
            self._held = self._source.read(wanted)
        return given

    def close(self) -> None:
        self._source.close()


def _parse(url: str) -> tuple[str, str, str]:
    """Scheme, host and path; the path begins with a slash, or is empty."""
    try:
        parts = urlsplit(url)
        shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:200]
    except ValueError as error:
        raise _invalid("a URL", str(error)) from error
    if "@" in parts.netloc:
        raise _invalid(shown, "there are credentials in it", "leave them out, and: wasmbuild login HOST")
    if parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
        raise _invalid(shown, "it must be http:// or https://, a host and a path, and nothing more")
    host, path = parts.netloc.lower(), parts.path.rstrip("/")
    try:
        Reference.parse(f"{host if ':' in host or '.' in host else f'{host}:80'}/any")
    except InvalidReference as error:
        raise _invalid(shown, error.cause or "there is no host in it") from error
    if not path.isascii() or not path.isprintable() or any(part in {".", ".."} for part in path.split("/")):
        raise _invalid(shown, "its path is not written as a URL has it")
    return parts.scheme, host, path


def _invalid(shown: str, cause: str, hint: str | None = None) -> InvalidReference:
    return InvalidReference(
        f"{shown!r} is not a store", cause=cause, hint=hint or "write it as https://cache.example.com/wasmbuild"
    )
