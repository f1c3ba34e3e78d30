"""Where something was built: by what a registry has verified of the run, and else by what its environment says."""

from typing import Any

import pytest

from registry.client.exchange import Verified
from wasmbuild.trust.provenance import IDENTITY, Builder, Parameters, Provenance, Run
from wasmbuild.workflows.builders import ran

ENVIRONMENT = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_WORKFLOW_REF": "acme/hello/.github/workflows/release.yml@refs/tags/v1",
    "GITHUB_REPOSITORY": "acme/hello",
    "GITHUB_RUN_ID": "17",
    "GITHUB_ACTOR": "ada",
}
GITHUB = {
    "iss": "https://token.actions.githubusercontent.com",
    "sub": "repo:acme/hello:ref:refs/tags/v1",
    "job_workflow_ref": "acme/shared/.github/workflows/publish.yml@refs/heads/main",
    "repository": "acme/hello",
    "run_id": "18",
    "run_attempt": "2",
    "actor": "ada",
    "jti": "one",
}
GITLAB = {
    "iss": "https://gitlab.example.com",
    "ci_config_ref_uri": "gitlab.example.com/acme/hello//.gitlab-ci.yml@refs/heads/main",
    "project_path": "acme/hello",
    "job_id": "5",
}


def test_without_a_token_the_environment_is_named_as_the_source() -> None:
    where = ran(ENVIRONMENT)
    assert where.builder == "https://github.com/acme/hello/.github/workflows/release.yml@refs/tags/v1"
    assert where.identity is not None
    assert where.identity.to_json() == {
        "statedBy": "environment",
        "claims": {"repository": "acme/hello", "workflow_ref": ENVIRONMENT["GITHUB_WORKFLOW_REF"], "run_id": "17"},
    }
    assert ran({}).identity is None
    gitlab = ran({"GITLAB_CI": "true", "CI_PROJECT_PATH": "acme/\x1bhello", "CI_JOB_ID": "x" * 999}).identity
    assert gitlab is not None
    assert gitlab.claims["project_path"] == "acme/\\x1bhello"
    assert len(gitlab.claims["job_id"]) < 300


def test_what_a_registry_has_verified_goes_before_the_environment() -> None:
    where = ran(ENVIRONMENT, Verified("registry.example.com", GITHUB))
    assert where.builder == "https://github.com/acme/shared/.github/workflows/publish.yml@refs/heads/main"
    assert where.invocation == "https://github.com/acme/hello/actions/runs/18/attempts/2"
    assert where.identity is not None
    said = where.identity.to_json()
    assert said["verifiedBy"] == "registry.example.com"
    assert "statedBy" not in said
    assert said["claims"]["run_id"] == "18"
    assert not {"actor", "jti"} & said["claims"].keys()  # nothing of a person
    where = ran({}, Verified("registry.example.com", GITLAB))
    assert where.builder == "https://gitlab.example.com/acme/hello//.gitlab-ci.yml@refs/heads/main"
    assert where.invocation == "https://gitlab.example.com/acme/hello/-/jobs/5"


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {**GITHUB, "iss": "https://another.example"},
        {**GITHUB, "job_workflow_ref": "a b"},
        {**GITHUB, "run_id": ""},
        {**GITLAB, "iss": "https://another.example"},
        {**GITLAB, "ci_config_ref_uri": "elsewhere.example/acme"},
        {**GITLAB, "iss": ""},
    ],
)
def test_claims_that_name_no_workflow_leave_the_builder_to_the_environment(claims: Any) -> None:
    where = ran(ENVIRONMENT, Verified("registry.example.com", claims))
    assert where.builder == "https://github.com/acme/hello/.github/workflows/release.yml@refs/tags/v1"
    assert where.identity is not None
    assert where.identity.verified_by == "registry.example.com"


def test_it_is_in_the_metadata_of_the_run_and_makes_no_other_build_of_it() -> None:
    identity = ran({}, Verified("registry.example.com", GITHUB)).identity
    one = Provenance(Parameters("hello"), Builder("https://b.example"), run=Run(identity=identity))
    other = Provenance(Parameters("hello"), Builder("https://b.example"))
    content = one.to_predicate().content
    assert content["runDetails"]["metadata"][IDENTITY]["verifiedBy"] == "registry.example.com"
    assert IDENTITY not in other.to_predicate().content["runDetails"]["metadata"]
    assert one.definition == other.definition
    assert Provenance.parse(content).builder == one.builder
