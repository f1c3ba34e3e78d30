"""The workflow of GitHub that releases a project, as text with comments."""

import json
import re
from collections.abc import Iterator

from registry.client.environment import variables_of
from registry.words import printable
from wasmbuild.workflows.ci.pins import CHECKOUT, SETUP_PYTHON
from wasmbuild.workflows.ci.pipeline import Pipeline

__all__ = ["github_workflow"]

_PYTHON = "3.12"
_RUNNER = "ubuntu-24.04"
_SPECIAL = re.compile(r"[+!?\[\]]")
_ESCAPED = r"\\\g<0>"
"""Characters of a tag that mean something in GitHub's filter patterns, and how they mean themselves."""


def github_workflow(pipeline: Pipeline) -> str:
    """The text of a workflow: pull requests are tried, and tags released."""
    return "\n".join([*_head(pipeline), *_check(pipeline), "", *_release(pipeline), ""])


def _head(pipeline: Pipeline) -> Iterator[str]:
    yield f"# Releases {printable(pipeline.name, 100)} when a tag is pushed that names a version, and tries it for pull"
    yield "# requests. Written by: wasmbuild ci init github. It is yours to change; wasmbuild ci check looks it over."
    yield "name: release"
    yield ""
    yield "on:"
    yield "  pull_request:"
    yield "  push:"
    yield f"    tags: {json.dumps([_SPECIAL.sub(_ESCAPED, each) for each in pipeline.tags])}"
    yield ""
    yield "# Nothing, unless a job says what it needs."
    yield "permissions: {}"
    yield ""
    yield "# A release is never broken off; a newer commit of a pull request ends the run of the one before."
    yield "concurrency:"
    yield "  group: release-${{ github.ref }}"
    yield "  cancel-in-progress: ${{ github.event_name == 'pull_request' }}"
    yield ""
    yield "env:"
    yield "  # What pip installs: one version. The URL of a wheel with its hash will do, too:"
    yield "  # wasmbuild @ https://HOST/wasmbuild-VERSION-py3-none-any.whl#sha256=DIGEST"
    yield f"  RELEASE_INSTALL: {json.dumps(pipeline.install)}"
    yield ""
    yield "jobs:"


def _check(pipeline: Pipeline) -> Iterator[str]:
    yield "  check:"
    yield "    # Everything but the push; a fork's pull request has no more rights than these, and no secrets."
    yield "    if: github.event_name == 'pull_request'"
    yield f"    runs-on: {_RUNNER}"
    yield "    timeout-minutes: 30"
    yield "    permissions:"
    yield "      contents: read"
    yield "    steps:"
    yield from _setup()
    yield "      - run: |"
    yield f"          wasmbuild {pipeline.rehearsal}"


def _release(pipeline: Pipeline) -> Iterator[str]:
    yield "  release:"
    yield "    if: github.event_name == 'push'"
    yield f"    runs-on: {_RUNNER}"
    yield "    timeout-minutes: 60"
    yield "    # Who may release, and from which tags, is set for this environment in the repository's settings."
    yield "    environment: release"
    yield from _permissions(pipeline)
    yield "    outputs:"
    yield "      digest: ${{ steps.release.outputs.digest }}"
    yield "      reference: ${{ steps.release.outputs.reference }}"
    yield "    # No cache: what another branch may have filled is never published."
    yield "    steps:"
    yield from _setup()
    yield "      - id: release"
    environment = list(_environment(pipeline))
    if environment:
        yield "        env:"
        yield from environment
    yield "        run: |"
    yield f"          wasmbuild {pipeline.arguments}"


def _permissions(pipeline: Pipeline) -> Iterator[str]:
    yield "    permissions:"
    yield "      contents: read"
    if pipeline.login == "token":
        yield "      packages: write # push, with the job's own token"
    if pipeline.identity:
        uses = {"trusted": ["log in"], "token": [], "password": []}[pipeline.login]
        uses += ["sign"] if pipeline.sign == "keyless" else []
        yield f"      id-token: write # {' and '.join(uses)}, as this workflow of this repository"


def _setup() -> Iterator[str]:
    yield f"      - uses: {CHECKOUT}"
    yield "        with:"
    yield "          persist-credentials: false"
    yield f"      - uses: {SETUP_PYTHON}"
    yield "        with:"
    yield f'          python-version: "{_PYTHON}"'
    yield '      - run: python -P -m pip install --quiet "$RELEASE_INSTALL"'


def _environment(pipeline: Pipeline) -> Iterator[str]:
    user, password, _, _ = variables_of(pipeline.host)
    if pipeline.login == "token":
        yield f"          {user}: ${{{{ github.actor }}}}"
        yield f"          {password}: ${{{{ github.token }}}}"
    elif pipeline.login == "password":
        yield "          # Secrets of the environment above, and not of the repository: then its rules hold for them."
        yield f"          {user}: ${{{{ secrets.REGISTRY_USERNAME }}}}"
        yield f"          {password}: ${{{{ secrets.REGISTRY_PASSWORD }}}}"
    if pipeline.sign == "key":
        yield "          # The text of wasmbuild.key, and its password."
        yield "          RELEASE_KEY: ${{ secrets.RELEASE_KEY }}"
        yield "          WASMBUILD_KEY_PASSWORD: ${{ secrets.RELEASE_KEY_PASSWORD }}"
