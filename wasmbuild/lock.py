"""``wasmbuild.lock``: which release of each tool builds this project, by hash.

Written on the first build with the pins that wasmbuild ships; from then on the lock decides, also
when wasmbuild ships others. Edited so that comments survive. Not here: which tools a project needs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from registry.files import exclusive_folder, write_atomically
from wasmbuild.build.tool import ToolPin, Wheels
from wasmbuild.errors import InvalidProject, UsageFailed
from wasmbuild.tables import Table, closest, parse_table, read_table
from wasmbuild.toolchains.pins import FORMAT_VERSION, read_pins, readable

if TYPE_CHECKING:
    import tomlkit
    from tomlkit.items import Table as Entry

__all__ = ["LOCK_FILE", "Change", "lock_tools", "locked_pins", "upgrade"]

LOCK_FILE = "wasmbuild.lock"
_HEADER = "written by wasmbuild: the tools that build this project, by hash; keep it under version control"


@dataclass(frozen=True, slots=True)
class Change:
    """What a lock says of a tool, and would say after an upgrade; ``before`` None: nothing yet."""

    name: str
    before: ToolPin | None
    after: ToolPin

    def __str__(self) -> str:
        before = self.before.version if self.before else "not pinned"
        return f"{self.name} {before} -> {self.after.version}"


def locked_pins(root: Path) -> dict[str, ToolPin]:
    """What the lock of a project says, by name; empty when there is none. Raises InvalidProject."""
    return read_pins(_read(root))


def lock_tools(root: Path, shipped: Sequence[ToolPin], *, locked: bool = False) -> tuple[ToolPin, ...]:
    """The pins that decide, in the order of ``shipped``: those in the project's lock, else those given.

    What the lock lacks is added to it, in one edit; ``locked`` forbids that. Raises InvalidProject
    when the lock is malformed, lacks a tool and may not change, or pins another package under a
    tool's name; StorageFailed when it cannot be written.
    """
    pins = locked_pins(root)
    lacking = _lacking(pins, shipped)
    if not lacking:
        return tuple(pins[pin.name] for pin in shipped)
    if locked:
        raise InvalidProject(
            f"{LOCK_FILE} does not pin {', '.join(pin.name for pin in lacking)}, and may not be changed (--locked)",
            hint="pin what is missing and keep the file under version control: wasmbuild lock",
        )
    with exclusive_folder(root):  # another build may have written it meanwhile
        table = _read(root)
        pins = read_pins(table)
        lacking = _lacking(pins, shipped)
        if lacking:
            _write(root / LOCK_FILE, table, {**pins, **{pin.name: pin for pin in lacking}})
    return tuple(pins.get(pin.name, pin) for pin in shipped)


def upgrade(
    root: Path, shipped: Mapping[str, ToolPin], names: Sequence[str] = (), *, check: bool = False
) -> tuple[Change, ...]:
    """Move tools to the releases in ``shipped``: those named, or all that the lock has; what changed.

    Packages may change, too. With ``check``, nothing is written. Raises UsageFailed for a name that
    is not in ``shipped``, InvalidProject, StorageFailed.
    """
    for name in names:
        if name not in shipped:
            guess = closest(name, shipped)
            raise UsageFailed(
                f"{name[:60]} is not a tool that wasmbuild pins",
                hint=f"did you mean {guess}?" if guess else f"known: {', '.join(sorted(shipped))}",
            )
    if check:
        return _changes(locked_pins(root), shipped, names)
    with exclusive_folder(root):
        table = _read(root)
        pins = read_pins(table)
        changes = _changes(pins, shipped, names)
        if changes:
            _write(root / LOCK_FILE, table, {**pins, **{change.name: change.after for change in changes}})
    return changes


def _changes(pins: Mapping[str, ToolPin], shipped: Mapping[str, ToolPin], names: Sequence[str]) -> tuple[Change, ...]:
    wanted = dict.fromkeys(names or [name for name in pins if name in shipped])
    changes = (Change(name, pins.get(name), shipped[name]) for name in wanted)
    return tuple(change for change in changes if change.before is None or change.before.digest != change.after.digest)


def _lacking(pins: Mapping[str, ToolPin], shipped: Sequence[ToolPin]) -> tuple[ToolPin, ...]:
    for pin in shipped:
        locked = pins.get(pin.name)
        if locked is not None and (locked.package, type(locked.source)) != (pin.package, type(pin.source)):
            raise InvalidProject(
                f"{LOCK_FILE} takes {locked.name} from {_origin(locked)}, not from {_origin(pin)}",
                hint=f"wasmbuild lock --upgrade {locked.name}",
            )
    return tuple({pin.name: pin for pin in shipped if pin.name not in pins}.values())


def _origin(pin: ToolPin) -> str:
    return f"the {'package' if isinstance(pin.source, Wheels) else 'npm package'} {pin.package}"


def _read(root: Path) -> Table:
    try:
        table = read_table(root / LOCK_FILE)
    except FileNotFoundError:
        return Table(LOCK_FILE, "", {"version": FORMAT_VERSION})
    if "version" not in table.values:
        raise InvalidProject(
            f"{LOCK_FILE} {'has no version' if table.values else 'is empty'}",
            hint="take it from version control, or delete it: the next build writes a new one",
        )
    return table


def _write(path: Path, table: Table, wanted: Mapping[str, ToolPin]) -> None:
    """Edit the document so that it says ``wanted``, and what is not of a tool stays as it is."""
    import tomlkit  # noqa: PLC0415  (slow to import, and needed a few times in the life of a project)

    edited = tomlkit.parse(table.document) if table.document else _empty()
    if not edited.get("tool"):
        edited.pop("tool", None)
        edited["tool"] = tomlkit.aot()
    before, entries = read_pins(table), {entry.get("name"): entry for entry in edited["tool"]}
    for name, pin in wanted.items():
        if name not in entries:
            edited["tool"].append(_filled(tomlkit.table(), pin))
        elif before[name] != pin:
            _filled(entries[name], pin)
    data = tomlkit.dumps(edited).encode()
    if not _says(data, wanted):
        raise InvalidProject(
            f"{LOCK_FILE} has a shape that cannot be edited", hint="write its tools as [[tool]] tables"
        )
    write_atomically(path, data)


def _filled(entry: "Entry", pin: ToolPin) -> "Entry":
    import tomlkit  # noqa: PLC0415

    for key in ("artifacts", "lock"):
        entry.pop(key, None)
    entry.update({"name": pin.name, "package": pin.package, "version": pin.version})
    if isinstance(pin.source, Wheels):
        entry["artifacts"] = {artifact.file_name: artifact.sha256 for artifact in pin.source.artifacts}
    else:
        entry["lock"] = tomlkit.string(readable(pin.source), literal=True, multiline=True)
    return entry


def _says(data: bytes, wanted: Mapping[str, ToolPin]) -> bool:
    try:
        return read_pins(parse_table(LOCK_FILE, data)) == dict(wanted)
    except InvalidProject:
        return False


def _empty() -> "tomlkit.TOMLDocument":
    import tomlkit  # noqa: PLC0415

    document = tomlkit.document()
    document.add(tomlkit.comment(_HEADER))
    document.add("version", tomlkit.item(FORMAT_VERSION))
    document.add(tomlkit.nl())
    return document
