"""What can go wrong between source code and a trusted artifact.

::

    Failure (registry.errors)     what / cause / hint, a code and an exit code
    |-- UsageFailed               WB110  flags that contradict each other, or are not enough
    |-- NoProject                 WB111  no project and no sources here
    |-- InvalidProject            WB112  wasmbuild.toml, wasmbuild.lock or config.toml is malformed
    |-- UnknownTemplate           WB113
    |-- TargetExists              WB114  would overwrite something of the user's
    |-- PasswordMissing           WB115  a key needs a password and there is none
    |-- InvalidKey                WB116  not a key of the right kind, or the wrong password
    |-- NotReleasable             WB121  a project, or its sources, that is not ready for a release
    |-- VersionTaken              WB122  a version that means something else already
    |-- NotReproducible           WB123  two builds of the same sources differ
    |-- ReleaseRunning            WB124  another release of the same workspace is going on
    |-- NothingToDo               WB125  everything is released already
    |-- Unsigned                  WB401  no signature where one is required
    |-- InvalidSignature          WB402  a signature that does not hold
    |-- CapabilityDenied          WB403  a file asks for more than it is allowed
    |-- ChangeDenied              WB404  a new version changes more than it may
    |-- PolicyDenied              WB405  a trust policy is not fulfilled
    |-- InvalidAttestation        WB406  an attestation that is missing, or that does not hold
    |-- RebuildDiffers            WB407  what was built again is something else
    |-- SigningFailed             WB408  a key did not sign
    |-- ToolchainMissing          WB501  the compiler is not there and could not be provisioned
    |-- CompilationFailed         WB502  the compiler said no
    |-- ToolFailed                WB503  a tool of ours failed, or took too long
    |-- InvalidWasm               WB601  the bytes are not a module or a component
    |-- UnknownArtifact           WB602  an artifact that holds no WebAssembly we understand
    |-- GuestFailed               WB701  the guest trapped, or could not be started
    `-- ExtraMissing              WB801  a part of wasmbuild that is not installed

Each code is explained in ``docs/errors.md``; a test holds the two together.
"""

from typing import TYPE_CHECKING

from registry.errors import ExitCode, Failure

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "CapabilityDenied",
    "ChangeDenied",
    "CompilationFailed",
    "EngineUnable",
    "ExitCode",
    "ExtraMissing",
    "Failure",
    "GuestFailed",
    "GuestOutOfFuel",
    "GuestOutOfMemory",
    "GuestTimedOut",
    "GuestTrapped",
    "InvalidAttestation",
    "InvalidKey",
    "InvalidProject",
    "InvalidSignature",
    "InvalidWasm",
    "NoProject",
    "NotReleasable",
    "NotReproducible",
    "NothingToDo",
    "PasswordMissing",
    "PolicyDenied",
    "RebuildDiffers",
    "ReleaseRunning",
    "SigningFailed",
    "TargetExists",
    "ToolFailed",
    "ToolchainMissing",
    "UnknownArtifact",
    "UnknownTemplate",
    "Unsigned",
    "UsageFailed",
    "VersionTaken",
]


class UsageFailed(Failure):
    """Flags that contradict each other, or are not enough."""

    code = "WB110"
    exit_code = ExitCode.USAGE


class NoProject(Failure):
    """Neither a project file nor sources that a toolchain recognises."""

    code = "WB111"
    exit_code = ExitCode.USAGE


class InvalidProject(Failure):
    """``wasmbuild.toml``, ``wasmbuild.lock`` or the user's ``config.toml`` cannot be read as one."""

    code = "WB112"
    exit_code = ExitCode.USAGE


class UnknownTemplate(Failure):
    """There is no template of that name."""

    code = "WB113"
    exit_code = ExitCode.USAGE


class TargetExists(Failure):
    """Something of the user's is in the way, and we do not overwrite it."""

    code = "WB114"
    exit_code = ExitCode.USAGE


class PasswordMissing(Failure):
    """A private key needs a password, and there is neither a terminal nor a variable for it."""

    code = "WB115"
    exit_code = ExitCode.USAGE


class InvalidKey(Failure):
    """Not a key of the kind that is needed, or one that the password does not open."""

    code = "WB116"
    exit_code = ExitCode.USAGE


class NotReleasable(Failure):
    """A project, or its sources, are not ready for a release."""

    code = "WB121"
    exit_code = ExitCode.USAGE


class VersionTaken(Failure):
    """A version is in the registry already, and means something else there."""

    code = "WB122"


class NotReproducible(Failure):
    """Two builds of the same sources differ."""

    code = "WB123"


class ReleaseRunning(Failure):
    """Another release of the same workspace is going on."""

    code = "WB124"


class NothingToDo(Failure):
    """Everything was done before, and that is not what was wanted."""

    code = "WB125"
    exit_code = ExitCode.NOTHING_TO_DO


class Unsigned(Failure):
    """There is no signature, and one is required."""

    code = "WB401"
    exit_code = ExitCode.DENIED
    outcome = "unsigned"


class InvalidSignature(Failure):
    """There are signatures, and none of them holds."""

    code = "WB402"
    exit_code = ExitCode.DENIED
    outcome = "invalid"


class CapabilityDenied(Failure):
    """A file imports more than its project, or a policy, allows."""

    code = "WB403"
    exit_code = ExitCode.DENIED


class ChangeDenied(Failure):
    """A new version changes more than a person, or its version number, allows."""

    code = "WB404"
    exit_code = ExitCode.DENIED


class PolicyDenied(Failure):
    """An artifact that does not fulfil a trust policy."""

    code = "WB405"
    exit_code = ExitCode.DENIED
    outcome = "denied"


class InvalidAttestation(Failure):
    """An attestation that is missing, that nobody who is trusted has signed, or that the bytes contradict."""

    code = "WB406"
    exit_code = ExitCode.DENIED
    outcome = "invalid"


class RebuildDiffers(Failure):
    """What was built again is not what was published."""

    code = "WB407"
    exit_code = ExitCode.DENIED


class SigningFailed(Failure):
    """Whoever has a key did not sign with it."""

    code = "WB408"


class ToolchainMissing(Failure):
    """The compiler is not there and could not be provisioned."""

    code = "WB501"
    exit_code = ExitCode.TOOLCHAIN


class CompilationFailed(Failure):
    """The compiler refused the sources; ``cause`` holds its own lines, which name files in ``folder``."""

    code = "WB502"

    def __init__(
        self, what: str, *, cause: str | None = None, hint: str | None = None, folder: "Path | None" = None
    ) -> None:
        super().__init__(what, cause=cause, hint=hint)
        self.folder = folder


class ToolFailed(Failure):
    """A tool could not be run to its end, or took too long."""

    code = "WB503"


class InvalidWasm(Failure):
    """The bytes are not a WebAssembly module or component."""

    code = "WB601"


class UnknownArtifact(Failure):
    """An artifact that holds no WebAssembly in a form that we understand."""

    code = "WB602"


class GuestFailed(Failure):
    """The guest could not be started, or not be run to its end."""

    code = "WB701"


class GuestTimedOut(GuestFailed):
    """The guest took longer than it may."""

    code = "WB702"
    exit_code = ExitCode.TIMED_OUT


class GuestTrapped(GuestFailed):
    """The guest did what WebAssembly forbids, or gave up."""

    code = "WB703"
    exit_code = ExitCode.TRAPPED


class GuestOutOfMemory(GuestFailed):
    """The guest needs more memory than it may have."""

    code = "WB704"
    exit_code = ExitCode.OUT_OF_MEMORY


class GuestOutOfFuel(GuestFailed):
    """The guest executed more than it may."""

    code = "WB705"
    exit_code = ExitCode.OUT_OF_FUEL


class EngineUnable(GuestFailed):
    """Our engine cannot do what the guest, or whoever runs it, asks for."""

    code = "WB706"


class ExtraMissing(Failure):
    """A part of wasmbuild that is not installed."""

    code = "WB801"
    exit_code = ExitCode.USAGE
