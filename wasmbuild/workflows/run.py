"""``run``: a file or an artifact in the sandbox, with what it imports of what it is granted.

Opened once, verified, decided on, and then run: these are the same bytes. What is shown of a decision is
in ``wasmbuild.workflows.run_report``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from registry.words import pasted
from wasmbuild.caches import Caches
from wasmbuild.errors import Failure, GuestFailed, GuestTimedOut, TargetExists
from wasmbuild.events import Note, Sink
from wasmbuild.run.deciding.decision import Decision, decide
from wasmbuild.run.deciding.wishes import Wish
from wasmbuild.run.limits import GuestLimits
from wasmbuild.run.program import Program
from wasmbuild.wasm.world import role
from wasmbuild.workflows.locals import local_file

if TYPE_CHECKING:
    from registry.client.registries import Registries
    from wasmbuild.run.calls.invocation import Invocation
    from wasmbuild.run.deciding.policy import RunPolicy
    from wasmbuild.workflows.policies import ChosenPolicy

__all__ = ["Prepared", "RunRequest", "prepare"]


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a person asks for beside the program; ``key`` and ``policy`` are files.

    ``policy`` says what it is given, and ``trust`` whose it may be.
    """

    wish: Wish = field(default_factory=Wish)
    limits: GuestLimits = field(default_factory=GuestLimits)
    policy: Path | None = None
    key: Path | None = None
    strict: bool = False
    invoke: "Invocation | None" = None
    trust: "ChosenPolicy | None" = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A program that is ready to be run, or to be refused; ``artifact`` is what the person called it.

    ``keys`` are the files of those keys of which one has signed it, if any was asked for.
    """

    artifact: str
    program: Program
    decision: Decision
    limits: GuestLimits
    keys: tuple[Path, ...] = ()
    invoke: "Invocation | None" = None

    def failure(self) -> Failure | None:
        """Why it is not run; None when it is."""
        if self.decision.obstacle is None and self.invoke is None and role(self.program.binary) == "proxy":
            return GuestFailed(
                f"{self.program.name} answers HTTP requests, and run runs commands",
                cause="it exports wasi:http/incoming-handler, and no wasi:cli/run",
                hint=f"wasmbuild serve-http {pasted(self.artifact)}",
            )
        return self.decision.failure(self.artifact)

    def record(self, path: Path, sink: Sink) -> None:
        """Write the policy that it implies. Raises TargetExists, StorageFailed."""
        from registry.files import storage_errors, write_atomically  # noqa: PLC0415  (few runs record)
        from wasmbuild.run.deciding.record import NO_TRACE, policy_text  # noqa: PLC0415

        with storage_errors(f"{path} could not be written"):
            folder = path.parent.resolve(strict=True)
            taken = path.exists() or path.is_symlink()
        if taken:
            raise TargetExists(f"{path} is there already, and is not overwritten", hint="--record another.toml")
        write_atomically(path, policy_text(self.decision, self.limits, self.keys, folder).encode())
        sink(Note("info", f"wrote {path}: {NO_TRACE}"))

    def run(self, arguments: Sequence[str], *, caches: Caches, sink: Sink) -> int:
        """Run it and return its exit code. Raises why it is not run, and how it failed."""
        failure = self.failure()
        if failure is not None:
            raise failure
        from wasmbuild.run.sandbox import run  # noqa: PLC0415  (the engine, which a refusal does not need)

        try:
            return run(
                self.program,
                [self.program.name, *arguments],
                grants=self.decision.grants,
                stubs=self.decision.stubs,
                limits=self.limits,
                invoke=self.invoke,
                cache=caches.root / "aot",
                notify=sink,
            )
        except GuestTimedOut as timeout:  # its hint ends in a command that wants the artifact
            timeout.hint = f"{timeout.hint} {pasted(self.artifact)}"
            raise


def prepare(
    artifact: str,
    request: RunRequest,
    *,
    caches: Caches,
    registries: "Registries | Callable[[], Registries]",
    sink: Sink,
) -> Prepared:
    """Open a program, verify it and decide what it gets. Nothing of it is compiled.

    ``registries`` may be a function that makes them: a file needs none. Raises UsageFailed,
    InvalidProject for a policy, Unsigned and InvalidSignature, InvalidWasm, what fetching raises,
    CapabilityDenied for flags that go beyond the policy, and EngineUnable.
    """
    policy = _policy(request.policy)
    limits = request.limits
    if policy is not None:
        from wasmbuild.run.deciding.ceiling import limited  # noqa: PLC0415  (most runs have no policy)

        limits = limited(policy, limits)
    keys = (request.key,) if request.key else policy.keys if policy else ()
    program = _opened(artifact, request, policy, caches, registries, sink)
    decision = decide(program.binary, policy, request.wish, strict=request.strict)
    return Prepared(artifact, program, decision, limits, keys, request.invoke)


def _policy(path: Path | None) -> "RunPolicy | None":
    if path is None:
        return None
    from wasmbuild.run.deciding.policy import read_policy  # noqa: PLC0415  (with TOML)

    return read_policy(path)


def _opened(
    artifact: str,
    request: RunRequest,
    policy: "RunPolicy | None",
    caches: Caches,
    registries: "Registries | Callable[[], Registries]",
    sink: Sink,
) -> Program:
    file = local_file(artifact)
    if file is None or request.key is not None or (policy is not None and policy.keys):
        from wasmbuild.workflows.run_fetch import fetched_program, refuse_unsigned  # noqa: PLC0415

        if file is None:
            made = registries() if callable(registries) else registries
            return fetched_program(
                artifact, request.key, policy, request.trust, caches=caches, registries=made, sink=sink
            )
        refuse_unsigned(file, policy)
    return Program.open(file)
