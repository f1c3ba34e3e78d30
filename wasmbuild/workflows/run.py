"""``run``: a file or an artifact in the sandbox."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from registry.client.registries import Registries
from registry.errors import InvalidReference
from registry.reference import Reference
from wasmbuild.caches import Caches
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Sink
from wasmbuild.run.sandbox import run
from wasmbuild.workflows.fetch import fetch
from wasmbuild.workflows.places import in_registry

if TYPE_CHECKING:
    from wasmbuild.trust.keys import PublicKey

__all__ = ["local_file", "run_artifact"]


def run_artifact(
    artifact: str,
    arguments: Sequence[str],
    *,
    key: "PublicKey | None",
    caches: Caches,
    registries: Registries,
    sink: Sink,
    ready: Callable[[], None],
) -> int:
    """Run a guest and return its exit code; ``ready`` is called before the terminal is the guest's.

    Raises UsageFailed for a key with a file, which nobody has signed; GuestFailed; what fetching
    raises.
    """
    file = local_file(artifact)
    if file is None:
        fetched = fetch(in_registry(artifact, "run"), key=key, caches=caches, registries=registries, sink=sink)
        file, name = fetched.path, fetched.remote.asked.repository.rsplit("/", 1)[-1]
    elif key is not None:
        raise UsageFailed(f"{file} is a file, and a key verifies artifacts in a registry")
    else:
        name = file.name
    ready()
    return run(file, [name, *arguments], cache=caches.root / "aot", notify=sink)


def local_file(artifact: str) -> Path | None:
    """The file that a text names, if there is one; otherwise it is meant as a reference.

    A reference that names its host stays one even if there is such a file: whoever can put files
    here does not decide what is run. Raises UsageFailed when only a file can have been meant.
    """
    surely = artifact.endswith((".wasm", ".wat")) or artifact.startswith((".", "/"))
    if not surely and _names_a_host(artifact):
        return None
    path = Path(artifact)
    if _is_file(path):
        return path
    if surely:
        raise UsageFailed(f"there is no file {artifact}")
    return None


def _names_a_host(artifact: str) -> bool:
    first, slash, _ = artifact.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        return False
    try:
        Reference.parse(artifact)
    except InvalidReference:
        return False
    return True


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, or a folder that may not be entered
        return False
