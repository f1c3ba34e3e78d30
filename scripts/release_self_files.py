"""The files of a release of ours: what vouches for each, and the manifest that holds all of them in a registry.

Not here: how they are built (``dist``), and what is run when (``release_self``).
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from registry.digest import Digest
from registry.model import EMPTY, OCI_MANIFEST, Descriptor, describe
from registry.strictjson import canonical_json
from wasmbuild.trust.statement import COSIGN_SIGN, Statement, Subject

__all__ = ["BUNDLE_END", "TYPE", "manifest_of", "statement_about"]

TYPE = "application/vnd.wasmbuild.distribution.v1"
"""The artifact type of a version's files."""

BUNDLE_END = ".sigstore.json"
"""What the name of a file's bundle has after the file's own."""

_TITLE = "org.opencontainers.image.title"
_VERSION = "org.opencontainers.image.version"
_TYPES = {
    ".whl": "application/zip",
    ".tar.gz": "application/gzip",
    ".cdx.json": "application/vnd.cyclonedx+json",
    "SHA256SUMS": "text/plain",
}


def statement_about(file: Path) -> Statement:
    """What a signature of a file says: that it is the signer's, by its digest and its name."""
    return Statement((Subject({"sha256": Digest.of(file.read_bytes()).encoded}, file.name),), COSIGN_SIGN)


def manifest_of(files: Sequence[Path], version: str) -> tuple[Descriptor, bytes]:
    """The manifest of some files, in the order of their names: the same for the same files."""
    layers = [_layer(file) for file in sorted(files, key=lambda file: file.name)]
    value = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": TYPE,
        "config": EMPTY.to_json(),
        "layers": [layer.to_json() for layer in layers],
        "annotations": {_TITLE: "wasmbuild", _VERSION: version},
    }
    data = canonical_json(value)
    return describe(OCI_MANIFEST, data), data


def _layer(file: Path) -> Descriptor:
    """A file as a layer. Raises ValueError for one that a release has not."""
    for end, media_type in _TYPES.items():
        if file.name.endswith(end):
            return replace(describe(media_type, file.read_bytes()), annotations={_TITLE: file.name})
    raise ValueError(f"{file.name} is none of the files of a release")
