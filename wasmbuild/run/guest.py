"""Guest: everything about one run, decided before anything is compiled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wasmbuild.errors import GuestFailed
from wasmbuild.run.deciding.grants import Grants
from wasmbuild.run.limits import GuestLimits
from wasmbuild.run.program import Program

if TYPE_CHECKING:
    import wasmtime

    from wasmbuild.run.calls.invocation import Invocation
    from wasmbuild.run.ledger import Ledger

__all__ = ["Guest"]


@dataclass(frozen=True, slots=True)
class Guest:
    """What runs, and with what; ``stubs`` are imports that trap when they are called.

    ``ledger`` is there where its memories are counted.
    """

    program: Program
    arguments: Sequence[str]
    grants: Grants
    stubs: frozenset[str]
    limits: GuestLimits
    invocation: "Invocation | None" = None
    ledger: "Ledger | None" = None

    @property
    def name(self) -> str:
        """By which people know it."""
        return self.program.name

    @property
    def refusal(self) -> str | None:
        """What memory it asked for and was not given, in words."""
        refused = self.ledger.refused if self.ledger else None
        if self.ledger is None or refused is None:
            return None
        return f"it had {refused.used} bytes, may have {self.ledger.most}, and asked for {refused.asked}"

    def show(self, results: Sequence[str]) -> None:
        """Hand each result of the invocation to whoever asked for it."""
        if self.invocation is not None:
            for result in results:
                self.invocation.show(result)

    def wasi(self) -> "wasmtime.WasiConfig":
        """What the engine's WASI gives to the guest. Raises GuestFailed for a folder that is not there."""
        import wasmtime  # noqa: PLC0415  (costs more than everything else here)

        from registry.words import printable  # noqa: PLC0415
        from wasmbuild.run.deciding.folders import opened  # noqa: PLC0415

        wasi = wasmtime.WasiConfig()
        wasi.argv = list(self.arguments)
        wasi.inherit_stdin()
        wasi.inherit_stdout()
        wasi.inherit_stderr()
        if self.grants.environment:
            wasi.env = self.grants.environment
        for folder in self.grants.folders:
            try:
                with opened(folder.host) as path:
                    wasi.preopen_dir(path, folder.guest, folder.writable)
            except (wasmtime.WasmtimeError, OSError, UnicodeEncodeError) as error:
                raise GuestFailed(
                    f"{printable(str(folder.host))} cannot be given to {self.name}",
                    cause="it is not a folder that can be opened, or no longer the one that was granted",
                ) from error
        return wasi
