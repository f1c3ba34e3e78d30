"""What the environment of a job calls a secret is not in what is shown of it."""

import io
import json
import sys

import pytest

from tests.unit.ui.runner import commands_in
from wasmbuild.errors import CompilationFailed
from wasmbuild.events import Note, Step, ToolOutput, Transfer
from wasmbuild.released import Release, ReleasedTarget
from wasmbuild.ui.ci.markup import markup_of
from wasmbuild.ui.ci.masks import Masks
from wasmbuild.ui.ci.publishing import publish_results
from wasmbuild.ui.console import Console

SECRET = 'correct-horse"battery'
NAMES = (
    "WASMBUILD_KEY_PASSWORD", "COSIGN_PASSWORD", "WASMBUILD_REGISTRY_GHCR_IO_PASSWORD", "GITHUB_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "CI_JOB_TOKEN", "CI_REGISTRY_PASSWORD", "AWS_SECRET_ACCESS_KEY", "NPM_API_KEY",
    "REGISTRY_PASS", "PASS", "DB_PWD", "GH_PAT",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_secret_is_known_by_its_name(name):
    assert Masks.of({name: SECRET}).hide(f"it is {SECRET}!") == "it is ***!"


@pytest.mark.parametrize(
    ("environment", "text", "shown"),
    [
        ({"HTTPS_PROXY": "http://me:opensesame@proxy:8080"}, "opensesame", "***"),
        ({"DOCKER_AUTH_CONFIG": '{"auths": {"x": {"auth": "bWU6b3BlbnNlc2FtZQ=="}}}'}, "bWU6b3BlbnNlc2FtZQ==", "***"),
        ({"DOCKER_AUTH_CONFIG": '{"auths": {"x": {"auth": "bWU6b3BlbnNlc2FtZQ=="}}}'}, "opensesame", "***"),
        ({"KEY": "-----BEGIN EC PRIVATE KEY-----\nMIGHAgEA\n"}, "-----BEGIN EC: MIGHAgEA", "-----BEGIN EC: ***"),
        ({"CI_JOB_TOKEN": "short"}, "short", "short"),
        ({"COSIGN_PASSWORD_FILE": "/run/secret"}, "/run/secret", "/run/secret"),
        ({"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7"}, "AKIAIOSFODNN7", "AKIAIOSFODNN7"),
        ({"PWD": "/srv/tree", "BYPASS": "everything"}, "/srv/tree everything", "/srv/tree everything"),
        ({"A_TOKEN": "abcdef", "B_TOKEN": "abcdefgh"}, "abcdefgh", "***"),
    ],
)
def test_what_is_a_secret(environment, text, shown):
    assert Masks.of(environment).hide(text) == shown


def test_secrets_are_not_in_the_representation():
    assert SECRET not in repr(Masks.of({"CI_JOB_TOKEN": SECRET}))


@pytest.mark.parametrize("variable", ["GITHUB_ACTIONS", "GITLAB_CI"])
@pytest.mark.parametrize("progress", ["auto", "plain", "json", "quiet"])
def test_nothing_that_is_shown_has_a_secret(variable, progress, tmp_path, monkeypatch, capfd):
    """Also where a long line is cut in the middle of it."""
    monkeypatch.setenv(variable, "true")
    monkeypatch.setenv("WASMBUILD_KEY_PASSWORD", SECRET)
    for name in ("CI_PROJECT_DIR", "GITHUB_WORKSPACE"):
        monkeypatch.setenv(name, str(tmp_path))
    (tmp_path / "main.c").write_text("")
    console = Console(progress=progress, folder=tmp_path)
    long = "x" * 590 + SECRET
    for text in (SECRET, long):
        for event in (ToolOutput("zig", text), Note("warning", text), Step("compile", text, 1.0)):
            console.emit(event)
        console.emit(Transfer(text, "done", 1, 1))
        console.tell(text)
        console.fail(CompilationFailed(text, cause=f"main.c:1:1: error: {text}", hint=text))
    out, err = capfd.readouterr()
    assert "***" in err
    out += "".join(path.read_text() for path in tmp_path.iterdir())
    for part in (SECRET, SECRET[:8], json.dumps(SECRET)[1:-1]):
        assert part not in out + err


@pytest.mark.parametrize("variable", ["GITHUB_ACTIONS", "GITLAB_CI"])
def test_the_document_of_a_failure_has_none_either(variable, monkeypatch, capfd):
    monkeypatch.setenv(variable, "true")
    monkeypatch.setenv("CI_JOB_TOKEN", SECRET)
    Console(format="json").fail(CompilationFailed(SECRET, cause=SECRET, hint=SECRET))
    assert json.loads(capfd.readouterr().out)["error"]["cause"] == "***"


@pytest.mark.parametrize("secret", ["a\ttabbed secret", "zero\u200bwidth"])
def test_a_secret_is_known_before_its_characters_are_escaped(secret):
    for ci in ("github", "gitlab"):
        markup = markup_of(ci, {"CI_JOB_TOKEN": secret})
        for text in (markup.line(secret), markup.begin(secret), markup.warning(secret)):
            assert "***" in text
            assert secret[-5:] not in text


@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_results_have_no_secret(ci, tmp_path):
    target = ReleasedTarget(SECRET, f"ghcr.io/{SECRET}", "1.0.0", (SECRET,), f"ghcr.io/{SECRET}@x", "released", "x")
    places = {name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    publish_results(Release((target,)), ci, {**places, "CI_PROJECT_DIR": str(tmp_path), "CI_JOB_TOKEN": SECRET})
    written = [each.read_text() for each in tmp_path.iterdir()]
    assert len(written) == 2
    assert not [text for text in written if SECRET in text or json.dumps(SECRET)[1:-1] in text or "horse" in text]


def test_no_token_is_printed_to_have_it_masked(monkeypatch):
    """A command with the token in it would be in whatever stands between us and the runner."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", SECRET)
    Console().emit(Note("warning", f"::add-mask::{SECRET}"))
    assert [each.name for each in commands_in(stream.getvalue())] == ["warning"]
    assert SECRET not in stream.getvalue()
