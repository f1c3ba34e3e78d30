"""The referrers API (distribution-spec 1.1, "Listing Referrers") and the tag that stands in for it."""

from registry.client.bodies import bounded
from registry.client.transport import Request, Transport
from registry.digest import Digest
from registry.errors import ContentTooLarge, InvalidDocument, UnexpectedAnswer
from registry.model import OCI_INDEX, Descriptor, Index, parse_document

__all__ = ["list_referrers", "referrers_tag"]

_MAX_PAGES = 100
_MAX_REFERRERS = 10_000
_NO_SUCH_API = frozenset({404, 405})


def list_referrers(transport: Transport, url: str, scope: str, name: str) -> list[Descriptor] | None:
    """All pages of a referrers list; None when the registry has no such API.

    Raises whatever it answers other than a list or "no such API".
    """
    found: list[Descriptor] = []
    what = f"{name} could not list the referrers"
    for number in range(_MAX_PAGES):
        request = Request("GET", url, what, scope, {"Accept": OCI_INDEX})
        page, following = _page(transport, request, first=number == 0)
        if page is None:
            return None
        found.extend(page.manifests)
        if len(found) > _MAX_REFERRERS:
            raise ContentTooLarge(what, cause=f"there are more than {_MAX_REFERRERS}")
        if following is None:
            return found
        url = following
    raise ContentTooLarge(what, cause=f"there are more than {_MAX_PAGES} pages")


def referrers_tag(digest: Digest) -> str:
    """The tag of the "Referrers Tag Schema": at most 32 and 64 characters of the digest's parts."""
    return f"{digest.algorithm[:32]}-{digest.encoded[:64]}"


def _page(transport: Transport, request: Request, *, first: bool) -> tuple[Index | None, str | None]:
    allowed = (200, *_NO_SUCH_API) if first else (200,)
    with transport.send(request, *allowed) as response:
        content_type = response.headers.get("Content-Type", "").split(";")[0].strip()
        if response.status_code != 200 or (first and content_type == "text/html"):
            return None, None  # some registries answer an unknown path with their web page
        data = bounded(response, request.what)
        following = response.links.get("next", {}).get("url")
    try:
        index = parse_document(data, OCI_INDEX)
    except InvalidDocument as error:
        raise UnexpectedAnswer(request.what, cause=str(error)) from error
    if not isinstance(index, Index):
        raise UnexpectedAnswer(request.what, cause="the answer is not an index")
    return index, transport.absolute(request.url, following, request.what) if following else None
