"""ActionCache: the results of actions in one store of content, found by their keys.

A store is a folder, a repository of a registry, or a plain HTTP store: the key's hex digits are the
tag of the result's manifest. Every byte that leaves here is verified. Not here: asking several
caches, and what is done when one of them fails (``layered``).
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from registry.content import CHUNK, ContentStore, Opener, read_all
from registry.digest import Digest
from registry.errors import ContentNotFound, InvalidDocument
from registry.files import open_regular, storage_errors
from registry.model import MAX_MANIFEST, OCI_MANIFEST, Descriptor
from registry.strictjson import canonical_json, load_json
from wasmbuild.build.action import ActionKey
from wasmbuild.build.cache.arriving import arriving
from wasmbuild.build.cache.result import MAX_DESCRIPTION, ActionResult, OutputBlob, Sign, Trusted
from wasmbuild.errors import InvalidSignature, Unsigned

__all__ = ["ActionCache", "Droppable", "ResultStore"]


class ResultStore(ContentStore, Protocol):
    """Content, and names for manifests: what a cache is kept in. None of it needs to list what it has."""

    def resolve(self, name: str, /) -> Descriptor:
        """The manifest behind a name. Raises ContentNotFound."""

    def tag(self, descriptor: Descriptor, name: str, /) -> None:
        """Let ``name`` mean this manifest."""


@runtime_checkable
class Droppable(Protocol):
    """A store that can forget what is damaged."""

    def drop(self, name: str, *contents: Descriptor) -> None:
        """Forget a name, and those of the contents that do not match their digests."""


class ActionCache:
    """One cache. ``shared`` ones are read or written by others, too; ``name`` is what messages call it.

    With ``sign``, what is put gets a signature; with ``trusted``, only what is signed so is found.
    """

    def __init__(
        self,
        store: ResultStore,
        *,
        name: str,
        readable: bool = True,
        writable: bool = True,
        shared: bool = True,
        sign: Sign | None = None,
        trusted: Trusted | None = None,
    ) -> None:
        self.store = store
        self.name = name
        self.readable = readable
        self.writable = writable
        self.shared = shared
        self._sign = sign
        self._trusted = trusted

    def find(self, key: ActionKey) -> ActionResult | None:
        """What the action gave, as the cache has it; None when it has nothing.

        Raises InvalidDocument, ContentTooLarge, DigestMismatch or SizeMismatch for what is no result of
        this action; Unsigned and InvalidSignature; and whatever the store raises.
        """
        try:
            descriptor = self.store.resolve(key.digest.encoded)
        except ContentNotFound:
            return None
        if descriptor.media_type != OCI_MANIFEST:
            raise InvalidDocument("it is not the result of an action")
        result = ActionResult.parse(read_all(self.store, descriptor, MAX_MANIFEST), key)
        self._check_signature(result)
        return result

    def has(self, key: ActionKey) -> bool:
        """Whether there is something under a key."""
        try:
            self.store.resolve(key.digest.encoded)
        except ContentNotFound:
            return False
        return True

    def fetch(self, output: OutputBlob, destination: Path) -> None:
        """Put the content of an output into its place, verified, whole or not at all.

        What is there with the same content already stays. Raises ContentNotFound, DigestMismatch,
        SizeMismatch, StorageFailed, and whatever the store raises.
        """
        if _holds(destination, output):
            return
        with self.store.fetch(output.descriptor) as reader, arriving(destination, mode=0o644) as file:
            for chunk in reader:
                file.write(chunk)

    def description(self, result: ActionResult) -> Mapping[str, Any]:
        """The action that gave a result, for ``cache explain``. Raises what :meth:`fetch` does, and InvalidDocument."""
        data = read_all(self.store, result.description, MAX_DESCRIPTION)
        value = load_json(data, "the description of the action")
        if not isinstance(value, dict):
            raise InvalidDocument("the description of the action is not an object")
        return value

    def put(self, key: ActionKey, description: Mapping[str, Any], outputs: Mapping[str, Path]) -> ActionResult:
        """Keep what an action gave.

        Raises ContentTooLarge, StorageFailed, ValueError when the key is not that of the description, and
        whatever the store raises.
        """
        encoded = canonical_json(description)
        named = [(name, *_measure(path)) for name, path in outputs.items()]
        result = ActionResult.of(encoded, named, self._sign)
        if result.key != key:
            raise ValueError("the key is not that of the description")
        contents: dict[Digest, Opener] = {result.description.digest: lambda: io.BytesIO(encoded)}
        contents |= {blob.digest: _opener(outputs[blob.name]) for blob in result.outputs}
        self.adopt(result, contents)
        return result

    def adopt(self, result: ActionResult, contents: Mapping[Digest, Opener]) -> None:
        """Keep a result with everything that belongs to it, its name last; ``contents`` opens each by its digest."""
        for descriptor in (*(blob.descriptor for blob in result.outputs), result.description):
            if not self.store.exists(descriptor):
                self.store.push(descriptor, contents[descriptor.digest])
        self.store.push(result.manifest, lambda: io.BytesIO(result.encoded))
        self.store.tag(result.manifest, result.key.digest.encoded)

    def drop(self, key: ActionKey, *contents: Descriptor) -> None:
        """Forget what is under a key, and those of the contents that are damaged, where the store can."""
        if self.writable and isinstance(self.store, Droppable):
            self.store.drop(key.digest.encoded, *contents)

    def _check_signature(self, result: ActionResult) -> None:
        if self._trusted is None:
            return
        if result.signature is None:
            raise Unsigned(f"{self.name} has results that nobody has signed")
        if not self._trusted(result.signed_bytes, result.signature):
            raise InvalidSignature("it is not signed by anybody who is trusted")


def _measure(path: Path) -> tuple[Digest, int]:
    hasher, size = Digest("sha256", "").hasher(), 0
    with storage_errors(f"{path.name} could not be read"), open_regular(path) as file:
        while chunk := file.read(CHUNK):
            hasher.update(chunk)
            size += len(chunk)
    return Digest("sha256", hasher.hexdigest()), size


def _opener(path: Path) -> Opener:
    return lambda: open_regular(path)


def _holds(path: Path, output: OutputBlob) -> bool:
    """Whether a file is there that has the very content; it need not be written again."""
    try:
        if path.is_symlink() or path.stat().st_size != output.size:
            return False
        with open_regular(path) as file:
            hasher = output.digest.hasher()
            while chunk := file.read(CHUNK):
                hasher.update(chunk)
    except OSError:
        return False
    return hasher.hexdigest() == output.digest.encoded
