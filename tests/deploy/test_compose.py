"""``deploy/compose.yaml``: what it says is allowed, hardened, and complete."""

import json
import re
from pathlib import Path

import check_jsonschema
import pytest
import yaml
from jsonschema.validators import validator_for

from scripts.cluster import VARIABLES
from scripts.compose import read

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
SCHEMA = Path(check_jsonschema.__file__).parent / "builtin_schemas" / "vendor" / "compose-spec.json"


@pytest.fixture(scope="module")
def tree():
    return yaml.safe_load(COMPOSE.read_text())


def complaints(tree):
    schema = json.loads(SCHEMA.read_text())
    return [error.message for error in validator_for(schema)(schema).iter_errors(tree)]


def test_it_is_of_the_compose_specification(tree):
    assert complaints(tree) == []
    wrong = {**tree, "services": {**tree["services"], "s3": {**tree["services"]["s3"], "readonly": True}}}
    assert any("readonly" in each for each in complaints(wrong))


def test_every_service_is_hardened(tree):
    for name, service in tree["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["pids_limit"] <= 512, name
        assert not service.keys() & {"privileged", "cap_add", "network_mode", "pid"}, name
    assert [name for name, service in tree["services"].items() if "ports" in service] == ["proxy"]


def test_secrets_are_files_that_are_not_there(tree):
    named = {each for service in tree["services"].values() for each in service.get("secrets", [])}
    assert named == tree["secrets"].keys()
    assert all(entry["file"].startswith("./secrets/") for entry in tree["secrets"].values())
    assert not (DEPLOY / "secrets").exists()
    for service in tree["services"].values():
        assert not [each for each in service.get("environment", {}) if re.search("PASSWORD$|SECRET|KEY$", each)]


def test_what_a_replica_keeps_in_memory_has_an_end(tree):
    for name in ("registry-1", "registry-2"):
        service = tree["services"][name]
        assert service["mem_limit"] == "2g"
        assert all("size=" in each for each in service["tmpfs"])


def test_replicas_differ_in_nothing_but_their_volume(tree):
    first, second = ({**tree["services"][f"registry-{number}"], "volumes": None} for number in (1, 2))
    assert first == second
    assert tree["services"]["registry-1"]["volumes"] != tree["services"]["registry-2"]["volumes"]


def test_the_reader_reads_it_and_nothing_that_it_does_not_know(tmp_path, tree):
    composed = read(COMPOSE, VARIABLES)
    assert composed.services["registry-1"].command[:2] == ("serve", "--config")
    assert composed.services["registry-1"].image == "wasmbuild"
    assert "$(cat /run/secrets/s3-access-key)" in composed.services["s3"].entrypoint[-1]
    with pytest.raises(SystemExit, match="WASMBUILD_IMAGE is not set"):
        read(COMPOSE, {})
    (tmp_path / "compose.yaml").write_text(COMPOSE.read_text().replace("shm_size: 128mb", "sysctls: {a: 1}"))
    with pytest.raises(SystemExit, match="does not know what sysctls of postgres means"):
        read(tmp_path / "compose.yaml", VARIABLES)
