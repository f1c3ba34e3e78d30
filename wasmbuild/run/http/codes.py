"""``method``, ``scheme`` and ``error-code`` of ``wasi:http/types`` (WIT of wasi:http 0.2.12)."""

from wasmbuild.run.http.compounds import OptionOf, Variant
from wasmbuild.run.http.values import STRING, U64, Case, Ignored

__all__ = ["ERROR_CODE", "METHOD", "SCHEME", "method_case", "scheme_case"]

_METHODS = ("get", "head", "post", "put", "delete", "connect", "options", "trace", "patch")
METHOD = Variant({**dict.fromkeys(_METHODS), "other": STRING})
SCHEME = Variant({"HTTP": None, "HTTPS": None, "other": STRING})

_PLAIN = """
    DNS-timeout destination-not-found destination-unavailable destination-IP-prohibited destination-IP-unroutable
    connection-refused connection-terminated connection-timeout connection-read-timeout connection-write-timeout
    connection-limit-reached TLS-protocol-error TLS-certificate-error HTTP-request-denied
    HTTP-request-length-required HTTP-request-method-invalid HTTP-request-URI-invalid HTTP-request-URI-too-long
    HTTP-response-incomplete HTTP-response-timeout HTTP-upgrade-failed HTTP-protocol-error loop-detected
    configuration-error
"""
# What these carry is only ever said by guests, and nobody reads it.
_DETAILED = """
    DNS-error TLS-alert-received HTTP-request-header-section-size HTTP-request-header-size
    HTTP-request-trailer-section-size HTTP-request-trailer-size HTTP-response-header-section-size
    HTTP-response-header-size HTTP-response-trailer-section-size HTTP-response-trailer-size
    HTTP-response-transfer-coding HTTP-response-content-coding
"""
ERROR_CODE = Variant(
    {
        **dict.fromkeys(_PLAIN.split()),
        **dict.fromkeys(_DETAILED.split(), Ignored()),
        "HTTP-request-body-size": OptionOf(U64),
        "HTTP-response-body-size": OptionOf(U64),
        "internal-error": OptionOf(STRING),
    }
)


def method_case(text: str) -> Case:
    """A method as it came, as its case; names of methods have case (RFC 9110 §9.1)."""
    name = text.lower()
    return Case(name) if name in _METHODS and text.isupper() else Case("other", text)


def scheme_case(text: str) -> Case:
    """``http`` or ``https``."""
    return Case(text.upper())
