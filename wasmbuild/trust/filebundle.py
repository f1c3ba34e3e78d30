"""Bundles beside a file: a statement about the file's digest, or a signature over the file itself.

``cosign sign-blob`` writes the second kind, which has no statement: it says no more than that the file is
the signer's, and that of WebAssembly only. Every other signature of a key is over some text, too, which is
public: who saved that text as a file could show a signature over all of it. Artifacts of registries have
bundles of statements alone, which are ``bundle``'s.
"""

import hashlib
from typing import Any

from registry.digest import Digest
from registry.errors import InvalidDocument
from registry.strictjson import load_json
from wasmbuild.trust.bundle import BUNDLE_TYPES, MAX_BUNDLE, MEDIA_TYPES, material_of
from wasmbuild.trust.candidate import Candidate
from wasmbuild.trust.encoding import from_base64
from wasmbuild.trust.opened import Opened, open_candidate
from wasmbuild.trust.proof import Proof, Rejected
from wasmbuild.trust.statement import COSIGN_SIGN, Statement, Subject
from wasmbuild.wasm.binary import MAGIC

__all__ = ["open_beside"]

_BARE = "messageSignature"
_FIELDS = {"mediaType", "verificationMaterial", _BARE}
_HASHES = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}
"""Algorithms of a digest (protobuf-specs, ``HashAlgorithm``)."""


def open_beside(file: bytes, candidate: Candidate) -> Opened:
    """Parse a candidate that lies beside a file, of which these are the bytes.

    Raises InvalidDocument for one that is malformed, Rejected for one that is for another file, or of a kind
    that a file like this has not.
    """
    if not candidate.media_type.startswith(BUNDLE_TYPES) or len(candidate.content) > MAX_BUNDLE:
        return open_candidate(candidate)
    value = load_json(candidate.content, "the bundle")
    if not isinstance(value, dict) or _BARE not in value:
        return open_candidate(candidate)
    if value.keys() != _FIELDS or value["mediaType"] not in MEDIA_TYPES:
        raise InvalidDocument("the bundle is not of version 0.3, has fields that are not known, or lacks some")
    signature = _signature(value[_BARE], file)
    if not file.startswith(MAGIC):
        raise Rejected("it is over the file itself, which is not WebAssembly, and may be the text of another signature")
    subject = Subject({"sha256": Digest.of(file).encoded})
    proof = Proof(file, signature, material_of(value["verificationMaterial"]))
    return Opened(Statement((subject,), COSIGN_SIGN), proof)


def _signature(value: Any, file: bytes) -> bytes:  # noqa: ANN401  (JSON, read here)
    """The signature, once the digest beside it is the file's. Raises InvalidDocument, Rejected."""
    if not isinstance(value, dict) or not {"signature"} <= value.keys() <= {"signature", "messageDigest"}:
        raise InvalidDocument("the bundle's signature is malformed")
    try:
        signature = from_base64(value["signature"])
        if "messageDigest" in value:
            _check_digest(value["messageDigest"], file)
    except ValueError as error:
        raise InvalidDocument("the bundle's signature or digest is malformed", cause=str(error)) from error
    return signature


def _check_digest(value: Any, file: bytes) -> None:  # noqa: ANN401  (JSON, read here)
    """Compare the digest, which nobody has signed but which says what is wrong. Raises Rejected, ValueError."""
    if not isinstance(value, dict) or value.keys() != {"algorithm", "digest"} or value["algorithm"] not in [*_HASHES]:
        raise ValueError("the digest is not one of SHA-2")
    if from_base64(value["digest"]) != hashlib.new(_HASHES[value["algorithm"]], file).digest():
        raise Rejected("it is for another file")
