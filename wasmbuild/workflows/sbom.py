"""``sbom``: what a wasm file, or the file of an artifact, is made of, as a document.

Not here: how a file is read (``wasmbuild.sbom``), and how the document gets to the artifact (``attach``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from registry.client.registries import Registries
from registry.reference import Reference
from wasmbuild.created import creation_time
from wasmbuild.errors import InvalidWasm, UsageFailed
from wasmbuild.events import Sink
from wasmbuild.project import PROJECT_FILE
from wasmbuild.sbom import cyclonedx, spdx
from wasmbuild.sbom.gathering import Known, gather
from wasmbuild.sbom.inventory import Inventory
from wasmbuild.wasm.mapped import mapped
from wasmbuild.workflows.locals import local_file

if TYPE_CHECKING:
    from wasmbuild.caches import Caches
    from wasmbuild.sbom.locks import Package

__all__ = ["Form", "Sbom", "Subject", "artifact_known", "make_sbom", "open_subject"]

Form = Literal["cyclonedx", "spdx"]

MAX_FILE = 1024**3
"""Bytes of a file that is read for an SBOM."""

_FORMS: Mapping[Form, tuple[str, Callable[..., str]]] = {
    "cyclonedx": (cyclonedx.MEDIA_TYPE, cyclonedx.write),
    "spdx": (spdx.MEDIA_TYPE, spdx.write),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """A wasm file: the path that it is read from, the name that it was asked for by, and what else is known."""

    path: Path
    name: str
    known: Known


@dataclass(frozen=True, slots=True)
class Sbom:
    """A document about the bytes of ``digest``; ``components`` counts what the file is made of."""

    media_type: str
    digest: str
    components: int
    text: str


def open_subject(
    artifact: str,
    target: str | None = None,
    *,
    environment: Mapping[str, str],
    caches: "Callable[[], Caches]",
    registries: Callable[[], Registries],
    sink: Sink,
) -> Subject:
    """Find a file, or what a project was built to, or fetch the file of an artifact, verified.

    ``target`` is one of the project. Raises UsageFailed, what reading the project raises, and what fetching raises.
    """
    folder = _project(artifact)
    if folder is not None:
        from wasmbuild.workflows.sbom_built import Refining  # noqa: PLC0415  (with all that planning needs)
        from wasmbuild.workflows.sbom_project import known_of_project  # noqa: PLC0415

        path, known = known_of_project(folder, target, Refining(caches(), environment, sink))
        return Subject(path, str(path), known)
    if target is not None:
        raise UsageFailed("--target is one of a project", cause=f"{artifact} is not the folder of one")
    file = local_file(artifact)
    if file is not None:
        return Subject(file, artifact, Known(file.name.removesuffix(".wasm")))
    from wasmbuild.workflows.fetch import fetch  # noqa: PLC0415  (a file needs none of it)
    from wasmbuild.workflows.locals import in_registry  # noqa: PLC0415

    reference = in_registry(artifact, "sbom")
    fetched = fetch(reference, demand=None, caches=caches(), registries=registries(), sink=sink)
    return Subject(fetched.path, str(fetched.reference), artifact_known(fetched.reference))


def artifact_known(reference: Reference, packages: "tuple[Package, ...]" = ()) -> Known:
    """What is known of the file of an artifact by its digest; ``packages`` are of the locks that it was built with."""
    return Known(reference.repository.rpartition("/")[2], _purl(reference), packages)


def make_sbom(subject: Subject, form: Form, environment: Mapping[str, str]) -> Sbom:
    """Write down what a file is made of. Raises UsageFailed, InvalidWasm.

    The same file, known by the same, and the same SOURCE_DATE_EPOCH give the same document.
    """
    created = creation_time(environment)
    inventory = _gathered(subject)
    media_type, write = _FORMS[form]
    return Sbom(media_type, str(inventory.digest), len(inventory.items), write(inventory, created))


def _gathered(subject: Subject) -> Inventory:
    try:
        with mapped(subject.path) as opened:
            if len(opened.data) > MAX_FILE:
                raise InvalidWasm(f"{subject.path} is too large", cause=f"it has more than {MAX_FILE} bytes")
            return gather(opened.data, subject.known, opened.digest)
    except OSError as error:
        raise UsageFailed(f"{subject.path} cannot be read", cause=error.strerror) from error


def _project(artifact: str) -> Path | None:
    """The folder of a project that a text names; what looks like a host is never one, as with files."""
    surely = artifact.startswith((".", "/"))
    first = artifact.partition("/")[0]
    if not surely and ("." in first or ":" in first or first == "localhost"):
        return None
    path = Path(artifact)
    try:
        return path if path.is_dir() and (surely or (path / PROJECT_FILE).is_file()) else None
    except OSError:
        return None


def _purl(reference: Reference) -> str:
    """The artifact by digest (purl-spec, type ``oci``)."""
    from packageurl import PackageURL  # noqa: PLC0415

    repository = f"{reference.host}/{reference.repository}".lower()
    name = repository.rpartition("/")[2]
    return str(PackageURL("oci", None, name, str(reference.digest), {"repository_url": repository}).to_string())
