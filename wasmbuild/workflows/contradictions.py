"""Where the config of an artifact says something else than the file that it came with.

A config is the word of whoever pushed it, and most people look at nothing else. What it says and what the
file has are found by others (``published``, ``inspect``).
"""

from collections.abc import Iterable, Iterator

from registry.words import printable
from wasmbuild.wasm.model import WasmBinary
from wasmbuild.wasm.world import target_world
from wasmbuild.workflows.inspected import ConfigBlob

__all__ = ["contradictions"]

_SHOWN = 5
_LONGEST = 120
_STANDARD = "wasi:"


def contradictions(config: ConfigBlob, binary: WasmBinary) -> tuple[str, ...]:
    """In words, what of a config is not so; nothing where it does not say anything."""
    return tuple(_contradictions(config, binary))


def _contradictions(config: ConfigBlob, binary: WasmBinary) -> Iterator[str]:
    if config.kind is not None and config.kind != binary.kind:
        yield f"its config is that of a {config.kind}, and the file is a {binary.kind}"
    elif config.binary is not None:
        yield from _names("imports", config.binary.import_names, binary.import_names)
        yield from _names("exports", config.binary.export_names, binary.export_names)
    # Any other world is known by its WIT alone.
    target = config.target
    if target is not None and target.startswith(_STANDARD) and target != target_world(binary):
        yield f"its config says that it targets {printable(target, _LONGEST)}, and the file does not"


def _names(verb: str, said: Iterable[str], found: Iterable[str]) -> Iterator[str]:
    if hidden := set(found).difference(said):
        yield f"the file {verb} what its config does not name: {_listed(hidden)}"
    if invented := set(said).difference(found):
        yield f"its config says that it {verb} what the file does not: {_listed(invented)}"


def _listed(names: set[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(printable(name, _LONGEST) for name in sorted(names)[:_SHOWN]) + more
