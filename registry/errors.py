"""Everything that can go wrong with content and how it moves, and the exit codes of both packages.

::

    Failure                       what / cause / hint, a code and an exit code
    |-- InvalidDigest             WB101  the text is not a digest
    |-- InvalidReference          WB102  the text is not a reference
    |-- InvalidConfiguration      WB103  a setting of server or client is malformed, unsafe or taken
    |-- InvalidDocument           WB201  a manifest, index or descriptor is malformed
    |-- DigestMismatch            WB202  the bytes are not the ones that were named
    |-- SizeMismatch              WB203  the bytes are not as many as were promised
    |-- ContentNotFound           WB204  a store does not have it
    |   `-- RemoteNotFound        WB303  a registry does not have it
    |-- ContentTooLarge           WB205  over a bound of ours
    |-- GraphTooLarge             WB206  too deep, or too many nodes
    |-- StorageFailed             WB207  the disk or the database refused
    |-- ServerStopped             WB208  our server ended without having been told to
    |-- Unreachable               WB301  no answer from the registry
    |-- RegistryRefused           WB302  the registry answered with an error
    |   `-- AuthenticationFailed  WB305  ... because of who we are
    `-- UnexpectedAnswer          WB304  the registry answered, but not in its protocol

Each code is explained in ``docs/errors.md``; a test holds the two together.
"""

from enum import IntEnum
from typing import Any, ClassVar, Literal, Protocol

__all__ = [
    "AuthenticationFailed",
    "ContentNotFound",
    "ContentTooLarge",
    "Details",
    "DigestMismatch",
    "ExitCode",
    "Failure",
    "GraphTooLarge",
    "InvalidConfiguration",
    "InvalidDigest",
    "InvalidDocument",
    "InvalidReference",
    "RegistryRefused",
    "RemoteNotFound",
    "ServerStopped",
    "Side",
    "SizeMismatch",
    "StorageFailed",
    "UnexpectedAnswer",
    "Unreachable",
]

Side = Literal["source", "destination"]


class ExitCode(IntEnum):
    """What a process ends with; the one table of them."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOTHING_TO_DO = 3
    DENIED = 4
    AUTHENTICATION = 5
    REGISTRY = 6
    TOOLCHAIN = 7
    BUG = 70
    # What a guest of ours is ended with; as timeout(1), and 128 + SIGABRT, SIGKILL and SIGXCPU.
    TIMED_OUT = 124
    INTERRUPTED = 130
    TRAPPED = 134
    OUT_OF_MEMORY = 137
    OUT_OF_FUEL = 152


class Details(Protocol):
    """What was found on the way to a failure, for programs that read it."""

    def to_json(self) -> dict[str, Any]:
        """The fields of a command's document."""


class Failure(Exception):
    """Something that a person can act on.

    ``what`` is one sentence without a full stop, ``cause`` the other side's own words (several
    lines are allowed), ``hint`` a command to paste or a thing to do. ``side`` says which end of a
    copy failed, where there were two; ``details`` what was found on the way, where that is worth reading.
    ``outcome`` is the word for it in documents, which details may put more exactly.
    """

    code: ClassVar[str] = "WB999"
    exit_code: ClassVar[ExitCode] = ExitCode.FAILED
    outcome: ClassVar[str] = "failed"

    def __init__(self, what: str, *, cause: str | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause
        self.hint = hint
        self.side: Side | None = None
        self.details: Details | None = None

    def __str__(self) -> str:
        return f"{self.what}: {self.cause}" if self.cause else self.what


class InvalidDigest(Failure):
    """The text is not ``algorithm:hex`` with an algorithm that we know."""

    code = "WB101"
    exit_code = ExitCode.USAGE


class InvalidReference(Failure):
    """The text is not ``host/repository[:tag][@digest]``."""

    code = "WB102"
    exit_code = ExitCode.USAGE


class InvalidConfiguration(Failure):
    """A setting of the server or the client is malformed, unsafe, or already taken by somebody else."""

    code = "WB103"
    exit_code = ExitCode.USAGE


class InvalidDocument(Failure):
    """A manifest, an index or a descriptor breaks its specification."""

    code = "WB201"


class DigestMismatch(Failure):
    """The bytes hash to something else than the digest that named them."""

    code = "WB202"
    exit_code = ExitCode.DENIED


class SizeMismatch(Failure):
    """There are more or fewer bytes than the descriptor promised."""

    code = "WB203"
    exit_code = ExitCode.DENIED


class ContentNotFound(Failure):
    """A store has no such content or tag."""

    code = "WB204"


class ContentTooLarge(Failure):
    """Larger than what we are willing to hold."""

    code = "WB205"


class GraphTooLarge(Failure):
    """A graph of manifests that is too deep or has too many nodes."""

    code = "WB206"


class StorageFailed(Failure):
    """The disk or the database refused."""

    code = "WB207"


class ServerStopped(Failure):
    """Our server ended without having been told to; its log says why."""

    code = "WB208"


class Unreachable(Failure):
    """The registry could not be reached, or the connection broke.

    ``may_pass``: the same may work the next time, unlike what a wrong certificate makes fail.
    """

    code = "WB301"
    exit_code = ExitCode.REGISTRY
    may_pass = True


class RegistryRefused(Failure):
    """The registry answered with an error of its own; ``status`` is the HTTP status.

    ``retry_after`` is how many seconds it wants to be left alone, 0 when it does not say.
    """

    code = "WB302"
    exit_code = ExitCode.REGISTRY

    def __init__(self, what: str, *, status: int = 0, cause: str | None = None, hint: str | None = None) -> None:
        super().__init__(what, cause=cause, hint=hint)
        self.status = status
        self.retry_after = 0.0


class RemoteNotFound(ContentNotFound):
    """The registry does not have the repository, tag or digest."""

    code = "WB303"
    exit_code = ExitCode.REGISTRY


class UnexpectedAnswer(Failure):
    """The answer is not what the distribution specification says it is."""

    code = "WB304"
    exit_code = ExitCode.REGISTRY


class AuthenticationFailed(RegistryRefused):
    """The registry wants other credentials, or any."""

    code = "WB305"
    exit_code = ExitCode.AUTHENTICATION
