"""``compile``: make the code that a run would make, so that the first one is warm."""

from dataclasses import dataclass
from pathlib import Path

from registry.client.registries import Registries
from registry.files import write_atomically
from wasmbuild.caches import Caches
from wasmbuild.events import Sink
from wasmbuild.run.engine import Settings, engine_version
from wasmbuild.run.limits import GuestLimits
from wasmbuild.run.precompiling import compile_ahead
from wasmbuild.workflows.run import RunRequest, prepare

__all__ = ["Precompiled", "precompile"]


@dataclass(frozen=True, slots=True)
class Precompiled:
    """Code that is ready; ``size`` is in bytes, ``settings`` say which runs find it, ``file`` has a copy."""

    name: str
    size: int
    engine: str
    settings: str
    file: Path | None


def precompile(
    artifact: str,
    limits: GuestLimits,
    output: Path | None,
    *,
    key: Path | None,
    caches: Caches,
    registries: Registries,
    sink: Sink,
) -> Precompiled:
    """Compile a file or an artifact for runs with these limits; ``output`` gets the code as well.

    Nothing of it is run. Raises what ``prepare`` raises, InvalidWasm, StorageFailed.
    """
    request = RunRequest(limits=limits, key=key)
    program = prepare(artifact, request, caches=caches, registries=registries, sink=sink).program
    code = compile_ahead(program, limits, cache=caches.root / "aot", notify=sink)
    if output is not None:
        write_atomically(output, code)
    return Precompiled(program.name, len(code), engine_version(), Settings.of(limits).variant, output)
