"""Somebody is asked before a tag is set: who that is comes from a package of its own, installed here for the test."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import requests

from registry.errors import InvalidConfiguration
from registry.model import OCI_MANIFEST
from registry.server.admission import asking, view
from registry.server.config import AccessConfig, AdmissionConfig, ObservingConfig, ServerConfig, StorageConfig
from registry.server.config.access import RuleConfig
from registry.server.database.protocol import DatabaseDown
from registry.server.testing import running_server
from scripts.versity import ACCESS, SECRET
from tests.server.access.conftest import PASSWORD, htpasswd_line
from tests.server.conftest import REPOSITORY, Api, codes, descriptor, index, manifest, sha256

MODULE = "admissions_of_tests"
SOURCE = """
import threading, time
from registry.admission import Verdict
from registry.content import read_all
from registry.digest import Digest
from registry.model import Descriptor

asked, left, going = [], [], threading.Event()

class By:
    def __init__(self, decide):
        self.decide = decide
    def admit(self, question):
        asked.append(question)
        return self.decide(question)

def hang(question):
    going.wait(20)
    try:
        question.content.resolve("latest")
    except Exception as error:
        left.append(error)

def read(question):
    view = question.content
    manifest = read_all(view, question.descriptor)
    layer = Descriptor("application/octet-stream", Digest.of(b"layer"), 5)
    assert read_all(view, layer) == b"layer" and view.exists(layer)
    old = view.resolve("old") if "old" in view.tags() else None
    if old is not None:
        assert view.exists(old) and read_all(view, old) != manifest
        assert [each.digest for each in view.referrers(old)] == [question.descriptor.digest] * bool(view.referrers(old))
    return Verdict(allowed=True)

def greedy(question):
    layer = Descriptor("application/octet-stream", Digest.of(bytes(200_000)), 200_000)
    return Verdict(bool(read_all(question.content, layer, 1_000_000)))

def writes(question):
    question.content.tag(question.descriptor, "mine")
    return Verdict(True)

def failing(question):
    raise RuntimeError("secret of the package")

def broken(policy):
    raise OSError("no such thing")

def only_signed(policy):
    allowed = policy.read_text().split()
    def decide(question):
        return Verdict(question.repository in allowed, "this repository\\x1b[31m takes no tags")
    return By(decide)

allows = lambda policy: By(lambda question: Verdict(True))
hangs = lambda policy: By(hang)
reads = lambda policy: By(read)
reads_much = lambda policy: By(greedy)
tags = lambda policy: By(writes)
raises = lambda policy: By(failing)
exits = lambda policy: By(lambda question: exec("raise SystemExit(0)"))
rubbish = lambda policy: By(lambda question: "yes")
truthy = lambda policy: By(lambda question: Verdict(1, "a number"))
nothing = lambda policy: By(lambda question: None)
no_admission = lambda policy: object()
"""
NAMES = [
    "allows",
    "only_signed",
    "hangs",
    "reads",
    "reads_much",
    "tags",
    "raises",
    "exits",
    "rubbish",
    "truthy",
    "nothing",
    "no_admission",
    "broken",
]


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a package with admissions looks like once it is installed."""
    folder = tmp_path_factory.mktemp("installed")
    (folder / f"{MODULE}.py").write_text(SOURCE)
    about = folder / f"{MODULE}-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {MODULE}\nVersion: 1\n")
    lines = [f"{name} = {MODULE}:{name}" for name in NAMES]
    (about / "entry_points.txt").write_text("\n".join(["[registry.admission]", *lines, ""]))
    return folder


@pytest.fixture
def installed(package: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(package))
    module = __import__(MODULE)
    yield module
    module.going.set()
    sys.modules.pop(MODULE)


Serve = Callable[..., Api]


@pytest.fixture
def serve(installed: Any, data: Path) -> Iterator[Serve]:
    """Serve with somebody who is asked."""
    with ExitStack() as stack:

        def start(name: str, policy: Path | None = None, **settings: Any) -> Api:
            bounds = {each: settings.pop(each) for each in ("timeout", "max_read") if each in settings}
            config = ServerConfig(data, admission=AdmissionConfig(name, policy, **bounds), **settings)
            address = stack.enter_context(running_server(data, config))
            return Api(address, stack.enter_context(requests.Session()))

        yield start


def test_a_tag_that_may_be_set(serve: Serve, installed: Any) -> None:
    api = serve("allows")
    digest = api.push_image("latest")
    assert api.get_manifest("latest").headers["Docker-Content-Digest"] == digest
    (question,) = installed.asked
    assert (question.repository, question.tags, str(question.descriptor.digest)) == (REPOSITORY, ("latest",), digest)


def test_nobody_is_asked_about_a_push_by_digest(serve: Serve, installed: Any) -> None:
    api = serve("raises")
    api.push_image("")
    assert installed.asked == []


def test_nobody_is_asked_unless_the_settings_say_so(installed: Any, api: Api) -> None:
    api.push_image("latest")
    assert installed.asked == []


def test_a_refusal_says_why_and_leaves_nothing(serve: Serve, tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    policy.write_text("other/place")
    api = serve("only_signed", policy)
    body = api.image()
    answer = api.put_manifest("latest", body)
    assert (answer.status_code, codes(answer)) == (403, ["DENIED"])
    assert answer.json()["errors"] == [
        {"code": "DENIED", "message": "not admitted: this repository\\x1b[31m takes no tags", "detail": "latest"}
    ]
    assert api.get_manifest("latest").status_code == 404
    assert api.get_manifest(sha256(body)).status_code == 404
    assert api.push_image("latest", "other/place")


def test_several_tags_at_once_are_one_question(serve: Serve, installed: Any, tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    policy.write_text("")
    api = serve("only_signed", policy)
    body = api.image()
    path = f"/v2/{REPOSITORY}/manifests/{sha256(body)}?tag=one&tag=two"
    answer = api.call("PUT", path, data=body, headers={"Content-Type": OCI_MANIFEST})
    assert codes(answer) == ["DENIED", "DENIED"]
    assert installed.asked[0].tags == ("one", "two")
    assert api.get_manifest("one").status_code == 404


def test_whoever_decides_reads_the_repository_and_nothing_else(serve: Serve) -> None:
    api = serve("reads")
    old = api.push_image("old")
    answer = api.put_manifest("new", api.image(subject=descriptor(api.get_manifest("old").content, OCI_MANIFEST)))
    assert answer.status_code == 201, answer.text
    assert answer.headers["OCI-Subject"] == old
    api.push_image("new", "another/place")  # which has none of the tags


def test_tags_that_are_set_together_are_asked_about_by_manifest(serve: Serve, installed: Any, tmp_path: Path) -> None:
    policy, log = tmp_path / "policy", tmp_path / "audit.jsonl"
    policy.write_text("team/good")
    api = serve("only_signed", policy, observing=ObservingConfig(audit_log=str(log)))
    (digest,) = {api.push_image("", name) for name in ("team/good", "team/bad")}
    moves = [{"repository": "team/good", "tag": tag, "digest": digest} for tag in ("v1", "latest")]
    bad = {"repository": "team/bad", "tag": "v1", "digest": digest}
    answer = api.call("POST", "/v2/_wasmbuild/tags", json={"tags": [*moves, bad]})
    assert (answer.status_code, codes(answer)) == (403, ["DENIED"])
    assert "not admitted: this repository" in answer.text
    assert api.get_manifest("v1", "team/good").status_code == 404
    assert api.call("POST", "/v2/_wasmbuild/tags", json={"tags": moves}).status_code == 200
    asked = [(question.repository, question.tags) for question in installed.asked]
    assert asked == [("team/bad", ("v1",)), ("team/good", ("v1", "latest"))]
    told = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["repository"] for line in told if line["action"] == "tag-refused"] == ["team/bad"]


def test_nobody_is_asked_for_those_who_may_not(serve: Serve, installed: Any, tmp_path: Path) -> None:
    """Nor are they told what is there: the answer is the same for a manifest that is not."""
    (tmp_path / "users").write_text(htpasswd_line("ada"))
    rules = (RuleConfig("**", "user:ada", ("pull", "push")),)
    api = serve("allows", access=AccessConfig(htpasswd=tmp_path / "users", rules=rules))
    api.session.auth = ("ada", PASSWORD)
    digest = api.push_image("", "team/there")
    api.session.auth = None
    for each in (digest, sha256(b"nobody has this")):
        moves = [{"repository": "team/there", "tag": "v1", "digest": each}]
        answer = api.call("POST", "/v2/_wasmbuild/tags", json={"tags": moves})
        assert (answer.status_code, codes(answer)) == (401, ["UNAUTHORIZED"])
    assert installed.asked == []


def test_a_manifest_that_comes_while_another_is_asked_about_is_not_tagged(
    serve: Serve, installed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was not there when its turn was: nobody has been asked about it."""
    api = serve("allows")
    digest, late = api.push_image("", "team/there"), api.image("team/late")

    def admit(_: object, question: Any) -> Any:
        installed.asked.append(question)
        with requests.Session() as session:
            assert Api(api.address, session).put_manifest(sha256(late), late, "team/late").status_code == 201
        return installed.Verdict(True)

    monkeypatch.setattr(installed.By, "admit", admit)
    for order in (("team/late", sha256(late)), ("team/there", digest)), (("team/there", digest), ("team/late", digest)):
        moves = [{"repository": name, "tag": "v1", "digest": each} for name, each in order]
        answer = api.call("POST", "/v2/_wasmbuild/tags", json={"tags": moves})
        assert (answer.status_code, codes(answer)) == (404, ["MANIFEST_UNKNOWN"])
        assert api.get_manifest("v1", "team/late").status_code == 404
        assert api.get_manifest("v1", "team/there").status_code == 404


@pytest.mark.parametrize("name", ["raises", "exits", "rubbish", "truthy", "nothing", "tags"])
def test_what_is_no_clear_answer_is_a_refusal(serve: Serve, name: str, caplog: pytest.LogCaptureFixture) -> None:
    api = serve(name)
    answer = api.put_manifest("latest", api.image())
    assert (answer.status_code, codes(answer)) == (403, ["DENIED"])
    assert "could not decide" in answer.text or name == "truthy"
    assert "secret" not in answer.text
    assert f"{REPOSITORY}:latest was refused" in caplog.text
    assert api.get_manifest("latest").status_code == 404
    assert api.push_image("")


def test_reading_is_bounded(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    api = serve("reads_much", max_read=100_000)
    api.push_blob(bytes(200_000))
    assert api.put_manifest("latest", api.image()).status_code == 403
    assert "too much of demo/hello" in caplog.text


@pytest.mark.parametrize(
    ("bound", "said"),
    [
        ("MAX_REFERRERS", "more than 0 manifests refer"),
        ("MAX_CALLS", "too many look-ups"),
        ("_MAX_TAGS", "more than 0 tags"),
    ],
)
def test_look_ups_are_bounded(
    serve: Serve, bound: str, said: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    api = serve("reads")
    api.push_image("old")
    subject = descriptor(api.get_manifest("old").content, OCI_MANIFEST)
    api.push_image("", subject=subject)
    monkeypatch.setattr(view, bound, 0)
    assert api.put_manifest("new", api.image(subject=subject)).status_code == 403
    assert said in caplog.text


def test_within_the_bound(serve: Serve) -> None:
    api = serve("reads_much", max_read=300_000)
    api.push_blob(bytes(200_000))
    api.push_image("latest")


def test_who_does_not_answer_keeps_nobody_else_waiting(serve: Serve, installed: Any) -> None:
    api = serve("hangs", timeout=0.3)
    body = api.image()
    answers = list[int]()

    def push(number: int) -> None:
        answers.append(requests.put(_path(api, f"t{number}"), body, headers=_HEAD, timeout=30).status_code)

    threads = [threading.Thread(target=push, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    assert api.push_image("")  # not asked about, and not behind those who are
    for thread in threads:
        thread.join()
    assert answers == [403] * 6
    assert len(installed.asked) == 4  # those who never answered keep their places
    installed.going.set()
    while len(installed.left) < 4:
        threading.Event().wait(0.01)
    assert all("has ended" in str(error) for error in installed.left)


_HEAD = {"Content-Type": OCI_MANIFEST}


def _path(api: Api, reference: str) -> str:
    return f"http://{api.address}/v2/{REPOSITORY}/manifests/{reference}"


def test_a_database_that_is_down_is_not_a_refusal(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object, **__: object) -> None:
        raise DatabaseDown("the database cannot be reached")

    api = serve("reads")
    body = api.image()
    monkeypatch.setattr(view, "find_blob", down)
    assert api.put_manifest("latest", body).status_code == 503
    monkeypatch.undo()


def test_the_audit_log_has_what_was_refused(serve: Serve, tmp_path: Path) -> None:
    policy, log = tmp_path / "policy", tmp_path / "audit.jsonl"
    policy.write_text("")
    api = serve("only_signed", policy, observing=ObservingConfig(audit_log=str(log)))
    body = api.image()
    api.put_manifest("latest", body)
    while "tag-refused" not in log.read_text():
        threading.Event().wait(0.01)
    line = json.loads(next(line for line in log.read_text().splitlines() if "tag-refused" in line))
    assert (line["repository"], line["tag"], line["digest"]) == (REPOSITORY, "latest", sha256(body))
    assert "takes no tags" in line["reason"]
    assert line["request"]


def test_an_index_by_tag_is_asked_about_and_its_manifests_are_not(serve: Serve, installed: Any) -> None:
    api = serve("allows")
    api.push_image("")
    body = index(descriptor(manifest(), OCI_MANIFEST))
    answer = api.put_manifest("all", body, media_type="application/vnd.oci.image.index.v1+json")
    assert answer.status_code == 201
    assert [str(question.descriptor.digest) for question in installed.asked] == [sha256(body)]


def test_over_postgresql(serve: Serve, postgres_url: str) -> None:
    api = serve("reads", database=postgres_url)
    api.push_image("old")
    answer = api.put_manifest("new", api.image(subject=descriptor(api.get_manifest("old").content, OCI_MANIFEST)))
    assert answer.status_code == 201, answer.text


def test_over_a_bucket(serve: Serve, versity: Any) -> None:
    bucket = versity.create()
    api = serve(
        "reads",
        storage=StorageConfig(f"s3://{bucket}", endpoint=versity.endpoint, access_key=ACCESS, secret_key=SECRET),
    )
    api.push_image("old")
    versity.drop(bucket)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nobody", "no package that is installed offers nobody"),
        ("broken", "OSError: no such thing"),
        ("no_admission", "it has no method admit"),
        ("only_signed", "NoneType"),
    ],
)
def test_a_server_that_cannot_ask_does_not_start(data: Path, installed: Any, name: str, said: str) -> None:
    with (
        pytest.raises(InvalidConfiguration) as caught,
        running_server(data, ServerConfig(data, admission=AdmissionConfig(name))),
    ):
        pass
    assert said in str(caught.value)


def test_a_name_that_two_packages_offer(installed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    both = [EntryPoint("x", f"{name}:x", "registry.admission") for name in ("one", "two")]
    monkeypatch.setattr(asking, "entry_points", lambda group: both)
    with pytest.raises(InvalidConfiguration, match="several packages"):
        asking.open_admission(AdmissionConfig("x"))


@pytest.mark.parametrize(
    "settings",
    [
        {"policy": Path("x")},
        {"name": " "},
        {"name": "x", "timeout": 0.0},
        {"name": "x", "timeout": 1e9},
        {"name": "x", "max_read": 0},
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfiguration):
        AdmissionConfig(**settings)
