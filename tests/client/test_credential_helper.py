"""``docker-credential-wasmbuild``, asked as Docker, oras and crane ask it: as a program, by its protocol."""

import json
import subprocess
import sys

import pytest

from registry.client import helpers
from registry.client.credentials import Credentials
from registry.client.keychain import forget, keep
from registry.errors import AuthenticationFailed
from tests.client.homes import Home
from tests.client.scripted import Answer, scripted
from tests.client.workloads import AUDIENCE, Place, Service
from wasmbuild.cli.credential_helper import speak

pytestmark = pytest.mark.usefixtures("no_job")
PROGRAM = f"#!{sys.executable}\nfrom wasmbuild.cli.credential_helper import main\nmain()\n"
NOT_FOUND = "credentials not found in native keychain"


@pytest.fixture
def program(home: Home, place: Place, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The program on PATH, and a configuration that knows what the registry wants to be called."""
    home.program("docker-credential-wasmbuild", PROGRAM)
    (home.path / "config.toml").write_text(f'[registry.hosts."{place.address}"]\naudience = "{AUDIENCE}"\n')
    monkeypatch.setenv("WASMBUILD_CONFIG", str(home.path / "config.toml"))
    return home


def test_another_program_pushes_with_the_identity_of_a_job(program: Home, place: Place, job: Service) -> None:
    found = helpers.get("wasmbuild", place.address)
    assert found is not None
    assert (found.kind, found.username, found.secret) == ("password", "oidc", job.made[-1])
    registries = place.registries()
    registries.transport(place.address).auth.use(found)
    place.push("acme/helped", registries=registries)
    (line,) = place.audited("tag", repository="acme/helped")
    assert line["claims"]["run_id"] == "77"


def test_it_is_asked_as_the_protocol_says(program: Home, place: Place, job: Service) -> None:
    def ask(action: str, text: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [program.bin / "docker-credential-wasmbuild", action],
            check=False,
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stdout.strip(), done.stderr.strip()

    code, answer, aside = ask("get", f"https://{place.address}/v2/\n")
    assert (code, aside) == (0, "")
    assert json.loads(answer) == {
        "ServerURL": f"https://{place.address}/v2/",
        "Username": "oidc",
        "Secret": job.made[-1],
    }
    assert ask("list", "") == (0, "{}", "")


def test_what_it_keeps_is_nothing() -> None:
    pair = json.dumps({"ServerURL": "r.example", "Username": "ada", "Secret": "s3cret"}).encode()
    stored = speak(["store"], pair)
    assert stored.code == 1
    assert "keeps nothing" in stored.answer
    assert "s3cret" not in stored.answer
    assert (speak(["erase"], b"r.example").code, speak(["erase"], b"r.example").answer) == (1, NOT_FOUND)
    assert speak(["version"], b"").answer.startswith("docker-credential-wasmbuild (wasmbuild) v")
    assert (speak(["--help"], b"").code, speak(["--help"], b"").answer) == (0, speak([], b"").answer)
    for arguments in ([], ["get", "x"], ["steal"]):
        assert speak(arguments, b"").code == 1
        assert "usage" in speak(arguments, b"").answer


@pytest.mark.parametrize("asked", [b"", b"\n", b"\xff", b"a b", b"../x", b"https://", b"x" * 100_000, b"a@b", b"a:b:c"])
def test_what_is_no_registry(asked: bytes) -> None:
    spoken = speak(["get"], asked)
    assert spoken.code == 1
    assert spoken.answer != NOT_FOUND
    assert len(spoken.answer) < 300


def test_nobody_listens_or_asks_and_there_is_no_traceback(program: Home) -> None:
    """As a shell closes streams; what is on stderr would end up in somebody's log."""
    name = str(program.bin / "docker-credential-wasmbuild")
    asked = "echo 127.0.0.1:1 |"
    for line, code in (
        (f"{name} get <&-", 1),
        (f"{name} version >/dev/full", 1),
        (f"{asked} {name} get >/dev/full", 1),
    ):
        done = subprocess.run(["/bin/sh", "-c", line], check=False, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (code, "")


def test_no_login_is_lent_to_a_program_that_speaks_plain_http(
    program: Home, place: Place, job: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WASMBUILD_REGISTRY_REGISTRY_EXAMPLE_COM_USERNAME", "ada")
    monkeypatch.setenv("WASMBUILD_REGISTRY_REGISTRY_EXAMPLE_COM_PASSWORD", "s3cret")
    assert "s3cret" in speak(["get"], b"https://registry.example.com").answer
    spoken = speak(["get"], b"HTTP://registry.example.com/v2/")
    assert (spoken.code, "everybody in between" in spoken.answer, "s3cret" in spoken.answer) == (1, True, False)
    assert speak(["get"], f"http://{place.address}".encode()).code == 0  # on this machine


def test_a_login_of_ours_goes_first(program: Home, place: Place, job: Service) -> None:
    program.config(
        auths={place.address: {"auth": "YWRhOnMzY3JldA=="}}, credHelpers={place.address: "wasmbuild"}
    )  # our own helper is not asked by ourselves
    spoken = speak(["get"], place.address.encode())
    assert json.loads(spoken.answer) == {"ServerURL": place.address, "Username": "ada", "Secret": "s3cret"}
    assert not job.made


def test_configured_as_our_own_helper_it_is_not_asked_by_us(program: Home, place: Place, job: Service) -> None:
    program.config(credHelpers={place.address: "wasmbuild"})
    registries = place.registries()
    place.push("acme/own", registries=registries)
    assert registries.transport(place.address).auth.workload.verified is not None
    with pytest.raises(AuthenticationFailed, match="docker-credential-wasmbuild keeps nothing"):
        keep(place.address, Credentials.of_password("ada", "s3cret"))
    assert forget(place.address) == ()


def test_where_there_is_none_another_program_goes_on_as_nobody(
    program: Home, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert speak(["get"], place.address.encode()).answer == NOT_FOUND
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    spoken = speak(["get"], place.address.encode())
    assert spoken.answer == NOT_FOUND
    assert "id-token: write" in str(spoken.aside)


def test_a_token_that_does_not_do_is_a_reason(
    program: Home, place: Place, issuer: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = issuer.make(iat=1000, exp=2000)
    monkeypatch.setenv("WASMBUILD_ID_TOKEN", token)
    spoken = speak(["get"], place.address.encode())
    assert spoken.code == 1
    assert "the identity token has expired" in spoken.answer
    assert token not in spoken.answer


def test_a_registry_that_wants_no_such_token_is_given_none(program: Home, job: Service) -> None:
    with scripted(lambda asked: Answer(401, b"", {"WWW-Authenticate": 'Basic realm="x"'})) as server:
        assert speak(["get"], server.address.encode()).answer == NOT_FOUND
        assert all("authorization" not in each.headers for each in server.asked)
    assert not job.made
    assert "could not be reached" in speak(["get"], b"127.0.0.1:1").answer


def test_where_there_is_nothing_to_lend_it_does_not_matter_who_answers(program: Home) -> None:
    assert (speak(["get"], b"127.0.0.1:1").code, speak(["get"], b"127.0.0.1:1").answer) == (1, NOT_FOUND)


def test_a_token_that_only_the_registry_takes_cannot_be_lent(
    program: Home, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = place.address.replace(".", "_").replace(":", "___")
    monkeypatch.setenv(f"WASMBUILD_REGISTRY_{host}_REGISTRY_TOKEN", "s3cret")
    spoken = speak(["get"], place.address.encode())
    assert spoken.code == 1
    assert "nothing that another program can log in" in spoken.answer
    assert "s3cret" not in spoken.answer
