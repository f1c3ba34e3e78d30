"""What a request names: parsed here, once, and refused here when it is malformed."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request

from registry.digest import ALGORITHMS, Digest
from registry.errors import InvalidDigest
from registry.reference import valid_repository, valid_tag
from registry.server.refusal import Refusal, manifest_unknown, upload_unknown
from registry.server.storage.spool import valid_upload

__all__ = [
    "Page",
    "algorithm_of",
    "digest_of",
    "lease_of",
    "next_page",
    "page_of",
    "parse_digest",
    "pushed_tags",
    "reference_of",
    "repository_of",
    "upload_of",
]

MAX_PAGE = 10_000
"""Entries of a list that are sent at once, whatever is asked for."""

_MAX_TAGS = 64
"""Each is a header of the answer, of which some clients take no more than a hundred."""
_MIN_LEASE, _MAX_LEASE = 60, 7 * 24 * 3600
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list: at most ``limit`` entries after ``after``; ``asked`` is the client's ``n``."""

    limit: int
    after: str
    asked: int | None


def repository_of(request: Request) -> str:
    """The repository in the path."""
    name: str = request.path_params["name"]
    if not valid_repository(name):
        raise Refusal(400, "NAME_INVALID", "this is not a repository name", details=(name[:300],))
    return name


def parse_digest(text: str) -> Digest:
    """A digest that a client names."""
    try:
        return Digest.parse(text)
    except InvalidDigest as error:
        raise Refusal(400, "DIGEST_INVALID", str(error)) from error


def digest_of(request: Request) -> Digest:
    """The digest in the path."""
    return parse_digest(request.path_params["digest"])


def reference_of(request: Request) -> Digest | str:
    """The digest or, as a text, the tag in the path."""
    text: str = request.path_params["reference"]
    if ":" in text:
        return parse_digest(text)
    if not valid_tag(text):
        if request.method == "PUT":
            raise Refusal(400, "MANIFEST_INVALID", "this is not a tag", details=(text[:200],))
        raise manifest_unknown(text)
    return text


def pushed_tags(request: Request) -> tuple[str, ...]:
    """The tags in the query of a push (distribution-spec 1.1+dev, end-7b)."""
    names = tuple(dict.fromkeys(request.query_params.getlist("tag")))
    if len(names) > _MAX_TAGS:
        raise Refusal(414, "MANIFEST_INVALID", f"more than {_MAX_TAGS} tags at once")
    bad = tuple(name[:200] for name in names if not valid_tag(name))
    if bad:
        raise Refusal(400, "MANIFEST_INVALID", "this is not a tag", details=bad)
    return names


def lease_of(request: Request) -> float | None:
    """Until when (seconds since the epoch) a manifest is kept although nothing leads to it; None: no such wish.

    A release that is being made asks for ``Wasmbuild-Lease: SECONDS``, so that what it leaves behind
    when it fails goes away.
    """
    text = request.headers.get("wasmbuild-lease")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10 and _MIN_LEASE <= int(text) <= _MAX_LEASE):
        said = f"a lease is a number of seconds, from {_MIN_LEASE} to {_MAX_LEASE}"
        raise Refusal(400, "UNSUPPORTED", said, details=(text[:100],))
    return time.time() + int(text)


def upload_of(request: Request) -> str:
    """The upload in the path."""
    upload: str = request.path_params["upload"]
    if not valid_upload(upload):
        raise upload_unknown()
    return upload


def algorithm_of(request: Request) -> str:
    """The digest algorithm that an upload announces (end-4c), else the usual one."""
    name = request.query_params.get("digest-algorithm", "sha256")
    if name not in ALGORITHMS:
        raise Refusal(400, "DIGEST_INVALID", "this digest algorithm is not known", details=(name[:100],))
    return name


def page_of(request: Request) -> Page:
    """``n`` and ``last`` of a list."""
    text = request.query_params.get("n")
    # No name has a NUL, and PostgreSQL takes none: what sorts after the rest sorts after this.
    after = request.query_params.get("last", "").partition("\0")[0]
    if text is None:
        return Page(MAX_PAGE, after, None)
    if not (text.isascii() and text.isdigit()):
        raise Refusal(400, "UNSUPPORTED", "n must be a number", details=(text[:100],))
    asked = MAX_PAGE if len(text) > 9 else min(int(text), MAX_PAGE)
    return Page(asked, after, asked)


def next_page(request: Request, page: Page, query: Mapping[str, str]) -> str:
    """The ``Link`` to what comes after a page of a list; ``query`` says where that begins."""
    asked = {} if page.asked is None else {"n": str(page.asked)}
    return f'<{request.url.path}?{urlencode({**asked, **query})}>; rel="next"'
