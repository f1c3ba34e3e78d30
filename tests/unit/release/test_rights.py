"""What a registry with users would not let a release do is found before anything is compiled."""

import json

import pytest

from registry.errors import AuthenticationFailed
from registry.server.config import AccessConfig, ServerConfig
from registry.server.config.access import RuleConfig
from registry.server.testing import running_server
from tests.server.access.conftest import PASSWORD, htpasswd_line
from tests.unit.release.making import run, write
from wasmbuild.errors import VersionTaken

pytestmark = pytest.mark.usefixtures("private_cache")


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A registry, where we may move tags in ``mine`` and not in ``shared``; ``fixed`` ones move nowhere."""
    (tmp_path / "users").write_text(htpasswd_line("ada"))
    rules = (
        RuleConfig("mine/**", "user:ada", ("pull", "push", "overwrite")),
        RuleConfig("shared/**", "user:ada", ("pull", "push")),
    )
    access = AccessConfig(htpasswd=tmp_path / "users", rules=rules, immutable=("mine/**:fixed",))
    (tmp_path / "docker").mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    with running_server(tmp_path / "data", ServerConfig(tmp_path / "data", access=access)) as address:
        logins = {"auths": {address: {"username": "ada", "password": PASSWORD}}}
        (tmp_path / "docker" / "config.json").write_text(json.dumps(logins))
        yield address


def test_a_tag_that_may_not_move_is_found_before_anything_is_compiled(site, tmp_path):
    for place, moving, refusal, said in (
        ("shared", "latest", AuthenticationFailed, "ada may not do this to shared/app: overwrite"),
        ("mine", "fixed", VersionTaken, "this tag is immutable"),
    ):
        for version in ("1.0.0", "1.0.1"):
            folder = tmp_path / place / version
            write(folder, version, more=f'[release]\ntags = ["{{version}}", "{moving}"]\n')
            if version == "1.0.0":
                run(folder, f"{site}/{place}/app")
                continue
            with pytest.raises(refusal) as caught:
                run(folder, f"{site}/{place}/app")
            assert said in caught.value.cause
            assert not (folder / "dist").exists()


def test_where_we_may_not_push_nothing_is_compiled(site, tmp_path):
    write(tmp_path / "app")
    with pytest.raises(AuthenticationFailed, match="does not let us push to other/app"):
        run(tmp_path / "app", f"{site}/other/app")
    assert not (tmp_path / "app" / "dist").exists()
