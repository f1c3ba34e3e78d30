"""The pipeline of GitLab that releases a project, as text with comments."""

import json
import re
from collections.abc import Iterator

from registry.client.environment import variables_of
from registry.words import printable
from wasmbuild.workflows.ci.pipeline import Pipeline

__all__ = ["GITLAB_IMAGE", "gitlab_pipeline"]

GITLAB_IMAGE = "docker.io/library/python:3.12"
"""An image with Python and git."""

_THEIRS = {
    "token": ("CI_REGISTRY_USER", "CI_REGISTRY_PASSWORD"),
    "password": ("REGISTRY_USERNAME", "REGISTRY_PASSWORD"),
}


def gitlab_pipeline(pipeline: Pipeline, image: str) -> str:
    """The text of a pipeline: merge requests are tried, and tags released. ``image`` is what the jobs run in."""
    return "\n".join([*_head(pipeline, image), *_check(pipeline), "", *_release(pipeline), ""])


def _head(pipeline: Pipeline, image: str) -> Iterator[str]:
    yield f"# Releases {printable(pipeline.name, 100)} when a protected tag is pushed that names a version, and"
    yield "# tries it for merge requests. Written by: wasmbuild ci init gitlab. It is yours; wasmbuild ci check"
    yield "# looks it over. Tags are protected in the project's settings: Repository, Protected tags."
    yield "stages: [test, deploy]"
    yield ""
    yield "default:"
    if "@sha256:" not in image:
        yield f"  # Name its digest: wasmbuild resolve {image} prints it."
    yield f"  image: {json.dumps(image)}"
    yield "  before_script:"
    yield '    - python3 -P -m venv "$(dirname "$CI_PROJECT_DIR")/wasmbuild-environment"'
    yield '    - export PATH="$(dirname "$CI_PROJECT_DIR")/wasmbuild-environment/bin:$PATH"'
    yield '    - python -P -m pip install --quiet "$RELEASE_INSTALL"'
    yield ""
    yield "variables:"
    yield "  # What pip installs: one version. The URL of a wheel with its hash will do, too:"
    yield "  # wasmbuild @ https://HOST/wasmbuild-VERSION-py3-none-any.whl#sha256=DIGEST"
    yield f"  RELEASE_INSTALL: {json.dumps(pipeline.install)}"
    yield ""


def _check(pipeline: Pipeline) -> Iterator[str]:
    yield "check:"
    yield "  stage: test"
    yield "  timeout: 30 minutes"
    yield "  interruptible: true"
    yield "  rules:"
    yield '    - if: $CI_PIPELINE_SOURCE == "merge_request_event"'
    yield "  script:"
    yield "    # Everything but the push."
    yield f"    - {json.dumps(f'wasmbuild {pipeline.rehearsal}')}"


def _release(pipeline: Pipeline) -> Iterator[str]:
    yield "release:"
    yield "  stage: deploy"
    yield "  timeout: 1 hour"
    yield "  # One at a time, and never broken off. No cache: what another branch may have filled is never published."
    yield "  resource_group: release"
    yield "  interruptible: false"
    yield "  cache: []"
    yield "  environment: release"
    yield "  rules:"
    yield f"    - if: {json.dumps(_rule(pipeline))}"
    yield from _tokens(pipeline)
    yield "  script:"
    yield from _variables(pipeline)
    yield f"    - {json.dumps(f'wasmbuild {pipeline.arguments}')}"
    yield "  artifacts:"
    yield "    paths: [wasmbuild-release.md]"
    yield "    reports:"
    yield "      dotenv: wasmbuild.env # WASMBUILD_DIGEST, WASMBUILD_REFERENCE: for the jobs after this one"


def _rule(pipeline: Pipeline) -> str:
    """A protected tag, of those that name a version."""
    patterns = (".*".join(map(re.escape, glob.split("*"))).replace("/", r"\/") for glob in pipeline.tags)
    named = " || ".join(f"$CI_COMMIT_TAG =~ /^{pattern}$/" for pattern in patterns)
    return f'({named}) && $CI_COMMIT_REF_PROTECTED == "true"'


def _tokens(pipeline: Pipeline) -> Iterator[str]:
    if not pipeline.identity:
        return
    yield "  # Who this job is: no secret is kept anywhere. They belong here, and not into a file that is included."
    yield "  id_tokens:"
    if pipeline.login == "trusted":
        yield "    WASMBUILD_ID_TOKEN:"
        yield f"      aud: {json.dumps(pipeline.host)}"
    if pipeline.sign == "keyless":
        yield "    SIGSTORE_ID_TOKEN:"
        yield "      aud: sigstore"


def _variables(pipeline: Pipeline) -> Iterator[str]:
    user, password, _, _ = variables_of(pipeline.host)
    theirs = _THEIRS.get(pipeline.login)
    if theirs is not None:
        if pipeline.login == "password":
            yield "    # Variables of the project, masked and protected, for the environment release alone."
        yield f"""    - export {user}="${theirs[0]}" {password}="${theirs[1]}\""""
    if pipeline.sign == "key":
        yield "    # RELEASE_KEY has the text of wasmbuild.key, and WASMBUILD_KEY_PASSWORD its password: masked"
        yield "    # and protected variables of the project."
