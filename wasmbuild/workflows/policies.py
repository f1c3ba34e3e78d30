"""Which trust policy is in force for what comes from a registry, and the demand that it makes.

The one that a person names, else ``trust-policy.toml`` beside the user's ``config.toml``. It costs nothing
where there is none. Not here: what it does (``wasmbuild.workflows.enforcing``).
"""

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wasmbuild.errors import InvalidProject, TargetExists, UsageFailed
from wasmbuild.events import Note, Sink

if TYPE_CHECKING:
    from wasmbuild.trust.authority import Authority
    from wasmbuild.workflows.demand import Demand
    from wasmbuild.workflows.enforcing import PolicyDemand

__all__ = ["POLICY_FILE", "ChosenPolicy", "imported_policy", "read_demand", "user_policy", "write_policy"]

POLICY_FILE = "trust-policy.toml"
"""The name of the user's own policy, beside ``config.toml``."""


def user_policy() -> Path | None:
    """The user's own policy, if there is one.

    Raises InvalidProject as :func:`configuration_path` does, and when nobody can tell: that is not "none".
    """
    from wasmbuild.configuration import configuration_path  # noqa: PLC0415  (who names a policy needs none)

    configuration = configuration_path()
    path = configuration.parent / POLICY_FILE
    if str(configuration) == os.devnull:
        return None
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InvalidProject(f"{path} cannot be read", cause=error.strerror) from error
    return path


@dataclass(frozen=True, slots=True)
class ChosenPolicy:
    """What a person said of policies: which file, or ``none`` at all, or nothing, and then their own is in force."""

    file: Path | None = None
    none: bool = False

    def demand(self, sink: Sink, also: "Sequence[Authority]" = ()) -> "Demand | None":
        """That the policy in force is fulfilled, and where ``also`` names somebody, that one of them has signed.

        Raises UsageFailed, InvalidProject and InvalidKey for a policy that cannot be read.
        """
        policy = self.enforced(sink, also)
        if policy is not None or not also:
            return policy
        from wasmbuild.workflows.demand import SignedBy  # noqa: PLC0415  (with cryptography)

        return SignedBy(also)

    def enforced(self, sink: Sink, also: "Sequence[Authority]" = ()) -> "PolicyDemand | None":
        """The policy in force alone; None where there is none. Raises as :meth:`demand` does."""
        path = self.file or user_policy()
        if path is None:
            return None
        if self.none:
            sink(Note("warning", f"the trust policy {path} is not applied"))
            return None
        _warn_of_strangers(path, sink)
        return read_demand(path, also)


def _warn_of_strangers(path: Path, sink: Sink) -> None:
    """A policy that anybody on the machine can change holds back nobody of them."""
    with suppress(OSError):  # whoever reads it says what is wrong
        if os.name == "posix" and path.stat().st_mode & stat.S_IWOTH:
            sink(Note("warning", f"anybody on this machine can change the trust policy {path}: chmod o-w {path}"))


def read_demand(path: Path, also: "Sequence[Authority]" = ()) -> "PolicyDemand":
    """The demand that a policy file makes. Raises UsageFailed, InvalidProject, InvalidKey."""
    from wasmbuild.trust.policy.parsing import read_trust_policy  # noqa: PLC0415  (with cryptography)
    from wasmbuild.workflows.enforcing import PolicyDemand  # noqa: PLC0415

    return PolicyDemand(read_trust_policy(path), tuple(also))


def imported_policy(path: Path) -> str:
    """Our own text of a policy of notation or of containers. Raises UsageFailed, InvalidDocument."""
    from registry.files import read_regular  # noqa: PLC0415  (once in the life of a policy)
    from wasmbuild.trust.policy.importing import MAX_IMPORTED, import_policy  # noqa: PLC0415

    try:
        data = read_regular(path, MAX_IMPORTED)
    except OSError as error:
        raise UsageFailed(f"{path} cannot be read", cause=error.strerror) from error
    return import_policy(data, str(path))


def write_policy(path: Path, text: str) -> None:
    """Write a policy to a file that is not there yet. Raises TargetExists, StorageFailed."""
    from registry.files import write_atomically  # noqa: PLC0415

    if os.path.lexists(path):
        raise TargetExists(f"{path} is there already, and is not overwritten", hint="-o another.toml")
    write_atomically(path, text.encode())
