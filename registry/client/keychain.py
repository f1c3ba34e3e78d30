"""Where the credentials of one registry come from, and where new ones are kept.

In this order: what was given, the environment, the files of Docker and podman with the helpers
that they name. Nobody is asked before a registry wants to know who we are. Where nothing is found, the identity
of a job may do, which is ``exchange``'s.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

from registry.client import helpers
from registry.client.authfile import AuthFile, auth_files, key_of
from registry.client.credentials import Credentials, canonical_host, names_of
from registry.client.environment import from_environment, variables_set
from registry.errors import AuthenticationFailed

__all__ = ["OURS", "Kept", "Keychain", "forget", "keep"]

OURS = "wasmbuild"
"""The helper ``docker-credential-wasmbuild``, by which other programs use a login of ours."""


class Keychain:
    """The credentials of one registry; files and helpers are asked once, and nothing is kept for others."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._given: Credentials | None = None
        self._files: list[AuthFile] | None = None
        self._helped: dict[str, Credentials | None] = {}
        self._lock = RLock()

    def use(self, credentials: Credentials) -> None:
        """Take these, and ask nobody."""
        with self._lock:
            self._given = credentials

    def advice(self) -> str | None:
        """What a person can do when who we are is refused; None when they have just said who they are."""
        if self._given is not None:
            return None
        variables = variables_set(self._host)
        if variables:
            return f"correct or unset {' and '.join(variables)}"
        return f"wasmbuild login {canonical_host(self._host)}"

    def find(self, repository: str = "") -> Credentials | None:
        """The credentials for a repository of the registry; None when we are nobody.

        Raises AuthenticationFailed when some are there and cannot be read.
        """
        with self._lock:
            return self._given or from_environment(self._host) or self._in_files(repository)

    def _in_files(self, repository: str) -> Credentials | None:
        if self._files is None:
            self._files = [AuthFile.load(path) for path in auth_files()]
        found = (self._in_file(file, repository) for file in self._files)
        return next((each for each in found if each is not None), None)

    def _in_file(self, file: AuthFile, repository: str) -> Credentials | None:
        own = file.helper_for(self._host)
        if own is not None and (kept := self._from_helper(own)) is not None:
            return kept
        if (inline := file.find(self._host, repository)) is not None:
            return inline
        shared = file.helper_for_all if own is None else None
        return None if shared is None else self._from_helper(shared)

    def _from_helper(self, suffix: str) -> Credentials | None:
        if suffix == OURS:
            return None  # it would ask this very keychain
        if suffix not in self._helped:
            answers = (helpers.get(suffix, name) for name in _helper_names(self._host))
            self._helped[suffix] = next((each for each in answers if each is not None), None)
        return self._helped[suffix]


@dataclass(frozen=True, slots=True)
class Kept:
    """Where credentials are: a file, or a helper that the file names; ``refused`` says why no helper took them."""

    file: Path
    helper: str | None = None
    refused: str | None = None

    def __str__(self) -> str:
        return f"docker-credential-{self.helper}" if self.helper else str(self.file)


def keep(host: str, credentials: Credentials) -> Kept:
    """Keep credentials: with the helper in charge, else with the platform's where it works, else in the file.

    Raises AuthenticationFailed when the helper in charge does not take them, and StorageFailed.
    """
    file = AuthFile.load(auth_files()[0])
    in_charge = file.helper_for(host) or file.helper_for_all
    if in_charge is not None:
        helpers.store(in_charge, key_of(host), credentials)
        _write_if_changed(file, file.without(host))
        return Kept(file.path, in_charge)
    default, refused = helpers.platform_default(), None
    if default is not None:
        try:
            _try_out(default, host, credentials)
        except AuthenticationFailed as failure:
            refused = str(failure)
        else:
            file.with_helper(host, default).write()
            return Kept(file.path, default)
    file.with_credentials(host, credentials).write()
    return Kept(file.path, refused=refused)


def forget(host: str) -> tuple[str, ...]:
    """Erase the credentials of a registry from every file and helper; returns the places that had some.

    Raises AuthenticationFailed when one of them cannot be read or does not let go, after the others did.
    """
    places: dict[str, None] = {}
    failures: list[AuthenticationFailed] = []
    for path in auth_files():
        try:
            places |= dict.fromkeys(_forget_in(path, host))
        except AuthenticationFailed as failure:
            failures.append(failure)
    if failures:
        raise failures[0]
    return tuple(places)


def _forget_in(path: Path, host: str) -> Iterator[str]:
    file = AuthFile.load(path)
    if _write_if_changed(file, file.without(host)):
        yield str(path)
    for suffix in {file.helper_for(host), file.helper_for_all} - {None, OURS}:
        for name in _helper_names(host):
            if suffix and helpers.erase(suffix, name):
                yield f"docker-credential-{suffix}"


def _try_out(suffix: str, host: str, credentials: Credentials) -> None:
    """Let a helper keep credentials that nobody said it should, and see whether it really does."""
    helpers.store(suffix, key_of(host), credentials)
    back = helpers.get(suffix, key_of(host))
    if back is None or (back.username, back.secret) != (credentials.username, credentials.secret):
        raise AuthenticationFailed(f"docker-credential-{suffix} does not give back what it was given")


def _helper_names(host: str) -> tuple[str, ...]:
    """What a helper is asked for; Docker and podman call Docker Hub differently."""
    return names_of(host)[:2]


def _write_if_changed(before: AuthFile, after: AuthFile) -> bool:
    if after is not before:
        after.write()
    return after is not before
