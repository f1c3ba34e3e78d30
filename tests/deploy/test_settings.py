"""The settings of the deployments are settings of the server, and what runs them waits long enough."""

import re
from pathlib import Path

import pytest
import yaml

from registry.server.config.toml import load_config

DEPLOY = Path(__file__).parents[2] / "deploy"
SECRETS = {
    "database-url": "postgresql://registry:correct-horse@postgres:5432/registry",
    "s3-access-key": "access",
    "s3-secret-key": "secret",
}


@pytest.fixture(params=["registry.toml", "kubernetes/registry.toml"])
def settings(request, tmp_path):
    """The file as it is, but that its secrets are here."""
    for name, content in SECRETS.items():
        (tmp_path / name).write_text(content + "\n")
    text = (DEPLOY / request.param).read_text()
    path = tmp_path / "registry.toml"
    path.write_text(re.sub(r"/run/secrets/(registry/)?", f"{tmp_path}/", text))
    return request.param, load_config(path, flags={"data": (str(tmp_path), "--data")}).config


def waits():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["registry-1"]
    pod = yaml.safe_load((DEPLOY / "kubernetes" / "deployment.yaml").read_text())["spec"]["template"]["spec"]
    return {
        "registry.toml": int(compose["stop_grace_period"].removesuffix("s")),
        "kubernetes/registry.toml": pod["terminationGracePeriodSeconds"],
    }


def test_they_are_read_and_hold_no_secret(settings):
    name, config = settings
    assert config.database == SECRETS["database-url"]
    assert (config.storage.bucket, config.storage.secret_key) == ("wasmbuild", "secret")
    assert config.trusted_proxies
    assert not re.search(r'(password|_key)\s*=\s*"', (DEPLOY / name).read_text())


def test_nobody_is_let_in_who_has_no_account(settings):
    _, config = settings
    assert config.access.anonymous == "nothing"
    assert {rule.subject for rule in config.access.rules} == {"group:admins", "users"}


def test_a_replica_has_the_time_that_it_takes_to_stop(settings):
    name, config = settings
    assert config.drain > 0
    assert config.drain + config.grace < waits()[name]


def test_the_proxy_has_the_network_that_is_trusted():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    (network,) = compose["networks"]["default"]["ipam"]["config"]
    assert f'trusted_proxies = ["{network["subnet"]}"]' in (DEPLOY / "registry.toml").read_text()
    proxy = (DEPLOY / "nginx.conf").read_text()
    assert set(re.findall(r"server (registry-\d+):5000", proxy)) == {"registry-1", "registry-2"}
