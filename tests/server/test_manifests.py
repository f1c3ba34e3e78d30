import hashlib
import json
from typing import Any

import pytest

from registry.model import DOCKER_LIST, DOCKER_MANIFEST, MAX_MANIFEST, OCI_INDEX, OCI_MANIFEST


def test_bytes_are_kept_as_they_came(api: Any, tools: Any) -> None:
    api.image()
    body = json.dumps(json.loads(tools.manifest()), indent=7, sort_keys=True).encode() + b"\n\n  "
    answer = api.put_manifest("latest", body)
    digest = tools.sha256(body)
    assert answer.status_code == 201
    assert answer.headers["Docker-Content-Digest"] == digest
    assert answer.headers["Location"] == f"/v2/demo/hello/manifests/{digest}"
    for reference in ("latest", digest):
        found = api.get_manifest(reference)
        assert found.content == body
        assert found.headers["Content-Type"] == OCI_MANIFEST
        assert found.headers["Docker-Content-Digest"] == digest
        head = api.call("HEAD", f"/v2/demo/hello/manifests/{reference}")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Length"] == str(len(body))
        assert head.headers["Content-Type"] == OCI_MANIFEST


def test_tags_move_and_digests_stay(api: Any) -> None:
    first = api.push_image("latest")
    second = api.push_image("latest", annotations={"version": "2"})
    assert api.get_manifest("latest").headers["Docker-Content-Digest"] == second
    assert api.get_manifest(first).status_code == 200


def test_several_tags_at_once(api: Any, tools: Any) -> None:
    body = api.image()
    names = [f"v{number}" for number in range(12)]
    query = "&".join(f"tag={name}" for name in names)
    answer = api.put_manifest(f"{tools.sha256(body)}?{query}", body)
    assert answer.status_code == 201
    assert answer.headers["OCI-Tag"].split(", ") == names
    assert all(api.get_manifest(name).content == body for name in names)


@pytest.mark.parametrize(
    ("query", "status"), [("tag=ok&tag=-bad", 400), ("&".join(f"tag=t{n}" for n in range(101)), 414)]
)
def test_bad_tags_move_none(api: Any, tools: Any, query: str, status: int) -> None:
    body = api.image()
    assert api.put_manifest(f"{tools.sha256(body)}?{query}", body).status_code == status
    assert api.get_manifest("ok").status_code == 404
    assert api.get_manifest(tools.sha256(body)).status_code == 404


def test_sha512(api: Any) -> None:
    body = api.image()
    digest = f"sha512:{hashlib.sha512(body).hexdigest()}"
    answer = api.put_manifest(f"{digest}?tag=strong", body)
    assert answer.headers["Docker-Content-Digest"] == digest
    assert api.get_manifest("strong").headers["Docker-Content-Digest"] == digest
    assert api.get_manifest(digest).content == body


def test_what_it_needs_must_be_there(api: Any, tools: Any) -> None:
    body = tools.manifest()
    answer = api.put_manifest("latest", body)
    assert answer.status_code == 404
    assert tools.codes(answer) == ["MANIFEST_BLOB_UNKNOWN"] * 2
    assert {entry["detail"] for entry in answer.json()["errors"]} == {tools.sha256(b"{}"), tools.sha256(b"layer")}
    assert api.get_manifest("latest").status_code == 404
    assert api.call("GET", "/v2/_catalog").json() == {"repositories": []}


def test_blobs_of_another_repository_do_not_count(api: Any, tools: Any) -> None:
    api.image("team/other")
    assert api.put_manifest("latest", tools.manifest()).status_code == 404


def test_a_size_that_is_not_the_blobs(api: Any, tools: Any) -> None:
    api.image()
    wrong = {**tools.descriptor(b"layer"), "size": 6}
    answer = api.put_manifest("latest", tools.manifest(layers=[wrong]))
    assert (answer.status_code, tools.codes(answer)) == (404, ["MANIFEST_BLOB_UNKNOWN"])


@pytest.mark.parametrize("sizes", [(5, 6), (6, 5)])
def test_one_digest_cannot_have_two_sizes(api: Any, tools: Any, sizes: tuple[int, int]) -> None:
    api.image()
    layers = [{**tools.descriptor(b"layer"), "size": size} for size in sizes]
    answer = api.put_manifest("latest", tools.manifest(layers=layers))
    assert (answer.status_code, tools.codes(answer)) == (404, ["MANIFEST_BLOB_UNKNOWN"])
    assert api.put_manifest("latest", tools.manifest(layers=[layers[sizes.index(5)]] * 2)).status_code == 201


def test_half_a_character(api: Any, tools: Any) -> None:
    for fields in ({"annotations": {"a": "\ud800"}}, {"artifactType": "\udfff"}, {"\udc00": 1}):
        answer = api.put_manifest("latest", api.image(**fields))
        assert (answer.status_code, tools.codes(answer)) == (400, ["MANIFEST_INVALID"])
    assert api.put_manifest("latest", api.image(annotations={"a": "\U0001f600"})).status_code == 201


def test_large_annotations(api: Any, tools: Any) -> None:
    body = api.image(annotations={f"text-{number}": "[{,}]" * 2000 for number in range(390)})
    assert api.put_manifest("latest", body).status_code == 201
    assert api.get_manifest("latest").content == body


def test_layers_that_may_not_be_distributed_may_be_missing(api: Any, tools: Any) -> None:
    api.image()
    foreign = tools.descriptor(b"elsewhere", "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")
    assert api.put_manifest("latest", tools.manifest(layers=[foreign])).status_code == 201


def test_an_index_and_its_manifests(api: Any, tools: Any) -> None:
    body = api.image()
    entry = tools.descriptor(body, OCI_MANIFEST)
    missing = api.put_manifest("all", tools.index(entry), media_type=OCI_INDEX)
    assert (missing.status_code, tools.codes(missing)) == (404, ["MANIFEST_BLOB_UNKNOWN"])
    api.put_manifest(tools.sha256(body), body)
    assert api.put_manifest("all", tools.index(entry), media_type=OCI_INDEX).status_code == 201
    assert api.get_manifest("all").headers["Content-Type"] == OCI_INDEX
    assert api.put_manifest("none", tools.index(), media_type=OCI_INDEX).status_code == 201


def test_docker_documents(api: Any, tools: Any) -> None:
    body = api.image(mediaType=DOCKER_MANIFEST)
    assert api.put_manifest("docker", body, media_type=DOCKER_MANIFEST).status_code == 201
    listing = tools.index(tools.descriptor(body, DOCKER_MANIFEST), mediaType=DOCKER_LIST)
    assert api.put_manifest("list", listing, media_type=DOCKER_LIST).status_code == 201
    assert api.get_manifest("list").headers["Content-Type"] == DOCKER_LIST
    assert api.get_manifest("docker").content == body


MALFORMED = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b'{"schemaVersion": 1}',
    b'{"schemaVersion": 2}',
    b'{"schemaVersion": 2, "schemaVersion": 2}',
    b"[" * 100_000,
    b"[" + b"[]," * 1_398_000 + b"[]]",
]


@pytest.mark.parametrize("body", MALFORMED)
def test_malformed_documents(api: Any, tools: Any, body: bytes) -> None:
    answer = api.put_manifest("latest", body)
    assert (answer.status_code, tools.codes(answer)) == (400, ["MANIFEST_INVALID"])


@pytest.mark.parametrize("sent_as", [OCI_INDEX, DOCKER_MANIFEST, "application/json", "text/html", ""])
def test_a_document_must_be_what_it_is_sent_as(api: Any, tools: Any, sent_as: str) -> None:
    answer = api.put_manifest("latest", api.image(), media_type=sent_as)
    assert (answer.status_code, tools.codes(answer)) == (400, ["MANIFEST_INVALID"])


def test_a_document_that_could_be_both(api: Any, tools: Any) -> None:
    answer = api.put_manifest("latest", api.image(manifests=[]))
    assert (answer.status_code, tools.codes(answer)) == (400, ["MANIFEST_INVALID"])


def test_the_largest_document_and_one_byte_more(api: Any, tools: Any) -> None:
    body = api.image()
    full = body + b" " * (MAX_MANIFEST - len(body))
    assert api.put_manifest("latest", full).status_code == 201
    assert len(api.get_manifest("latest").content) == MAX_MANIFEST
    answer = api.put_manifest("latest", full + b" ")
    assert (answer.status_code, tools.codes(answer)) == (413, ["SIZE_INVALID"])
    headers = {"Content-Type": OCI_MANIFEST}
    streamed = api.call("PUT", "/v2/demo/hello/manifests/latest", data=iter([full, b" "]), headers=headers)
    assert streamed.status_code == 413


def test_a_digest_that_is_not_the_documents(api: Any, tools: Any) -> None:
    body = api.image()
    for digest in (f"sha256:{'0' * 64}", "sha256:baddigeststring"):
        answer = api.put_manifest(digest, body)
        assert (answer.status_code, tools.codes(answer)) == (400, ["DIGEST_INVALID"])


@pytest.mark.parametrize("reference", ["-x", "a" * 129, "ä", ".dot", "%2e%2e"])
def test_bad_references(api: Any, tools: Any, reference: str) -> None:
    put = api.put_manifest(reference, api.image())
    got = api.get_manifest(reference)
    assert put.status_code in {400, 404}
    assert got.status_code == 404
    tools.codes(put)
    tools.codes(got)


def test_delete_of_a_tag_and_of_a_digest(api: Any, tools: Any) -> None:
    digest = api.push_image("one")
    api.push_image("two")
    assert api.call("DELETE", "/v2/demo/hello/manifests/one").status_code == 202
    assert api.get_manifest("one").status_code == 404
    assert api.get_manifest("two").status_code == 200
    assert api.call("DELETE", f"/v2/demo/hello/manifests/{digest}").status_code == 202
    for reference in ("two", digest):
        answer = api.get_manifest(reference)
        assert (answer.status_code, tools.codes(answer)) == (404, ["MANIFEST_UNKNOWN"])
    assert api.call("DELETE", f"/v2/demo/hello/manifests/{digest}").status_code == 404
    assert api.call("DELETE", "/v2/demo/hello/manifests/two").status_code == 404
    assert api.push_image("two") == digest


def test_the_subject_may_be_missing_and_is_named_in_the_answer(api: Any, tools: Any) -> None:
    subject = tools.descriptor(b"not there yet", OCI_MANIFEST)
    answer = api.put_manifest("signature", api.image(subject=subject))
    assert answer.status_code == 201
    assert answer.headers["OCI-Subject"] == subject["digest"]
