"""Opening: the bytes of a wasm file that a person named by its path, or by a reference."""

from dataclasses import dataclass

from registry.client.registries import Registries
from wasmbuild.caches import Caches
from wasmbuild.events import Sink
from wasmbuild.workflows.fetch import fetch
from wasmbuild.workflows.locals import in_registry, local_file
from wasmbuild.workflows.wasmtools import content

__all__ = ["Opened", "open_artifact"]


@dataclass(frozen=True, slots=True)
class Opened:
    """A wasm file by the name that it was asked for by, or by digest, and its bytes."""

    name: str
    wasm: bytes


def open_artifact(artifact: str, verb: str, *, caches: Caches, registries: Registries, sink: Sink) -> Opened:
    """Read a file, or the file of an artifact; ``verb`` is for errors.

    Raises UsageFailed, InvalidWasm, and what fetching raises.
    """
    file = local_file(artifact)
    if file is not None:
        return Opened(artifact, content(file))
    fetched = fetch(in_registry(artifact, verb), demand=None, caches=caches, registries=registries, sink=sink)
    return Opened(str(fetched.reference), content(fetched.path))
