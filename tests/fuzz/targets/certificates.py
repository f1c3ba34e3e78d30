"""Any bytes are a certificate, a timestamp or some DER, or are refused: Rejected, and ValueError for bare DER.

Nothing else gets out, and nothing warns, whatever extension is malformed; what a certificate is said to be for is
a line that a terminal can show.
"""

from collections.abc import Callable

from registry.words import printable
from tests.certified import AUTHORITY, CODE, Form, certificate
from tests.fuzz.target import Target
from wasmbuild.trust.der import element, read
from wasmbuild.trust.notation.certificates import check_chain, read_chain, signing_key, subject
from wasmbuild.trust.proof import Rejected
from wasmbuild.trust.sigstore.certificates import is_authority, named_in, parse_certificate, public_key_of
from wasmbuild.trust.sigstore.timestamps import Timestamp

_CERTIFICATES = (
    certificate("leaf", "middle", Form()),
    certificate("root", "root", AUTHORITY),
    certificate("leaf", "root", Form(ca=None, bits=(), uses=CODE, path_length=None)),
)
_TIME = element(0x18, b"20260101000000Z")
_GRANTED = element(
    0x30, element(0x30, element(0x02, b"\0")) + element(0x30, element(0x06, b"*\x86H\x86\xf7\r\x01\x07\x02"))
)


def check(data: bytes) -> bool:
    """Whether it is any of them."""
    return any(
        [_der(data), _certificate(data), _holds(Timestamp.parse_response, data), _holds(Timestamp.parse_token, data)]
    )


def _der(data: bytes) -> bool:
    try:
        found = read(data)
    except ValueError:
        return False
    assert element(found.tag, bytes(found.content)) == data
    return True


def _certificate(data: bytes) -> bool:
    if _holds(lambda der: [check_chain([each]) for each in read_chain([der])], data):
        (one,) = read_chain([data])
        _holds(lambda _: signing_key(one), data)
        assert subject(one) == printable(subject(one), 10_000)
    try:
        one = parse_certificate(data)
    except Rejected:
        return False
    _holds(lambda _: public_key_of(one), data)
    _holds(lambda _: named_in(one), data)
    is_authority(one)
    return True


def _holds(read_it: Callable[[bytes], object], data: bytes) -> bool:
    try:
        read_it(data)
    except Rejected as reason:
        assert str(reason)
        return False
    return True


TARGET = Target(
    "certificates",
    beginning=(*_CERTIFICATES, _TIME, _GRANTED),
    check=check,
    words=(
        b"\x30\x80",
        b"\x30\x84",
        b"\x02\x01\x00",
        b"\x02\x01\xff",
        b"\x05\x00",
        b"\x1f\xff",
        b"\x06\x03\x55\x1d\x11",
        b"\x06\x03\x55\x1d\x13",
        b"\x18\x0f20261301000000Z",
        b"\x17\x0d991231235959Z",
        b"\x0c\x03\xe2\x80\xae",
    ),
)
