"""Trusted publishing, from the client's side: a job that has no secret pushes, and no token goes astray."""

import json
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import wasmtime

from registry.client.credentials import Credentials
from registry.client.registries import Registries
from registry.client.settings import HostSettings, Settings
from registry.client.workload import IdentityToken
from registry.errors import AuthenticationFailed, RegistryRefused, RemoteNotFound, Unreachable
from tests.client.scripted import Answer, Asked, scripted
from tests.client.workloads import AUDIENCE, CLAIMS, REQUEST_SECRET, Place, Service, serving
from wasmbuild.artifact import pack
from wasmbuild.errors import SigningFailed
from wasmbuild.events import ignore
from wasmbuild.workflows.push import Destination, push

pytestmark = pytest.mark.usefixtures("no_job")


def refused(place: Place, *, name: str = "acme/app", audience: str | None = AUDIENCE) -> AuthenticationFailed:
    with pytest.raises(AuthenticationFailed) as raised:
        place.push(name, registries=place.registries(audience))
    return raised.value


def test_a_job_of_github_pushes_and_the_audit_log_says_which_it_was(place: Place, job: Service) -> None:
    registries = place.registries()
    place.push("acme/first", registries=registries)
    assert 1 <= len(job.made) <= 2  # one for each scope
    pushed = place.audited("tag", repository="acme/first")
    exchanged = place.audited("exchange", scope="repository:acme/first:pull,push")
    for line in (*exchanged, *pushed):
        assert line["kind"] == "workload"
        assert line["groups"] == ["app"]
        said = line["claims"]
        assert said["iss"] == job.url
        assert {name: said[name] for name in CLAIMS} == CLAIMS
    verified = registries.transport(place.address).auth.workload.verified
    assert verified is not None
    assert verified.registry == place.address
    assert {name: verified.claims[name] for name in CLAIMS} == CLAIMS


def test_a_variable_does_for_as_long_as_it_lasts(
    place: Place, issuer: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is exchanged once, by one process; later ones, and other scopes, use it as a password."""
    monkeypatch.setenv("WASMBUILD_ID_TOKEN", issuer.make())
    for name in ("one", "two"):
        registries = place.registries()
        place.push(f"acme/{name}", registries=registries)
        place.push(f"acme/{name}-other", registries=registries)
        verified = registries.transport(place.address).auth.workload.verified
        assert verified is not None
        assert verified.claims["run_id"] == "77"


def test_a_token_in_a_file_is_read_again_when_it_ends(
    place: Place, issuer: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WASMBUILD_ID_TOKEN_FILE", str(tmp_path / "token"))
    (tmp_path / "token").write_text(issuer.make(exp=int(time.time()) + 60) + "\n")
    registries = place.registries()
    place.push("acme/file", "v1", registries)
    (tmp_path / "token").write_text(issuer.make() + "\n")
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + 60)
    monkeypatch.setattr("registry.client.tokens.time", later)
    place.push("acme/file", "v2", registries)
    verified = registries.transport(place.address).auth.workload.verified
    assert verified is not None
    assert verified.claims["jti"] == IdentityToken.parse(issuer.made[-1], "").claims["jti"]


def test_a_token_that_ends_in_the_middle_of_a_push_is_renewed(
    place: Place, job: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the clock of the client does not say so: the registry's word is enough."""
    monkeypatch.setattr("registry.server.access.tokens._LEEWAY", 0.0)
    monkeypatch.setattr("registry.client.tokens.Token.fresh", True)
    job.lifetime = 2
    registries = place.registries()
    repository = registries.repository(place.reference("acme/long"))
    place.push("acme/long", "v1", registries)
    descriptor = repository.resolve("v1")
    before = len(job.made)
    time.sleep(2.2)
    repository.prepare_push()
    repository.tag(descriptor, "v2")
    assert len(job.made) > before
    assert repository.resolve("v2").digest == descriptor.digest


def test_a_variable_whose_token_has_ended_says_so(
    place: Place, issuer: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WASMBUILD_ID_TOKEN", issuer.make(iat=1000, exp=2000))
    failure = refused(place)
    assert failure.what == "the identity token has expired"
    assert "in WASMBUILD_ID_TOKEN" in str(failure.cause)
    assert "WASMBUILD_ID_TOKEN_FILE" in str(failure.hint)
    monkeypatch.setenv("GITLAB_CI", "true")
    assert "id_tokens:" in str(refused(place).hint)


def test_a_job_that_may_have_no_token_is_told_what_to_add(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    failure = refused(place)
    assert failure.what == f"this job has no identity token for {place.address}"
    assert "permissions:\n  contents: read\n  id-token: write" in str(failure.hint)
    monkeypatch.delenv("GITHUB_ACTIONS")
    monkeypatch.setenv("GITLAB_CI", "true")
    lines = f"id_tokens:\n  WASMBUILD_ID_TOKEN:\n    aud: {place.address}"
    assert lines in str(refused(place, audience=None).hint)
    monkeypatch.delenv("GITLAB_CI")
    assert refused(place).hint == f"wasmbuild login {place.address}"


@pytest.mark.parametrize(("head", "fork"), [("acme/app", False), ("mallory/app", True), (None, True)])
def test_a_pull_request_from_a_fork(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, head: str | None, fork: bool
) -> None:
    event = {
        "pull_request": {"head": {"repo": head and {"full_name": head}}, "base": {"repo": {"full_name": "acme/app"}}}
    }
    (tmp_path / "event.json").write_text(json.dumps(event))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_EVENT_NAME", "pull_request")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
    failure = refused(place)
    assert (failure.what == f"a pull request from a fork cannot log in to {place.address}") is fork
    assert ("id-token: write" in str(failure.hint)) is not fork


@pytest.mark.parametrize("event", ["", "[]", "{", '{"pull_request": {"head": 1}}'])
def test_an_event_that_cannot_be_read_is_no_forks(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, event: str
) -> None:
    (tmp_path / "event.json").write_text(event)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_EVENT_NAME", "pull_request")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
    assert "id-token: write" in str(refused(place).hint)


def test_a_token_of_an_unknown_issuer(place: Place, issuer: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASMBUILD_ID_TOKEN", issuer.make(iss="https://another.example"))
    failure = refused(place)
    assert failure.what == f"{place.address} does not know who issued the identity token"
    assert "(for debugging only): iss=https://another.example" in str(failure.cause)
    assert '[[access.issuers]]\nurl = "https://another.example"' in str(failure.hint)
    assert issuer.url not in str(failure.cause) + str(failure.hint)  # whom it knows, it tells nobody


def test_a_token_for_somebody_else_is_not_sent(place: Place, issuer: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASMBUILD_ID_TOKEN", issuer.make(aud="sigstore"))
    failure = refused(place, audience=None)
    assert failure.what == f"the identity token is not for {place.address}"
    assert "was made for the audience sigstore" in str(failure.cause)
    assert f'[registry.hosts."{place.address}"]\naudience = "sigstore"' in str(failure.hint)
    monkeypatch.setenv("GITLAB_CI", "true")
    assert f"id_tokens:\n  WASMBUILD_ID_TOKEN:\n    aud: {place.address}" in str(refused(place, audience=None).hint)


def test_a_registry_that_wants_another_audience(place: Place, job: Service) -> None:
    failure = refused(place, audience=None)  # which is made for the host, and the registry calls itself differently
    assert failure.what == f"{place.address} wants an identity token for another audience"
    assert f"aud={place.address}" in str(failure.cause)
    assert 'audience = "AUDIENCE"' in str(failure.hint)


def test_a_job_that_nobody_has_named(place: Place, job: Service) -> None:
    job.claims["repository_id"] = "666"
    failure = refused(place)
    assert failure.what == f"no trusted publisher of {place.address} has the claims of this job"
    assert "repository_id=666" in str(failure.cause)
    assert "[[access.publishers]]" in str(failure.hint)
    assert 'claims = { repository_id = "666" }' in str(failure.hint)


def test_a_repository_that_the_job_may_not_push_to(place: Place, job: Service) -> None:
    failure = refused(place, name="other/app")
    assert failure.status == 403
    assert "none of its publishers lets it do this in other/app" in str(failure.cause)
    assert 'repositories = "other/app"' in str(failure.hint)


def test_what_is_not_the_issuers_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as other:
        monkeypatch.setenv("WASMBUILD_ID_TOKEN", other.make(iss="https://another.example", sub="a\nb\x1b[31m" * 99))
        failure = refused(place)
    assert failure.what == f"{place.address} does not know who issued the identity token"
    assert "\x1b" not in str(failure.cause)
    assert len(str(failure.cause)) < 1500
    for malformed in ("x", "eyJ.eyJ.x", "a.b.c.d", "x" * 20_000, "e30.W10.x", "a b.c.d"):
        monkeypatch.setenv("WASMBUILD_ID_TOKEN", malformed)
        failure = refused(place)
        assert failure.what == "the identity token (in WASMBUILD_ID_TOKEN) is malformed"
        assert malformed not in str(failure.cause)


def test_no_secret_is_in_what_is_said(place: Place, job: Service, capfd: pytest.CaptureFixture[str]) -> None:
    registries = place.registries()
    place.push(registries=registries)
    job.claims["repository_id"] = "666"
    failures = [refused(place), refused(place, audience=None)]
    login = registries.transport(place.address).auth.workload
    held = {each.token.value for each in registries.transport(place.address).auth._held.values()}
    assert held
    said = " ".join(f"{each} {each.hint} {each!r}" for each in failures) + repr(login) + repr(vars(login))
    said += json.dumps(place.audited("exchange") + place.audited("push")) + "".join(capfd.readouterr())
    assert len(job.made) >= 3
    for secret in (REQUEST_SECRET, *held, *job.made, *(token.split(".")[2] for token in job.made)):
        assert secret not in said


def test_logins_of_people_go_first(place: Place, job: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    registries = place.registries()
    registries.transport(place.address).auth.use(Credentials.of_password("ada", "wrong"))
    with pytest.raises(AuthenticationFailed):
        place.push(registries=registries)
    host = place.address.replace(".", "_").replace(":", "___")
    monkeypatch.setenv(f"WASMBUILD_REGISTRY_{host}_USERNAME", "ada")
    monkeypatch.setenv(f"WASMBUILD_REGISTRY_{host}_PASSWORD", "wrong")
    assert "correct or unset" in str(refused(place).hint)
    assert not job.made


def test_what_everybody_may_pull_needs_no_identity(
    place: Place, issuer: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WASMBUILD_ID_TOKEN", issuer.make(aud="sigstore"))
    repository = place.registries(None).repository(place.reference("public/nothing"))
    with pytest.raises(Exception, match="public/nothing") as raised:
        repository.resolve("v1")
    assert not isinstance(raised.value, AuthenticationFailed)


def foreign(challenge: str, asked: list[Asked]):
    def script(request: Asked) -> Answer:
        asked.append(request)
        if request.path.startswith("/token"):
            return Answer(200, b'{"token": "anonymous"}')
        where = request.headers["host"]
        return Answer(401, b"{}", {"WWW-Authenticate": f'Bearer realm="http://{where}/token",service="x"{challenge}'})

    return script


@pytest.mark.parametrize(
    "challenge",
    [
        "",
        ',exchange=""',
        ',exchange="https://registry.example.com/auth"',
        ',exchange="//registry.example.com/auth"',
        ',exchange="@registry.example.com/auth"',
        ',exchange="/a/../../b"',
        ',exchange="/a\\\\b"',
        ',exchange="/a?b=c"',
        ',exchange="/"',
        f',exchange="/{"a" * 300}"',
    ],
)
def test_a_registry_that_announces_nothing_gets_nothing(job: Service, challenge: str) -> None:
    asked: list[Asked] = []
    with scripted(foreign(challenge, asked)) as server:
        refused(Place(server.address, Path()))
    assert not job.made
    assert all(b"subject_token" not in each.body for each in asked)


@pytest.mark.parametrize("challenge", ['Basic realm="x"', None])
def test_a_registry_without_issuers_is_said_to_be_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, challenge: str | None
) -> None:
    """By its own 401, or by that of the token server that it names."""

    def answer(asked: Asked) -> Answer:
        realm = f'Bearer realm="http://{asked.headers["host"]}/token"'
        return Answer(401, b"", {} if asked.path.startswith("/token") else {"WWW-Authenticate": challenge or realm})

    with scripted(answer) as server:
        login = f"wasmbuild login {server.address}"
        assert refused(Place(server.address, Path())).hint == login
        monkeypatch.setenv("WASMBUILD_ID_TOKEN_FILE", str(tmp_path / "missing"))
        said = f"{server.address} offers no trusted publishing: the identity of this job was not sent"
        missing = f"WASMBUILD_ID_TOKEN_FILE names {tmp_path / 'missing'}, which is no file"
        assert str(refused(Place(server.address, Path())).hint).splitlines() == [said, missing, login]
        monkeypatch.setenv("WASMBUILD_ID_TOKEN", "not looked at")
        assert str(refused(Place(server.address, Path())).hint).splitlines() == [said, login]


def test_a_registry_of_an_attacker_gets_what_only_it_can_use(job: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it says, the token is for its own host; and what was made for others is not sent."""
    asked: list[Asked] = []
    with scripted(foreign(',exchange="/take",audience="registry.example.com"', asked)) as server:
        refused(Place(server.address, Path()), audience=None)
        wanted = {each.path for each in job.server.asked if each.path.startswith("/mint")}
        assert f"/mint?api-version=2.0&audience={server.address.replace(':', '%3A')}" in wanted
        assert not any("registry.example.com" in path for path in wanted)
        asked.clear()
        monkeypatch.setenv("WASMBUILD_ID_TOKEN", job.make(aud="registry.example.com"))
        refused(Place(server.address, Path()), audience=None)
    assert all(job.made[-1] not in str(each) for each in asked)


def test_a_redirect_takes_no_token_along(job: Service) -> None:
    asked: list[Asked] = []
    with scripted(foreign("", asked)) as elsewhere:

        def script(request: Asked) -> Answer:
            if request.path == "/take":
                return Answer(307, b"", {"Location": f"http://{elsewhere.address}/take"})
            return foreign(',exchange="/take"', [])(request)

        with scripted(script) as server, pytest.raises(RegistryRefused):
            Place(server.address, Path()).push(registries=Place(server.address, Path()).registries(None))
    assert not asked


@pytest.mark.parametrize(
    ("trouble", "what"),
    [
        (Answer(403, b"no"), "GitHub did not give this job an identity token"),
        (Answer(302, b"", {"Location": "http://127.0.0.1:1/"}), "GitHub did not give this job an identity token"),
        (Answer(200, b"{}"), "the identity token (of GitHub Actions) is malformed"),
        (Answer(200, b"no json"), "the identity token (of GitHub Actions) is malformed"),
        (Answer(200, b"[1]"), "the identity token (of GitHub Actions) is malformed"),
    ],
)
def test_github_has_no_token_for_us(place: Place, job: Service, trouble: Answer, what: str) -> None:
    job.trouble = trouble
    failure = refused(place)
    assert failure.what == what
    assert REQUEST_SECRET not in str(failure)


def test_github_cannot_be_reached_or_is_not_asked(place: Place, job: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", "http://127.0.0.1:1/mint?x")
    with pytest.raises(Unreachable, match="GitHub did not give this job"):
        place.push()
    for url in ("http://example.com/mint?x", "file:///etc/passwd", "http://[", "ftp://127.0.0.1/"):
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", url)
        assert "over https" in str(refused(place).cause)


def test_a_file_that_holds_no_token(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WASMBUILD_ID_TOKEN_FILE", str(tmp_path / "missing"))
    assert "cannot be read" in refused(place).what
    (tmp_path / "large").write_bytes(b"x" * 100_000)
    monkeypatch.setenv("WASMBUILD_ID_TOKEN_FILE", str(tmp_path / "large"))
    assert "it is larger than" in str(refused(place).cause)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("WASMBUILD_ID_TOKEN_FILE", str(tmp_path / "bytes"))
    assert "it is no text" in str(refused(place).cause)


@pytest.mark.parametrize("plain", [True, False])
def test_what_anybody_in_between_can_read_gets_no_token(job: Service, plain: bool) -> None:
    import requests

    from registry.client.exchange import WorkloadLogin
    from registry.client.tokens import TokenRequest, TokenSource

    session = requests.Session()
    session.verify = plain  # the other way to be read is to take any certificate
    login = WorkloadLogin("registry.example.com", session, TokenSource(session), plain=plain, audience=None)
    assert login.token(TokenRequest("http://registry.example.com/token", "", (), None), "/take") is None
    assert login.reason is not None
    assert login.reason.what.startswith("no identity token is sent to registry.example.com over plain http")
    assert not job.made


def test_a_registry_cannot_say_that_we_are_somebody_else(job: Service) -> None:
    """Its word ends up in a provenance that we sign."""
    job.claims = {"sub": "ci", "repository": "acme/app", "run_id": "77"}
    said = {"sub": "ci", "run_id": "78", "repository": "mallory/app", "job_workflow_ref": "mallory", "x": 1}

    def script(request: Asked) -> Answer:
        if request.path == "/take":
            return Answer(200, json.dumps({"access_token": "t", "claims": said}).encode())
        if request.headers.get("authorization") == "Bearer t":
            return Answer(404)
        return foreign(',exchange="/take"', [])(request)

    with scripted(script) as server:
        registries = Place(server.address, Path()).registries(None)
        with pytest.raises(RemoteNotFound):
            registries.repository(Place(server.address, Path()).reference()).resolve("v1")
        verified = registries.transport(server.address).auth.workload.verified
    assert verified is not None
    assert verified.claims == {"sub": "ci"}


def test_signing_without_a_key_finds_the_same_identity(job: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    from wasmbuild.workflows.identity_signer import _ambient

    token = IdentityToken.parse(_ambient(), "")
    assert token.audiences == ("sigstore",)
    job.trouble = Answer(403)
    with pytest.raises(SigningFailed, match="GitHub did not give this job an identity token"):
        _ambient()
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", "x.y.z")
    with pytest.raises(SigningFailed, match=r"SIGSTORE_ID_TOKEN. is malformed"):
        _ambient()


def test_moving_a_tag_takes_another_right(place: Place, job: Service) -> None:
    place.push("acme/moved")
    registries = place.registries()
    other = pack(bytes(wasmtime.wat2wasm('(module (func (export "f")))')), "other")
    destination = Destination.open(place.reference("acme/moved"), (), registries)
    with pytest.raises(AuthenticationFailed) as raised:
        push(other, destination, key=None, sink=ignore, environment={})
    assert "may not do this to acme/moved: overwrite" in str(raised.value.cause)
    assert 'actions = ["pull", "push", "overwrite"]' in str(raised.value.hint)


@pytest.mark.parametrize(
    ("status", "kind"), [(503, RegistryRefused), (429, RegistryRefused), (404, AuthenticationFailed)]
)
def test_an_exchange_that_fails_is_never_that_something_is_not_there(job: Service, status: int, kind: type) -> None:
    def script(request: Asked) -> Answer:
        if request.path == "/take":
            return Answer(status, b'{"errors": [{"code": "X", "message": "%s"}]}' % request.body[-1000:])
        return foreign(',exchange="/take"', [])(request)

    with scripted(script) as server:
        place = Place(server.address, Path())
        with pytest.raises(kind, match="gave no token for the identity of this job") as raised:
            place.registries(None).repository(place.reference()).resolve("v1")
    assert not isinstance(raised.value, RemoteNotFound)
    assert job.made[-1] not in str(raised.value)


def test_github_is_asked_again_when_it_is_busy(place: Place, job: Service) -> None:
    job.trouble = Answer(503)
    registries = Registries(Settings(hosts={place.address: HostSettings(audience=AUDIENCE)}, retry_for=30.0))
    asked = len(job.server.asked)
    with pytest.raises(Unreachable, match="GitHub did not give this job"):
        place.push(registries=registries)
    assert len(job.server.asked) - asked > 2
