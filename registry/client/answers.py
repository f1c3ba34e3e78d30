"""What a registry's answer means when it is not the one that was hoped for.

The registry's own words are shown (distribution-spec, "Error Codes"), bounded, with control
characters escaped, since they end up on a terminal.
"""

import base64
import contextlib
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from registry.admission import NOT_ADMITTED
from registry.errors import AuthenticationFailed, Failure, InvalidDocument, RegistryRefused, RemoteNotFound, Unreachable
from registry.strictjson import load_json
from registry.words import printable

if TYPE_CHECKING:
    import requests

__all__ = ["number_in", "refusal", "unreachable", "warnings_of", "without_secrets"]

_MAX_BODY = 64 * 1024
_MAX_WARNINGS = 4096
"""Characters of warnings in one answer (distribution-spec 1.1)."""
_MOST_DIGITS = 19
_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')
_TLS_ALERT = r"\x15\x03"
"""How an alert begins (RFC 8446, section 5.1), as it looks once it is printable."""
_TLS_HINTS = {
    "CERTIFICATE": "if its certificate comes from an authority of your own, name that: --ca-file ca.pem",
    "WRONG_VERSION_NUMBER": "it seems to speak plain http, which is used for loopback only, or with --plain-http",
    "RECORD LAYER FAILURE": "it seems to speak plain http, which is used for loopback only, or with --plain-http",
}


def refusal(response: "requests.Response", what: str) -> Failure:
    """The failure behind an answer of 4xx or 5xx; ``what`` says what was tried, and of whom."""
    status = response.status_code
    cause = without_secrets(f"{status} {_words(response).strip()}".strip(), response)
    if status == 404:
        return RemoteNotFound(what, cause=cause)
    if status in (401, 403):
        return AuthenticationFailed(what, status=status, cause=cause, hint=_way_on(status, cause))
    refused = RegistryRefused(what, status=status, cause=cause)
    refused.retry_after = _retry_after(response)
    return refused


def _way_on(status: int, cause: str) -> str | None:
    """What to do where who we are may be the reason; an admission says itself what it wants."""
    if status != 403 or NOT_ADMITTED in cause:
        return None
    return "the registry forbids it; where its reason is about rights, ask for them"


def unreachable(error: Exception, url: str) -> Unreachable:
    """The failure behind a connection that was not made, or broke."""
    host = urlsplit(url).netloc.rpartition("@")[2]  # whoever put a password into a URL does not want it shown
    words = printable(_innermost(error).strip())
    if words.startswith(_TLS_ALERT) and urlsplit(url).scheme == "http":
        return _spoken_to_in_plain(host)
    hint = next((hint for mark, hint in _TLS_HINTS.items() if mark in words.upper()), None)
    failure = Unreachable(f"the registry {host} could not be reached", cause=words, hint=hint)
    failure.may_pass = hint is None
    return failure


def _spoken_to_in_plain(host: str) -> Unreachable:
    from registry.client.session import is_loopback  # noqa: PLC0415 - loaded already when something was sent

    hint = "leave out --plain-http, and plain-http in the settings of this host"
    if is_loopback(host):
        hint = (
            "name the authority of its certificate, and https is spoken: --ca-file ca.pem, or ca-file in the settings "
            "of this host; leave out --plain-http"
        )
    cause = "it speaks TLS, and was spoken to in plain http"
    failure = Unreachable(f"the registry {host} could not be reached", cause=cause, hint=hint)
    failure.may_pass = False
    return failure


def warnings_of(response: "requests.Response") -> list[str]:
    """The registry's own ``Warning: 299`` texts (distribution-spec 1.1, "Warnings"), safe to show."""
    header = response.headers.get("Warning", "")[:_MAX_WARNINGS]
    return [printable(re.sub(r"\\(.)", r"\1", text)) for text in _WARNING.findall(header)]


def number_in(text: str) -> int | None:
    """The number that a header says, of at most 19 digits; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


def _retry_after(response: "requests.Response") -> float:
    """Seconds, from either form of ``Retry-After`` (RFC 9110 section 10.2.3)."""
    import urllib3  # noqa: PLC0415 - loaded already when there is a response

    with contextlib.suppress(urllib3.exceptions.InvalidHeader, OverflowError, ValueError):
        return float(urllib3.Retry().parse_retry_after(response.headers.get("Retry-After") or "0"))
    return 0.0


def without_secrets(text: str, response: "requests.Response") -> str:
    """The text without what we sent to authenticate: a server may say it back to us."""
    scheme, _, sent = (response.request.headers.get("Authorization") or "").partition(" ")
    secrets = [sent]
    if scheme == "Basic":
        with contextlib.suppress(ValueError):
            user, _, password = base64.b64decode(sent).decode("utf-8", "replace").partition(":")
            secrets += [f"{user}:{password}", password]
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return text


def _words(response: "requests.Response") -> str:
    # Before anything is cut, which could leave half a secret that nobody recognises.
    body = without_secrets(_body(response).decode("utf-8", "replace"), response).encode()
    try:
        value = load_json(body, "the answer")
        errors = value["errors"]
        return printable("; ".join(_one(error) for error in errors[:5]))
    except (InvalidDocument, KeyError, TypeError, AttributeError):
        pass
    if "html" in response.headers.get("Content-Type", "").lower():
        return printable(f"{response.reason or ''} (an HTML page)")
    return printable(body[:300].decode("utf-8", "replace").strip()) or printable(response.reason or "")


def _one(error: dict[str, object]) -> str:
    detail = error.get("detail")
    parts = [str(error.get("code", "")), str(error.get("message", ""))]
    if detail not in (None, "", {}, []):
        parts.append(f"({detail})")
    return ": ".join(part for part in parts[:2] if part) + (f" {parts[2]}" if len(parts) > 2 else "")


def _body(response: "requests.Response") -> bytes:
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 - loaded already when there is a response

    try:
        return response.raw.read(_MAX_BODY, decode_content=True) or b""
    except (HTTPError, OSError, ValueError):
        return b""
    finally:
        response.close()


def _innermost(error: BaseException) -> str:
    """The words of the operating system or of TLS, which libraries wrap several times."""
    seen: set[int] = set()
    current: BaseException = error
    while id(current) not in seen:
        seen.add(id(current))
        reason = getattr(current, "reason", None)
        nested = [arg for arg in current.args if isinstance(arg, BaseException)]
        follow = reason if isinstance(reason, BaseException) else (nested[0] if nested else current.__cause__)
        if follow is None:
            break
        current = follow
    if isinstance(current, OSError) and current.strerror:
        return current.strerror
    text = str(current)
    return re.sub(r"^<[^>]*>: |^[A-Za-z]*Connection\([^)]*\): ", "", text) or type(current).__name__
