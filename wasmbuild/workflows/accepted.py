"""What was accepted before, by repository: the newest version, what each tag meant, and approved capabilities.

A JSON file of the user's own, or one that a policy names, which may be a project's lock. Not here: which of
it matters (``wasmbuild.trust.policy.history``).
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from registry.digest import Digest
from registry.errors import InvalidConfiguration, InvalidDigest, InvalidDocument
from registry.files import exclusive, open_regular, storage_errors, write_atomically
from registry.strictjson import canonical_json, load_json
from wasmbuild.lock import LOCK_FILE
from wasmbuild.trust.policy.verdict import Accepted
from wasmbuild.workflows.versions import version_named

__all__ = [
    "STATE_VARIABLE",
    "JsonMemory",
    "Memory",
    "accepted_json",
    "memory_at",
    "merged",
    "read_accepted",
    "unreadable",
    "user_state",
]

STATE_VARIABLE = "WASMBUILD_STATE_DIR"
"""The folder for what must not be lost, in place of the one of the platform's conventions."""

_VERSION = 1
_FIELDS = frozenset({"version", "tags", "capabilities"})
_MOST_BYTES = 16 * 1024 * 1024


def user_state(environment: Mapping[str, str]) -> Path:
    """The file in the user's state folder. Raises InvalidConfiguration for a user without a home."""
    named = environment.get(STATE_VARIABLE)
    if named:
        return Path(named) / "trust.json"
    if sys.platform == "linux":  # what platformdirs says there
        try:
            base = Path(environment.get("XDG_STATE_HOME", "").strip() or Path("~/.local/state").expanduser())
        except RuntimeError as error:  # a container's user that nobody has named
            said = "nobody says where to keep what was accepted: this user has no home folder"
            raise InvalidConfiguration(said, hint=f"{STATE_VARIABLE}=FOLDER") from error
        return base / "wasmbuild" / "trust.json"
    from platformdirs import user_state_path  # noqa: PLC0415  (elsewhere this costs nothing)

    return user_state_path("wasmbuild", appauthor=False) / "trust.json"


class Memory(Protocol):
    """A file of what was accepted. One that cannot be read is an error: it must not forget by a mistake."""

    @property
    def path(self) -> Path:
        """The file."""

    def recall(self, name: str, /) -> Accepted:
        """What is known of ``host/repository``; nothing, when that is new. Raises InvalidConfiguration."""

    def change(self, name: str, changed: Callable[[Accepted], Accepted], /) -> None:
        """Replace what is known of a repository, with nobody between reading and writing.

        Raises what ``changed`` raises, and then nothing is written; InvalidConfiguration, StorageFailed.
        """


def memory_at(path: Path) -> Memory:
    """What is kept in a file: of JSON, or a project's lock."""
    if path.name == LOCK_FILE:
        from wasmbuild.workflows.accepted_lock import LockMemory  # noqa: PLC0415  (with an editor of TOML)

        return LockMemory(path)
    return JsonMemory(path)


@dataclass(frozen=True, slots=True)
class JsonMemory:
    """A file of JSON, changed whole under a lock beside it."""

    path: Path

    def recall(self, name: str, /) -> Accepted:
        """As Memory has it."""
        return read_accepted(self._read().get(name), self.path)

    def change(self, name: str, changed: Callable[[Accepted], Accepted], /) -> None:
        """As Memory has it."""
        with storage_errors(f"{self.path.parent} could not be made"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(self.path.with_name(f".{self.path.name}.lock")):
            known = self._read()
            before = read_accepted(known.get(name), self.path)
            after = changed(before)
            if after != before:
                repositories = dict(sorted({**known, name: accepted_json(after)}.items()))
                document = canonical_json({"schemaVersion": _VERSION, "repositories": repositories}) + b"\n"
                if len(document) > _MOST_BYTES:  # nobody could read it again
                    said = f"{self.path} cannot keep more of what was accepted"
                    raise InvalidConfiguration(said, cause=f"it would be larger than {_MOST_BYTES} bytes")
                write_atomically(self.path, document, mode=0o600)

    def _read(self) -> dict[str, Any]:
        try:
            with open_regular(self.path) as file:
                data = file.read(_MOST_BYTES + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise unreadable(self.path, error.strerror or str(error)) from error
        if len(data) > _MOST_BYTES:
            raise unreadable(self.path, f"it is larger than {_MOST_BYTES} bytes")
        try:
            value = load_json(data, "it")
        except InvalidDocument as error:
            raise unreadable(self.path, str(error)) from error
        if not isinstance(value, dict) or value.keys() != {"schemaVersion", "repositories"}:
            raise unreadable(self.path, "it does not have schemaVersion and repositories alone")
        if value["schemaVersion"] != _VERSION or not isinstance(value["repositories"], dict):
            raise unreadable(self.path, f"it is not of version {_VERSION}")
        return value["repositories"]


def unreadable(path: Path, why: str) -> InvalidConfiguration:
    """The error for a file that is not what we write."""
    return InvalidConfiguration(
        f"what was accepted before cannot be read from {path}",
        cause=why,
        hint="restore the file; without it, older versions and changed tags would be accepted",
    )


def merged(before: Accepted, after: Accepted) -> Accepted:
    """Both; the newer version, and the later meaning of a tag."""
    versions = [each for each in (before.version, after.version) if each is not None]
    return Accepted(
        max(versions, default=None), {**before.tags, **after.tags}, before.capabilities | after.capabilities
    )


def read_accepted(value: object, path: Path) -> Accepted:
    """What a file says of a repository; None: nothing. Raises InvalidConfiguration."""
    if value is None:
        return Accepted()
    if not isinstance(value, dict) or not value.keys() <= _FIELDS:
        raise unreadable(path, "a repository has fields that are not known")
    version, tags, capabilities = value.get("version"), value.get("tags", {}), value.get("capabilities", [])
    found = version_named(version) if isinstance(version, str) else None
    if version is not None and found is None:
        raise unreadable(path, "a repository has a malformed version")
    if not isinstance(capabilities, list) or not all(isinstance(each, str) for each in capabilities):
        raise unreadable(path, "a repository has malformed capabilities")
    try:
        digests = {tag: Digest.parse(digest) for tag, digest in tags.items()}
    except (InvalidDigest, AttributeError, TypeError) as error:
        raise unreadable(path, "a repository has malformed tags") from error
    return Accepted(found, digests, frozenset(capabilities))


def accepted_json(accepted: Accepted) -> dict[str, Any]:
    """What to write of a repository."""
    tags = {tag: str(digest) for tag, digest in sorted(accepted.tags.items())}
    return {
        **({"version": str(accepted.version)} if accepted.version else {}),
        **({"tags": tags} if tags else {}),
        **({"capabilities": sorted(accepted.capabilities)} if accepted.capabilities else {}),
    }
