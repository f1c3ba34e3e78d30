"""The predicate of a provenance: what is written is read again, and what is not known is refused."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmbuild.errors import InvalidAttestation
from wasmbuild.trust.authority import Signer
from wasmbuild.trust.predicates import PROVENANCE
from wasmbuild.trust.provenance import (
    BUILD_TYPE,
    GIT_COMMIT,
    LOCAL_BUILDER,
    Builder,
    Parameters,
    Provenance,
    Run,
    highest_level,
)
from wasmbuild.trust.resource import Resource

COMMIT = "ab" * 20
WORKFLOW = "https://github.com/acme/hello/.github/workflows/release.yml@refs/heads/main"

names = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)
texts = st.dictionaries(names, st.text(max_size=20), max_size=3)
moments = st.none() | st.just("2026-11-23T07:32:01Z")
resources = st.builds(
    Resource,
    uri=st.text(min_size=1, max_size=20),
    name=st.none() | names,
    digests=st.dictionaries(names, st.just("00ff"), max_size=2),
    annotations=texts,
)
parameters = st.builds(
    Parameters,
    target=names | st.builds("{}:{}".format, names, names),
    project=st.just(".") | st.lists(names, min_size=1, max_size=3).map("/".join),
    source=st.none() | st.text(min_size=1, max_size=20),
    language=st.none() | names,
    optimize=st.sampled_from([None, "size", "speed", "debug"]),
    component=st.booleans(),
)
provenances = st.builds(
    Provenance,
    parameters,
    st.builds(Builder, st.text(min_size=1, max_size=20), texts),
    texts,
    st.lists(resources, max_size=3).map(tuple),
    st.builds(Run, st.none() | names, moments, moments, st.lists(resources, max_size=2).map(tuple)),
)


def predicate(**parameters: Any) -> dict[str, Any]:
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"target": "hello", **parameters},
            "internalParameters": {},
            "resolvedDependencies": [{"digest": {GIT_COMMIT: COMMIT}}],
        },
        "runDetails": {"builder": {"id": LOCAL_BUILDER}},
    }


@given(provenances)
def test_what_is_written_is_read_again(provenance: Provenance) -> None:
    written = provenance.to_predicate()
    assert written.type == PROVENANCE
    assert Provenance.parse(written.content) == provenance


def test_another_wasmbuilds_parameter_is_refused() -> None:
    assert Provenance.parse(predicate(optimize="speed")).parameters.optimize == "speed"
    with pytest.raises(InvalidAttestation, match="external parameter that is not known: 'sanitize'"):
        Provenance.parse(predicate(sanitize=True))


@pytest.mark.parametrize(
    "parameters",
    [
        {"target": "../hello"},
        {"target": None},
        {"project": "../elsewhere"},
        {"project": "/etc"},
        {"project": "a//b"},
        {"project": "a/./b"},
        {"project": ""},
        {"project": "a\nb"},
        {"optimize": "most"},
        {"optimize": ["size"]},
        {"component": 1},
        {"language": "c; rm"},
        {"language": None},
        {"source": ""},
        {"source": "x" * 5000},
    ],
    ids=str,
)
def test_a_malformed_parameter_is_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(InvalidAttestation, match=f"malformed external parameter: {next(iter(parameters))}"):
        Provenance.parse(predicate(**parameters))


def _with(path: str, value: Any) -> dict[str, Any]:
    """A predicate in which something is another value."""
    whole = predicate()
    place = whole
    *folders, last = path.split("/")
    for each in folders:
        place = place.setdefault(each, {})
    place[last] = value
    return whole


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("buildDefinition", None),
        ("buildDefinition/buildType", "https://actions.github.io/buildtypes/workflow/v1"),
        ("buildDefinition/externalParameters", None),
        ("buildDefinition/internalParameters", {"language": 1}),
        ("buildDefinition/internalParameters", []),
        ("buildDefinition/resolvedDependencies", {}),
        ("buildDefinition/resolvedDependencies", [{}]),
        ("buildDefinition/resolvedDependencies", ["git"]),
        ("buildDefinition/resolvedDependencies", [{"uri": 1}]),
        ("buildDefinition/resolvedDependencies", [{"digest": {"sha256": "a b"}}]),
        ("buildDefinition/resolvedDependencies", [{"digest": {GIT_COMMIT: "HEAD"}}]),
        ("buildDefinition/resolvedDependencies", [{"digest": {GIT_COMMIT: COMMIT}}] * 2),
        ("runDetails/builder", {}),
        ("runDetails/builder/id", ""),
        ("runDetails/metadata", []),
        ("runDetails/metadata/startedOn", "yesterday"),
        ("runDetails/metadata/invocationId", 1),
    ],
)
def test_what_breaks_the_form_is_refused(path: str, value: Any) -> None:
    with pytest.raises(InvalidAttestation):
        Provenance.parse(_with(path, value))


def test_what_slsa_may_add_is_passed_over() -> None:
    whole = predicate()
    whole["runDetails"]["later"] = whole["buildDefinition"]["later"] = {"a": 1}
    found = Provenance.parse(whole)
    assert found.source is not None
    assert found.source.digests == {GIT_COMMIT: COMMIT}


def test_the_key_of_a_laptop_is_level_one_at_most() -> None:
    local = Provenance(Parameters("hello"), Builder(LOCAL_BUILDER))
    hosted = Provenance(Parameters("hello"), Builder(WORKFLOW))
    key, workflow = Signer("SHA256:00"), Signer(WORKFLOW, "https://token.actions.githubusercontent.com")
    assert highest_level(hosted, None) == 0
    assert highest_level(local, key) == highest_level(hosted, key) == highest_level(local, workflow) == 1
    assert highest_level(hosted, Signer(f"{WORKFLOW}2", workflow.issuer)) == 1
    assert highest_level(hosted, workflow) == 2
    assert highest_level(Provenance(Parameters("hello"), Builder(key.identity)), key) == 1
