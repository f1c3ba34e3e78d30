"""Files with credentials: Docker's ``config.json`` and podman's ``auth.json``, read strictly and written whole.

What is found under a registry's name, and what is put there. In which order files are asked is
``keychain``'s; speaking to the helpers that a file names is ``helpers``'.
"""

import base64
import binascii
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from registry.client.credentials import DOCKER_HUB_KEY, Credentials, canonical_host, names_of
from registry.errors import AuthenticationFailed, Failure, InvalidDocument
from registry.files import open_regular, storage_errors, write_atomically
from registry.strictjson import load_json

__all__ = ["AuthFile", "auth_files", "key_of"]

_MAX_FILE = 1024 * 1024
_TABLES = ("auths", "credHelpers")
_SECRETS = ("auth", "username", "password", "identitytoken", "registrytoken")

Entry = Mapping[str, Any]


def auth_files() -> tuple[Path, ...]:
    """Where credentials may be kept, in the order in which they are looked for; new ones go into the first.

    ``REGISTRY_AUTH_FILE``, Docker's ``config.json`` (``DOCKER_CONFIG``), podman's two ``auth.json``.
    """
    environment, home = os.environ, os.path.expanduser("~")  # noqa: PTH111 - Path's raises without a home
    docker = environment.get("DOCKER_CONFIG") or f"{home}/.docker"
    configuration = environment.get("XDG_CONFIG_HOME") or f"{home}/.config"
    chosen, runtime = environment.get("REGISTRY_AUTH_FILE"), environment.get("XDG_RUNTIME_DIR")
    paths = [chosen, f"{docker}/config.json", runtime and f"{runtime}/containers/auth.json"]
    return tuple(Path(path) for path in [*paths, f"{configuration}/containers/auth.json"] if path)


def key_of(host: str) -> str:
    """What files and helpers call a registry; Docker Hub has a name of its own."""
    return names_of(host)[0]


@dataclass(frozen=True, slots=True, repr=False)
class AuthFile:
    """One file as it is now; ``document`` is all of it, and holds secrets."""

    path: Path
    document: Entry

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file; one that is not there is empty.

        Raises AuthenticationFailed when it cannot be read, or is something else.
        """
        try:
            with open_regular(path) as file:
                data = file.read(_MAX_FILE + 1)
        except (FileNotFoundError, NotADirectoryError):
            return cls(path, {})
        except OSError as error:
            raise _unreadable(path, error.strerror or str(error)) from error
        return cls(path, _parsed(data, path))

    @property
    def helper_for_all(self) -> str | None:
        """The helper in charge of every registry that has none of its own (``credsStore``)."""
        return _suffix(self.document.get("credsStore"), self.path)

    def helper_for(self, host: str) -> str | None:
        """The helper in charge of one registry (``credHelpers``)."""
        table = self.document.get("credHelpers", {})
        return next((_suffix(table[name], self.path) for name in names_of(host) if table.get(name)), None)

    def find(self, host: str, repository: str = "") -> Credentials | None:
        """The credentials in the file itself for a repository; the most specific name wins (containers-auth.json).

        Raises AuthenticationFailed when they are malformed.
        """
        auths = self.document.get("auths", {})
        for name in self._names(host, repository):
            found = _credentials(auths[name], f"in {self.path}")
            if found is not None:
                return found
        return None

    def with_credentials(self, host: str, credentials: Credentials) -> "AuthFile":
        """The same with credentials in the file itself, in the place of others of this registry."""
        value = {"auth": credentials.basic}
        if credentials.kind == "identity":
            empty = f"{credentials.username}:".encode()
            value = {"auth": base64.b64encode(empty).decode(), "identitytoken": credentials.secret}
        kept = self.without(host)
        return kept._with("auths", {**kept.document.get("auths", {}), key_of(host): value})  # noqa: SLF001 - our own

    def with_helper(self, host: str, suffix: str) -> "AuthFile":
        """The same with a helper in charge of one registry, and no credentials of it in the file."""
        kept = self.without(host)
        return kept._with("credHelpers", {**kept.document.get("credHelpers", {}), key_of(host): suffix})  # noqa: SLF001

    def without(self, host: str) -> "AuthFile":
        """The same without credentials of a registry, or of namespaces in it; the same object when it had none."""
        auths, known = self.document.get("auths", {}), canonical_host(host)
        left = {name: value for name, value in auths.items() if _host_in(name) != known}
        return self if len(left) == len(auths) else self._with("auths", left)

    def write(self) -> None:
        """Put the file in place, whole and for its owner alone.

        Raises StorageFailed.
        """
        with storage_errors(f"{self.path.parent} could not be made"):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = json.dumps(self.document, indent="\t", ensure_ascii=False)
        write_atomically(self.path.resolve(), f"{text}\n".encode(), mode=0o600)

    def _with(self, table: str, value: Entry) -> "AuthFile":
        return AuthFile(self.path, {**self.document, table: value})

    def _names(self, host: str, repository: str) -> Iterator[str]:
        """The names in the file that stand for a repository, the best first."""
        auths, known = self.document.get("auths", {}), canonical_host(host)
        parts = repository.split("/") if repository else []
        spaces = ["/".join([known, *parts[:count]]) for count in range(len(parts), 0, -1)]
        yield from (name for name in [*spaces, *names_of(host)] if name in auths)
        yield from (name for name in auths if "://" in name and _host_of_url(name) == known and name != DOCKER_HUB_KEY)


def _host_in(name: str) -> str:
    """The registry that a name belongs to, whatever way it is written."""
    return canonical_host(name.partition("://")[2].partition("/")[0] if "://" in name else name.partition("/")[0])


def _host_of_url(name: str) -> str | None:
    """The registry that an old name like ``https://host/v1/`` stands for."""
    _, _, rest = name.partition("://")
    host, _, path = rest.partition("/")
    return canonical_host(host) if path.strip("/") in {"", "v1", "v2"} else None


def _credentials(entry: object, source: str) -> Credentials | None:
    """What one entry of ``auths`` says; None for one that says nothing, as beside a helper."""
    if not isinstance(entry, dict):
        raise _malformed(source, "an entry of 'auths' is an object")
    if not all(isinstance(entry.get(name, ""), str) for name in _SECRETS):
        raise _malformed(source, "an entry of 'auths' holds texts")
    auth, username, password, identity, registry = (entry.get(name, "") for name in _SECRETS)
    if registry:
        return Credentials.of_registry(registry, source)
    if auth:
        username, password = _decoded(auth, source)
    if identity:
        return Credentials.of_identity(identity, username, source)
    return Credentials.of_pair(username, password, source) if username or password else None


def _decoded(auth: str, source: str) -> tuple[str, str]:
    try:
        joined = "".join(auth.split()).encode("ascii")  # "base64" breaks long lines
        text = base64.b64decode(joined, validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, UnicodeEncodeError):
        text = ""
    username, colon, password = text.partition(":")
    if not colon:
        raise _malformed(source, "'auth' is the base64 of user:password")
    return username, password.rstrip("\0")


def _suffix(value: object, path: Path) -> str | None:
    if value is not None and not isinstance(value, str):
        raise _unreadable(path, "the name of a credential helper is a text")
    return value or None


def _parsed(data: bytes, path: Path) -> Entry:
    if len(data) > _MAX_FILE:
        raise _unreadable(path, f"it is larger than {_MAX_FILE} bytes")
    if not data.strip():
        return {}
    try:
        document = load_json(data, "it")
    except InvalidDocument as error:
        raise _unreadable(path, "it is not JSON") from error
    tables = [document, *(document.get(name, {}) for name in _TABLES)] if isinstance(document, dict) else [None]
    if not all(isinstance(table, dict) for table in tables):
        raise _unreadable(path, "it is not a configuration of Docker or podman")
    return dict(document)


def _unreadable(path: Path, cause: str) -> Failure:
    return AuthenticationFailed(
        f"the credentials in {path} could not be read", cause=cause, hint="mend it, or move it away"
    )


def _malformed(source: str, cause: str) -> Failure:
    return AuthenticationFailed(f"the credentials ({source}) are malformed", cause=cause)
