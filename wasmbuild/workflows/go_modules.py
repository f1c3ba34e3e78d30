"""Which Go modules a target is compiled from: asked of the compiler, in the sandbox of builds, and remembered.

Nothing is fetched for it: where the compiler or the modules are not on this machine, nobody knows.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from registry.errors import Failure
from registry.files import storage_errors
from wasmbuild.build.action import InputFile
from wasmbuild.build.chain import Chain, described
from wasmbuild.caches import Caches
from wasmbuild.events import Note, Sink
from wasmbuild.toolchains.golist import LISTED, listing, read_listing
from wasmbuild.workflows.planning import Planned

__all__ = ["compiled_modules"]

_SECONDS = 60.0


def compiled_modules(
    planned: Planned, inputs: Sequence[InputFile], *, caches: Caches, environment: Mapping[str, str], sink: Sink
) -> frozenset[tuple[str, str]] | None:
    """The modules by path and version; None where it cannot be told. ``inputs`` are all files of the build.

    What fails is a warning: an SBOM can do without.
    """
    chain = _chain(planned)
    if chain is None or not _here(chain, inputs, caches):
        return None
    try:
        return read_listing(_performed(chain, planned.root, inputs, caches, environment, sink))
    except (Failure, OSError) as failure:
        sink(Note("warning", f"{planned.label}: go list did not say which modules are compiled: {failure}"))
        return None


def _chain(planned: Planned) -> Chain | None:
    """To list what the target's own chain compiles; what other targets make is not at hand any more."""
    actions = {action.name: action for action in planned.chain.actions}
    compiling = actions.get("compile")
    listed = listing(compiling) if compiling is not None and not planned.part.target.depends else None
    if listed is None:
        return None
    earlier = tuple(actions[name] for name in listed.after)
    chain = planned.chain
    return Chain(chain.label, (*earlier, listed), chain.tools, min(chain.timeout, _SECONDS), chain.memory)


def _here(chain: Chain, inputs: Sequence[InputFile], caches: Caches) -> bool:
    from wasmbuild.build.kept import KeptFolders  # noqa: PLC0415

    tools = [chain.tools[name] for action in chain.actions for name in action.tools if name != "python"]
    if not all(tool.root.is_dir() for tool in tools):
        return False
    kept, steps = KeptFolders(caches), described(chain, inputs)
    return all(kept.find(name, steps[name].key) for name in chain.last.after)


def _performed(
    chain: Chain, root: Path, inputs: Sequence[InputFile], caches: Caches, environment: Mapping[str, str], sink: Sink
) -> bytes:
    from wasmbuild.build.cache.layered import Layered  # noqa: PLC0415
    from wasmbuild.build.engine import Engine  # noqa: PLC0415  (starts processes)
    from wasmbuild.build.sandbox import choose_sandbox  # noqa: PLC0415
    from wasmbuild.workflows.caching import local_cache  # noqa: PLC0415

    sandbox = choose_sandbox(memory=caches.root / "sandbox")
    cache = Layered(local_cache(caches, sink), sink)
    engine = Engine(caches, cache, sandbox, lambda _: None, environment, sink)
    with storage_errors("there is no room for a list of modules"), tempfile.TemporaryDirectory() as folder:
        destination = Path(folder) / LISTED
        engine.perform(chain, root, inputs, {}, destination)
        return destination.read_bytes()
