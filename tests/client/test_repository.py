"""A repository as a store, against servers that do not behave."""

import json
import socket
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from registry.client import bodies
from registry.client.registries import Registries
from registry.client.repository import Repository
from registry.client.transport import Transport
from registry.content import read_all
from registry.errors import (
    AuthenticationFailed,
    ContentTooLarge,
    DigestMismatch,
    ExitCode,
    RegistryRefused,
    RemoteNotFound,
    SizeMismatch,
    UnexpectedAnswer,
    Unreachable,
)
from registry.graph import push_bytes
from registry.model import EMPTY, OCI_INDEX, OCI_MANIFEST, Index, Manifest, describe
from registry.reference import Reference
from tests.client.scripted import Answer, scripted
from tests.contract.making import blob

MANIFEST = Manifest(config=EMPTY, layers=()).encode()
DESCRIPTOR = describe(OCI_MANIFEST, MANIFEST)
GOOD = Answer(200, MANIFEST, {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": str(DESCRIPTOR.digest)})


def repository(server):
    return Repository(Transport(server.address), "a/b")


def resolve(answer):
    with scripted(lambda _: answer) as server:
        return repository(server).resolve("v1")


def with_headers(body=MANIFEST, **headers):
    return Answer(200, body, {"Content-Type": OCI_MANIFEST} | headers)


def test_a_manifest_by_tag():
    assert resolve(GOOD) == DESCRIPTOR


def test_a_content_type_may_have_parameters():
    assert resolve(with_headers(**{"Content-Type": f"{OCI_MANIFEST}; charset=utf-8"})) == DESCRIPTOR


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (Answer(200, b"<html>hello</html>", {"Content-Type": "text/html"}), UnexpectedAnswer, "text/html"),
        (Answer(200, MANIFEST), UnexpectedAnswer, "is missing"),
        (with_headers(**{"Docker-Content-Digest": f"sha256:{'0' * 64}"}), DigestMismatch, "does not match"),
        (with_headers(**{"Docker-Content-Digest": "sha256:nonsense"}), UnexpectedAnswer, "named a digest"),
        (with_headers(b" " * (4 * 1024 * 1024 + 1)), ContentTooLarge, "larger than"),
        (Answer(204), UnexpectedAnswer, "204"),
        (Answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"nope"}]}'), RemoteNotFound, "UNKNOWN: nope"),
        (Answer(403, b'{"errors":[{"code":"DENIED","message":"no"}]}'), AuthenticationFailed, "403 DENIED: no"),
        (Answer(401, b"who are you"), AuthenticationFailed, "401 who are you"),
        (Answer(418, b"I am a \x1b[31mteapot\r\n"), RegistryRefused, r"I am a \x1b[31mteapot"),
        (Answer(418, b'{"errors":"x"}'), RegistryRefused, '418 {"errors":"x"}'),
        (Answer(418, b'{"errors":[{"code":1,"detail":{"a":2}}]}'), RegistryRefused, "418 1 ({'a': 2})"),
        (Answer(418, b"x" * 10_000_000), RegistryRefused, "xxx"),
        (Answer(418, b"<p>", {"Content-Type": "text/html"}), RegistryRefused, "an HTML page"),
        (Answer(302, b"", {"Location": "/v2/a/b/manifests/v1"}), Unreachable, "redirects"),
        (Answer(302, b"", {"Location": "http://[bad/x"}), UnexpectedAnswer, "IPv6"),
    ],
)
def test_answers_that_are_no_manifest(answer, error, said):
    with pytest.raises(error) as caught:
        resolve(answer)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(("said", "hinted"), [("no", True), ("not admitted: no", False)])
def test_rights_are_hinted_at_where_no_admission_refused(said, hinted):
    with pytest.raises(AuthenticationFailed) as caught:
        resolve(Answer(403, b'{"errors":[{"code":"DENIED","message":"%s"}]}' % said.encode()))
    assert (caught.value.hint is not None) is hinted


def test_by_digest_the_bytes_must_be_the_ones_named():
    with scripted(lambda _: with_headers()) as server, pytest.raises(DigestMismatch):
        repository(server).resolve(f"sha256:{'0' * 64}")


def test_a_document_is_fetched_once():
    with scripted(lambda _: GOOD) as server:
        store = repository(server)
        store.resolve("v1")
        assert read_all(store, DESCRIPTOR) == MANIFEST
        assert len(server.asked) == 1


CONTENT = blob(b"w" * 100_000)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(200, b"v" * 100_000), DigestMismatch),
        (Answer(200, b"w" * 99_999), SizeMismatch),
        (Answer(200, b"w" * 100_001), SizeMismatch),
        (Answer(200, b"w" * 100_000, cut=50_000), Unreachable),
        (Answer(404), RemoteNotFound),
        (Answer(206, b"w" * 100_000), UnexpectedAnswer),
    ],
    ids=["other", "shorter", "longer", "cut", "missing", "partial"],
)
def test_blobs_that_are_not_what_was_asked_for(answer, error):
    with scripted(lambda _: answer) as server, pytest.raises(error):
        read_all(repository(server), CONTENT.descriptor)


def test_a_content_encoding_is_not_undone():
    """The digest is that of the bytes as sent; a proxy that compresses is noticed, not believed."""
    import gzip

    packed = Answer(200, gzip.compress(CONTENT.data), {"Content-Encoding": "gzip"})
    with scripted(lambda _: packed) as server, pytest.raises((DigestMismatch, SizeMismatch)):
        read_all(repository(server), CONTENT.descriptor)
    assert server.asked[0].headers["accept-encoding"] == "identity"


def test_nobody_listens():
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        reference = Reference.parse(f"127.0.0.1:{reserved.getsockname()[1]}/a/b:v1")
        with pytest.raises(Unreachable) as caught:
            Registries().repository(reference).resolve("v1")
    assert caught.value.cause == "Connection refused"
    assert caught.value.exit_code is ExitCode.REGISTRY


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408])
def test_a_read_is_tried_again(status):
    answers = [Answer(status, b"busy", {"Retry-After": "0"}), Answer(status, b"busy", {"Retry-After": "0"}), GOOD]
    with scripted(lambda _: answers.pop(0)) as server:
        assert repository(server).resolve("v1") == DESCRIPTOR


def test_a_read_is_not_tried_for_ever(clock):
    with scripted(lambda _: Answer(503, b"never")) as server, pytest.raises(RegistryRefused) as caught:
        repository(server).resolve("v1")
    assert caught.value.cause == "503 never"
    assert 30 < sum(clock.waited) <= 60
    assert clock.waited[0] < clock.waited[3] < clock.waited[5]


def uploads(location="/v2/a/b/blobs/uploads/1", final=None):
    def script(asked):
        if asked.method == "POST":
            return Answer(202, headers={"Location": location} if location else {})
        return final or Answer(201)

    return script


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/up/1", "/up/1?digest=sha256%3A"),
        ("/up/1?state=x%2Fy", "/up/1?state=x%2Fy&digest=sha256%3A"),
        ("up/1", "/v2/a/b/blobs/uploads/up/1?digest=sha256%3A"),
    ],
)
def test_the_location_of_an_upload_is_followed_as_it_is(location, path):
    with scripted(uploads(location)) as server:
        CONTENT.push_to(repository(server))
    assert server.asked[1].path.startswith(path)
    assert server.asked[1].body == CONTENT.data
    assert server.asked[1].headers["content-length"] == str(len(CONTENT.data))


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (uploads(location=None), "without a Location"),
        (uploads(location="file:///etc/passwd"), "leads us to file:///etc/passwd"),
        (uploads(location="http://[bad/x"), "leads us to http://[bad/x"),
        (uploads(final=Answer(201, headers={"Docker-Content-Digest": "sha256:other"})), "stored sha256:other"),
        (lambda _: Answer(200), "200 is no answer to POST"),
    ],
)
def test_uploads_that_go_wrong(script, said):
    with scripted(script) as server, pytest.raises(UnexpectedAnswer) as caught:
        CONTENT.push_to(repository(server))
    assert said in str(caught.value)


def referrers(answer, rest=Answer(404)):
    with scripted(lambda asked: answer if "/referrers/" in asked.path else rest) as server:
        return repository(server).referrers(DESCRIPTOR), server.asked


ENTRY = describe(OCI_MANIFEST, b"entry")
LISTED = Answer(200, Index(manifests=(ENTRY,)).encode(), {"Content-Type": OCI_INDEX})


def test_referrers_by_the_api():
    found, asked = referrers(LISTED)
    assert found == [ENTRY]
    assert len(asked) == 1


@pytest.mark.parametrize("filters", [True, False])
def test_one_type_of_referrers_is_asked_for_and_looked_at(filters):
    """Whether the registry filters or not: what it gives is not believed to be filtered."""
    wanted, other = (replace(describe(OCI_MANIFEST, kind.encode()), artifact_type=kind) for kind in ("a/b+c", "a/d"))

    def script(asked):
        entries = (wanted,) if filters and "artifactType=a%2Fb%2Bc" in asked.path else (wanted, other)
        return Answer(200, Index(manifests=entries).encode(), {"Content-Type": OCI_INDEX})

    with scripted(script) as server:
        assert repository(server).referrers(DESCRIPTOR, "a/b+c") == [wanted]
        assert "artifactType=a%2Fb%2Bc" in server.asked[0].path


@pytest.mark.parametrize(
    "none", [Answer(404), Answer(405), Answer(200, b"<html>", {"Content-Type": "text/html; charset=utf-8"})]
)
def test_without_the_api_a_tag_stands_in_for_it(none):
    found, asked = referrers(none, LISTED)
    assert found == [ENTRY]
    assert asked[1].path == f"/v2/a/b/manifests/sha256-{DESCRIPTOR.digest.encoded}"
    found, _ = referrers(none)
    assert found == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(401), AuthenticationFailed),
        (Answer(403), AuthenticationFailed),
        (Answer(500, headers={"Retry-After": "0"}), RegistryRefused),
        (Answer(200, b"{}", {"Content-Type": OCI_INDEX}), UnexpectedAnswer),
        (Answer(200, b"nonsense", {"Content-Type": OCI_INDEX}), UnexpectedAnswer),
        (Answer(200, MANIFEST, {"Content-Type": OCI_INDEX}), UnexpectedAnswer),
    ],
)
def test_an_answer_that_is_no_list_never_means_none(answer, error):
    with pytest.raises(error):
        referrers(answer)


def test_a_tag_that_cannot_be_read_never_means_none():
    with pytest.raises(RegistryRefused):
        referrers(Answer(404), Answer(500, headers={"Retry-After": "0"}))


def test_referrers_over_several_pages():
    def script(asked):
        if "page=2" in asked.path:
            return LISTED
        more = describe(OCI_MANIFEST, b"more")
        link = f'</v2/a/b/referrers/{DESCRIPTOR.digest}?page=2>; rel="next"'
        return Answer(200, Index(manifests=(more,)).encode(), {"Content-Type": OCI_INDEX, "Link": link})

    with scripted(script) as server:
        assert len(repository(server).referrers(DESCRIPTOR)) == 2


def test_endless_pages_end():
    link = f'</v2/a/b/referrers/{DESCRIPTOR.digest}>; rel="next"'
    with pytest.raises(ContentTooLarge) as caught:
        referrers(Answer(200, LISTED.body, {**LISTED.headers, "Link": link}))
    assert caught.value.cause == "there are more than 100 pages"


def test_no_more_bytes_of_a_list_are_held_than_it_may_have():
    large = replace(ENTRY, annotations={"a": "x" * 100_000})
    page = Index(manifests=(large,) * 40).encode()
    link = f'</v2/a/b/referrers/{DESCRIPTOR.digest}>; rel="next"'
    with scripted(lambda _: Answer(200, page, {"Content-Type": OCI_INDEX, "Link": link})) as server:
        with pytest.raises(ContentTooLarge) as caught:
            repository(server).referrers(DESCRIPTOR)
        assert "larger than" in caught.value.cause
        assert len(server.asked) == 9


def test_a_registry_that_knows_no_subjects_gets_the_index():
    """It does not answer with OCI-Subject, so the client keeps the list under the tag."""
    kept = {}

    def script(asked):
        name = asked.path.rsplit("/", 1)[-1]
        if asked.method == "PUT":
            kept[name] = asked
            return Answer(201)
        if "/manifests/" in asked.path and name in kept:
            return Answer(200, kept[name].body, {"Content-Type": kept[name].headers["content-type"]})
        return Answer(404)

    with scripted(script) as server:
        store = repository(server)
        for text in ("one", "two"):
            data = Manifest(config=EMPTY, layers=(), subject=DESCRIPTOR, artifact_type=f"a/{text}").encode()
            push_bytes(store, describe(OCI_MANIFEST, data), data)
        fresh = repository(server)
        assert [entry.artifact_type for entry in fresh.referrers(DESCRIPTOR)] == ["a/one", "a/two"]
        index = json.loads(kept[f"sha256-{DESCRIPTOR.digest.encoded}"].body)
        assert index["mediaType"] == OCI_INDEX


def test_tags_over_several_pages():
    def script(asked):
        if "last=" in asked.path:
            return Answer(200, b'{"name":"a/b","tags":["v2"]}')
        return Answer(200, b'{"name":"a/b","tags":["v1"]}', {"Link": '</v2/a/b/tags/list?last=v1>; rel="next"'})

    with scripted(script) as server:
        assert repository(server).tags() == ["v1", "v2"]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"tags": 7}', b'{"tags": [1, "a"]}', b"\xff"])
def test_tags_that_are_no_list_of_tags(body):
    with (
        scripted(lambda _: Answer(200, body)) as server,
        pytest.raises(UnexpectedAnswer, match="did not list its tags"),
    ):
        repository(server).tags()


def test_tags_of_a_repository_that_is_not_there():
    with scripted(lambda _: Answer(404)) as server, pytest.raises(RemoteNotFound):
        repository(server).tags()


def test_a_list_that_somebody_else_overwrote_is_written_again():
    kept, thefts = {}, [1, 2]
    tag = f"sha256-{DESCRIPTOR.digest.encoded}"

    def script(asked):
        name = asked.path.rsplit("/", 1)[-1]
        if asked.method == "PUT":
            kept[name] = asked
            if name == tag and thefts:
                thefts.pop()
                del kept[name]  # as if another client had written what it had read before
            return Answer(201)
        if "/manifests/" in asked.path and name in kept:
            return Answer(200, kept[name].body, {"Content-Type": kept[name].headers["content-type"]})
        return Answer(404)

    with scripted(script) as server:
        data = Manifest(config=EMPTY, layers=(), subject=DESCRIPTOR, artifact_type="a/b").encode()
        push_bytes(repository(server), describe(OCI_MANIFEST, data), data)
        assert [entry.artifact_type for entry in repository(server).referrers(DESCRIPTOR)] == ["a/b"]


def test_a_registry_that_does_not_let_us_push_says_so_before_anything_is_sent():
    with scripted(lambda _: Answer(403, b"{}")) as server, pytest.raises(AuthenticationFailed, match="let us push"):
        repository(server).prepare_push()
    assert [asked.method for asked in server.asked] == ["POST"]


def test_a_proxy_is_not_asked_for_loopback(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert resolve(GOOD) == DESCRIPTOR


def test_a_password_in_a_location_is_not_shown():
    with scripted(uploads("http://ada:s3cret@127.0.0.1:1/upload")) as server, pytest.raises(Unreachable) as caught:
        CONTENT.push_to(repository(server))
    assert "s3cret" not in str(caught.value)
    assert "127.0.0.1:1" in str(caught.value)


def test_a_link_that_leads_nowhere():
    with pytest.raises(UnexpectedAnswer, match="leads us to"):
        referrers(Answer(200, LISTED.body, {**LISTED.headers, "Link": '<http://[bad/x>; rel="next"'}))


def test_too_many_referrers_are_given_up():
    many = Index(manifests=(ENTRY,) * 9000).encode()
    link = f'</v2/a/b/referrers/{DESCRIPTOR.digest}>; rel="next"'
    answer = Answer(200, many, {"Content-Type": OCI_INDEX, "Link": link})
    with scripted(lambda _: answer) as server, pytest.raises(ContentTooLarge, match="more than 10000"):
        repository(server).referrers(DESCRIPTOR)
    assert len(server.asked) == 2


def test_a_document_that_says_it_is_large_is_not_held():
    huge = replace(DESCRIPTOR, size=2**40)
    endless = Answer(200, b"x" * 100, {"Content-Length": str(2**40)}, cut=100)
    with scripted(lambda _: endless) as server, repository(server).fetch(huge) as reader:
        assert reader.read(100) == b"x" * 100


def test_a_body_that_drips_is_given_up(monkeypatch):
    """The clock runs a hundred times as fast here."""
    monkeypatch.setattr(bodies, "time", SimpleNamespace(monotonic=lambda: time.monotonic() * 100))
    slow = Answer(200, MANIFEST, {"Content-Type": OCI_MANIFEST}, drip=0.02)
    with scripted(lambda _: slow) as server, pytest.raises(Unreachable, match="too slow"):
        repository(server).resolve("v1")
