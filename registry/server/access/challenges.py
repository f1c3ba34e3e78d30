"""What a 401 says about coming back with credentials (distribution-spec's token authentication; RFC 6750)."""

import re
from collections.abc import Iterable

from registry.reference import valid_repository
from registry.server.access.principals import Action
from registry.server.config.access import AccessConfig

__all__ = ["CATALOG", "EXCHANGE_PATH", "TOKEN_PATH", "challenge", "scope_of", "scope_of_request"]

TOKEN_PATH = "/auth/token"  # noqa: S105  a path
EXCHANGE_PATH = "/auth/oidc/exchange"
CATALOG = "registry:catalog:*"
_NAMES = {Action.PULL: "pull", Action.PUSH: "push", Action.OVERWRITE: "push", Action.DELETE: "delete"}
_PATH = re.compile(r"/v2/(?P<name>.{1,255})/(?:blobs|manifests|tags|referrers)/.*", re.DOTALL)
_BY_METHOD = {"GET": (Action.PULL,), "HEAD": (Action.PULL,), "DELETE": (Action.DELETE,)}


def challenge(origin: str, config: AccessConfig, scope: str | None = None, error: str | None = None) -> dict[str, str]:
    """The header of a 401. ``origin`` is our address as the client knows it, ``error`` a code of RFC 6750.

    Where issuers are trusted, ``exchange`` is the path at this host that takes their tokens. It is a path, so that
    no answer of ours can send such a token anywhere else.
    """
    exchange = EXCHANGE_PATH if config.issuers else None
    fields = {"realm": f"{origin}{TOKEN_PATH}", "service": config.service, "exchange": exchange}
    fields |= {"scope": scope, "error": error}
    return {"www-authenticate": "Bearer " + ",".join(f'{name}="{value}"' for name, value in fields.items() if value)}


def scope_of(repository: str, actions: Iterable[Action]) -> str:
    """What to ask the token endpoint for, to be able to do that."""
    names = dict.fromkeys(_NAMES.get(action, "*") for action in actions)
    if set(names) & {"push", "delete"}:
        names = {"pull": None, **names}
    return f"repository:{repository}:{','.join(names)}"


def scope_of_request(method: str, path: str) -> str | None:
    """What a request needs, as far as its path tells."""
    if path == "/v2/_catalog":
        return CATALOG
    match = _PATH.fullmatch(path)
    if match is None or not valid_repository(match["name"]):
        return None
    return scope_of(match["name"], _BY_METHOD.get(method, (Action.PULL, Action.PUSH)))
