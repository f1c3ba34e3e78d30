"""``wasmbuild.lock``: which release of each tool builds this project, by hash.

Written on the first build with the pin that wasmbuild ships; from then on the lock decides, also
when wasmbuild ships another. Edited so that comments survive.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from registry.files import write_atomically
from wasmbuild.build.tool import ToolPin
from wasmbuild.errors import InvalidProject
from wasmbuild.tables import Table, parse_table, read_table
from wasmbuild.toolchains.pins import FORMAT_VERSION, read_pins

if TYPE_CHECKING:
    import tomlkit

__all__ = ["LOCK_FILE", "lock_tool"]

LOCK_FILE = "wasmbuild.lock"
_HEADER = "written by wasmbuild: the tools that build this project, by hash; keep it under version control"


def lock_tool(root: Path, shipped: ToolPin) -> ToolPin:
    """The pin that decides: the one in the project's lock, else ``shipped``, which is then written.

    Raises InvalidProject when the lock is malformed, pins another package under the tool's name, or
    cannot be written.
    """
    path = root / LOCK_FILE
    try:
        table = read_table(path)
    except FileNotFoundError:
        table = Table(LOCK_FILE, "", {"version": FORMAT_VERSION})
    locked = read_pins(table).get(shipped.name)
    if locked is None:
        _write(path, table.document, shipped)
        return shipped
    if locked.package != shipped.package:
        raise InvalidProject(
            f"{LOCK_FILE} takes {locked.name} from the package {locked.package}, not from {shipped.package}",
            hint=f"delete the part [[tool]] of {locked.name}: the next build pins it again",
        )
    return locked


def _write(path: Path, document: str, pin: ToolPin) -> None:
    import tomlkit  # noqa: PLC0415  (slow to import, and needed once in the life of a project)

    edited = tomlkit.parse(document) if document else _empty()
    if not edited.get("tool"):
        edited.pop("tool", None)
        edited["tool"] = tomlkit.aot()
    entry = tomlkit.table()
    entry.update({"name": pin.name, "package": pin.package, "version": pin.version})
    entry["artifacts"] = {artifact.file_name: artifact.sha256 for artifact in pin.artifacts}
    edited["tool"].append(entry)
    data = tomlkit.dumps(edited).encode()
    if not _says(data, pin):
        raise InvalidProject(
            f"{LOCK_FILE} has a shape that cannot be edited", hint="write its tools as [[tool]] tables"
        )
    write_atomically(path, data)


def _says(data: bytes, pin: ToolPin) -> bool:
    try:
        return read_pins(parse_table(LOCK_FILE, data)).get(pin.name) == pin
    except InvalidProject:
        return False


def _empty() -> "tomlkit.TOMLDocument":
    import tomlkit  # noqa: PLC0415

    document = tomlkit.document()
    document.add(tomlkit.comment(_HEADER))
    document.add("version", tomlkit.item(FORMAT_VERSION))
    document.add(tomlkit.nl())
    return document
