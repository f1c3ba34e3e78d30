"""Whom to trust, carried in an archive beside the artifacts: keys, certificate authorities, trusted roots, a policy.

It is carried and never believed: whoever made the archive may have put it there. A person takes it out, looks
whether it is the right one, and names it. Artifacts are moved by ``archives``, and verified by ``offline``.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from registry.content import read_all
from registry.errors import Failure, InvalidDocument
from registry.files import read_regular, storage_errors, write_atomically
from registry.graph import push_bytes, read_document
from registry.model import EMPTY, EMPTY_BYTES, OCI_EMPTY, TITLE, Descriptor, Index, Manifest, describe, is_document
from registry.stores.layout import LayoutStore
from registry.stores.listed import ListedStore
from registry.words import printable
from wasmbuild.errors import InvalidKey, TargetExists, UsageFailed
from wasmbuild.events import Note, Sink

__all__ = [
    "KINDS",
    "MAX_FILE",
    "TRUST",
    "TrustFile",
    "carries_trust",
    "is_trust",
    "left_behind",
    "pack_trust",
    "read_files",
    "trust_in",
    "unpack_trust",
]

TRUST = "application/vnd.wasmbuild.trust.v1+json"
"""The artifact type of the manifest whose layers are the files."""

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "key": "application/vnd.wasmbuild.trust.key.v1+pem",
        "certificate authority": "application/vnd.wasmbuild.trust.certificates.v1+pem",
        "trusted root": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "policy": "application/vnd.wasmbuild.trust.policy.v1+toml",
    }
)
"""Media types of the layers, by what they are."""

MAX_FILE = 1024 * 1024
"""Bytes of one such file."""

_MOST = 100
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class TrustFile:
    """A file that says whom to trust; ``kind`` is one of ``KINDS``, ``name`` has no folder in it."""

    kind: str
    name: str
    content: bytes


def read_files(given: Iterable[tuple[str, Path]]) -> tuple[TrustFile, ...]:
    """Read files of some kinds, and see that each is what it is said to be.

    Raises UsageFailed for what cannot be read or carried, InvalidKey, InvalidProject.
    """
    files = tuple(_read(kind, path) for kind, path in given)
    names = [file.name for file in files]
    for name in names:
        if names.count(name) > 1:
            raise UsageFailed(f"two files to trust are called {name}", cause="each keeps its name in the archive")
    if len(files) > _MOST:
        raise UsageFailed(f"more than {_MOST} files to trust are given")
    return tuple(sorted(files, key=lambda file: (file.kind, file.name)))


def left_behind(files: Sequence[TrustFile]) -> tuple[tuple[str, str], ...]:
    """Names of policies, each with a file that it names and will not find beside it. Raises InvalidProject."""
    from wasmbuild.tables import parse_table  # noqa: PLC0415  (few carry a policy)
    from wasmbuild.trust.policy.parties import named_files  # noqa: PLC0415

    beside = {file.name for file in files}
    policies = [file for file in files if file.kind == "policy"]
    named = ((file.name, named_files(parse_table(file.name, file.content).table("authorities"))) for file in policies)
    return tuple((policy, each) for policy, found in named for each in found if each.removeprefix("./") not in beside)


def _read(kind: str, path: Path) -> TrustFile:
    if not _NAME.fullmatch(path.name):
        raise UsageFailed(f"{path} cannot be carried under its name", hint="letters, digits, dots, - and _ are fine")
    try:
        content = read_regular(path, MAX_FILE)
    except OSError as error:
        raise UsageFailed(f"{path} cannot be read", cause=error.strerror) from error
    if b"PRIVATE KEY" in content:
        raise InvalidKey(f"{path} has a private key in it, which goes nowhere", hint="use the .pub file beside it")
    try:
        _CHECKS[kind](path, content)
    except InvalidDocument as failure:
        raise UsageFailed(f"{path} is no {kind}: {failure.what}", cause=failure.cause) from failure
    except Failure as failure:
        failure.what = f"{path} is no {kind}: {failure.what}"
        raise
    return TrustFile(kind, path.name, content)


def _check_key(path: Path, content: bytes) -> None:  # noqa: ARG001 - the shape of a check
    from wasmbuild.trust.keys import PublicKey  # noqa: PLC0415  (with cryptography)

    PublicKey.load(content)


def _check_certificates(path: Path, content: bytes) -> None:  # noqa: ARG001
    from wasmbuild.trust.notation.authority import CertificateAuthority  # noqa: PLC0415

    CertificateAuthority.of(content)


def _check_root(path: Path, content: bytes) -> None:  # noqa: ARG001
    from wasmbuild.trust.sigstore.trusted_root import TrustedRoot  # noqa: PLC0415

    TrustedRoot.parse(content)


def _check_policy(path: Path, content: bytes) -> None:
    from wasmbuild.trust.policy.parsing import parse_trust_policy  # noqa: PLC0415

    parse_trust_policy(str(path), content, path.parent)


_CHECKS: Mapping[str, Callable[[Path, bytes], None]] = MappingProxyType(
    {
        "key": _check_key,
        "certificate authority": _check_certificates,
        "trusted root": _check_root,
        "policy": _check_policy,
    }
)


def pack_trust(staging: LayoutStore, files: Iterable[TrustFile]) -> Descriptor:
    """Put the files into a layout as a manifest that ``index.json`` lists without a tag. Raises StorageFailed."""
    layers = []
    for file in files:
        layer = describe(KINDS[file.kind], file.content)
        push_bytes(staging, layer, file.content)
        layers.append(replace(layer, annotations={TITLE: file.name}))
    document = Manifest(config=EMPTY, layers=tuple(layers) or (EMPTY,), artifact_type=TRUST)
    data = document.encode()
    made = describe(document.media_type, data)
    push_bytes(staging, EMPTY, EMPTY_BYTES)
    push_bytes(staging, made, data)
    staging.replace_entries([*staging.entries(), replace(made, artifact_type=TRUST)])
    return made


def is_trust(document: Manifest | Index) -> bool:
    """Whether a document is one of files to trust, by its own word; what a list calls it is nobody's."""
    return (
        isinstance(document, Manifest) and document.artifact_type == TRUST and document.config.media_type == OCI_EMPTY
    )


def carries_trust(archive: ListedStore) -> bool:
    """Whether an archive was saved with trust. Raises InvalidDocument."""
    return any(True for _ in _manifests(archive))


def trust_in(archive: ListedStore) -> tuple[TrustFile, ...]:
    """The files that an archive carries, of which nothing is known but their names and kinds.

    Raises InvalidDocument for names that no file may have, and for too many of them; ContentTooLarge.
    """
    kinds = {media_type: kind for kind, media_type in KINDS.items()}
    files: dict[str, TrustFile] = {}
    for layer in (layer for document in _manifests(archive) for layer in document.layers):
        if layer.media_type not in kinds:
            continue
        name = layer.annotations.get(TITLE, "")
        if not _NAME.fullmatch(name) or name in files or len(files) == _MOST:
            raise InvalidDocument("the archive carries files to trust that cannot be", cause=printable(name, 120))
        files[name] = TrustFile(kinds[layer.media_type], name, read_all(archive, layer.plain(), MAX_FILE))
    return tuple(files.values())


def unpack_trust(archive: ListedStore, folder: Path, sink: Sink) -> tuple[Path, ...]:
    """Write the files that an archive carries to a folder, which is new or empty: the archive chose their names.

    Raises TargetExists, StorageFailed, and what :func:`trust_in` raises.
    """
    files = trust_in(archive)
    with storage_errors(f"{folder} could not be written"):
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            cause = "the archive names the files, and what they are called may mean something there"
            raise TargetExists(f"{folder} has something in it", cause=cause, hint="name a new folder")
        for file in files:
            write_atomically(folder / file.name, file.content)
            sink(Note("info", f"{file.kind} {file.name}{_fingerprint(file)}"))
    sink(Note("warning", "these came with the archive: compare them with what you know before you trust them"))
    return tuple(folder / file.name for file in files)


def _fingerprint(file: TrustFile) -> str:
    if file.kind != "key":
        return ""
    from wasmbuild.trust.keys import PublicKey  # noqa: PLC0415  (with cryptography)

    try:
        return f" {PublicKey.load(file.content).fingerprint}"
    except Failure as failure:
        return f", which is no key: {failure.what}"


def _manifests(archive: ListedStore) -> Iterator[Manifest]:
    for entry in archive.entries():
        if entry.artifact_type == TRUST and is_document(entry.media_type):
            document = read_document(archive, entry.plain())[1]
            if isinstance(document, Manifest) and is_trust(document):
                yield document
