import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.digest import Digest
from registry.errors import InvalidDigest

HEX = "a" * 64


@given(st.binary(), st.sampled_from(["sha256", "sha512"]))
def test_round_trip(data, algorithm):
    digest = Digest.of(data, algorithm)
    assert Digest.parse(str(digest)) == digest
    assert digest.encoded == hashlib.new(algorithm, data).hexdigest()


@given(st.text())
def test_any_text_is_a_digest_or_refused(text):
    try:
        digest = Digest.parse(text)
    except InvalidDigest:
        return
    assert str(digest) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256",
        "sha256:",
        f"sha256:{HEX[1:]}",
        f"sha256:{HEX}0",
        f"sha256:{HEX.upper()}",
        f"SHA256:{HEX}",
        f"md5:{HEX[:32]}",
        f"sha512:{HEX}",
        f" sha256:{HEX}",
        f"sha256:{HEX}\n",
        f"sha256:../../{HEX[6:]}",
        f"sha256:{'ａ' * 64}",
        "x" * 10_000,
    ],
)
def test_what_is_no_digest(text):
    with pytest.raises(InvalidDigest) as caught:
        Digest.parse(text)
    assert len(str(caught.value)) < 300
