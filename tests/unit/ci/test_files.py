"""The files of CI systems that are ours: safe by our own rules, and what their systems take."""

import json
import re
import tomllib
from functools import cache
from importlib.resources import files

import jsonschema
import pytest
import yaml

from tests.unit.ci.runner import CHECKOUT
from wasmbuild.workflows.ci.check import check_files, check_text, files_of
from wasmbuild.workflows.ci.pins import CHECKOUT as CHECKOUT_PIN
from wasmbuild.workflows.ci.pins import SETUP_PYTHON

COMPONENT = CHECKOUT / "templates" / "ci" / "gitlab.yml"
OURS = (*files_of(CHECKOUT), COMPONENT)


class Loader(yaml.SafeLoader):
    """YAML as CI systems read it: ``on`` is a word, and ``!reference`` a list."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:bool" or first not in "oOyYnN"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@cache
def schema(name: str) -> dict[str, object]:
    """A schema that the package check-jsonschema carries."""
    return json.loads((files("check_jsonschema.builtin_schemas.vendor") / f"{name}.json").read_text())


def faults(name: str, text: str) -> list[str]:
    """What a schema has against a file; of several documents the last one, which has the jobs."""
    *_, document = yaml.load_all(text, Loader)
    validator = jsonschema.validators.validator_for(schema(name))(schema(name))
    return [error.message for error in validator.iter_errors(document)]


def schema_of(path) -> str:
    if path.name == "action.yml":
        return "github-actions"
    return "gitlab-ci" if "gitlab" in path.name else "github-workflows"


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_our_own_are_safe_and_valid(path):
    assert check_files([path]) == ()
    assert faults(schema_of(path), path.read_text()) == []


def test_there_are_some():
    assert {path.name for path in OURS} >= {"action.yml", "ci.yml", "release.yml", "publish.yml", "gitlab.yml"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("github-workflows", "on: push\njobs: {a: {runs-on: x, stepz: []}}\n"),
        ("github-actions", "name: x\nruns: {using: composite}\n"),
        ("gitlab-ci", "a: {script: x, rules: 3}\n"),
    ],
)
def test_a_schema_can_refuse(name, text):
    assert faults(name, text)


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (r"@[0-9a-f]{40} # v\S+", "@v4", "unpinned-action"),
        (r"persist-credentials: false", "persist-credentials: true", "persisted-credentials"),
        (r"contents: read", "contents: write", "wide-permissions"),
        (r"wasmbuild \"\$@\"", "wasmbuild ${{ inputs.to }}", "template-injection"),
    ],
)
def test_what_would_spoil_our_workflow_is_found(old, new, rule):
    text = (CHECKOUT / ".github" / "workflows" / "release.yml").read_text()
    spoilt = re.sub(old, lambda _: new, text)
    assert spoilt != text
    assert rule in {found.rule for found in check_text("release.yml", spoilt)}


def test_one_version_of_an_action_is_used_everywhere():
    used = {}
    for path in OURS:
        for name, pin in re.findall(r"uses: (\S+?)@(\S+ # v\S+)", path.read_text()):
            used.setdefault(name, set()).add(pin)
    assert all(len(pins) == 1 for pins in used.values())
    for pin in (CHECKOUT_PIN, SETUP_PYTHON):
        name, _, rest = pin.partition("@")
        assert used[name] == {rest}


def test_the_hooks_are_local_and_their_programs_are_ours():
    hooks = yaml.safe_load((CHECKOUT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [each["repo"] for each in hooks] == ["local"]
    for hook in hooks[0]["hooks"]:
        assert (CHECKOUT / hook["entry"].split()[0]).is_file()
        re.compile(hook.get("files", ""))


def test_what_is_for_ci_is_no_template_of_a_project():
    from wasmbuild.workflows.templates import templates

    assert "ci" not in {each.id for each in templates()}


@pytest.mark.parametrize("lock", ["requirements-runtime.lock", "requirements-keyless.lock"])
def test_what_the_action_installs_by_hash_is_all_that_is_needed(lock):
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    extras = ["server", "sigstore"] if "keyless" in lock else ["server"]
    wanted = [*project["dependencies"], *(each for extra in extras for each in project["optional-dependencies"][extra])]
    names = {re.match(r"[\w.-]+", each)[0].lower() for each in wanted}
    assert names <= set(re.findall(r"^([\w.-]+)==", (CHECKOUT / lock).read_text(), re.MULTILINE))


def test_what_builds_it_is_locked_too():
    needed = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert needed == ["hatchling>=1.27"]
    assert "\nhatchling==" in "\n" + (CHECKOUT / "requirements-build.lock").read_text()
