"""Pipeline: what the file of a CI system has to know of a project, whichever system it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import wasmbuild
from registry.reference import Reference
from registry.words import pasted
from wasmbuild.errors import UsageFailed
from wasmbuild.project import Project
from wasmbuild.workflows.ci.place import top_of
from wasmbuild.workflows.planning import find_workspace

__all__ = ["Login", "Pipeline", "Sign", "pipeline_of"]

Login = Literal["trusted", "token", "password"]
"""How the job logs in: its identity, the token that the CI system gives it, or a password that people keep there."""

Sign = Literal["keyless", "key", "none"]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """How a project is released. ``root`` is the top of the working tree, ``folder`` the project in it, with ``/``.

    ``host`` is the registry's; ``tags`` what git calls versions, as globs; ``install`` what pip is told.
    """

    name: str
    root: Path
    folder: str
    host: str
    to: str | None
    tags: tuple[str, ...]
    login: Login
    sign: Sign
    install: str

    @property
    def arguments(self) -> str:
        """What ``release`` is told, as words of a shell."""
        words = [f"--to {pasted(self.to)}"] if self.to else []
        signing = {"keyless": "--keyless", "key": "--key env://RELEASE_KEY", "none": ""}[self.sign]
        place = [] if self.folder == "." else [pasted(self.folder)]
        return " ".join(["release", *words, *([signing] if signing else []), *place])

    @property
    def rehearsal(self) -> str:
        """The same without a push."""
        place = "" if self.folder == "." else f" {pasted(self.folder)}"
        return f"release --snapshot{place}"

    @property
    def identity(self) -> bool:
        """Whether the job has to show who it is."""
        return self.login == "trusted" or self.sign == "keyless"


def pipeline_of(
    folder: Path, *, to: str | None, login: Login | None, sign: Sign, install: str | None, system: str
) -> Pipeline:
    """Look at a project. Raises UsageFailed where it says nothing of a registry, InvalidReference, InvalidProject."""
    workspace = find_workspace(folder)
    host = Reference.parse(to or _repository(workspace.projects)).host
    top = top_of(workspace.root)
    there = workspace.root.relative_to(top).as_posix()
    if "${{" in there:
        raise UsageFailed(f"{there} cannot be named in a workflow", cause="GitHub takes ${{ for an expression")
    return Pipeline(
        name=workspace.projects[0].name if workspace.projects else workspace.root.name,
        root=top,
        folder=there,
        host=host,
        to=to,
        tags=tuple(sorted({each.release.git_tag.replace("{version}", "*") for each in workspace.projects})) or ("v*",),
        login=login or _usual_login(host, system),
        sign=sign,
        install=install or _usual_install(sign),
    )


def _repository(projects: tuple[Project, ...]) -> str:
    for each in projects:
        if each.repository is not None:
            return each.repository
    raise UsageFailed(
        "nothing says where it is released to",
        cause="there is no [registry] repository in wasmbuild.toml",
        hint="wasmbuild ci init github --to ghcr.io/acme/hello",
    )


def _usual_login(host: str, system: str) -> Login:
    """What is there without anything to set up: the system's own registry takes its token."""
    own = {"github": "ghcr.io", "gitlab": "registry.gitlab.com"}[system]
    return "token" if host == own else "trusted"


def _usual_install(sign: Sign) -> str:
    extra = "[sigstore]" if sign == "keyless" else ""
    return f"wasmbuild{extra}=={wasmbuild.__version__}"
