"""The page of the server's HTTP API: from its real routes, with what they answer and who wrote that down."""

import asyncio
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from starlette.routing import Route

from registry.server.app import create_app
from registry.server.config import ServerConfig
from registry.server.routes.content import ContentRoute
from scripts.docs.markdown import code, table, text

__all__ = ["ANSWERS", "Endpoint", "endpoints", "http_page"]

_OCI = "distribution-spec"
_PATHS = MappingProxyType(
    {
        "manifests": "/v2/{name}/manifests/{reference}",
        "blobs": "/v2/{name}/blobs/{digest}",
        "begin": "/v2/{name}/blobs/uploads/",
        "uploads": "/v2/{name}/blobs/uploads/{upload}",
        "tags": "/v2/{name}/tags/list",
        "referrers": "/v2/{name}/referrers/{digest}",
    }
)
"""What the kinds of ``ContentRoute`` are the paths of."""

ANSWERS = MappingProxyType(
    {
        ("GET", "/v2/"): ("200; 401 says where tokens are had", f"{_OCI}, end-1"),
        ("GET", "/v2"): ("as `/v2/`", ""),
        ("GET", "/v2/_catalog"): ("200, pages with `n`, `last` and `Link`", "CNCF Distribution, HTTP API V2"),
        ("GET", "/v2/_oci/ext/discover"): ("200", f"{_OCI}, extensions/_oci.md"),
        ("GET", "/v2/{name}/_oci/ext/discover"): ("200", f"{_OCI}, extensions/_oci.md"),
        ("POST", "/v2/_wasmbuild/tags"): (
            "200 with what changed; 400; 404; 409 names the tags that were something else; 413",
            "ours",
        ),
        ("GET", "/v2/{name}/_oci/tag-history/{tag}"): ("200, pages with `n`, `last` and `Link`; 404", "ours"),
        ("GET", "/.well-known/wasm-pkg/registry.json"): ("200", "wasm-pkg-tools, registry metadata"),
        ("GET", "/auth/token"): ("200; 401; 404 without users; 429", "CNCF Distribution, token authentication"),
        ("POST", "/auth/token"): ("200; 400; 401; 404 without users; 429", "CNCF Distribution, OAuth 2"),
        ("POST", "/auth/oidc/exchange"): ("200; 400; 401; 404 without users; 429", "RFC 8693"),
        ("GET", "/healthz"): ("200", ""),
        ("GET", "/readyz"): ("200; 503", ""),
        ("GET", "/metrics"): ("200; 401; 403", "Prometheus, text format"),
        ("GET", "/v2/{name}/manifests/{reference}"): ("200; 404", f"{_OCI}, end-3"),
        ("HEAD", "/v2/{name}/manifests/{reference}"): ("200; 404", f"{_OCI}, end-3"),
        ("PUT", "/v2/{name}/manifests/{reference}"): (
            "201; 400; 403 not admitted, or over a quota; 404 a blob is missing; 409 an immutable tag; 413",
            f"{_OCI}, end-7",
        ),
        ("DELETE", "/v2/{name}/manifests/{reference}"): ("202; 404; 409 an immutable tag", f"{_OCI}, end-9"),
        ("GET", "/v2/{name}/blobs/{digest}"): ("200; 206; 307 to the bucket; 404; 416", f"{_OCI}, end-2"),
        ("HEAD", "/v2/{name}/blobs/{digest}"): ("200; 404", f"{_OCI}, end-2"),
        ("DELETE", "/v2/{name}/blobs/{digest}"): ("202; 404", f"{_OCI}, end-10"),
        ("POST", "/v2/{name}/blobs/uploads/"): ("202; 201 with `digest` or `mount`", f"{_OCI}, end-4 and end-11"),
        ("GET", "/v2/{name}/blobs/uploads/{upload}"): ("204 with `Range`; 404", f"{_OCI}, end-13"),
        ("HEAD", "/v2/{name}/blobs/uploads/{upload}"): ("204 with `Range`; 404", f"{_OCI}, end-13"),
        ("PATCH", "/v2/{name}/blobs/uploads/{upload}"): ("202; 400; 404; 409; 413; 416", f"{_OCI}, end-5"),
        ("PUT", "/v2/{name}/blobs/uploads/{upload}"): ("201; 400; 404; 409; 413; 416", f"{_OCI}, end-6"),
        ("DELETE", "/v2/{name}/blobs/uploads/{upload}"): ("204; 404", f"{_OCI}, end-14"),
        ("GET", "/v2/{name}/tags/list"): ("200; 404; pages with `n`, `last` and `Link`", f"{_OCI}, end-8"),
        ("HEAD", "/v2/{name}/tags/list"): ("200; 404", ""),
        ("GET", "/v2/{name}/referrers/{digest}"): ("200, narrowed by `artifactType`", f"{_OCI}, end-12"),
        ("HEAD", "/v2/{name}/referrers/{digest}"): ("200", ""),
    }
)
"""What each route answers, and where that is written; a test holds it to the routes."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method of a path, and what it is for, in the words of its handler."""

    method: str
    path: str
    purpose: str


def endpoints() -> tuple[Endpoint, ...]:
    """What a server answers, asked of a server that is made for it; HEAD stands beside GET only for content."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(ServerConfig(data=Path(folder)))
        try:
            return tuple(each for route in app.routes for each in _of_route(route))
        finally:
            asyncio.run(app.state.services.close())  # it was never started, and does not end by itself


def _of_route(route: Any) -> Iterator[Endpoint]:  # noqa: ANN401 - Starlette's routes have no common form
    if isinstance(route, ContentRoute):
        for kind, methods in route._endpoints.items():  # noqa: SLF001 - the table is what this page is about
            for method, endpoint in methods.items():
                yield Endpoint(method, _PATHS[kind], _first_sentence(endpoint))
    elif isinstance(route, Route):
        for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
            yield Endpoint(method, re.sub(r":\w+}", "}", route.path), _first_sentence(route.endpoint))


def _first_sentence(endpoint: Any) -> str:  # noqa: ANN401 - a handler
    return " ".join((endpoint.__doc__ or "").split("\n\n")[0].split())


def http_page() -> str:
    """The routes as a table, and what holds for all of them."""
    rows = []
    for each in sorted(endpoints(), key=lambda each: (not each.path.startswith("/v2"), each.path, each.method)):
        answers, where = ANSWERS.get((each.method, each.path), ("", ""))
        rows.append((code(each.method), code(each.path), text(each.purpose), answers, where))
    return (
        "# HTTP API of the server\n\n"
        "From the routes of the server itself. Numbers of end-points are those of the [OCI distribution "
        "specification](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md), whose errors "
        "(`errors[].code`, `message`, `detail`) every answer of 400 and more has.\n\n"
        "Any request may also be answered with 400 (a name, a digest or a number that is none), 401 or 403 "
        "([who may do what](server-access.md)), 405, 408 (the client "
        "stands still), 429 (too many requests) and 503 with `Retry-After`. `Docker-Content-Digest` is on every "
        "answer about a manifest or a blob. A manifest may be pushed with [a lease](server-collection.md#leases), the "
        "header `Wasmbuild-Lease`.\n\n" + table(("method", "path", "does", "answers", "written in"), rows)
    )
