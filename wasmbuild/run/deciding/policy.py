"""RunPolicy: a file that says what a guest may import, what it is given, and who must have signed it.

A ceiling: what it does not give, no flag gives. ``docs/run.md`` describes the file. Not here: the
comparison with what a program asks for (``wasmbuild.run.deciding.decision``), and how one is written
(``wasmbuild.run.deciding.record``).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from registry.words import pasted, printable
from wasmbuild.errors import UsageFailed
from wasmbuild.run.deciding.folders import duplicate, existing_folder, guest_name
from wasmbuild.run.deciding.grants import Folder, Grants
from wasmbuild.run.deciding.wishes import parse_host, variable_fault
from wasmbuild.run.limits import GuestLimits, parse_bytes, parse_seconds
from wasmbuild.tables import Table, parse_table, read_table
from wasmbuild.wasm.capabilities import CapabilityPolicy, parse_capabilities

__all__ = ["LIMITS", "Limit", "RunPolicy", "parse_policy", "read_policy"]

_VERSION = 1
_NEEDS = {"folders": "filesystem", "environment": "environment", "pass": "environment", "http": "http"}

LIMITS = {
    "memory": "memory_bytes",
    "fuel": "fuel",
    "timeout": "seconds",
    "stack": "stack_bytes",
    "tables": "tables",
    "table-elements": "table_elements",
    "instances": "instances",
}
"""The keys of ``[limits]``, which are the flags, and the fields of ``GuestLimits``."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One line of ``[limits]``: its key, and its value in the unit of the field of ``GuestLimits``."""

    key: str
    value: float


@dataclass(frozen=True, slots=True)
class RunPolicy:
    """What a policy file says.

    ``capabilities`` is None where the file does not limit imports. ``passed`` are the variables that may
    have any value, ``grants`` has those of them that are set here, ``unset`` names the others. Any of
    ``keys`` must have signed the program, when there are any.
    """

    file: str
    capabilities: CapabilityPolicy | None
    grants: Grants
    passed: tuple[str, ...]
    unset: tuple[str, ...]
    limits: tuple[Limit, ...]
    keys: tuple[Path, ...]
    source: Table = field(repr=False)

    def where(self, table: str, key: str) -> str:
        """The line that says something, or would: of the key, else of its table; without either the file alone."""
        asked = Table(self.file, self.source.document, {}, table)
        position = asked.position(key)
        return f"{self.file}, line {position.line}" if position else self.file


def read_policy(path: Path, ours: Mapping[str, str] | None = None) -> RunPolicy:
    """Read a policy file; ``ours`` is this process's environment unless it is given.

    Raises UsageFailed when there is no such file, InvalidProject when it is not a policy.
    """
    try:
        root = read_table(path)
    except FileNotFoundError:
        raise UsageFailed(f"there is no policy {path}", hint=f"wasmbuild run --record {pasted(path)} FILE") from None
    return _read(root, path.parent, os.environ if ours is None else ours)


def parse_policy(file: str, data: bytes, folder: Path, ours: Mapping[str, str]) -> RunPolicy:
    """Read the bytes of a policy; its paths are relative to ``folder``. Raises InvalidProject."""
    return _read(parse_table(file, data), folder, ours)


def _read(root: Table, folder: Path, ours: Mapping[str, str]) -> RunPolicy:
    root.only(("version", "capabilities", "grants", "limits", "signature"))
    if root.integer("version") != _VERSION:
        raise root.invalid("version", f"must be {_VERSION}", f"version = {_VERSION}")
    table = root.table("grants")
    table.only(("folders", "environment", "pass", "http"))
    capabilities = parse_capabilities(root.table("capabilities")) if "capabilities" in root.values else None
    _check_allowed(table, capabilities)
    passed = tuple(_variable(table, "pass", name, "") for name in table.texts("pass"))
    fixed = _environment(table, passed)
    http, hosts = _http(table)
    return RunPolicy(
        file=root.file,
        capabilities=capabilities,
        grants=Grants(
            folders=_folders(table, folder),
            environment=(*fixed, *((name, ours[name]) for name in passed if name in ours)),
            http=http,
            hosts=hosts,
        ),
        passed=passed,
        unset=tuple(name for name in passed if name not in ours),
        limits=_limits(root.table("limits")),
        keys=_keys(root, folder),
        source=root,
    )


def _check_allowed(table: Table, capabilities: CapabilityPolicy | None) -> None:
    """Insist that a policy does not give what it does not let anybody import."""
    for key, name in _NEEDS.items():
        if table.values.get(key) and capabilities is not None and name not in capabilities.allow:
            raise table.invalid(
                key, f"gives what [capabilities] does not allow: {name}", f'[capabilities] allow = ["{name}"]'
            )


def _folders(table: Table, base: Path) -> tuple[Folder, ...]:
    found = tuple(_folder(entry, base) for entry in table.tables("folders"))
    twice = duplicate(found)
    if twice is not None:
        raise table.invalid("folders", f"has two that would be {printable(twice)} for the guest")
    return found


def _folder(entry: Table, base: Path) -> Folder:
    entry.only(("host", "guest", "writable"))
    host, guest = entry.required_text("host"), entry.required_text("guest")
    try:
        key = "host"
        found = existing_folder(base / host)
        key = "guest"
        return Folder(found, guest_name(guest), entry.flag("writable"))
    except ValueError as error:
        raise entry.invalid(key, f"= {printable(host if key == 'host' else guest, 200)!r}: {error}") from None


def _environment(table: Table, passed: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    variables = table.table("environment")
    found = []
    for name in variables.values:
        shown = printable(name, 60)
        value = variables.text(name) or ""
        if name in passed:
            raise variables.invalid(shown, "is in pass, too")
        _variable(variables, shown, name, value)
        found.append((name, value))
    return tuple(found)


def _variable(table: Table, key: str, name: str, value: str) -> str:
    fault = variable_fault(name, value)
    if fault:
        raise table.invalid(key, f"cannot be: {fault}")
    return name


def _http(table: Table) -> tuple[bool, tuple[str, ...]]:
    """Whether any host may be asked, or else which."""
    if not isinstance(table.values.get("http", False), list):
        return table.flag("http"), ()
    hosts = table.texts("http")
    if "*" in hosts:
        return True, ()
    try:
        return False, tuple(dict.fromkeys(parse_host(host) for host in hosts))
    except UsageFailed as failure:
        raise table.invalid("http", f"has {failure}") from None


def _limits(table: Table) -> tuple[Limit, ...]:
    table.only(tuple(LIMITS))
    return tuple(_limit(table, key) for key in LIMITS if key in table.values)


def _limit(table: Table, key: str) -> Limit:
    parsers = {"memory": parse_bytes, "stack": parse_bytes, "timeout": parse_seconds}
    try:
        value = parsers[key](table.required_text(key), key) if key in parsers else table.integer(key) or 0
        GuestLimits(**{LIMITS[key]: value})  # type: ignore[arg-type] # it says what is possible
    except UsageFailed as failure:
        raise table.invalid(key, f"cannot be: {failure}", failure.hint) from None
    return Limit(key, value)


def _keys(root: Table, folder: Path) -> tuple[Path, ...]:
    if "signature" not in root.values:
        return ()
    table = root.table("signature")
    table.only(("keys",))
    keys = table.texts("keys")
    if not all(keys) or not keys:
        raise table.invalid("keys", "names no key", 'keys = ["wasmbuild.pub"]')
    return tuple(folder / key for key in keys)
