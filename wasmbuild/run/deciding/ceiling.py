"""The ceiling: what flags ask for, held against a policy; what it does not give is refused by its line.

Not here: what the program imports of it all (``wasmbuild.run.deciding.decision``).
"""

from dataclasses import replace
from typing import Any

from registry.words import printable
from wasmbuild.errors import CapabilityDenied
from wasmbuild.run.deciding.folders import root_or
from wasmbuild.run.deciding.grants import Folder, Grants
from wasmbuild.run.deciding.policy import LIMITS, RunPolicy
from wasmbuild.run.deciding.wishes import Wish
from wasmbuild.run.limits import GuestLimits
from wasmbuild.wasm.capabilities import CAPABILITIES, CapabilityPolicy
from wasmbuild.wasm.model import Import, WasmBinary

__all__ = ["limited", "within"]

_UNLIMITED = GuestLimits()


def within(policy: RunPolicy, wish: Wish) -> Grants:
    """What a policy and flags give together: flags choose among what the policy has.

    A folder of a flag replaces the policy's of the same name in the guest. Raises CapabilityDenied for a
    flag that asks for more.
    """
    _check_allowed(policy, wish)
    for folder in wish.grants.folders:
        _check_folder(policy, folder)
    for name, value in wish.grants.environment:
        _check_variable(policy, name, value)
    hosts = {host for host in wish.grants.hosts if host not in policy.grants.hosts}
    if (wish.grants.http or hosts) and not policy.grants.http:
        asked = "--allow http" if wish.grants.http else f"--net {min(hosts)}"
        raise _refused(policy, asked, "http", "does not let it ask every host" if policy.grants.hosts else None)
    folders = {root_or(folder.guest): folder for folder in (*policy.grants.folders, *wish.grants.folders)}
    narrowed = bool(wish.grants.hosts)
    return Grants(
        folders=tuple(folders.values()),
        environment=tuple({**dict(policy.grants.environment), **dict(wish.grants.environment)}.items()),
        http=policy.grants.http and not narrowed,
        hosts=wish.grants.hosts if narrowed else policy.grants.hosts,
    )


def limited(policy: RunPolicy, limits: GuestLimits) -> GuestLimits:
    """The limits of a policy and of flags together: a flag may ask for less. Raises CapabilityDenied for more."""
    changes: dict[str, Any] = {}
    for limit in policy.limits:
        field = LIMITS[limit.key]
        asked = getattr(limits, field)
        if asked == getattr(_UNLIMITED, field):
            changes[field] = limit.value
        elif asked > limit.value:
            place = policy.where("limits", limit.key)
            raise CapabilityDenied(f"--{limit.key} asks for more than the policy allows", cause=f"{place} allows less")
    return replace(limits, **changes)


def _check_allowed(policy: RunPolicy, wish: Wish) -> None:
    ceiling = policy.capabilities
    if ceiling is None:
        return
    for name in sorted(wish.allowed.allow - ceiling.allow):
        if CAPABILITIES[name].risk != "none":
            raise _refused(policy, f"--allow {name}", "allow", table="capabilities")
    for name in wish.allowed.imports:
        if not _admits(ceiling, name):
            raise _refused(policy, f"--allow {printable(name, 100)}", "imports", table="capabilities")


def _admits(ceiling: CapabilityPolicy, pattern: str) -> bool:
    module, separator, name = pattern.rpartition("::")
    wanted = Import(module if separator else None, name, "function")
    alone = WasmBinary("module", 1, 0, (), (wanted,), ())
    return pattern in ceiling.imports or ("*" not in pattern and not ceiling.denied(alone))


def _check_folder(policy: RunPolicy, asked: Folder) -> None:
    known = [each for each in policy.grants.folders if asked.host == each.host or each.host in asked.host.parents]
    if not known:
        raise _refused(policy, f"--dir {printable(str(asked.host))}", "folders")
    if asked.writable and not any(each.writable for each in known):
        said = "gives that folder to be read, not to be written"
        raise _refused(policy, f"--dir {printable(str(asked.host))}", "folders", said, hint="--dir HOST:GUEST:ro")


def _check_variable(policy: RunPolicy, name: str, value: str) -> None:
    if name in policy.passed:
        return
    fixed = dict(policy.grants.environment)
    if name not in fixed:
        raise _refused(policy, f"--env {printable(name, 100)}", "pass")
    if fixed[name] != value:
        raise _refused(policy, f"--env {printable(name, 100)}", "environment", "gives that variable another value")


def _refused(
    policy: RunPolicy,
    asked: str,
    key: str,
    said: str | None = None,
    *,
    table: str = "grants",
    hint: str | None = None,
) -> CapabilityDenied:
    place = policy.where(table, key)
    cause = f"{place} {said or f'does not give it: [{table}] {key}'}"
    return CapabilityDenied(f"{asked} asks for more than the policy allows", cause=cause, hint=hint)
