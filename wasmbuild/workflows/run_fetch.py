"""The program of an artifact in a registry: signed by whom a flag or a policy says, and the very bytes of its layer."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from registry.client.registries import Registries
from registry.errors import DigestMismatch
from registry.words import pasted
from wasmbuild.caches import Caches
from wasmbuild.errors import Unsigned, UsageFailed
from wasmbuild.events import Sink
from wasmbuild.run.program import Program
from wasmbuild.workflows.fetch import fetch
from wasmbuild.workflows.locals import in_registry
from wasmbuild.workflows.policies import ChosenPolicy

if TYPE_CHECKING:
    from wasmbuild.run.deciding.policy import RunPolicy
    from wasmbuild.trust.authority import KeyAuthority

__all__ = ["fetched_program", "refuse_unsigned"]


def fetched_program(
    artifact: str,
    key: Path | None,
    policy: "RunPolicy | None",
    trust: ChosenPolicy | None,
    *,
    caches: Caches,
    registries: Registries,
    sink: Sink,
) -> Program:
    """Fetch an artifact's file, verified, and read it once; ``policy`` is of what it may do, ``trust`` of whose it is.

    Raises Unsigned and InvalidSignature when none of the keys that are asked for has signed it, PolicyDenied,
    DigestMismatch when the cache gives other bytes than the artifact has, and what fetching raises.
    """
    reference = in_registry(artifact, "run")
    demand = (trust or ChosenPolicy()).demand(sink, _keys(key, policy))
    fetched = fetch(reference, demand=demand, caches=caches, registries=registries, sink=sink)
    program = Program.open(fetched.path)
    expected = fetched.located.layer.digest
    hasher = expected.hasher()
    hasher.update(program.wasm)
    if hasher.hexdigest() != expected.encoded:
        raise DigestMismatch(f"{fetched.path} is not {expected}", cause="somebody, or a broken disk, changed it")
    return replace(program, name=reference.repository.rsplit("/", 1)[-1])


def refuse_unsigned(file: Path, policy: "RunPolicy | None") -> NoReturn:
    """Say that a file has no signature where one is asked for. Raises Unsigned for a policy, else UsageFailed."""
    if policy is not None and policy.keys:
        raise Unsigned(
            f"{file} is a file, and files are not signed",
            cause=f"{policy.where('signature', 'keys')} asks for a signature, which artifacts in a registry have",
            hint=f"wasmbuild push HOST/REPOSITORY:TAG {pasted(file)} --sign --key wasmbuild.key",
        )
    raise UsageFailed(f"{file} is a file, and a key verifies artifacts in a registry")


def _keys(key: Path | None, policy: "RunPolicy | None") -> "tuple[KeyAuthority, ...]":
    """The keys of which one must have signed: the flag's, which must be one of the policy's if that has any."""
    if key is None and (policy is None or not policy.keys):
        return ()
    from wasmbuild.workflows.verify import trusted_keys  # noqa: PLC0415  (with cryptography)

    known = trusted_keys(policy.keys) if policy else ()
    if key is None:
        return known
    (chosen,) = trusted_keys((key,))
    if policy is not None and known and chosen.name not in {each.name for each in known}:
        raise UsageFailed(
            f"{key} is none of the keys that the policy asks for", cause=policy.where("signature", "keys")
        )
    return (chosen,)
