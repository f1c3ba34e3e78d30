"""The two small readers that all of keyless stands on: DER, which is read in one way, and proofs of inclusion."""

from hashlib import sha256

import pytest

from tests.keyless import number, tlv
from wasmbuild.trust.der import INTEGER, OCTETS, SEQUENCE, read
from wasmbuild.trust.proof import Rejected
from wasmbuild.trust.sigstore.merkle import root_of


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x04\x02\x00",
        b"\x04\x00\x00",
        b"\x30\x80\x00\x00",
        b"\x04\x81\x01\x00",
        b"\x04\x81\x7f" + bytes(0x7F),
        b"\x04\x82\x00\x80" + bytes(0x80),
        b"\x04\x82\x01",
        b"\x04\x84\x00\x00\x00\x01\x00",
        b"\x04\x84\x01\x00\x00\x00" + bytes(2**24),
        b"\x04\xff",
        b"\x1f\x01\x00",
        b"\x3f\x81\x01\x00",
    ],
)
def test_what_could_be_written_otherwise_is_not_der(data):
    with pytest.raises(ValueError, match="DER"):
        read(data)


def test_an_element_is_what_is_expected():
    element = read(tlv(0x30, number(1), number(2)))
    assert [each.number() for each in element.items(SEQUENCE)] == [1, 2]
    for wrong in (lambda: element.only(SEQUENCE), lambda: element.expect(INTEGER), lambda: element.items(OCTETS)):
        with pytest.raises(ValueError, match="DER"):
            wrong()
    with pytest.raises(ValueError, match="1000 elements"):
        read(tlv(0x30, number(1) * 1001)).items(SEQUENCE)


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"\xff\xff", b"\x00\x7f", b"\xff\x80"])
def test_a_number_has_one_form(content):
    with pytest.raises(ValueError, match="DER"):
        read(tlv(INTEGER, content)).number()


@pytest.mark.parametrize(("content", "value"), [(b"\x00", 0), (b"\x00\x80", 128), (b"\xff", -1), (b"\x80", -128)])
def test_a_number_has_a_sign(content, value):
    assert read(tlv(INTEGER, content)).number() == value


def test_nesting_is_read_no_deeper_than_it_is_asked():
    data = b""
    for _ in range(5000):
        data = tlv(0x30, data)
    assert read(data).whole == data


def tree(leaves):
    """The root of a tree and the proof of each leaf (RFC 6962, section 2.1)."""
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0]).digest(), [()]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    (left, proofs), (right, others) = tree(leaves[:split]), tree(leaves[split:])
    proven = [*((*each, right) for each in proofs), *((*each, left) for each in others)]
    return sha256(b"\1" + left + right).digest(), proven


@pytest.mark.parametrize("size", range(1, 18))
def test_each_entry_of_a_tree_is_proved_at_its_place_alone(size):
    leaves = [bytes([each]) for each in range(size)]
    root, proofs = tree(leaves)
    for at, leaf in enumerate(leaves):
        proof = tuple(proofs[at])
        assert root_of(leaf, at, size, proof) == root
        for other in range(size):
            assert other == at or not_root(leaf, other, size, proof, root)
        assert not_root(leaf, at, size, (*proof, bytes(32)), root)
        assert not proof or not_root(leaf, at, size, proof[:-1], root)
        assert not_root(leaf + b"x", at, size, proof, root)


def not_root(leaf, at, size, proof, root):
    try:
        return root_of(leaf, at, size, proof) != root
    except Rejected:
        return True


@pytest.mark.parametrize(
    ("at", "size", "path"),
    [(0, 0, ()), (1, 1, ()), (-1, 2, (bytes(32),)), (0, 2, (bytes(31),)), (0, 2**65, (bytes(32),) * 65)],
)
def test_a_proof_of_nothing_is_malformed(at, size, path):
    with pytest.raises(Rejected, match="malformed"):
        root_of(b"leaf", at, size, path)
