from typing import Any
from urllib.parse import quote

import pytest

from registry.model import OCI_INDEX, OCI_MANIFEST


def test_ping(api: Any) -> None:
    assert api.call("GET", "/v2/").status_code == 200
    assert api.call("GET", "/v2").status_code == 200


def pages(api: Any, path: str, field: str) -> list[list[str]]:
    found = []
    while path:
        answer = api.call("GET", path)
        assert answer.status_code == 200
        found.append(answer.json()[field])
        link = answer.headers.get("Link", "")
        assert not link or link.endswith('; rel="next"')
        path = link.partition(">")[0].lstrip("<")
    return found


def test_tags_are_sorted_by_bytes_and_paged(api: Any, tools: Any) -> None:
    body = api.image()
    names = ["b", "a", "B", "_x", "1.0", "1.0-rc.1", "1.10", "a.b"]
    api.put_manifest(f"{tools.sha256(body)}?" + "&".join(f"tag={name}" for name in names), body)
    path = "/v2/demo/hello/tags/list"
    assert api.call("GET", path).json() == {"name": "demo/hello", "tags": sorted(names)}
    assert pages(api, f"{path}?n=3", "tags") == [sorted(names)[:3], sorted(names)[3:6], sorted(names)[6:]]
    assert pages(api, f"{path}?n=8", "tags") == [sorted(names)]
    assert api.call("GET", f"{path}?last=Zed").json()["tags"] == ["_x", "a", "a.b", "b"]
    none = api.call("GET", f"{path}?n=0")
    assert (none.json()["tags"], none.headers.get("Link")) == ([], None)


@pytest.mark.parametrize("count", ["99999999999", "9" * 5000, "1" * 20])
def test_a_giant_page_is_an_ordinary_one(api: Any, count: str) -> None:
    api.push_image("only")
    assert api.call("GET", f"/v2/demo/hello/tags/list?n={count}").json()["tags"] == ["only"]


@pytest.mark.parametrize("count", ["-1", "x", "", "1.5", "²"])
def test_a_page_that_is_no_number(api: Any, tools: Any, count: str) -> None:
    answer = api.call("GET", "/v2/_catalog", params={"n": count})
    assert (answer.status_code, tools.codes(answer)) == (400, ["UNSUPPORTED"])


def test_tags_of_nothing(api: Any, tools: Any) -> None:
    answer = api.call("GET", "/v2/demo/hello/tags/list")
    assert (answer.status_code, tools.codes(answer)) == (404, ["NAME_UNKNOWN"])
    api.push_blob(b"only a blob")
    assert api.call("GET", "/v2/demo/hello/tags/list").json()["tags"] == []


def test_the_catalog(api: Any) -> None:
    for name in ("team/b", "team/a", "alone"):
        api.push_blob(b"x", name)
    assert pages(api, "/v2/_catalog?n=2", "repositories") == [["alone", "team/a"], ["team/b"]]


def test_referrers(api: Any, tools: Any) -> None:
    digest = api.push_image("latest")
    subject = tools.descriptor(api.get_manifest("latest").content, OCI_MANIFEST)
    assert subject["digest"] == digest
    signature = api.push_image("", subject=subject, artifactType="application/x.signature", annotations={"by": "Ada"})
    by_config = api.push_image("", subject=subject)
    body = tools.index(subject=subject)
    api.put_manifest(tools.sha256(body), body, media_type=OCI_INDEX)
    answer = api.call("GET", f"/v2/demo/hello/referrers/{digest}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == OCI_INDEX
    assert "OCI-Filters-Applied" not in answer.headers
    found = {entry["digest"]: entry for entry in answer.json()["manifests"]}
    assert set(found) == {signature, by_config, tools.sha256(body)}
    assert found[signature]["artifactType"] == "application/x.signature"
    assert found[signature]["annotations"] == {"by": "Ada"}
    assert found[by_config]["artifactType"] == "application/vnd.oci.empty.v1+json"
    assert "artifactType" not in found[tools.sha256(body)]
    api.call("DELETE", f"/v2/demo/hello/manifests/{by_config}")
    assert len(api.call("GET", f"/v2/demo/hello/referrers/{digest}").json()["manifests"]) == 2


def test_referrers_by_type(api: Any, tools: Any) -> None:
    subject = tools.descriptor(b"absent", OCI_MANIFEST)
    wanted = api.push_image("", subject=subject, artifactType="application/x.a+json")
    api.push_image("", subject=subject, artifactType="application/x.b")
    kind = quote("application/x.a+json", safe="")
    answer = api.call("GET", f"/v2/demo/hello/referrers/{subject['digest']}?artifactType={kind}")
    assert [entry["digest"] for entry in answer.json()["manifests"]] == [wanted]
    assert answer.headers["OCI-Filters-Applied"] == "artifactType"


def test_referrers_are_paged(api: Any, tools: Any) -> None:
    subject = tools.descriptor(b"absent", OCI_MANIFEST)
    pushed = {api.push_image("", subject=subject, annotations={"n": str(number)}) for number in range(5)}
    found = pages(api, f"/v2/demo/hello/referrers/{subject['digest']}?n=2", "manifests")
    assert [len(page) for page in found] == [2, 2, 1]
    assert {entry["digest"] for page in found for entry in page} == pushed


def test_a_page_of_referrers_is_no_larger_than_a_manifest(api: Any, tools: Any) -> None:
    subject = tools.descriptor(b"absent", OCI_MANIFEST)
    for number in range(3):
        api.push_image("", subject=subject, annotations={"n": f"{number}" * 2_000_000})
    found = pages(api, f"/v2/demo/hello/referrers/{subject['digest']}", "manifests")
    assert [len(page) for page in found] == [2, 1]


def test_referrers_of_nothing_are_none(api: Any, tools: Any) -> None:
    answer = api.call("GET", f"/v2/no/such/referrers/{tools.sha256(b'')}")
    assert (answer.status_code, answer.json()["manifests"]) == (200, [])
    bad = api.call("GET", "/v2/no/such/referrers/sha256:bad")
    assert (bad.status_code, tools.codes(bad)) == (400, ["DIGEST_INVALID"])
