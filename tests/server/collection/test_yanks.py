from pathlib import Path
from typing import Any

import requests

from registry.digest import Digest
from registry.server.config import ServerConfig
from registry.server.metadata.stats import Stats, find_stats
from registry.server.metadata.yanks import yank, yanked_manifests
from registry.server.testing import running_server


def test_a_yanked_manifest_says_why(data: Path, opened: Any, tools: Any, database_url: str | None) -> None:
    registry = opened(database_url)
    with running_server(data, ServerConfig(data, database=database_url)) as address, requests.Session() as session:
        api = tools.Api(address, session)
        digest = api.push_image("v1")
        api.push_image("v2")
        other = api.push_image("v3", annotations={"a": "b"})
        tags = "/v2/demo/hello/tags/list"
        assert api.call("GET", tags).json() == {"name": "demo/hello", "tags": ["v1", "v2", "v3"]}
        yanked = registry.write(lambda connection: yank(connection, "demo/hello", "v1", 'breaks "everything"'))
        assert yanked == digest
        for reference in ("v1", digest):
            for method in ("GET", "HEAD"):
                answer = api.call(method, f"/v2/demo/hello/manifests/{reference}")
                assert answer.status_code == 200
                assert answer.headers["Warning"] == '299 - "breaks \\"everything\\""'
        assert "Warning" not in api.get_manifest(other).headers
        why = 'breaks "everything"'
        assert api.call("GET", tags).json()["yanked"] == {"v1": why, "v2": why}
        assert api.call("GET", f"{tags}?n=1").json()["yanked"] == {"v1": why}
        assert "yanked" not in api.call("GET", f"{tags}?n=1&last=v2").json()
        listed = registry.read(lambda connection: yanked_manifests(connection, "demo/hello", "", 10))
        assert listed == [(digest, why)]
        registry.write(lambda connection: yank(connection, "demo/hello", Digest.parse(digest), None))
        assert "Warning" not in api.get_manifest("v1").headers
        assert "yanked" not in api.call("GET", tags).json()


def test_what_is_not_there_cannot_be_yanked(registry: Any) -> None:
    digest = registry.image("one", "x")
    for repository, reference in (("demo", "y"), ("nowhere", "x"), ("demo", Digest.of(b"?"))):
        assert registry.write(lambda connection, r=repository, x=reference: yank(connection, r, x, "why")) is None
    assert registry.write(lambda connection: yank(connection, "demo", "x", "")) == str(digest)
    assert registry.read(lambda connection: yanked_manifests(connection, "demo", "", 1)) == [(str(digest), "yanked")]


def test_history(api: Any, tools: Any) -> None:
    one = api.push_image("latest")
    two = api.push_image("latest", annotations={"a": "b"})
    api.push_image("other")
    assert api.call("DELETE", "/v2/demo/hello/manifests/latest").status_code == 202
    path = "/v2/demo/hello/_oci/tag-history/latest"
    answer = api.call("GET", path)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["name"], body["tag"]) == ("demo/hello", "latest")
    assert [entry["digest"] for entry in body["history"]] == [None, two, one]
    assert {entry["actor"] for entry in body["history"]} == {"local"}
    stamps = [entry["timestamp"] for entry in body["history"]]
    assert stamps == sorted(stamps, reverse=True)
    assert all(stamp.endswith("Z") and "T" in stamp for stamp in stamps)
    assert "Link" not in answer.headers
    paged, link = [], f"{path}?n=2"
    while link:
        page = api.call("GET", link)
        paged += page.json()["history"]
        link = page.links["next"]["url"] if page.links else ""
    assert paged == body["history"]


def test_there_is_no_history(api: Any, tools: Any) -> None:
    api.push_image("latest")
    for path in ("demo/hello/_oci/tag-history/other", "demo/none/_oci/tag-history/x", "demo/hello/_oci/tag-history/.x"):
        answer = api.call("GET", f"/v2/{path}")
        assert (answer.status_code, tools.codes(answer)) == (404, ["MANIFEST_UNKNOWN"])
    for last in ("x", "-1", "9" * 30):
        answer = api.call("GET", f"/v2/demo/hello/_oci/tag-history/latest?last={last}")
        assert (answer.status_code, tools.codes(answer)) == (400, ["UNSUPPORTED"])
    nothing = api.call("GET", "/v2/demo/hello/_oci/tag-history/latest?n=0")
    assert (nothing.status_code, nothing.json()["history"]) == (200, [])


def test_stats(registry: Any) -> None:
    assert registry.read(find_stats) == Stats(0, 0, 0, 0, 0, 0, 0, 0, 0)
    registry.image("one", "a", "b")
    registry.image("one", "a", repository="other")
    registry.blob(b"lonely")
    registry.collect(101)
    expected = Stats(
        repositories=2, manifests=2, tags=3, blobs=3, stored=20, shared=14, uploads=0, condemned=1, quarantined=0
    )
    assert registry.read(find_stats) == expected
    registry.image("one", lease=1000.0)
    assert registry.read(find_stats) == expected  # it is there already, and stays
    registry.image("two", lease=1000.0)
    assert registry.read(find_stats).leased == 1
