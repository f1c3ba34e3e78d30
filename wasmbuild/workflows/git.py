"""What git knows of a folder, and the files of a commit; asked of the user's own git.

No remote is ever spoken to, and no program that a repository names is started. Not here: which targets changed
(``since``), and templates out of a repository (``template_repository``).
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from wasmbuild.build.limits import Limits
from wasmbuild.build.runner import run
from wasmbuild.errors import Failure, ToolFailed, UsageFailed
from wasmbuild.events import Event, ToolOutput

__all__ = [
    "QUIET",
    "SAFE",
    "Checkout",
    "check_out",
    "checkout_of",
    "commit_of_tag",
    "inherited",
    "public_url",
    "tags_at",
]

_SECONDS = 300
_LIMITS = Limits(output=256 * 1024)
SAFE = ("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", "-c", "core.quotePath=true")
"""Options of git that keep it from starting programs which a repository names; filters are not among these."""

QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}
"""Variables that keep git from writing, asking, and speaking to anybody."""

_NO_SETTINGS = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_ATTR_NOSYSTEM": "1"}
_WHERE = ("rev-parse", "--show-toplevel", "HEAD^{commit}", "--symbolic-full-name", "HEAD")
_SETTINGS = ("GIT_CONFIG", "GIT_ATTR")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REF = re.compile(r"refs/heads/[\w./+-]{1,200}")
_SCP = re.compile(r"(?:[^@/:\s]*@)?([\w.-]{2,200}):(?!//)(\S+)")
_REMOTE_SCHEMES = ("https", "http", "ssh", "git")
_MAX_URL = 2000


@dataclass(frozen=True, slots=True)
class Checkout:
    """The commit that a folder has, and where in its repository the folder is (``.``, or with ``/``).

    ``ref`` is the branch, None where there is none; ``remote`` where the repository is from, without
    credentials, None where that is a place of this machine.
    """

    commit: str
    path: str
    ref: str | None = None
    remote: str | None = None

    @property
    def uri(self) -> str | None:
        """The source as SLSA writes it: ``git+https://HOST/PATH@REF``."""
        return self.remote and f"git+{self.remote}{f'@{self.ref}' if self.ref else ''}"


def checkout_of(folder: Path, environment: Mapping[str, str]) -> Checkout | None:
    """What git knows of a folder; None where it is in no repository, has no commit yet, or there is no git."""
    try:
        top, commit, ref = _ask(folder, _WHERE, environment)[-3:]
    except (Failure, ValueError):
        return None
    path = os.path.relpath(os.path.realpath(folder), os.path.realpath(top)).replace(os.sep, "/")
    if _COMMIT.fullmatch(commit) is None or path.startswith(".."):
        return None
    remote = _maybe(folder, ("config", "--get", "remote.origin.url"), environment)
    return Checkout(commit, path, ref if _REF.fullmatch(ref) else None, public_url(remote))


def tags_at(folder: Path, environment: Mapping[str, str]) -> tuple[str, ...] | None:
    """The tags that name the commit that a folder has; None where git cannot say."""
    try:
        return tuple(_ask(folder, ("tag", "--points-at", "HEAD"), environment))
    except Failure:
        return None


def commit_of_tag(folder: Path, tag: str, environment: Mapping[str, str]) -> str | None:
    """The commit that a tag names; None where there is no such tag, or it names none."""
    found = _maybe(folder, ("rev-parse", "--verify", "--quiet", f"refs/tags/{tag}^{{commit}}"), environment)
    return found if _COMMIT.fullmatch(found) else None


def public_url(remote: str) -> str | None:
    """A remote's URL without user, password, query and fragment; None for a place of this machine, or no URL."""
    if not remote.isprintable() or len(remote) > _MAX_URL:
        return None
    if "://" not in remote:
        short = _SCP.fullmatch(remote)
        return f"ssh://{short[1]}/{short[2].lstrip('/')}" if short else None
    try:
        parts = urlsplit(remote)
    except ValueError:
        return None
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme not in _REMOTE_SCHEMES or not host or "@" in parts.path:  # there may be another URL in it
        return None
    return f"{parts.scheme}://{host}{parts.path}"


def check_out(repository: Path, commit: str, scratch: Path, tree: Path, environment: Mapping[str, str]) -> None:
    """Write the files of a commit into ``tree``, a new folder, without a trace in the repository.

    The user's settings do not count for it, so that no filter has a say. ``scratch`` is a folder to work in.
    Raises UsageFailed when there is no such folder, it is no repository or does not have the commit.
    """
    if not repository.is_dir():
        raise UsageFailed(f"there is no folder {repository}", hint="name a checkout of the sources: --source FOLDER")
    common = _maybe(repository, ("rev-parse", "--path-format=absolute", "--git-common-dir"), environment)
    if not common or _COMMIT.fullmatch(commit) is None:
        raise UsageFailed(
            f"{repository} is not in a repository of git", hint="name a checkout of the sources: --source FOLDER"
        )
    own = {"PATH": environment.get("PATH", os.defpath), "HOME": str(scratch), **_NO_SETTINGS}
    folder = scratch / "git"
    form = "sha256" if len(commit) == 64 else "sha1"
    _ask(scratch, ("init", "--quiet", "--bare", "--template=", f"--object-format={form}", str(folder)), own)
    # Objects are read where they are: nothing is copied, and a shallow or a detached history will do.
    (folder / "objects" / "info").mkdir(exist_ok=True)
    (folder / "objects" / "info" / "alternates").write_text(f"{common}/objects\n", encoding="utf-8")
    tree.mkdir(parents=True)
    where = (f"--git-dir={folder}", f"--work-tree={tree}", "-c", "core.bare=false")
    try:
        _ask(scratch, (*where, "checkout", "--quiet", "--force", "--detach", commit, "--"), own)
    except UsageFailed as failure:
        raise UsageFailed(
            f"the commit {commit[:12]} is not in the repository",
            cause=failure.cause,
            hint="fetch it, or name a checkout that has it: --source FOLDER",
        ) from failure


def _maybe(folder: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """The last line of an answer; empty where there is none."""
    try:
        return next(iter(_ask(folder, arguments, environment)[-1:]), "")
    except Failure:
        return ""


def _ask(folder: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """What git says; raises UsageFailed in its own words."""
    lines: list[str] = []

    def keep(event: Event) -> None:
        if isinstance(event, ToolOutput):
            lines.append(event.line)

    try:
        completed = run(
            ["git", *SAFE, "-C", str(folder.absolute()), *arguments],
            cwd=Path("/"),
            env={**inherited(environment), **QUIET},
            sink=keep,
            timeout_seconds=_SECONDS,
            tool="git",
            limits=_LIMITS,
        )
    except ToolFailed as error:
        raise UsageFailed("git cannot be asked", cause=error.cause or error.what) from error
    if completed.exit_code != 0:
        raise UsageFailed("git cannot say what was asked", cause="\n".join(completed.tail[-5:]) or None)
    if sum(len(line.encode()) + 1 for line in lines) > _LIMITS.output:  # then its middle is not there
        raise UsageFailed("git cannot say what was asked", cause=f"it says more than {_LIMITS.output} bytes")
    return lines


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables without those that would send git to another repository, or make it talk about itself."""
    return {
        name: text for name, text in environment.items() if not name.startswith("GIT_") or name.startswith(_SETTINGS)
    }
