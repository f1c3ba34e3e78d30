"""What was decided of a program, row by row, and the words for it. How it is decided is in ``decision``."""

from dataclasses import dataclass
from typing import Literal

from registry.words import printable
from wasmbuild.errors import CapabilityDenied, EngineUnable, Failure
from wasmbuild.events import Note
from wasmbuild.run.deciding.grants import Grants
from wasmbuild.wasm.capabilities import Asked, Capability

__all__ = ["Decision", "Row", "Verdict"]

Verdict = Literal["granted", "powerless", "refused"]

_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Row:
    """What is decided of some imports of one capability; ``capability`` is None for foreign ones.

    ``why`` says by what. ``flag`` is the one that would allow it, or give it something; None when there is
    none. ``unable`` says that it is the engine that refuses.
    """

    imports: tuple[str, ...]
    capability: Capability | None
    verdict: Verdict
    why: str
    flag: str | None = None
    unable: bool = False

    @property
    def words(self) -> str:
        """What it means; "it" goes before."""
        return Asked(self.capability, ()).words

    @property
    def names(self) -> str:
        """Its imports, safe to show; the first of many."""
        shown = [printable(name, 120) for name in self.imports[:_SHOWN]]
        more = [f"{len(self.imports) - _SHOWN} more"] if len(self.imports) > _SHOWN else []
        return ", ".join([*shown, *more])


@dataclass(frozen=True, slots=True)
class Decision:
    """What a program gets. ``stubs`` are imports, as ``str(Import)``, to be linked so that a call of them traps.

    ``notes`` say which flags give nothing, because nothing imports it, and what is not set. ``obstacle`` is
    why the engine cannot run the program whatever it imports. ``policy`` is the file, if any;
    ``strict`` says that nothing is left powerless.
    """

    rows: tuple[Row, ...]
    grants: Grants
    stubs: frozenset[str] = frozenset()
    notes: tuple[Note, ...] = ()
    obstacle: str | None = None
    policy: str | None = None
    strict: bool = False

    @property
    def refused(self) -> tuple[Row, ...]:
        """The rows that keep the program from being started."""
        return tuple(row for row in self.rows if row.verdict == "refused")

    def check(self, name: str) -> None:
        """Insist that the program, which a person calls ``name``, may be started.

        Raises EngineUnable for what the engine does not have, else CapabilityDenied.
        """
        failure = self.failure(name)
        if failure is not None:
            raise failure

    def failure(self, name: str) -> Failure | None:
        """Why the program is not started; None when it is."""
        what = f"{printable(name, 200)} cannot be run by this engine"
        if self.obstacle is not None:
            return EngineUnable(what, cause=self.obstacle)
        lacking = [f"{row.names}: {row.why}" for row in self.refused if row.unable]
        if lacking:
            return EngineUnable(what, cause="\n".join(lacking))
        if not self.refused:
            return None
        return CapabilityDenied(
            f"{printable(name, 200)} is not run: it imports more than it may",
            cause="\n".join(f"{row.names}: it {row.words} ({row.why})" for row in self.refused),
            hint=self._hint(name),
        )

    def _hint(self, name: str) -> str:
        import shlex  # noqa: PLC0415  (most programs are not refused)

        if self.policy is None or all(row.flag for row in self.refused):
            lacking = [row.flag for row in self.refused if row.flag]
            if any(row.why.startswith("by --") for row in self.rows):  # a whole command would lose what was given
                return f"to allow it, give as well: {' '.join(lacking)}"
            flags = [f"--policy {shlex.quote(printable(self.policy, 200))}"] if self.policy else []
            flags += ["--strict"] * self.strict + lacking
            return f"wasmbuild run {' '.join(flags)} {shlex.quote(printable(name, 200))}"
        allow = ", ".join(f'"{row.capability.name}"' for row in self.refused if row.capability)
        imports = ", ".join(f'"{row.names}"' for row in self.refused if not row.capability)
        lines = [f"allow = [{allow}]"] * bool(allow) + [f"imports = [{imports}]"] * bool(imports)
        return f"to allow it, add to [capabilities] of {self.policy}: {', '.join(lines)}"
