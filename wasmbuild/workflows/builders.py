"""Who is answerable for a build, by where it runs: a workflow of a known service, or this machine.

A service's own variables are believed here: what a signature proves beside them is a verifier's business.
"""

import uuid
from collections.abc import Mapping
from urllib.parse import urlsplit

from wasmbuild.trust.provenance import LOCAL_BUILDER

__all__ = ["builder_of"]

_MAX = 1000


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
