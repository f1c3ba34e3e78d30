"""A repository of a registry, as a store of content, tags and referrers."""

import io
from collections.abc import Iterable
from copy import copy
from typing import Self
from urllib.parse import quote, urlencode

import oras.container
import requests

from registry.client.answers import number_in
from registry.client.bodies import bounded
from registry.client.documents import Documents
from registry.client.downloads import Download
from registry.client.leases import LEASE_HEADER, Lease
from registry.client.referrers import StandIn, list_referrers
from registry.client.transport import Body, Request, Transport
from registry.client.uploads import Uploads
from registry.content import Fetcher, Opener, Skippable, VerifyingReader, read_all, verifying
from registry.digest import Digest
from registry.errors import DigestMismatch, Failure, InvalidDigest, InvalidDocument, UnexpectedAnswer
from registry.graph import describe_referrer
from registry.model import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    MAX_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    OCTETS,
    Descriptor,
    describe,
    is_document,
    parse_document,
)
from registry.reference import valid_tag
from registry.words import printable

__all__ = ["Repository"]

_ACCEPT = ", ".join([OCI_MANIFEST, OCI_INDEX, *sorted((MANIFEST_TYPES | INDEX_TYPES) - {OCI_MANIFEST, OCI_INDEX})])


class Repository:
    """One repository, from any thread; every method is at least one request, except for documents seen before."""

    def __init__(self, transport: Transport, name: str) -> None:
        self.name = name
        self.transport = transport
        self._container = oras.container.Container(f"{transport.host}/{name}")
        self._url = f"{transport.base}/v2/{name}"
        self._documents = Documents()
        self._scope = f"repository:{name}:pull"
        self._uploads = Uploads(transport, self._url, f"repository:{name}:pull,push")
        self._stand_in = StandIn(self)
        self._lists_referrers = True
        self._lease: Lease | None = None

    def with_lease(self, seconds: int) -> Self:
        """The same repository, for staging: each manifest that is pushed by its digest gets a lease.

        A registry that knows leases lets it go once that is over and nothing leads to it; others keep
        it. Manifests count as missing, so that pushing one again prolongs its lease. Raises ValueError
        for less than a minute and more than a week.
        """
        view = copy(self)
        view._lease = Lease(seconds)  # noqa: SLF001 - of one's own
        view._stand_in = StandIn(view)  # noqa: SLF001
        return view

    @property
    def lease_granted(self) -> int | None:
        """The fewest seconds that the registry has granted to what was pushed with a lease.

        0: some of it was there already and stays without one; None: nothing was pushed, or it knows no leases.
        """
        return self._lease.granted if self._lease is not None else None

    @property
    def lists_referrers(self) -> bool:
        """Whether the registry has the referrers API, as far as it is known: it has until it was asked."""
        return self._lists_referrers

    def prepare_push(self) -> None:
        """Ask for the right to push from now on, and find out whether we have it.

        Raises AuthenticationFailed, before anything was sent.
        """
        self._will_push()
        self._uploads.probe(f"{self.transport.host} does not let us push to {self.name}")

    def exists(self, descriptor: Descriptor, /) -> bool:
        """Whether the registry has it; with a lease, no document counts as there."""
        if self._lease is not None and is_document(descriptor.media_type):
            return False
        request = self._request("HEAD", self._path(descriptor), f"{self} could not say whether it has a blob")
        with self.transport.send(request, 200, 404) as response:
            return response.status_code == 200

    def fetch(self, descriptor: Descriptor, /) -> VerifyingReader:
        """A reader of the content, straight from the connection; documents are kept for the next time.

        Raises RemoteNotFound.
        """
        kept = self._documents.get(descriptor.digest)
        if kept is not None:
            return VerifyingReader(io.BytesIO(kept), descriptor)
        # Whoever lists something of this type decides how large it says it is.
        if not is_document(descriptor.media_type) or descriptor.size > MAX_MANIFEST:
            return VerifyingReader(self.download(descriptor), descriptor)
        with VerifyingReader(self.download(descriptor), descriptor) as reader:
            data = b"".join(reader)
        self._documents.keep(descriptor.digest, data)
        return VerifyingReader(io.BytesIO(data), descriptor)

    def download(self, descriptor: Descriptor) -> Skippable:
        """The bytes of the content as they come, verified by nobody yet. Raises RemoteNotFound."""
        what = f"{self} does not give {descriptor.digest}"
        return Download(self.transport, self._request("GET", self._path(descriptor), what))

    def push(self, descriptor: Descriptor, body: Opener, /) -> None:
        """Store the content; the registry checks its digest, and so do we while reading it."""
        self._will_push()
        if not is_document(descriptor.media_type):
            self._uploads.push(descriptor, lambda: verifying(body(), descriptor))
            return
        with verifying(body(), descriptor) as reader:
            data = reader.read()
        document = parse_document(data, descriptor.media_type)
        knows_subjects = self.put(descriptor, data, str(descriptor.digest))
        if document.subject is None or knows_subjects or self._by_api(document.subject.digest) is not None:
            return
        self._stand_in.add(document.subject.digest, describe_referrer(descriptor, document))

    def mount(self, descriptor: Descriptor, source: Fetcher, /) -> bool:
        """Take a blob over from another repository that was opened together with this one."""
        if not isinstance(source, Repository) or source.transport is not self.transport or source.name == self.name:
            return False
        self._will_push()
        return self._uploads.mount(descriptor, source.name)

    def describe_blob(self, digest: Digest) -> Descriptor:
        """How large a blob is. Raises RemoteNotFound."""
        what = f"{self} did not say how large {digest} is"
        request = self._request("HEAD", f"blobs/{digest}", what, missing=f"{self} has no blob {digest}")
        with self.transport.send(request, 200) as response:
            length = number_in(response.headers.get("Content-Length", ""))
        if length is None:
            raise UnexpectedAnswer(what, cause="it does not say how large it is")
        return Descriptor(OCTETS, digest, length)

    def resolve(self, name: str, /) -> Descriptor:
        """The document behind a tag or a digest: fetched, so that the digest is a computed one.

        Raises RemoteNotFound; DigestMismatch when the registry gives other bytes than it says.
        """
        what = f"{self} did not give {name}"
        request = self._request("GET", f"manifests/{quote(name, safe=':')}", what, missing=f"{self} has no {name}")
        with self.transport.send(request, 200) as response:
            data = bounded(response, what)
            media_type = response.headers.get("Content-Type", "").split(";")[0].strip()
            said = response.headers.get("Docker-Content-Digest")
        if not is_document(media_type):
            raise UnexpectedAnswer(
                f"{self} answered with something that is no manifest",
                cause=f"Content-Type {printable(media_type) or 'is missing'}",
            )
        descriptor = self._checked(data, media_type, name if ":" in name else said)
        self._documents.keep(descriptor.digest, data)
        return descriptor

    def tag(self, descriptor: Descriptor, name: str, /) -> None:
        """Let the tag mean this document."""
        self.put(descriptor, read_all(self, descriptor), name)
        self._uploads.cancel_spare()

    def tag_all(self, descriptor: Descriptor, names: Iterable[str]) -> None:
        """Let several tags mean this document; in one request where the registry can (``OCI-Tag``)."""
        wanted = list(dict.fromkeys(names))
        if len(wanted) > 1:
            data, query = read_all(self, descriptor), urlencode([("tag", name) for name in wanted])
            with self._send_document(descriptor, data, f"{descriptor.digest}?{query}") as response:
                taken = {name.strip() for name in response.headers.get("OCI-Tag", "").split(",")}
            wanted = [name for name in wanted if name not in taken]
        for name in wanted:
            self.tag(descriptor, name)
        self._uploads.cancel_spare()

    def tags(self) -> list[str]:
        """All tags, sorted; registries differ in the order of theirs. What cannot be a tag is left out, and said."""
        try:
            listed = self.transport.get_tags(self._container)
            tags = sorted(name for name in listed if valid_tag(name))
        except Failure as failure:
            failure.what = f"{self} did not list its tags"
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UnexpectedAnswer(f"{self} did not list its tags", cause="the answer is no list of tags") from error
        if len(tags) < len(listed):
            self.transport.settings.notice(f"{self} lists {len(listed) - len(tags)} names that cannot be tags")
        return tags

    def referrers(self, subject: Descriptor, artifact_type: str | None = None, /) -> list[Descriptor]:
        """Documents whose subject this is, by the referrers API or by the tag that stands in for it.

        Raises whatever the registry answers other than a list: it is never taken for "none".
        """
        found = self._by_api(subject.digest, artifact_type)
        if found is None:
            found = self._stand_in.referrers(subject.digest)
        # Registries need not filter, and say in OCI-Filters-Applied whether they did.
        return [entry for entry in found if artifact_type in (None, entry.artifact_type)]

    def untag(self, name: str, /) -> None:
        """Delete a tag, and not the document behind it.

        Raises RemoteNotFound, and RegistryRefused from registries that cannot do that.
        """
        self._delete(f"manifests/{quote(name, safe='')}", f"{self} did not delete the tag {name}")

    def delete(self, digest: Digest, /) -> None:
        """Delete a document, with all tags that mean it; a list of referrers that we keep loses it.

        Raises RemoteNotFound.
        """
        subject = self._subject_of(digest)
        self.discard(digest)
        if subject is not None and self._by_api(subject) is None:
            self._stand_in.remove(subject, digest)

    def discard(self, digest: Digest, /) -> None:
        """Delete a document that is known to refer to nothing, without another look at it."""
        self._delete(f"manifests/{digest}", f"{self} did not delete {digest}")
        self._documents.forget(digest)

    def delete_blob(self, digest: Digest) -> None:
        """Delete a blob from this repository, whatever needs it.

        Raises RemoteNotFound.
        """
        self._delete(f"blobs/{digest}", f"{self} did not delete the blob {digest}")

    def put(self, descriptor: Descriptor, data: bytes, name: str, /) -> bool:
        """Put a document under a tag, or its digest; whether the registry knows what a subject is."""
        with self._send_document(descriptor, data, quote(name, safe=":")) as response:
            return "OCI-Subject" in response.headers

    def __str__(self) -> str:
        return f"{self.transport.host}/{self.name}"

    def _request(self, method: str, path: str, what: str, missing: str | None = None) -> Request:
        headers = {"Accept": _ACCEPT} if path.startswith("manifests/") else {}
        return Request(method, f"{self._url}/{path}", what, self._scope, headers, missing=missing)

    def _path(self, descriptor: Descriptor) -> str:
        kind = "manifests" if is_document(descriptor.media_type) else "blobs"
        return f"{kind}/{descriptor.digest}"

    def _will_push(self) -> None:
        self._scope = f"repository:{self.name}:pull,push"

    def _send_document(self, descriptor: Descriptor, data: bytes, path: str) -> requests.Response:
        """Put a document; the answer, which has taken it as what it is."""
        self._will_push()
        what = f"{self} did not take the manifest {path.partition('?')[0]}"
        body = Body(lambda: io.BytesIO(data), len(data))
        # A tag would end the lease at once.
        lease = self._lease if path == str(descriptor.digest) else None
        headers = {"Content-Type": descriptor.media_type, **(lease.headers if lease is not None else {})}
        request = Request("PUT", f"{self._url}/manifests/{path}", what, self._scope, headers, body)
        response = self.transport.send(request, 201)
        if lease is not None:
            lease.note(response.headers.get(LEASE_HEADER, ""))
        stored = response.headers.get("Docker-Content-Digest", str(descriptor.digest))
        if stored != str(descriptor.digest):
            response.close()
            raise UnexpectedAnswer(what, cause=f"it says that it stored {printable(stored, 100)}")
        self._documents.keep(descriptor.digest, data)
        return response

    def _delete(self, path: str, what: str) -> None:
        scope = f"repository:{self.name}:delete,pull"
        with self.transport.send(Request("DELETE", f"{self._url}/{path}", what, scope), 202, 200, 204):
            pass

    def _subject_of(self, digest: Digest) -> Digest | None:
        """What a document that is about to go refers to; one that nobody can read refers to nothing."""
        descriptor = self.resolve(str(digest))
        try:
            subject = parse_document(read_all(self, descriptor), descriptor.media_type).subject
        except InvalidDocument:
            return None
        return subject.digest if subject else None

    def _checked(self, data: bytes, media_type: str, said: str | None) -> Descriptor:
        """Describe what arrived, once it is what the registry, or the caller, said it would be."""
        try:
            expected = Digest.parse(said) if said else None
        except InvalidDigest as error:
            raise UnexpectedAnswer(f"{self} named a digest that is none", cause=str(error)) from error
        descriptor = describe(media_type, data, expected.algorithm if expected else "sha256")
        if expected is not None and descriptor.digest != expected:
            raise DigestMismatch(
                f"the content of {expected} does not match its digest",
                cause=f"the bytes that {self} gave are {descriptor.digest}",
            )
        return descriptor

    def _by_api(self, subject: Digest, artifact_type: str | None = None) -> list[Descriptor] | None:
        """What the referrers API lists; None when there is none, which is remembered."""
        if not self._lists_referrers:
            return None
        query = "" if artifact_type is None else f"?{urlencode({'artifactType': artifact_type})}"
        found = list_referrers(self.transport, f"{self._url}/referrers/{subject}{query}", self._scope, str(self))
        self._lists_referrers = found is not None
        return found
