"""What was accepted before, in ``wasmbuild.lock``, for those who build: an ``[[accepted]]`` table for each repository.

The rest of the file, comments included, stays as it is, and builds that pin tools wait meanwhile.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from registry.errors import Failure
from registry.files import exclusive_folder, write_atomically
from wasmbuild.errors import InvalidProject
from wasmbuild.tables import Table, parse_table, read_table
from wasmbuild.toolchains.pins import FORMAT_VERSION
from wasmbuild.trust.policy.verdict import Accepted
from wasmbuild.workflows.accepted import accepted_json, read_accepted, unreadable

__all__ = ["LockMemory"]

_FIELDS = ("repository", "version", "tags", "capabilities")
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class LockMemory:
    """The lock of a project as a memory; ``path`` is the file."""

    path: Path

    def recall(self, name: str, /) -> Accepted:
        """What is known of ``host/repository``; nothing, when that is new. Raises InvalidConfiguration."""
        return self._known(self._read()).get(name, Accepted())

    def change(self, name: str, changed: Callable[[Accepted], Accepted], /) -> None:
        """Replace what is known of a repository, under the lock that builds take, too.

        Raises what ``changed`` raises, and then nothing is written; InvalidConfiguration, StorageFailed.
        """
        with exclusive_folder(self.path.parent):
            table = self._read()
            known = self._known(table)
            before = known.get(name, Accepted())
            after = changed(before)
            if after != before:
                self._write(table, name, after, {**known, name: after})

    def _read(self) -> Table:
        try:
            return read_table(self.path)
        except FileNotFoundError:
            return Table(self.path.name, "", {"version": FORMAT_VERSION})
        except InvalidProject as error:
            raise unreadable(self.path, str(error)) from error

    def _known(self, table: Table) -> dict[str, Accepted]:
        try:
            entries = table.tables("accepted")
            if len(entries) > _MOST:
                raise table.invalid("accepted", f"is there more than {_MOST} times")
            for entry in entries:
                entry.only(_FIELDS)
            named = [(entry.required_text("repository"), entry.values) for entry in entries]
        except InvalidProject as error:
            raise unreadable(self.path, str(error)) from error
        known = {
            name: read_accepted({key: value for key, value in values.items() if key != "repository"}, self.path)
            for name, values in named
        }
        if len(known) != len(named):
            raise unreadable(self.path, "a repository is there twice")
        return known

    def _write(self, table: Table, name: str, after: Accepted, wanted: dict[str, Accepted]) -> None:
        """Edit the document, and write it if it then says what is ``wanted``."""
        import tomlkit  # noqa: PLC0415  (slow to import, and few things are approved)

        edited = tomlkit.parse(table.document or f"version = {FORMAT_VERSION}\n")
        if "accepted" not in edited:
            edited["accepted"] = tomlkit.aot()
        said = {"repository": name, **accepted_json(after)}
        entry = next((each for each in edited["accepted"] if each.get("repository") == name), None)
        if entry is None:
            edited["accepted"].append(tomlkit.item(said))
        else:
            entry.update(said)
        data = tomlkit.dumps(edited).encode()
        try:
            holds = self._known(parse_table(self.path.name, data)) == wanted
        except Failure:
            holds = False
        if not holds:
            raise unreadable(self.path, "it has a shape that cannot be edited: write [[accepted]] tables")
        write_atomically(self.path, data)
