"""``run``: a file or an artifact in the sandbox."""

from collections.abc import Callable, Sequence
from pathlib import Path

from registry.reference import Reference
from wasmbuild.caches import Caches
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Sink
from wasmbuild.run.sandbox import run
from wasmbuild.trust.keys import PublicKey
from wasmbuild.workflows.fetch import fetch

__all__ = ["local_file", "run_artifact"]


def run_artifact(
    artifact: str,
    arguments: Sequence[str],
    *,
    key: PublicKey | None,
    caches: Caches,
    sink: Sink,
    ready: Callable[[], None],
) -> int:
    """Run a guest and return its exit code; ``ready`` is called before the terminal is the guest's.

    Raises UsageFailed for a key with a file, which nobody has signed; GuestFailed; what fetching
    raises.
    """
    file = local_file(artifact)
    if file is None:
        fetched = fetch(Reference.parse(artifact), key=key, caches=caches, sink=sink)
        file, name = fetched.path, fetched.remote.asked.repository.rsplit("/", 1)[-1]
    elif key is not None:
        raise UsageFailed(f"{file} is a file, and a key verifies artifacts in a registry")
    else:
        name = file.name
    ready()
    return run(file, [name, *arguments], cache=caches.root / "aot")


def local_file(artifact: str) -> Path | None:
    """The file that a text names, if there is one; otherwise it is meant as a reference.

    Raises UsageFailed when it can only have been meant as a file.
    """
    path = Path(artifact)
    if path.is_file():
        return path
    if artifact.endswith((".wasm", ".wat")) or artifact.startswith((".", "/")):
        raise UsageFailed(f"there is no file {artifact}")
    return None
