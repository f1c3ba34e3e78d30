"""``wasmbuild ci init``."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wasmbuild.cli.common import FOLDER, OUTPUT, argument, option, registry_verb
from wasmbuild.errors import Failure, UsageFailed
from wasmbuild.events import Note
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from registry.client.registries import Registries
    from wasmbuild.workflows.ci.pipeline import Login, Pipeline, Sign

_USUAL = {"github": ".github/workflows/release.yml", "gitlab": ".gitlab-ci.yml"}
"""Where a system looks for its file, below the top of the working tree."""


@registry_verb("init", "wasmbuild ci init github --sign keyless", at_need=True)
@argument("system", type=click.Choice(["github", "gitlab"]))
@argument("folder", type=FOLDER, default=".")
@option("--to", metavar="REPOSITORY", help="Where it is released to, before what the project says.")
@option(
    "--login",
    type=click.Choice(["trusted", "token", "password"]),
    help="By the job's identity, its own token, or a password kept as a secret. [default: by the registry]",
)
@option(
    "--sign",
    type=click.Choice(["keyless", "key", "none"]),
    default="keyless",
    show_default=True,
    help="By the job's identity, or by a key kept as a secret.",
)
@option("--install", metavar="REQUIREMENT", help="What pip installs there. [default: this version of wasmbuild]")
@option("--image", metavar="REFERENCE", help="What GitLab's jobs run in; its digest is looked up.")
@option("--force", is_flag=True, help="Overwrite the file that is there.")
@option("-o", "--output", type=OUTPUT, help="The file. [default: where the system looks for it]")
def command(  # noqa: PLR0913 - one for each option
    console: Console,
    registries: "Callable[[], Registries]",
    *,
    system: str,
    folder: Path,
    to: str | None,
    login: "Login | None",
    sign: "Sign",
    install: str | None,
    image: str | None,
    force: bool,
    output: Path | None,
) -> None:
    """Write the workflow of GitHub, or the pipeline of GitLab, that releases the project in FOLDER.

    It tries the project for pull requests and releases it for tags, with the least permissions that this needs.
    Prints the path of the file.
    """
    from wasmbuild.workflows.ci.init import check_free, put_file
    from wasmbuild.workflows.ci.pipeline import pipeline_of

    if image is not None and system != "gitlab":
        raise UsageFailed("--image is for gitlab: jobs of GitHub run on its machines")
    pipeline = pipeline_of(folder, to=to, login=login, sign=sign, install=install, system=system)
    path = output or pipeline.root / _USUAL[system]
    check_free(path, force=force)
    put_file(path, _text(console, registries, system, pipeline, image), force=force)
    shown = os.path.relpath(path)
    shown = str(path) if shown.startswith("..") else shown
    console.result("ci init", shown, {"path": shown, "system": system, "login": pipeline.login, "sign": sign})


def _text(
    console: Console, registries: "Callable[[], Registries]", system: str, pipeline: "Pipeline", image: str | None
) -> str:
    if system == "github":
        from wasmbuild.workflows.ci.github_file import github_workflow

        return github_workflow(pipeline)
    from wasmbuild.workflows.ci.gitlab_file import GITLAB_IMAGE, gitlab_pipeline

    return gitlab_pipeline(pipeline, _pinned(console, registries, image or GITLAB_IMAGE))


def _pinned(console: Console, registries: "Callable[[], Registries]", image: str) -> str:
    """The image by its digest, as its registry says now; as it is, with a warning, where that cannot be asked."""
    from registry.reference import Reference
    from wasmbuild.workflows.remote import Remote

    reference = Reference.parse(image)
    if reference.digest is not None:
        return image
    try:
        return str(Remote.resolve(reference, registries()).pinned)
    except Failure as failure:
        said = failure.cause or failure.what
        console.emit(Note("warning", f"{image} is named by its tag, since its digest could not be looked up: {said}"))
        return image
