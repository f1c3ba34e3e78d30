"""The repositories of a registry: a list that only some registries give (``/v2/_catalog``).

It is not in distribution-spec 1.1; the Docker Registry HTTP API V2 ("Listing Repositories") has it.
"""

from registry.client.bodies import bounded
from registry.client.patience import is_transient
from registry.client.transport import Request, Transport
from registry.errors import (
    ContentTooLarge,
    Failure,
    InvalidDocument,
    RegistryRefused,
    RemoteNotFound,
    UnexpectedAnswer,
)
from registry.reference import MAX_REFERENCE
from registry.strictjson import load_json
from registry.words import printable

__all__ = ["catalog"]

_MOST_PAGES = 1000
_MOST_NAMES = 200_000
_PAGE = 1000
"""Names that are asked for at a time; registries may give fewer."""
_HINT = "many registries have no list of repositories: name the repository, as in wasmbuild tags HOST/REPOSITORY"


def catalog(transport: Transport) -> list[str]:
    """The names of all repositories that we may see, sorted.

    Raises what the registry answers, with a hint when it is that there is no such list;
    UnexpectedAnswer, ContentTooLarge.
    """
    what = f"{transport.host} did not list its repositories"
    found: set[str] = set()
    url = f"{transport.base}/v2/_catalog?n={_PAGE}"
    for _ in range(_MOST_PAGES):
        names, following = _page(transport, url, what)
        found.update(names)
        if len(found) > _MOST_NAMES:
            raise ContentTooLarge(what, cause=f"there are more than {_MOST_NAMES}")
        if following is None:
            return sorted(found)
        url = following
    raise ContentTooLarge(what, cause=f"there are more than {_MOST_PAGES} pages")


def _page(transport: Transport, url: str, what: str) -> tuple[list[str], str | None]:
    try:
        response = transport.send(Request("GET", url, what, "registry:catalog:*"), 200)
    except (RemoteNotFound, RegistryRefused) as failure:
        _explain(failure)
        raise
    with response:
        data = bounded(response, what)
        following = response.links.get("next", {}).get("url")
        base = response.url
    try:
        value = load_json(data, "the answer")
    except InvalidDocument as error:
        raise UnexpectedAnswer(what, cause=str(error), hint=_HINT) from error
    names = value.get("repositories") if isinstance(value, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UnexpectedAnswer(what, cause="the answer is no list of repositories", hint=_HINT)
    return [printable(name, MAX_REFERENCE) for name in names], transport.page(
        base, following, what
    ) if following and names else None


def _explain(failure: Failure) -> None:
    """Say what a person may do where a registry has no such list, or not for us."""
    status = failure.status if isinstance(failure, RegistryRefused) else 404
    if status == 401:
        failure.hint = f"{failure.hint}, unless it lets nobody list them"
    elif status < 500 and not is_transient(failure):
        failure.hint = _HINT
