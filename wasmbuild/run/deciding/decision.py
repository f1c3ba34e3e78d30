"""The decision: what a program imports, held against what it is granted, before any of it is compiled.

Each capability that it asks for is granted, powerless (it can be imported, and does nothing) or refused.
Not here: the file of a policy (``wasmbuild.run.deciding.policy``), and the engine, which gets the outcome.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from registry.words import printable
from wasmbuild.errors import EngineUnable
from wasmbuild.events import Note
from wasmbuild.run.deciding.grants import Grants
from wasmbuild.run.deciding.offered import NO_HOSTS, NO_SOCKETS, unable, unable_to_export
from wasmbuild.run.deciding.verdicts import Decision, Row, Verdict
from wasmbuild.run.deciding.wishes import Wish
from wasmbuild.wasm.capabilities import Capability, CapabilityPolicy, asked, capability_of
from wasmbuild.wasm.model import Import, WasmBinary

if TYPE_CHECKING:
    from wasmbuild.run.deciding.policy import RunPolicy

__all__ = ["Decision", "Row", "Verdict", "decide"]

_BY_DEFAULT = frozenset({"arguments", "clocks", "random", "stdio"})
_FLAGS = {"filesystem": "--dir HOST:GUEST", "environment": "--env NAME", "http": "--allow http"}
_NOTHING_GIVEN = {
    "filesystem": "no folder is given",
    "environment": "no variable is given",
    "http": "a call of it ends the program",
    "name-lookup": NO_SOCKETS,
    "sockets": NO_SOCKETS,
}
_FEW = 6


def decide(
    binary: WasmBinary,
    policy: "RunPolicy | None",
    wish: Wish,
    *,
    strict: bool = False,
    filters_hosts: bool = False,
) -> Decision:
    """Decide what a program gets of what flags wish for, below a policy if there is one.

    ``strict`` refuses what is neither granted nor allowed by name, in place of leaving it powerless.
    ``filters_hosts`` says that whoever sends its HTTP requests can tell hosts apart. Raises
    CapabilityDenied for a wish that goes beyond the policy, EngineUnable for hosts that nobody tells apart.
    """
    grants = wish.grants
    if policy is not None:
        from wasmbuild.run.deciding.ceiling import within  # noqa: PLC0415  (most runs have no policy)

        grants = within(policy, wish)
    rows = tuple(_Judge(binary, policy, wish, grants, strict).rows())
    wanted = frozenset(row.capability.name for row in rows if row.capability and row.verdict != "refused")
    if grants.hosts and not filters_hosts and ("http" in wanted or wish.grants.hosts):
        raise EngineUnable(
            f"a guest cannot be held to {printable(grants.hosts[0], 100)}",
            cause=f"{NO_HOSTS}; {NO_SOCKETS}",
            hint="--net '*' lets it send HTTP requests to every host" if wish.grants.hosts else "[grants] http = true",
        )
    used = _used(grants, wanted)
    return Decision(
        rows=rows,
        grants=used,
        stubs=_stubs(binary, grants),
        notes=(*_dropped(wish, binary, wanted), *_unset(policy, grants, wanted), *_exposed(used)),
        obstacle=unable_to_export(binary),
        policy=policy.file if policy else None,
        strict=strict,
    )


@dataclass(frozen=True, slots=True)
class _Judge:
    """One program and everything that counts for it."""

    binary: WasmBinary
    policy: "RunPolicy | None"
    wish: Wish
    grants: Grants
    strict: bool

    @property
    def ceiling(self) -> CapabilityPolicy | None:
        return self.policy.capabilities if self.policy else None

    def rows(self) -> Iterator[Row]:
        """What the program asks for, decided; a capability has several rows where its imports differ."""
        denied = _denied(self.ceiling, self.binary) if self.ceiling else frozenset()
        unnamed = _denied(self.wish.allowed, self.binary)
        for each in asked(self.binary):
            decided: dict[Row, list[str]] = {}
            for wanted in each.imports:
                name = str(wanted)
                row = self._row(wanted, each.capability, denied=name in denied, named=name not in unnamed)
                decided.setdefault(row, []).append(name)
            for row, names in decided.items():
                flag = _allowing(names) if row.flag == "--allow" else row.flag
                yield replace(row, imports=tuple(names), flag=flag)

    def _row(self, wanted: Import, capability: Capability | None, *, denied: bool, named: bool) -> Row:
        reason = unable(wanted)
        if reason is not None:
            return Row((), capability, "refused", reason, unable=True)
        if denied and self.policy is not None:
            place = self.policy.where("capabilities", "allow" if capability else "imports")
            return Row((), capability, "refused", f"{place} does not allow {capability.name if capability else 'it'}")
        if capability is None:
            return self._foreign(wanted, named=named)
        if capability.risk == "none":
            return Row((), capability, "granted", "it reaches nothing outside")
        if capability.name in _BY_DEFAULT:
            return Row((), capability, "granted", "by default")
        giver = self._giver(capability.name)
        return Row((), capability, "granted", f"by {giver}") if giver else self._powerless(capability, named=named)

    def _foreign(self, wanted: Import, *, named: bool) -> Row:
        if wanted.kind not in {"function", "instance"}:
            return Row((), None, "refused", f"the engine has no {wanted.kind} for it", unable=True)
        if named:
            return Row((), None, "powerless", "by --allow; a call of it ends the program")
        if self.ceiling is not None and self.policy is not None:
            place = self.policy.where("capabilities", "imports")
            return Row((), None, "powerless", f"by {place}; a call of it ends the program")
        return Row((), None, "refused", "nothing allows it", "--allow")

    def _powerless(self, capability: Capability, *, named: bool) -> Row:
        if self.strict and not named and self.ceiling is None:
            return Row((), capability, "refused", "--strict, and nothing grants it", f"--allow {capability.name}")
        return Row((), capability, "powerless", _NOTHING_GIVEN[capability.name], _FLAGS.get(capability.name))

    def _giver(self, name: str) -> str | None:
        """By what a capability is granted; None when it is not."""
        wished, grants = self.wish.grants, self.grants
        if name == "filesystem":
            return self._said(wished.folders, grants.folders, "--dir", "folders")
        if name == "environment":
            return self._said(wished.environment, grants.environment, "--env", "environment")
        if name == "http":
            flag = "--allow http" if "http" in self.wish.allowed.allow else "--net"
            return self._said(wished.http or wished.hosts, grants.http or grants.hosts, flag, "http")
        return None

    def _said(self, wished: object, given: object, flag: str, key: str) -> str | None:
        if not given:
            return None
        return flag if wished or self.policy is None else self.policy.where("grants", key)


def _allowing(names: list[str]) -> str:
    """The flags that allow foreign imports, each by name where there are few, else by what they have in common."""
    import shlex  # noqa: PLC0415  (few programs have foreign imports)

    if len(names) > _FEW:
        names = sorted({f"{name[: name.rfind(sign)]}{sign}*" for name in names for sign in _signs(name)})
    if len(names) > _FEW:
        names = ["*"]
    plain = ("".join(each if printable(each) == each else "*" for each in name) for name in names)
    shown = (printable(name if ":" in name or "*" in name else f"{name}*", 200) for name in plain)
    return " ".join(f"--allow {shlex.quote(name)}" for name in shown)


def _signs(name: str) -> list[str]:
    return ["::"] if "::" in name else ["/"] if "/" in name else [""]


def _denied(allowed: CapabilityPolicy, binary: WasmBinary) -> frozenset[str]:
    return frozenset(str(each.wanted) for each in allowed.denied(binary))


def _stubs(binary: WasmBinary, grants: Grants) -> frozenset[str]:
    """The imports that the engine does not link by itself: outgoing HTTP that is not granted, and foreign ones."""
    http = grants.http or grants.hosts
    return frozenset(
        str(wanted)
        for wanted in binary.imports
        if capability_of(wanted) is None or (not http and wanted.name.startswith("wasi:http/"))
    )


def _used(grants: Grants, wanted: frozenset[str]) -> Grants:
    """The grants that something imports."""
    return Grants(
        folders=grants.folders if "filesystem" in wanted else (),
        environment=grants.environment if "environment" in wanted else (),
        http=grants.http and "http" in wanted,
        hosts=grants.hosts if "http" in wanted else (),
    )


def _dropped(wish: Wish, binary: WasmBinary, wanted: frozenset[str]) -> Iterator[Note]:
    """A note for each flag that gives nothing; a policy may well have more than one program needs."""
    given = wish.grants
    flags = (("--dir", "filesystem", given.folders), ("--env", "environment", given.environment))
    for flag, name, grant in (
        *flags,
        ("--net", "http", given.hosts or (given.http and "http" not in wish.allowed.allow)),
    ):
        if grant and name not in wanted:
            yield Note("warning", f"{flag} gives nothing: the program imports nothing of {name}")
    for name in sorted(wish.allowed.allow - wanted):
        yield Note("warning", f"--allow {name} gives nothing: the program imports nothing of it")
    for name in sorted(wish.allowed.allow & wanted & {"sockets", "name-lookup"}):
        yield Note("warning", f"--allow {name} gives nothing: {NO_SOCKETS}")
    for pattern in wish.allowed.imports:
        denied = _denied(CapabilityPolicy(frozenset(), (pattern,)), binary)
        if all(capability_of(each) is not None or str(each) in denied for each in binary.imports):
            yield Note("warning", f"--allow {printable(pattern, 100)} gives nothing: the program does not import it")


def _exposed(used: Grants) -> Iterator[Note]:
    if used.folders:
        from wasmbuild.run.deciding.folders import exposures  # noqa: PLC0415  (most runs have no folder)

        for sentence in exposures(used.folders):
            yield Note("warning", sentence)


def _unset(policy: "RunPolicy | None", grants: Grants, wanted: frozenset[str]) -> Iterator[Note]:
    if policy is None or "environment" not in wanted:
        return
    missing = [name for name in policy.unset if name not in grants.names]
    if missing:
        names = ", ".join(printable(name, 60) for name in missing)
        yield Note("warning", f"{policy.where('grants', 'pass')} passes what is not set here: {names}")
