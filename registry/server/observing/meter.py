"""Counters of requests, cheap enough for every one of them; ``metrics`` turns them into what Prometheus reads.

Belongs to one event loop, so that nothing is locked. Labels come from short lists, never from what a
client sends.
"""

from bisect import bisect_left
from dataclasses import dataclass

__all__ = ["BUCKETS", "Meter", "Series", "route_of"]

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
"""Seconds that requests take."""

_METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"})
_FIXED = {
    "/v2/": "/v2/",
    "/v2": "/v2/",
    "/v2/_catalog": "/v2/_catalog",
    "/v2/_oci/ext/discover": "/v2/_oci/ext/discover",
    "/v2/_wasmbuild/tags": "/v2/_wasmbuild/tags",
    "/healthz": "/healthz",
    "/readyz": "/readyz",
    "/metrics": "/metrics",
    "/auth/token": "/auth/token",
    "/auth/oidc/exchange": "/auth/oidc/exchange",
    "/.well-known/wasm-pkg/registry.json": "/.well-known/wasm-pkg/registry.json",
}
_PARTS = (
    ("/manifests/", "/v2/{name}/manifests/{reference}"),
    ("/blobs/uploads/", "/v2/{name}/blobs/uploads/{upload}"),
    ("/blobs/", "/v2/{name}/blobs/{digest}"),
    ("/tags/list", "/v2/{name}/tags/list"),
    ("/referrers/", "/v2/{name}/referrers/{digest}"),
    ("/_oci/ext/discover", "/v2/{name}/_oci/ext/discover"),
    ("/_oci/tag-history/", "/v2/{name}/_oci/tag-history/{tag}"),
)


def route_of(path: str) -> str:
    """The template of a path; ``other`` for what is none of ours."""
    if path.startswith("/v2/"):
        for part, template in _PARTS:
            if part in path:
                return template
    return _FIXED.get(path, "other")


@dataclass(slots=True)
class Series:
    """Requests of one route, method and status: how many, their seconds in all, and by bucket."""

    count: int
    seconds: float
    buckets: list[int]


class Meter:
    """Counts. All attributes may be read at any time."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, str, int], Series] = {}
        self.received = 0
        self.sent = 0
        self.writes = 0
        self.write_seconds = 0.0
        self.write_buckets = [0] * (len(BUCKETS) + 1)

    def request(self, route: str, method: str, status: int, seconds: float, sent: int) -> None:
        """One request was answered with ``sent`` bytes of body."""
        key = (route, method, status)
        series = self.requests.get(key)
        if series is None:
            key = (route, method if method in _METHODS else "other", status)
            series = self.requests.setdefault(key, Series(0, 0.0, [0] * (len(BUCKETS) + 1)))
        series.count += 1
        series.seconds += seconds
        series.buckets[bisect_left(BUCKETS, seconds)] += 1
        self.sent += sent

    def write(self, seconds: float) -> None:
        """One write of rows was done, after waiting for its turn and for the disk."""
        self.writes += 1
        self.write_seconds += seconds
        self.write_buckets[bisect_left(BUCKETS, seconds)] += 1
