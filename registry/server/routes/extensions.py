"""What the registry can do beside the specification, and where names of packages lead.

distribution-spec, ``extensions/_oci.md`` ("discover"); wasm-pkg-tools, "registry metadata".
"""

import json

from starlette.requests import Request
from starlette.responses import Response

from registry.server.access.principals import Action
from registry.server.parameters import repository_of
from registry.server.refusal import NOSNIFF
from registry.server.routes.together import TAGS_PATH
from registry.server.services import Services

__all__ = ["Extensions"]

_DISCOVER: dict[str, object] = {
    "name": "_oci",
    "description": "This list.",
    "endpoints": ["/v2/_oci/ext/discover", "/v2/{name}/_oci/ext/discover"],
}
_HISTORY: dict[str, object] = {
    "name": "_oci_tag_history",
    "description": "What a tag meant before, the newest first: ?n and last, as in lists of tags.",
    "endpoints": ["/v2/{name}/_oci/tag-history/{tag}"],
}
_LEASE: dict[str, object] = {
    "name": "_wasmbuild_lease",
    "description": "A manifest that is pushed by its digest with the header Wasmbuild-Lease: SECONDS is kept that "
    "long although nothing leads to it, and then collected. The answer's header says how long.",
    "endpoints": ["/v2/{name}/manifests/{reference}"],
}
_TAGS: dict[str, object] = {
    "name": "_wasmbuild_tags",
    "description": "Sets tags of several repositories, all or none (POST).",
    "endpoints": [TAGS_PATH],
}


class Extensions:
    """Documents that tell clients what there is."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def discover(self, request: Request) -> Response:  # noqa: ARG002
        """Extensions of the registry."""
        return _json({"extensions": [_DISCOVER, _HISTORY, _LEASE, _TAGS]})

    async def discover_here(self, request: Request) -> Response:
        """Extensions of a repository; the same, whether or not there is one."""
        repository, permit = repository_of(request), self._services.permit(request)
        await self._services.read(lambda connection: permit.require(connection, repository, Action.PULL))
        entries = [_here(entry, repository) for entry in (_DISCOVER, _HISTORY, _LEASE)]
        return _json({"extensions": entries})

    async def packages(self, request: Request) -> Response:
        """Where clients that know only names of packages find them: here."""
        config = self._services.config
        external = config.external_url
        host = external.partition("://")[2].strip("/") if external else request.headers.get("host", "")
        oci = {"registry": host, "namespacePrefix": config.namespace_prefix}
        return _json({"preferredProtocol": "oci", "oci": {name: value for name, value in oci.items() if value}})


def _here(entry: dict[str, object], repository: str) -> dict[str, object]:
    endpoints = entry["endpoints"]
    assert isinstance(endpoints, list)
    return {**entry, "endpoints": [each.replace("{name}", repository) for each in endpoints if "{name}" in each]}


def _json(document: dict[str, object]) -> Response:
    return Response(json.dumps(document), headers=NOSNIFF, media_type="application/json")
