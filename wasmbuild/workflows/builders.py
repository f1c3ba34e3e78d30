"""Who is answerable for a build, by where it runs: a workflow of a known service, or this machine.

What a registry has verified of the run goes first: the claims of the token that it took (trusted publishing).
Else the service's own variables are believed, and it is said that they are: what a signature proves beside them is
a verifier's business.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from registry.words import printable
from wasmbuild.trust.provenance import LOCAL_BUILDER, RunIdentity

if TYPE_CHECKING:
    from registry.client.exchange import Verified

__all__ = ["Ran", "builder_of", "ran"]

_MAX = 1000
_MAX_CLAIM = 250
_GITHUB = "https://token.actions.githubusercontent.com"
_NOT_SAID = frozenset({"actor", "user_login", "jti"})
"""Claims that are about a person, or are of no use to others."""

_GITHUB_CLAIMS = ("repository", "repository_id", "ref", "sha", "workflow_ref", "run_id", "run_attempt", "event_name")
_GITLAB_CLAIMS = ("project_path", "project_id", "pipeline_id", "pipeline_source", "job_id")


@dataclass(frozen=True, slots=True)
class Ran:
    """Where something was built: the builder's id and the name of the run, both URIs, and what the run is known by."""

    builder: str
    invocation: str
    identity: RunIdentity | None = None


def ran(environment: Mapping[str, str], verified: "Verified | None" = None) -> Ran:
    """Where this process builds, by what a registry has verified of it, and else by its environment."""
    builder, invocation = builder_of(environment)
    if verified is None:
        said = _environment_claims(environment)
        return Ran(builder, invocation, RunIdentity(said) if said else None)
    claims = {name: text for name, text in verified.claims.items() if name not in _NOT_SAID}
    found = _by_github(claims) or _by_gitlab(claims)
    if found is not None and all(map(_is_url, found)):
        builder, invocation = found
    return Ran(builder, invocation, RunIdentity(claims, verified.registry))


def _by_github(claims: Mapping[str, str]) -> tuple[str, str] | None:
    """GitHub documentation, "OpenID Connect reference"; the workflow is that of the job, as in its certificates."""
    workflow = claims.get("job_workflow_ref") or claims.get("workflow_ref")
    repository, run = claims.get("repository"), claims.get("run_id")
    if claims.get("iss") != _GITHUB or not (workflow and repository and run):
        return None
    attempt = claims.get("run_attempt", "1")
    return f"https://github.com/{workflow}", f"https://github.com/{repository}/actions/runs/{run}/attempts/{attempt}"


def _by_gitlab(claims: Mapping[str, str]) -> tuple[str, str] | None:
    """GitLab documentation, "ID token authentication", "Token payload"; the instance is the issuer."""
    issuer, workflow = claims.get("iss", ""), claims.get("ci_config_ref_uri", "")
    project, job = claims.get("project_path"), claims.get("job_id")
    if not (project and job) or not workflow.startswith(f"{issuer.partition('://')[2]}/"):
        return None
    return f"https://{workflow}", f"{issuer}/{project}/-/jobs/{job}"


def _environment_claims(environment: Mapping[str, str]) -> dict[str, str]:
    """What a service's variables say of the run, by the names that its tokens have for it."""
    variables: dict[str, str] = {}
    if environment.get("GITHUB_ACTIONS") == "true":
        variables = {name: f"GITHUB_{name.upper()}" for name in _GITHUB_CLAIMS}
    elif environment.get("GITLAB_CI") == "true":
        variables = {name: f"CI_{name.upper()}" for name in _GITLAB_CLAIMS}
    said = ((name, environment.get(variable)) for name, variable in variables.items())
    return {name: printable(text, _MAX_CLAIM) for name, text in said if text}


def builder_of(environment: Mapping[str, str]) -> tuple[str, str]:
    """The builder's id and the name of this run, both URIs.

    In GitHub Actions and GitLab's CI the id is that of the workflow, as their certificates have it ("Fulcio:
    OIDC usage"), so that it can be compared with who signed.
    """
    found = _github(environment) or _gitlab(environment)
    if found is not None and all(map(_is_url, found)):
        return found
    return LOCAL_BUILDER, f"urn:uuid:{uuid.uuid4()}"


def _github(environment: Mapping[str, str]) -> tuple[str, str] | None:
    """GitHub documentation, "Default environment variables"."""
    if environment.get("GITHUB_ACTIONS") != "true":
        return None
    server, workflow, repository, run = (
        environment.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "WORKFLOW_REF", "REPOSITORY", "RUN_ID")
    )
    if not (workflow and repository and run):
        return None
    attempt = environment.get("GITHUB_RUN_ATTEMPT", "1")
    return f"{server}/{workflow}", f"{server}/{repository}/actions/runs/{run}/attempts/{attempt}"


def _gitlab(environment: Mapping[str, str]) -> tuple[str, str] | None:
    """GitLab documentation, "Predefined CI/CD variables"."""
    if environment.get("GITLAB_CI") != "true":
        return None
    project, job, branch, tag = (
        environment.get(f"CI_{name}", "") for name in ("PROJECT_URL", "JOB_URL", "COMMIT_REF_NAME", "COMMIT_TAG")
    )
    file = environment.get("CI_CONFIG_PATH") or ".gitlab-ci.yml"
    if not (project and job and branch) or "@" in file or "://" in file:  # a file of another project
        return None
    ref = f"refs/tags/{tag}" if tag else f"refs/heads/{branch}"
    return f"{project}//{file}@{ref}", job


def _is_url(text: str) -> bool:
    """Whether it is a URL of the web, with nobody's name in it."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"https", "http"} and bool(parts.netloc) and "@" not in parts.netloc and _plain(text)


def _plain(text: str) -> bool:
    return len(text) <= _MAX and text.isprintable() and " " not in text
