"""How the server says no: one shape, the codes of distribution-spec 1.1 ("Error Codes").

A refusal is an answer to a client, not a failure of ours, so it is no ``Failure``.
"""

import json
from collections.abc import Mapping
from typing import Literal

from starlette.exceptions import HTTPException
from starlette.responses import Response

from registry.digest import Digest

__all__ = [
    "NOSNIFF",
    "Code",
    "Refusal",
    "blob_unknown",
    "error_response",
    "manifest_unknown",
    "name_unknown",
    "upload_unknown",
    "warning_text",
]

Code = Literal[
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DENIED",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "TOOMANYREQUESTS",
    "UNAUTHORIZED",
    "UNKNOWN",
    "UNSUPPORTED",
]
"""The specification's codes, and ``UNKNOWN`` for what is our own fault."""


NOSNIFF = {"x-content-type-options": "nosniff"}
"""No browser may take an answer for another kind of content than it says it is."""


class Refusal(HTTPException):
    """The request is answered with an error; ``details`` are texts for ``detail`` of each error."""

    def __init__(
        self,
        status: int,
        code: Code,
        message: str,
        *,
        details: tuple[str, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, headers)
        self.code = code
        self.details = details

    def response(self) -> Response:
        """The answer as it goes over the wire."""
        return error_response(self.status_code, self.code, self.detail, self.details, self.headers)


def error_response(
    status: int, code: Code, message: str, details: tuple[str, ...] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """The JSON of distribution-spec 1.1, one entry for each detail, or one without."""
    entries = [{"code": code, "message": message, "detail": detail} for detail in details]
    body = {"errors": entries or [{"code": code, "message": message}]}
    return Response(json.dumps(body), status, {**(headers or {}), **NOSNIFF}, "application/json")


def blob_unknown(digest: Digest) -> Refusal:
    """The repository has no such blob."""
    return Refusal(404, "BLOB_UNKNOWN", "the repository has no such blob", details=(str(digest),))


def manifest_unknown(reference: str) -> Refusal:
    """The repository has no such manifest or tag."""
    return Refusal(404, "MANIFEST_UNKNOWN", "the repository has no such manifest", details=(reference[:200],))


def name_unknown(name: str) -> Refusal:
    """There is no such repository."""
    return Refusal(404, "NAME_UNKNOWN", "there is no such repository", details=(name,))


def upload_unknown() -> Refusal:
    """There is no such upload in this repository, or it has ended."""
    return Refusal(404, "BLOB_UPLOAD_UNKNOWN", "there is no such upload in this repository")


def warning_text(text: str) -> str:
    """A text as it stands in a ``Warning`` header (distribution-spec, "Warnings"; RFC 7234, section 5.5)."""
    plain = "".join(character if " " <= character <= "~" else "?" for character in text[:1000])
    return plain.replace("\\", "\\\\").replace('"', '\\"')
