"""A template out of a repository of git, by the user's own git.

The user's settings (credentials, proxies) count for the transfer alone; whatever turns what was fetched
into files runs without them, so that no filter and no hook has a say.
"""

import os
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from wasmbuild.build.limits import Limits
from wasmbuild.build.runner import run
from wasmbuild.errors import ToolchainMissing, UnknownTemplate, UsageFailed
from wasmbuild.events import Sink, step
from wasmbuild.workflows.template_sources import MAX_BYTES, MAX_FILES, unusable

__all__ = ["fetched"]

_SCHEMES = ("https", "ssh", "file")
_SECONDS = 120
_LIMITS = Limits(memory=1024**3, output=64 * 1024, file_size=2 * MAX_BYTES)
_INHERITED = ("PATH", "HOME", "XDG_CONFIG_HOME", "SSH_AUTH_SOCK", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "SSL_CERT_FILE")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_ALWAYS = {"GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": ":".join(_SCHEMES), "GIT_LFS_SKIP_SMUDGE": "1"}
_NO_SETTINGS = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_ATTR_NOSYSTEM": "1"}
_CLONE = ("clone", "--quiet", "--bare", "--depth=1", "--single-branch", "--no-tags", "--template=")
_SAFE = ("-c", f"core.hooksPath={os.devnull}", "-c", "transfer.fsckObjects=true", "-c", "fetch.unpackLimit=1")
_TAIL = 5


def fetched(url: str, subfolder: str | None, scratch: Path, sink: Sink) -> Path:
    """A folder below ``scratch`` with the files of the newest commit, or with those of a subfolder of it.

    Raises UsageFailed for a URL that is not fetched, UnknownTemplate when there is nothing, or too much;
    ToolchainMissing without git, and ToolFailed when it takes too long.
    """
    check_url(url)
    git = shutil.which("git")
    if git is None:
        raise ToolchainMissing("git is not installed", hint="install git, or give a folder: --template ./FOLDER")
    repository, archive, tree = scratch / "repository", scratch / "archive.tar", scratch / "template"
    with step(sink, "fetch", url):
        own = {name: os.environ[name] for name in (*_INHERITED, *_either_case()) if name in os.environ}
        _git((git, *_SAFE, *_CLONE, "--", url, str(repository)), {**own, **_ALWAYS}, scratch, url)
        wanted = f"HEAD:{subfolder}" if subfolder else "HEAD"
        bare = {"PATH": own.get("PATH", os.defpath), "HOME": str(scratch), **_ALWAYS, **_NO_SETTINGS}
        packing = (git, f"--git-dir={repository}", "archive", "--format=tar", f"--output={archive}", wanted)
        _git(packing, bare, scratch, url)
        _unpack(archive, tree, url)
    return tree


def check_url(url: str) -> None:
    """Refuse what is not fetched: other schemes, and URLs with something secret in them. Raises UsageFailed."""
    if not url.isprintable() or len(url) > 2000:
        raise UsageFailed("that is not a URL of git")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UsageFailed("that is not a URL of git", cause=str(error)) from error
    if "://" in url and parts.scheme.lower() in _SCHEMES:
        if "@" in parts.netloc and (parts.scheme.lower() == "https" or ":" in parts.netloc.rpartition("@")[0]):
            raise UsageFailed(
                "the URL has a user or a password in it",
                hint="let git's credential helper keep them: git help credential",
            )
        return
    if "://" in url or "::" in url or "@" not in url:
        raise UsageFailed(
            f"{url.partition('@')[0][:60]!r} is no place that templates are fetched from",
            hint="https://HOST/PATH.git, git@HOST:PATH, ssh://… or file://…",
        )


def _either_case() -> tuple[str, ...]:
    return (*_PROXIES, *(name.lower() for name in _PROXIES))


def _git(argv: tuple[str, ...], env: Mapping[str, str], scratch: Path, url: str) -> None:
    said: list[str] = []
    completed = run(
        argv,
        cwd=scratch,
        env=env,
        sink=lambda event: said.append(getattr(event, "line", "")),
        timeout_seconds=_SECONDS,
        tool="git",
        limits=_LIMITS,
    )
    if completed.exit_code != 0:
        raise UnknownTemplate(
            f"{url[:200]} could not be fetched",
            cause="\n".join(line for line in said if line.strip()).strip()[-1000:]
            or f"git ended with {completed.exit_code}",
        )


def _unpack(archive: Path, tree: Path, url: str) -> None:
    """Write the regular files of an archive; a link becomes what it names in the same archive."""
    tree.mkdir()
    room, count = MAX_BYTES, 0
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                count += 1
                if count > MAX_FILES * 2:
                    raise unusable(url, f"there are more than {MAX_FILES} files in it")
                if member.isdir():
                    continue
                data = _content(tar, member, room, url)
                room -= len(data)
                path = tree / PurePosixPath(member.name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                path.chmod(0o755 if member.mode & 0o100 and member.isreg() else 0o644)
    except (tarfile.TarError, RecursionError, OSError) as error:
        raise unusable(url, f"what git sent cannot be unpacked: {error}") from error


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo, room: int, url: str) -> bytes:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or "\0" in member.name:
        raise unusable(url, f"{member.name[:200]!r} leads out of it")
    try:
        file = tar.extractfile(member)
    except KeyError:
        file = None
    if file is None:
        raise unusable(url, f"{member.name[:200]} is a link out of it, or no file")
    data = file.read(room + 1)
    if len(data) > room:
        raise unusable(url, f"there are more than {MAX_BYTES // 1024**2} MiB in it")
    return data
