"""``inspect`` of an artifact: what its manifest, its config and the list of what refers to it say.

No layer is fetched unless somebody asks for it, and nothing is verified but digests: a config is its
writer's word, a list the registry's.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from registry.client.registries import Registries
from registry.content import read_all
from registry.errors import (
    ContentNotFound,
    ContentTooLarge,
    InvalidDocument,
    RegistryRefused,
    UnexpectedAnswer,
)
from registry.graph import read_document
from registry.model import EMPTY, Descriptor, Manifest
from registry.strictjson import load_json
from registry.words import printable
from wasmbuild.artifact import WASM_CONFIG
from wasmbuild.caches import Caches
from wasmbuild.errors import UnknownArtifact
from wasmbuild.events import Note, Sink
from wasmbuild.trust.companion import companion_tag
from wasmbuild.wasm.model import Export, Import, Kind, WasmBinary
from wasmbuild.workflows.contradictions import contradictions
from wasmbuild.workflows.fetch import Fetched, bring, fetch
from wasmbuild.workflows.inspect import read_content
from wasmbuild.workflows.inspected import Attached, ConfigBlob, FileContent, Inspected, Published
from wasmbuild.workflows.kinds import COSIGN_SUFFIXES, referrer_in_words
from wasmbuild.workflows.locals import in_registry
from wasmbuild.workflows.locate import Located, locate
from wasmbuild.workflows.remote import Remote

__all__ = ["fetched_file", "inspect_artifact", "published", "read_config"]

_MOST_ATTACHED = 100
_COSIGN_SIGNATURE = "application/vnd.dev.cosign.artifact.sig.v1+json"
_SUFFIX = ".sig"


def inspect_artifact(
    artifact: str, *, deep: bool = False, caches: Caches, registries: Registries, sink: Sink
) -> Inspected:
    """Look at an artifact in a registry: at its documents alone, or, if it is to be ``deep``, at its file, too.

    So is a file that came out of the file system of an image: it is here already. Then what the config says is held
    against the file, and where they differ there is a warning. Raises UsageFailed, UnknownArtifact, InvalidWasm, and
    what fetching raises.
    """
    located = locate(in_registry(artifact, "inspect"), demand=None, registries=registries, sink=sink)
    if not deep and located.source is located.remote.repository:
        return Inspected(str(located.reference), None, published(located, sink))
    fetched = bring(located, caches=caches, sink=sink)
    content = read_content(fetched.path, deep=deep)
    return Inspected(str(fetched.reference), content, _compared(published(fetched.located, sink), content, sink))


def _compared(artifact: Published, content: FileContent, sink: Sink) -> Published:
    """The artifact, with a doubt for all that its config says of the file and is not so."""
    found = contradictions(artifact.config, content.anatomy.binary)
    for each in found:
        sink(Note("warning", each))
    return replace(artifact, config=replace(artifact.config, doubts=(*artifact.config.doubts, *found)))


def fetched_file(artifact: str, *, caches: Caches, registries: Registries, sink: Sink) -> Fetched:
    """The file of an artifact, verified. Raises UsageFailed for what is no reference, and what fetching raises."""
    return fetch(in_registry(artifact, "inspect"), demand=None, caches=caches, registries=registries, sink=sink)


def published(located: Located, sink: Sink) -> Published:
    """Read an artifact that was located. Raises UnknownArtifact, and what the client raises."""
    remote = located.remote
    document = read_document(remote.repository, remote.descriptor)[1]
    if not isinstance(document, Manifest):
        raise UnknownArtifact(f"{remote.descriptor.digest} is not a manifest")
    return Published(
        reference=str(remote.pinned),
        descriptor=remote.descriptor,
        index=located.index,
        manifest=document,
        layer=located.layer,
        config=_config(remote, document, located.layer),
        attached=_attached(remote, [remote.descriptor, *([located.index] if located.index else [])], sink),
    )


def _config(remote: Remote, manifest: Manifest, layer: Descriptor) -> ConfigBlob:
    try:
        data = read_all(remote.repository, manifest.config)
        return read_config(data, manifest.config.media_type, layer)
    except (ContentNotFound, ContentTooLarge, InvalidDocument) as failure:
        return ConfigBlob(doubts=(f"its config cannot be read: {failure}",))


def read_config(data: bytes, media_type: str, layer: Descriptor) -> ConfigBlob:
    """Understand a config, whoever wrote it; what is missing, null or malformed is not known.

    ``component`` is the CNCF layout's ("Wasm OCI Artifact layout"), ``module`` what wasmbuild puts beside it.
    Raises InvalidDocument for what is no JSON object.
    """
    said = load_json(data, "the config")
    if not isinstance(said, dict):
        raise InvalidDocument("the config is not an object")
    doubts: list[str] = []
    kind: Kind = "component" if said.get("component") is not None else "module"
    is_layout = media_type == WASM_CONFIG
    part = said.get(kind) if is_layout else None
    binary = None if part is None else _claimed(kind, part, layer.size, doubts)
    digests = said.get("layerDigests")
    if isinstance(digests, list) and digests and str(layer.digest) not in digests:
        doubts.append("its config names another layer than its manifest")
    target = part.get("target") if isinstance(part, dict) else None
    return ConfigBlob(
        created=_text(said, "created"),
        author=_text(said, "author"),
        operating_system=_text(said, "os"),
        architecture=_text(said, "architecture"),
        target=target if isinstance(target, str) else None,
        kind=kind if is_layout else None,
        binary=binary,
        doubts=tuple(doubts),
    )


def _claimed(kind: Kind, part: object, size: int, doubts: list[str]) -> WasmBinary | None:
    names = [_names(part, field) for field in ("imports", "exports")]
    if names[0] is None or names[1] is None:
        doubts.append(f"its config has a malformed '{kind}'")
        return None
    # The kinds are not known, and what a role is read off are functions.
    exports = tuple(Export(name, "function") for name in names[1])
    return WasmBinary(kind, 0, size, (), tuple(_import(kind, name) for name in names[0]), exports)


def _names(part: object, field: str) -> list[str] | None:
    found = part.get(field) if isinstance(part, dict) else None
    return found if isinstance(found, list) and all(isinstance(each, str) for each in found) else None


def _import(kind: Kind, name: str) -> Import:
    module, separator, rest = name.partition("::")
    return Import(module, rest, "function") if kind == "module" and separator else Import(None, name, "function")


def _text(said: dict[str, Any], field: str) -> str | None:
    value = said.get(field)
    return value if isinstance(value, str) else None


def _attached(remote: Remote, subjects: Iterable[Descriptor], sink: Sink) -> tuple[Attached, ...] | None:
    """What the registry lists for an artifact, and cosign's tag for a signature."""
    found: dict[str, Attached] = {}
    try:
        for subject in subjects:
            listed = remote.repository.referrers(subject)
            if len(listed) > _MOST_ATTACHED:
                sink(Note("warning", f"{len(listed)} manifests refer to this; {_MOST_ATTACHED} are shown"))
            found |= {str(entry.digest): _listed(entry) for entry in listed[:_MOST_ATTACHED]}
            by_tag = _by_tag(remote, subject)
            found |= {} if by_tag is None else {str(by_tag.digest): by_tag}
    except (RegistryRefused, ContentNotFound, ContentTooLarge, InvalidDocument, UnexpectedAnswer) as failure:
        sink(Note("warning", f"what refers to this is not known: {failure}"))
        return None
    return tuple(sorted(found.values(), key=lambda each: (not each.signs, each.words, str(each.digest))))


def _listed(entry: Descriptor) -> Attached:
    words = referrer_in_words(
        Manifest(EMPTY, (), artifact_type=entry.artifact_type or "not said", annotations=entry.annotations)
    )
    if entry.artifact_type == _COSIGN_SIGNATURE:
        words = COSIGN_SUFFIXES[_SUFFIX]
    return Attached(words, entry.digest, signs=words.startswith(("signature", "cosign signature", "sigstore bundle")))


def _by_tag(remote: Remote, subject: Descriptor) -> Attached | None:
    tag = companion_tag(subject.digest)
    if tag is None:
        return None
    try:
        descriptor = remote.repository.resolve(tag)
    except ContentNotFound:
        return None
    return Attached(COSIGN_SUFFIXES[_SUFFIX], descriptor.digest, signs=True, tag=printable(tag))
