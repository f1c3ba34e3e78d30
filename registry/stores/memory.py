"""A store in memory: for what we make ourselves before it is pushed, and for tests."""

import io

from registry.content import Opener, VerifyingReader, verifying
from registry.digest import Digest
from registry.errors import ContentNotFound
from registry.graph import describe_referrer
from registry.model import Descriptor, is_document, parse_document

__all__ = ["MemoryStore"]


class MemoryStore:
    """Content by digest, tags by name; nothing survives the process."""

    def __init__(self) -> None:
        self._content: dict[Digest, bytes] = {}
        self._documents: dict[Digest, Descriptor] = {}
        self._tags: dict[str, Descriptor] = {}

    def exists(self, descriptor: Descriptor, /) -> bool:
        """Whether the content is here."""
        return descriptor.digest in self._content

    def fetch(self, descriptor: Descriptor, /) -> VerifyingReader:
        """A reader of the content.

        Raises ContentNotFound.
        """
        if not self.exists(descriptor):
            raise ContentNotFound(f"{descriptor.digest} is not in memory")
        return VerifyingReader(io.BytesIO(self._content[descriptor.digest]), descriptor)

    def push(self, descriptor: Descriptor, body: Opener, /) -> None:
        """Take the content in, verified."""
        if self.exists(descriptor):
            return
        with verifying(body(), descriptor) as reader:
            data = reader.read()
        if is_document(descriptor.media_type):
            parse_document(data, descriptor.media_type)
            self._documents[descriptor.digest] = descriptor
        self._content[descriptor.digest] = data

    def resolve(self, name: str, /) -> Descriptor:
        """The document behind a tag or a digest.

        Raises ContentNotFound.
        """
        found = self._tags.get(name)
        if found is None and ":" in name:
            found = self._documents.get(Digest.parse(name))
        if found is None:
            raise ContentNotFound(f"{name} is not in memory")
        return found

    def tag(self, descriptor: Descriptor, name: str, /) -> None:
        """Let the name mean this document.

        Raises ContentNotFound when the document is not here.
        """
        if descriptor.digest not in self._documents:
            raise ContentNotFound(f"{descriptor.digest} is not a manifest in memory")
        self._tags[name] = descriptor

    def tags(self) -> list[str]:
        """All tags, sorted."""
        return sorted(self._tags)

    def referrers(self, subject: Descriptor, artifact_type: str | None = None, /) -> list[Descriptor]:
        """The documents whose subject this is, by digest."""
        found = []
        for descriptor in sorted(self._documents.values(), key=lambda known: known.digest):
            document = parse_document(self._content[descriptor.digest], descriptor.media_type)
            if document.subject is not None and document.subject.digest == subject.digest:
                found.append(describe_referrer(descriptor, document))
        return [entry for entry in found if artifact_type in (None, entry.artifact_type)]
