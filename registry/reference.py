"""Reference: where an artifact lives, as people write it.

``host[:port]/repository[:tag][@digest]``. Names follow distribution-spec 1.1 ("Pulling manifests"),
hosts RFC 3986; a name without a host is one of Docker Hub's, as every client reads it.
"""

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Self

from registry.digest import Digest
from registry.errors import InvalidDigest, InvalidReference
from registry.words import pasted, printable, quoted

__all__ = ["MAX_REFERENCE", "Reference", "valid_repository", "valid_tag"]

MAX_REFERENCE = 255
"""Characters of host and repository together (distribution-spec, "Pulling manifests")."""

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = re.compile(rf"(?P<name>\[[0-9a-fA-F:.]+\]|{_LABEL}(?:\.{_LABEL})*)(?::(?P<port>[0-9]{{1,5}}))?")
_DIGEST = re.compile(r"sha[0-9]+:|[a-z0-9+._-]+:[0-9a-zA-Z=_-]{32}")
"""How a digest begins; a password ends with something else."""
_DOCKER_HUB = "docker.io"
_HINT = "write it as host/repository:tag, for example ghcr.io/acme/hello:1.0.0"


def valid_repository(name: str) -> bool:
    """Whether the text is a repository name of distribution-spec 1.1."""
    return len(name) <= MAX_REFERENCE and _REPOSITORY.fullmatch(name) is not None


def valid_tag(name: str) -> bool:
    """Whether the text is a tag of distribution-spec 1.1."""
    return _TAG.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed reference; ``tag`` and ``digest`` may both be there, and then the digest decides."""

    host: str
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a reference as a person types it.

        Raises InvalidReference, which says which part is wrong.
        """
        if (login := _login_in(text)) is not None:
            cause, hint = "a reference names no user", f"wasmbuild login {pasted(login.partition('/')[0])}"
            raise InvalidReference(f"'…@{printable(login, 120)}' is not a reference", cause=cause, hint=hint)
        if "://" in text:
            raise _invalid(text, "a reference has no scheme such as https://")
        name, at, digest_text = text.partition("@")
        host, repository, tag = _split(text, name)
        if len(host) + 1 + len(repository) > MAX_REFERENCE:
            raise _invalid(text, f"host and repository are longer than {MAX_REFERENCE} characters")
        try:
            digest = Digest.parse(digest_text) if at else None
        except InvalidDigest as error:
            raise _invalid(text, str(error)) from error
        return cls(host, repository, tag, digest)

    @property
    def name(self) -> str:
        """``host/repository``, without tag and digest."""
        return f"{self.host}/{self.repository}"

    @property
    def selector(self) -> str | None:
        """What to ask the registry for: the digest if there is one, else the tag."""
        return str(self.digest) if self.digest else self.tag

    def pinned(self, digest: Digest) -> "Reference":
        """The same repository, named by digest alone."""
        return replace(self, tag=None, digest=digest)

    @property
    def short(self) -> str:
        """For a line of progress: a digest is cut to 12 digits."""
        digest = f"@{self.digest.algorithm}:{self.digest.encoded[:12]}" if self.digest else ""
        return f"{self.name}{f':{self.tag}' if self.tag else ''}{digest}"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}{f'@{self.digest}' if self.digest else ''}"


def _login_in(text: str) -> str | None:
    """What follows a user and a password; None where there are none. Only this may be shown."""
    before, at, rest = text.rpartition("@")
    if at and ("/" in rest or (":" in before and "/" not in before and not _DIGEST.match(rest))):
        return rest
    return None


def _split(text: str, name: str) -> tuple[str, str, str | None]:
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        host = _checked_host(text, first)
    else:
        host, rest = _DOCKER_HUB, name
    repository, colon, tag = rest.partition(":")
    if host == _DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    if not valid_repository(repository):
        raise _invalid(text, _repository_fault(repository, name))
    if colon and not valid_tag(tag):
        raise _invalid(text, f"the tag {quoted(tag)} must be 1 to 128 letters, digits, '_', '.' and '-'")
    return host, repository, tag if colon else None


def _checked_host(text: str, host: str) -> str:
    match = _HOST.fullmatch(host)
    if match is None:
        raise _invalid(text, f"{quoted(host)} is not a host or host:port")
    name, port = match["name"], match["port"]
    if name.startswith("["):
        try:
            ipaddress.IPv6Address(name[1:-1])
        except ValueError as error:
            raise _invalid(text, str(error)) from error
    if port is not None and not 0 < int(port) < 65536:
        raise _invalid(text, f"{port} is not a port")
    lowered = host.lower()
    return _DOCKER_HUB if lowered in {"index.docker.io", "registry-1.docker.io"} else lowered


def _repository_fault(repository: str, name: str) -> str:
    if not repository or repository == "library/":
        return "there is no repository" if name else "it is empty"
    if repository.lower() != repository and valid_repository(repository.lower()):
        return f"repository names are lower case: {repository.lower()}"
    return f"{quoted(repository)} is not a repository name"


def _invalid(text: str, cause: str) -> InvalidReference:
    return InvalidReference(f"{quoted(text, 120)} is not a reference", cause=cause, hint=_HINT)
