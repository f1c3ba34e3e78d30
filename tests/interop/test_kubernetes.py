"""The manifests in ``deploy/kubernetes``, by the schemas of Kubernetes, which know every field and take no other."""

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from scripts.kubernetes import schemas
from scripts.peers import Unavailable

MANIFESTS = Path(__file__).parents[2] / "deploy" / "kubernetes"


@pytest.fixture(scope="module")
def folder() -> Path:
    try:
        return schemas()
    except Unavailable as error:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"there are no schemas here: {error}")


def documents() -> Iterator[Any]:
    """Every object, but for kustomize's own file."""
    for path in sorted(MANIFESTS.rglob("*.yaml")):
        if path.name != "kustomization.yaml":
            for number, document in enumerate(yaml.safe_load_all(path.read_text())):
                yield pytest.param(document, id=f"{path.stem}-{number}")


def complaints(folder: Path, document: dict[str, Any]) -> list[str]:
    """What is wrong with an object."""

    def retrieve(name: str) -> Any:
        content = json.loads((folder / Path(name).name).read_text())
        return Resource.from_contents(content, default_specification=DRAFT202012)

    group, _, version = document["apiVersion"].rpartition("/")
    name = "-".join(filter(None, (document["kind"].lower(), group.split(".")[0], version)))
    schema = json.loads((folder / f"{name}.json").read_text())
    validator = Draft202012Validator(schema, registry=Registry(retrieve=retrieve))
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(document)]


@pytest.mark.parametrize("document", [*documents()])
def test_kubernetes_knows_every_field(folder: Path, document: dict[str, Any]) -> None:
    assert complaints(folder, document) == []


def test_a_field_that_there_is_not_is_found(folder: Path) -> None:
    (deployment,) = (each.values[0] for each in documents() if each.values[0]["kind"] == "Deployment")
    wrong = copy.deepcopy(deployment)
    wrong["spec"]["template"]["spec"]["containers"][0]["securityContext"]["readOnlyRoot"] = True
    assert any("readOnlyRoot" in each for each in complaints(folder, wrong))
