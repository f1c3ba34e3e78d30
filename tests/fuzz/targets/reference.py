"""Any words are a reference or are refused with InvalidReference; a reference is written as it is read.

What is refused is said in a line that a terminal can show, whatever the words were. The same for digests.
"""

from registry.digest import ALGORITHMS, Digest
from registry.errors import Failure, InvalidDigest, InvalidReference
from registry.reference import MAX_REFERENCE, Reference, valid_repository, valid_tag
from registry.words import printable
from tests.fuzz.target import Target

_HEX = b"0123456789abcdef" * 4


def check(data: bytes) -> bool:
    """Whether it is a reference. Arguments of commands come with surrogates for what is not UTF-8."""
    text = data.decode(errors="surrogateescape")
    _check_digest(text.rpartition("@")[2])
    try:
        reference = Reference.parse(text)
    except InvalidReference as failure:
        _check_words(failure)
        return False
    assert Reference.parse(str(reference)) == reference
    assert str(reference).isascii()
    assert str(reference).isprintable()
    assert len(reference.name) <= MAX_REFERENCE
    assert valid_repository(reference.repository)
    assert reference.tag is None or valid_tag(reference.tag)
    assert ".." not in reference.name.split("/")
    if reference.digest is not None:
        assert Reference.parse(str(reference.pinned(reference.digest))).selector == str(reference.digest)
    return True


def _check_digest(text: str) -> None:
    try:
        digest = Digest.parse(text)
    except InvalidDigest as failure:
        _check_words(failure)
        return
    assert str(digest) == text
    assert len(digest.encoded) == ALGORITHMS[digest.algorithm][1]


def _check_words(failure: Failure) -> None:
    said = str(failure)
    assert len(said) < 600
    assert said == printable(said), said


TARGET = Target(
    "reference",
    beginning=(
        b"ghcr.io/acme/hello:1.0.0",
        b"[::1]:5000/a/b:c@sha256:" + _HEX,
        b"localhost/a@sha512:" + _HEX * 2,
        b"docker.io/alpine",
        b"127.0.0.1:65535/a__b/c-d.e",
        b"a" * 200 + b".io/" + b"a/" * 20 + b"b:" + b"t" * 128,
        b"",
    ),
    check=check,
    words=(
        b"://",
        b"@",
        b"sha256:" + _HEX,
        b"sha512:",
        b"[::1]",
        b"[::ffff:127.0.0.1]",
        b":65536",
        b"//",
        b"..",
        b"__",
        b"library/",
        b"localhost",
        b"index.docker.io",
        b"%2f",
        "é".encode(),
        "１".encode(),
        b"-" * 40,
        b"a" * 128,
        b"\n",
    ),
    largest=4096,
)
