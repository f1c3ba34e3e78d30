"""A repository of a registry, as a store of content, tags and referrers."""

import io
from collections import OrderedDict
from contextlib import suppress
from urllib.parse import quote

import oras.container

from registry.client.bodies import Incoming, bounded
from registry.client.referrers import list_referrers, referrers_tag
from registry.client.transport import Body, Request, Transport
from registry.client.uploads import begin_upload, upload
from registry.content import Opener, VerifyingReader, read_all
from registry.digest import Digest
from registry.errors import (
    DigestMismatch,
    Failure,
    InvalidDigest,
    RemoteNotFound,
    UnexpectedAnswer,
)
from registry.graph import describe_referrer, push_bytes
from registry.model import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Index,
    describe,
    is_document,
    parse_document,
)
from registry.reference import Reference
from registry.words import printable

__all__ = ["Repository", "open_repository"]

_ACCEPT = ", ".join([OCI_MANIFEST, OCI_INDEX, *sorted((MANIFEST_TYPES | INDEX_TYPES) - {OCI_MANIFEST, OCI_INDEX})])
_KEPT_DOCUMENTS = 64
_INDEX_ATTEMPTS = 8


def open_repository(reference: Reference) -> "Repository":
    """The repository that a reference is about."""
    return Repository(Transport(reference.host), reference.repository)


class Repository:
    """One repository; every method is at least one request, except for documents seen before."""

    def __init__(self, transport: Transport, name: str) -> None:
        self.name = name
        self._transport = transport
        self._container = oras.container.Container(f"{transport.host}/{name}")
        self._url = f"{transport.base}/v2/{name}"
        self._documents: OrderedDict[Digest, bytes] = OrderedDict()
        self._scope = f"repository:{name}:pull"

    def prepare_push(self) -> None:
        """Ask for the right to push from now on, and find out whether we have it.

        Raises AuthenticationFailed, before anything was sent.
        """
        self._scope = f"repository:{self.name}:pull,push"
        what = f"{self._transport.host} does not let us push to {self.name}"
        location = begin_upload(self._transport, self._url, self._scope, what)
        # The probe has done its work. Some registries let nobody cancel, and all let uploads expire.
        with suppress(Failure), self._transport.send(Request("DELETE", location, what, self._scope), 202, 204):
            pass

    def exists(self, descriptor: Descriptor, /) -> bool:
        """Whether the registry has it."""
        request = self._request("HEAD", self._path(descriptor), f"{self} could not say whether it has a blob")
        with self._transport.send(request, 200, 404) as response:
            return response.status_code == 200

    def fetch(self, descriptor: Descriptor, /) -> VerifyingReader:
        """A reader of the content, straight from the connection; documents are kept for the next time.

        Raises RemoteNotFound.
        """
        kept = self._documents.get(descriptor.digest)
        if kept is not None:
            return VerifyingReader(io.BytesIO(kept), descriptor)
        what = f"{self} does not give {descriptor.digest}"
        response = self._transport.send(self._request("GET", self._path(descriptor), what), 200)
        if not is_document(descriptor.media_type):
            return VerifyingReader(Incoming(response), descriptor)
        with response, VerifyingReader(Incoming(response), descriptor) as reader:
            data = b"".join(reader)
        self._keep(descriptor, data)
        return VerifyingReader(io.BytesIO(data), descriptor)

    def push(self, descriptor: Descriptor, body: Opener, /) -> None:
        """Store the content; the registry checks its digest, and so do we while reading it."""
        self._scope = f"repository:{self.name}:pull,push"
        if not is_document(descriptor.media_type):
            upload(self._transport, self._url, self._scope, descriptor, lambda: VerifyingReader(body(), descriptor))
            return
        with VerifyingReader(body(), descriptor) as reader:
            data = reader.read()
        document = parse_document(data, descriptor.media_type)
        if self._put(descriptor, data, str(descriptor.digest)) or document.subject is None:
            return
        self._list_as_referrer(document.subject, describe_referrer(descriptor, document))

    def resolve(self, name: str, /) -> Descriptor:
        """The document behind a tag or a digest: fetched, so that the digest is a computed one.

        Raises RemoteNotFound; DigestMismatch when the registry gives other bytes than it says.
        """
        what = f"{self._transport.host}/{self.name} has no {name}"
        request = self._request("GET", f"manifests/{quote(name, safe=':')}", what)
        with self._transport.send(request, 200) as response:
            data = bounded(response, what)
            media_type = response.headers.get("Content-Type", "").split(";")[0].strip()
            said = response.headers.get("Docker-Content-Digest")
        if not is_document(media_type):
            raise UnexpectedAnswer(
                f"{self} answered with something that is no manifest",
                cause=f"Content-Type {printable(media_type) or 'is missing'}",
            )
        descriptor = self._checked(data, media_type, name if ":" in name else said)
        self._keep(descriptor, data)
        return descriptor

    def tag(self, descriptor: Descriptor, name: str, /) -> None:
        """Let the tag mean this document."""
        self._put(descriptor, read_all(self, descriptor), name)

    def tags(self) -> list[str]:
        """All tags, sorted; registries differ in the order of theirs."""
        try:
            return sorted(self._transport.get_tags(self._container))
        except Failure as failure:
            failure.what = f"{self} did not list its tags"
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UnexpectedAnswer(f"{self} did not list its tags", cause="the answer is no list of tags") from error

    def referrers(self, subject: Descriptor, artifact_type: str | None = None, /) -> list[Descriptor]:
        """Documents whose subject this is, by the referrers API or by the tag that stands in for it.

        Raises whatever the registry answers other than a list: it is never taken for "none".
        """
        found = self._by_api(subject)
        if found is None:
            found = self._by_tag(subject)
        return [entry for entry in found if artifact_type in (None, entry.artifact_type)]

    def __str__(self) -> str:
        return f"{self._transport.host}/{self.name}"

    def _request(self, method: str, path: str, what: str) -> Request:
        headers = {"Accept": _ACCEPT} if path.startswith("manifests/") else {}
        return Request(method, f"{self._url}/{path}", what, self._scope, headers)

    def _path(self, descriptor: Descriptor) -> str:
        kind = "manifests" if is_document(descriptor.media_type) else "blobs"
        return f"{kind}/{descriptor.digest}"

    def _put(self, descriptor: Descriptor, data: bytes, name: str) -> bool:
        """Put a document under a name; whether the registry knows what a subject is."""
        self._scope = f"repository:{self.name}:pull,push"
        what = f"{self} did not take the manifest {name}"
        headers = {"Content-Type": descriptor.media_type}
        body = Body(lambda: io.BytesIO(data), len(data))
        request = Request("PUT", f"{self._url}/manifests/{quote(name, safe=':')}", what, self._scope, headers, body)
        with self._transport.send(request, 201) as response:
            stored = response.headers.get("Docker-Content-Digest", str(descriptor.digest))
            knows_subjects = "OCI-Subject" in response.headers
        if stored != str(descriptor.digest):
            raise UnexpectedAnswer(what, cause=f"it says that it stored {stored[:100]}")
        self._keep(descriptor, data)
        return knows_subjects

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

    def _keep(self, descriptor: Descriptor, data: bytes) -> None:
        self._documents[descriptor.digest] = data
        while len(self._documents) > _KEPT_DOCUMENTS:
            self._documents.popitem(last=False)

    def _by_api(self, subject: Descriptor) -> list[Descriptor] | None:
        return list_referrers(self._transport, f"{self._url}/referrers/{subject.digest}", self._scope, str(self))

    def _by_tag(self, subject: Descriptor) -> list[Descriptor]:
        """The index behind the tag that stands in for the API ("Referrers Tag Schema")."""
        try:
            descriptor = self.resolve(referrers_tag(subject.digest))
        except RemoteNotFound:
            return []
        document = parse_document(read_all(self, descriptor), descriptor.media_type)
        return list(document.manifests) if isinstance(document, Index) else []

    def _list_as_referrer(self, subject: Descriptor, entry: Descriptor) -> None:
        """Keep that index, for a registry that does not do it by itself.

        Another client may write its own between our reading and our writing, so we look again. The
        race that is left is the specification's: nothing makes the last look the last.
        """
        if self._by_api(subject) is not None:
            return
        for _ in range(_INDEX_ATTEMPTS):
            known = self._by_tag(subject)
            if any(other.digest == entry.digest for other in known):
                return
            data = Index(manifests=(*known, entry)).encode()
            index = describe(OCI_INDEX, data)
            push_bytes(self, index, data)
            self.tag(index, referrers_tag(subject.digest))
        raise UnexpectedAnswer(
            f"{self} did not keep the list of referrers",
            cause=f"{referrers_tag(subject.digest)} was overwritten {_INDEX_ATTEMPTS} times",
            hint="run the command again",
        )
