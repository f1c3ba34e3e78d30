"""``deploy/kubernetes``: that its parts fit each other. Their fields are checked in ``tests/interop``."""

from pathlib import Path

import pytest
import yaml

from registry.server.app import create_app
from registry.server.config import ServerConfig

MANIFESTS = Path(__file__).parents[2] / "deploy" / "kubernetes"


def load(name):
    return yaml.safe_load((MANIFESTS / name).read_text())


@pytest.fixture(scope="module")
def deployment():
    return load("deployment.yaml")["spec"]


def pods():
    return [load("deployment.yaml")["spec"]["template"]["spec"], load("running/pod.yaml")["spec"]]


@pytest.mark.parametrize("pod", pods(), ids=["replica", "artifact"])
def test_pods_fulfil_the_restricted_standard(pod):
    """Kubernetes' Pod Security Standards, restricted; and a root that cannot be written."""
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}
    for container in pod["containers"]:
        said = container["securityContext"]
        assert (said["allowPrivilegeEscalation"], said["readOnlyRootFilesystem"]) == (False, True)
        assert said["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in container["resources"]["limits"]
    kinds = {next(iter(volume.keys() - {"name"})) for volume in pod.get("volumes", [])}
    assert kinds <= {"configMap", "secret", "emptyDir"}
    folders = [volume["emptyDir"] for volume in pod.get("volumes", []) if "emptyDir" in volume]
    assert all(each.keys() == {"sizeLimit"} for each in folders), "bounded, and not in the container's memory"


def test_kustomize_has_every_file(deployment):
    said = load("kustomization.yaml")
    there = {path.name for path in MANIFESTS.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(said["resources"]) == there
    assert [each["name"] for each in said["images"]] == [deployment["template"]["spec"]["containers"][0]["image"]]
    (generated,) = said["configMapGenerator"]
    assert all((MANIFESTS / name).is_file() for name in generated["files"])
    maps = [
        volume["configMap"]["name"] for volume in deployment["template"]["spec"]["volumes"] if "configMap" in volume
    ]
    assert maps == [generated["name"]]


def test_whatever_selects_pods_selects_the_replicas(deployment):
    labels = deployment["template"]["metadata"]["labels"]
    selectors = [
        deployment["selector"]["matchLabels"],
        load("service.yaml")["spec"]["selector"],
        load("disruption-budget.yaml")["spec"]["selector"]["matchLabels"],
        load("network-policy.yaml")["spec"]["podSelector"]["matchLabels"],
        *(each["labelSelector"]["matchLabels"] for each in deployment["template"]["spec"]["topologySpreadConstraints"]),
    ]
    assert selectors == [labels] * len(selectors)
    assert 0 < load("disruption-budget.yaml")["spec"]["minAvailable"] < deployment["replicas"]


def test_probes_ask_for_what_the_server_has(deployment, tmp_path):
    (container,) = deployment["template"]["spec"]["containers"]
    routes = {getattr(route, "path", "") for route in create_app(ServerConfig(tmp_path)).routes}
    asked = {container[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert asked <= routes
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_the_example_runs_by_its_class():
    assert (
        load("running/pod.yaml")["spec"]["runtimeClassName"] == load("running/runtime-class.yaml")["metadata"]["name"]
    )
