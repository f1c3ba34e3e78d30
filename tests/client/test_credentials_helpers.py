"""The protocol of credential helpers, spoken with programs that keep to it and programs that do not."""

import os
import stat
import time

import pytest

from registry.client import helpers
from registry.client.credentials import Credentials
from registry.errors import AuthenticationFailed

pytestmark = pytest.mark.usefixtures("home")
HOST = "r.example"


def test_what_is_stored_comes_back_and_can_be_erased(home):
    kept = home.helper()
    helpers.store("test", HOST, Credentials.of_password("ada", "s3crét"))
    assert kept.kept == {HOST: ("ada", "s3crét")}
    found = helpers.get("test", HOST)
    assert (found.kind, found.username, found.secret) == ("password", "ada", "s3crét")
    assert found.source == "from docker-credential-test"
    assert helpers.erase("test", HOST)
    assert kept.kept == {}
    assert helpers.get("test", HOST) is None
    assert not helpers.erase("test", HOST)
    assert kept.asked.count("erase") == 1


def test_an_identity_token_has_a_user_name_of_its_own(home):
    kept = home.helper()
    helpers.store("test", HOST, Credentials.of_identity("refresh-me"))
    assert kept.kept == {HOST: ("<token>", "refresh-me")}
    found = helpers.get("test", HOST)
    assert (found.kind, found.secret) == ("identity", "refresh-me")


@pytest.mark.parametrize(
    "suffix", ["", "../evil", "a/b", "/bin/sh", ".", "..", "-x", "a b", "a\nb", "a\x00b", "x" * 65, "tëst"]
)
def test_a_suffix_with_more_in_it_than_a_name(home, suffix):
    home.program("evil", "raise SystemExit(0)")
    with pytest.raises(AuthenticationFailed, match="not the name of a credential helper"):
        helpers.get(suffix, HOST)


def test_a_helper_that_is_not_installed():
    with pytest.raises(AuthenticationFailed, match="not installed") as caught:
        helpers.get("absent", HOST)
    assert "credsStore" in caught.value.hint


def test_a_helper_is_not_taken_from_the_current_folder(home, monkeypatch):
    home.helper()
    monkeypatch.chdir(home.bin)
    monkeypatch.setenv("PATH", f".{os.pathsep}")
    with pytest.raises(AuthenticationFailed, match="not installed"):
        helpers.get("test", HOST)


def test_a_program_that_cannot_be_started(home):
    home.program("docker-credential-test", "#!/nowhere/at/all\n")
    with pytest.raises(AuthenticationFailed, match="get failed"):
        helpers.get("test", HOST)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("print('the keyring is \\x1b[31mlocked'); raise SystemExit(1)", r"the keyring is \x1b[31mlocked"),
        ("import sys; print('no bus', file=sys.stderr); raise SystemExit(2)", "no bus"),
        ("raise SystemExit(3)", "ended with 3"),
        ("import os; os.kill(os.getpid(), 9)", "ended with -9"),
        ("print('not JSON with s3cret')", "did not answer"),
        ('print(\'{"Username": "ada", "Secret": 7}\')', "did not answer"),
        ("print('[]')", "did not answer"),
        ('print(\'{"Username": "ada\\\\n", "Secret": "s3cret"}\')', "control character"),
        ('print(\'{"Username": "ada", "Secret": "s3cret"}\'); raise SystemExit(1)', "ended with 1"),
        ("print('x' * 100000)", "said more than"),
        ("import sys; print('x' * 100000, file=sys.stderr)", "said more than"),
        ("import time\nprint('credentials', flush=True)\ntime.sleep(60)", "took longer than"),
        ("import os, time\nos.close(1); os.close(2)\ntime.sleep(60)", "took longer than"),
    ],
)
def test_helpers_that_do_not_behave(home, monkeypatch, text, said):
    monkeypatch.setattr(helpers, "_PATIENCE", 0.5)
    home.program("docker-credential-test", text)
    began = time.monotonic()
    with pytest.raises(AuthenticationFailed) as caught:
        helpers.get("test", HOST)
    assert said in str(caught.value)
    assert "s3cret" not in f"{caught.value!r} {caught.value} {caught.value.cause}"
    assert time.monotonic() - began < 10


def test_what_a_helper_leaves_running_is_not_waited_for(home):
    home.program(
        "docker-credential-test",
        'import os, time\nprint(\'{"Username": "ada", "Secret": "s3cret"}\', flush=True)\n'
        "if os.fork() == 0:\n    time.sleep(20)\n    os._exit(0)\n",
    )
    began = time.monotonic()
    assert helpers.get("test", HOST).username == "ada"
    assert time.monotonic() - began < 15


def test_a_helper_that_says_the_secret_back_is_not_quoted(home):
    home.program("docker-credential-test", "import sys\nprint(sys.stdin.read())\nraise SystemExit(1)")
    with pytest.raises(AuthenticationFailed, match="store failed") as caught:
        helpers.store("test", HOST, Credentials.of_password("ada", "s3cret"))
    assert "s3cret" not in str(caught.value)
    home.program("docker-credential-test", "print('cannot keep s3cret')\nraise SystemExit(1)")
    with pytest.raises(AuthenticationFailed, match=r"cannot keep \*\*\*"):
        helpers.store("test", HOST, Credentials.of_password("ada", "s3cret"))


def test_a_helper_that_does_not_read_what_it_is_told(home):
    home.program("docker-credential-test", "print('full')\nraise SystemExit(1)")
    with pytest.raises(AuthenticationFailed, match="full"):
        helpers.store("test", HOST, Credentials.of_password("ada", "x" * 30_000))


def test_a_helper_without_a_secret_has_none(home):
    home.helper(**{HOST: ("", "")})
    assert helpers.get("test", HOST) is None


@pytest.mark.parametrize(
    ("platform", "programs", "expected"),
    [
        ("linux", [], None),
        ("linux", ["docker-credential-secretservice"], "secretservice"),
        ("linux", ["docker-credential-secretservice", "pass"], None),
        ("linux", ["docker-credential-secretservice", "docker-credential-pass", "pass"], "pass"),
        ("linux", ["docker-credential-pass"], None),
        ("darwin", ["docker-credential-osxkeychain"], "osxkeychain"),
        ("freebsd14", ["docker-credential-pass", "pass"], None),
    ],
)
def test_the_helper_that_docker_would_choose(home, monkeypatch, platform, programs, expected):
    monkeypatch.setattr(helpers.sys, "platform", platform)
    for name in programs:
        home.program(name, "")
    assert helpers.platform_default() == expected


def test_a_file_that_may_not_be_run_is_no_helper(home):
    home.helper()
    (home.bin / "docker-credential-test").chmod(stat.S_IRUSR | stat.S_IWUSR)
    assert helpers.program_of("test") is None
