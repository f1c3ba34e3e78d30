"""The referrers API (distribution-spec 1.1, "Listing Referrers") and the tag that stands in for it."""

from collections.abc import Callable
from threading import Lock
from typing import Protocol

from registry.client.bodies import bounded
from registry.client.transport import Request, Transport
from registry.content import Fetcher, TagStore, read_all
from registry.digest import Digest
from registry.errors import ContentTooLarge, Failure, InvalidDocument, RemoteNotFound, UnexpectedAnswer
from registry.model import OCI_INDEX, Descriptor, Index, describe, parse_document

__all__ = ["StandIn", "list_referrers", "referrers_tag"]

_MAX_PAGES = 100
_MAX_REFERRERS = 10_000
_MAX_BYTES = 32 * 1024 * 1024
"""Of all pages together: three kilobytes for each of so many referrers, whose annotations are in the list."""
_NO_SUCH_API = frozenset({404, 405})
_ATTEMPTS = 8


def list_referrers(transport: Transport, url: str, scope: str, name: str) -> list[Descriptor] | None:
    """All pages of a referrers list; None when the registry has no such API.

    Raises whatever it answers other than a list or "no such API".
    """
    found: list[Descriptor] = []
    received = 0
    what = f"{name} could not list the referrers"
    for number in range(_MAX_PAGES):
        request = Request("GET", url, what, scope, {"Accept": OCI_INDEX})
        page, size, following = _page(transport, request, first=number == 0)
        if page is None:
            return None
        found.extend(page.manifests)
        received += size
        if len(found) > _MAX_REFERRERS:
            raise ContentTooLarge(what, cause=f"there are more than {_MAX_REFERRERS}")
        if received > _MAX_BYTES:
            raise ContentTooLarge(what, cause=f"the list is larger than {_MAX_BYTES} bytes")
        if following is None:
            return found
        url = following
    raise ContentTooLarge(what, cause=f"there are more than {_MAX_PAGES} pages")


def referrers_tag(digest: Digest) -> str:
    """The tag of the "Referrers Tag Schema": at most 32 and 64 characters of the digest's parts."""
    return f"{digest.algorithm[:32]}-{digest.encoded[:64]}"


def _page(transport: Transport, request: Request, *, first: bool) -> tuple[Index | None, int, str | None]:
    """A page, how many bytes it has, and the address of the next one."""
    allowed = (200, *_NO_SUCH_API) if first else (200,)
    with transport.send(request, *allowed) as response:
        content_type = response.headers.get("Content-Type", "").split(";")[0].strip()
        if response.status_code != 200 or (first and content_type == "text/html"):
            return None, 0, None  # some registries answer an unknown path with their web page
        data = bounded(response, request.what)
        following = response.links.get("next", {}).get("url")
    try:
        index = parse_document(data, OCI_INDEX)
    except InvalidDocument as error:
        raise UnexpectedAnswer(request.what, cause=str(error)) from error
    if not isinstance(index, Index):
        raise UnexpectedAnswer(request.what, cause="the answer is not an index")
    return index, len(data), transport.page(request.url, following, request.what) if following else None


class _Repository(Fetcher, TagStore, Protocol):
    """What the stand-in needs of a repository."""

    def put(self, descriptor: Descriptor, data: bytes, name: str, /) -> bool:
        """Put a document under a name."""

    def untag(self, name: str, /) -> None:
        """Delete a tag."""

    def discard(self, digest: Digest, /) -> None:
        """Delete a document that refers to nothing."""


class StandIn:
    """The lists that clients keep themselves, for a registry without the API ("Referrers Tag Schema").

    Another client may write its own list between our reading and our writing, so we look again. The
    race that is left is the specification's: nothing makes the last look the last.
    """

    def __init__(self, repository: _Repository) -> None:
        self._repository = repository
        self._locks = [Lock() for _ in range(16)]
        self._deletes = True

    def referrers(self, subject: Digest) -> list[Descriptor]:
        """What the list has. Raises UnexpectedAnswer when there is something else in its place."""
        return list(self._read(subject)[0])

    def add(self, subject: Digest, entry: Descriptor) -> None:
        """Put one on the list. Raises UnexpectedAnswer when others keep overwriting it."""

        def added(known: tuple[Descriptor, ...]) -> tuple[Descriptor, ...]:
            return known if any(each.digest == entry.digest for each in known) else (*known, entry)

        self._change(subject, added)

    def remove(self, subject: Digest, gone: Digest) -> None:
        """Take one off the list. Raises UnexpectedAnswer when others keep overwriting it."""
        self._change(subject, lambda known: tuple(each for each in known if each.digest != gone))

    def _change(self, subject: Digest, change: Callable[[tuple[Descriptor, ...]], tuple[Descriptor, ...]]) -> None:
        tag = referrers_tag(subject)
        with self._locks[hash(subject) % len(self._locks)]:
            for _ in range(_ATTEMPTS):
                known, before = self._read(subject)
                after = change(known)
                if after == known:
                    return
                if after or not self._untag(tag):
                    data = Index(manifests=after).encode()
                    self._repository.put(describe(OCI_INDEX, data), data, tag)
                if before is not None:
                    self._discard(before)
        raise UnexpectedAnswer(
            f"{self._repository} did not keep the list of referrers",
            cause=f"{tag} was overwritten {_ATTEMPTS} times",
            hint="run the command again",
        )

    def _read(self, subject: Digest) -> tuple[tuple[Descriptor, ...], Descriptor | None]:
        tag = referrers_tag(subject)
        try:
            descriptor = self._repository.resolve(tag)
        except RemoteNotFound:
            return (), None
        if descriptor.digest == subject:
            return (), None  # some registries take the tag for the digest
        document = parse_document(read_all(self._repository, descriptor), descriptor.media_type)
        if not isinstance(document, Index):
            raise UnexpectedAnswer(
                f"{self._repository} could not list the referrers", cause=f"{tag} is a manifest, not a list of them"
            )
        return document.manifests, descriptor

    def _untag(self, tag: str) -> bool:
        """Take away a list that has nothing any more, where the registry lets us."""
        try:
            self._repository.untag(tag)
        except Failure:
            return False
        return True

    def _discard(self, old: Descriptor) -> None:
        """Delete a list that another one has replaced, where the registry lets us."""
        if self._deletes:
            try:
                self._repository.discard(old.digest)
            except Failure:
                self._deletes = False
