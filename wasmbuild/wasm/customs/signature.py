"""The ``signature`` section: which keys say that they signed a module, and nothing about whether they did.

tool-conventions, "Signatures.md", in the framing that wasmsign2 writes: each set of hashes, and each
signature, has its length before it. Not here: verification, for which wasmbuild signs artifacts.
"""

from dataclasses import dataclass

from wasmbuild.wasm.format.reader import Reader, malformed

__all__ = ["EmbeddedSignature", "read_signature"]

_HEAD = (1, 1, 1)
"""The version of the specification, WebAssembly as what is signed, SHA-256."""

_HASH_SIZE = 32
_MAX_SETS = 64
_MAX_SIGNATURES = 256
_MAX_KEY_ID = 1024


@dataclass(frozen=True, slots=True)
class EmbeddedSignature:
    """What a file says about who signed it: the number of signatures, and the identifiers of keys, in hex.

    A signature may name no key, so there may be fewer of them.
    """

    signatures: int
    key_ids: tuple[str, ...]


def read_signature(reader: Reader) -> EmbeddedSignature:
    """Read the content of a section. Raises InvalidWasm."""
    start = reader.position
    if tuple(reader.byte() for _ in _HEAD) != _HEAD:
        raise malformed(start, "a signature of a kind that is not known")
    sets = reader.count(_MAX_SETS)
    key_ids = [key_id for _ in range(sets) for key_id in _read_set(reader.within(reader.u32()))]
    reader.finish()
    return EmbeddedSignature(len(key_ids), tuple(sorted({key_id for key_id in key_ids if key_id})))


def _read_set(reader: Reader) -> list[str]:
    for _ in range(reader.count(_MAX_SETS)):
        reader.skip(_HASH_SIZE)
    found = [_read_one(reader.within(reader.u32())) for _ in range(reader.count(_MAX_SIGNATURES))]
    reader.finish()
    return found


def _read_one(reader: Reader) -> str:
    start, size = reader.position, reader.u32()
    if size > _MAX_KEY_ID:
        raise malformed(start, f"the identifier of a key of {size} bytes")
    key_id = reader.take(size).hex()
    reader.byte()  # the algorithm
    reader.skip(reader.u32())
    reader.finish()
    return key_id
