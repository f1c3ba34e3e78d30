"""``save`` and ``load``: a repository's artifacts, with all that refers to them, as one tar file and back.

The file is an OCI image layout that other tools read, too; the same content gives the same bytes.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.client.registries import Registries
from registry.content import Store
from registry.copying import CopyReport, copy_with_referrers, on_side
from registry.digest import Digest
from registry.errors import ContentNotFound, InvalidDocument
from registry.files import open_regular
from registry.graph import read_document
from registry.model import INDEX_TYPES, Descriptor, is_document
from registry.reference import valid_tag
from registry.stores.archive import ArchiveStore
from registry.stores.archiving import staging_beside, write_archive
from registry.stores.listed import REF_NAME, ListedStore
from registry.words import pasted, printable
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Sink, step
from wasmbuild.workflows.airgap import TrustFile, carries_trust, is_trust, pack_trust, unpack_trust
from wasmbuild.workflows.cosigntags import REFERRERS_TAG, CosignTags, is_companion
from wasmbuild.workflows.places import Name, checked_tags, reading, set_tags, writing
from wasmbuild.workflows.remote import counted, observed, resolved

__all__ = ["Artifact", "Moved", "artifacts_in", "load", "save", "unpack_file"]

_OTHER_NAME = "io.containerd.image.name"
"""Under what containerd and Docker import an entry of ``index.json``."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A document, and the tags that it has."""

    reference: str
    descriptor: Descriptor
    tags: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """For the document of a command."""
        return {"reference": self.reference, "descriptor": self.descriptor.to_json(), "tags": list(self.tags)}


@dataclass(frozen=True, slots=True)
class Moved:
    """The artifacts that were saved or loaded."""

    artifacts: tuple[Artifact, ...]
    report: CopyReport

    @classmethod
    def nothing(cls) -> "Moved":
        """When nothing was asked for."""
        return cls((), CopyReport())

    def to_json(self) -> dict[str, Any]:
        """The fields of a command's document."""
        return {"artifacts": [each.to_json() for each in self.artifacts], "copied": counted(self.report)}


@dataclass(frozen=True, slots=True)
class _Root:
    """A document to be copied, and the tags to set."""

    descriptor: Descriptor
    tags: tuple[str, ...]


def save(
    source: str,
    output: Path,
    *,
    tags: Iterable[str],
    trust: Sequence[TrustFile] | None = None,
    registries: Registries,
    sink: Sink,
) -> Moved:
    """Write the artifacts of a repository, or those with the tags that are given, to a tar file.

    ``output`` is replaced. With ``trust``, what cosign's tags name goes along as well, and these files do.
    Lists of referrers that stand under a tag are left out: loading makes them anew where they are needed.
    Raises UsageFailed for a source with a digest, ContentNotFound when nothing has a tag, StorageFailed, and
    what copying raises.
    """
    name = Name.parse(source)
    if name.digest is not None:
        raise UsageFailed(f"{source} names a digest, and what is saved is found by its tag")
    wanted = checked_tags([*([name.tag] if name.tag else []), *tags])
    with on_side("source"), reading(name, registries) as place:
        roots = _meant(place.store, place.name, wanted or _own_tags(place.store))
        if not roots:
            raise ContentNotFound(f"{place.name} has nothing with a tag")
        with on_side("destination"), staging_beside(output) as staging:
            with staging.gathering():
                named = None if trust is None else CosignTags(place.store)
                report = _copy(place.store, staging, roots, named, registries.settings.concurrency, sink)
                for root in _with_named(roots, named):
                    for tag in root.tags:
                        staging.tag(root.descriptor, tag)
                if trust is not None:
                    pack_trust(staging, trust)
            with step(sink, "write", str(output)):
                write_archive(staging, output)
    return _moved(place.name, roots, report)


def load(file: Path, destination: str, *, tags: Iterable[str], registries: Registries, sink: Sink) -> Moved:
    """Bring the artifacts of a tar file, or those with the tags that are given, to a repository.

    What has no tag in the file keeps its digest. Where a registry knows no referrers, their list is
    written, too. Raises UsageFailed for a file that cannot be read and for a destination that is one
    artifact, InvalidDocument for a file that is no archive, ContentNotFound for a tag that it does not
    have, and what copying raises.
    """
    name, wanted = Name.parse(destination), checked_tags(tags)
    if name.tag is not None or name.digest is not None:
        raise UsageFailed(
            f"{destination} is one artifact, and a file may have many",
            hint=f"wasmbuild load {pasted(file)} {pasted(name.where)} --tag TAG",
        )
    _check_file(file, name.where)
    with on_side("source"), ArchiveStore(file) as archive:
        _check_tags(archive, str(file))
        roots = _meant(archive, str(file), wanted) if wanted else _listed(archive, str(file), _own_tags(archive))
        if not roots:
            raise ContentNotFound(f"{file} has no artifacts")
        with on_side("destination"), writing(name, registries) as place:
            named = CosignTags(archive) if carries_trust(archive) else None
            report = _copy(archive, place.store, roots, named, registries.settings.concurrency, sink)
            for root in _with_named(roots, named):
                set_tags(place, root.descriptor, root.tags, sink)
            return _moved(place.name, roots, report)


def unpack_file(file: Path, folder: Path, sink: Sink) -> tuple[Path, ...]:
    """Write the files that a tar file carries of whom to trust to a folder. Raises as :func:`unpack_trust` does."""
    _check_file(file, "HOST/REPOSITORY")
    with ArchiveStore(file) as archive:
        return unpack_trust(archive, folder, sink)


def _check_file(file: Path, destination: str) -> None:
    """See that there is a file: what is in it is not looked at."""
    kind, colon, path = str(file).partition(":")
    if colon and kind in {"oci", "oci-archive"} and not file.exists():
        place = f"wasmbuild copy -r {file} {destination}"
        raise UsageFailed(
            f"{file} is a place, and load takes a tar file",
            hint=place if kind == "oci" else f"wasmbuild load {path} {destination}",
        )
    if file.is_dir():
        raise UsageFailed(
            f"{file} is a folder, and load takes a tar file",
            hint=f"if it is an OCI image layout: wasmbuild copy -r oci:{file}:TAG {destination}",
        )
    try:
        open_regular(file).close()
    except OSError as error:
        raise UsageFailed(f"{file} cannot be read", cause=error.strerror) from error


@contextmanager
def artifacts_in(name: Name) -> Iterator[tuple[Store, tuple[Artifact, ...]]]:
    """The artifacts of an archive or a layout, or the one that is named; the store is for the length of a block.

    Raises UsageFailed for a place in a registry, ContentNotFound, InvalidDocument.
    """
    if name.path is None:
        raise UsageFailed(f"{name.where} is in a registry")
    with reading(name, Registries()) as place:
        if isinstance(place.store, ListedStore):
            _check_tags(place.store, str(name.path))
        if name.tag is not None or name.digest is not None:
            roots = [_Root(place.resolve(), (name.tag,) if name.tag else ())]
        elif isinstance(place.store, ListedStore):
            roots = _listed(place.store, str(name.path), place.store.tags())
        else:
            raise UsageFailed(f"{name.where} is not an archive")
        yield place.store, _moved(place.name, roots, CopyReport()).artifacts


def _copy(
    source: Store, destination: Store, roots: Sequence[_Root], named: CosignTags | None, concurrency: int, sink: Sink
) -> CopyReport:
    report = CopyReport()
    for root in roots:
        report += copy_with_referrers(
            source,
            destination,
            root.descriptor,
            companions=named.of if named else None,
            hooks=observed(sink),
            concurrency=concurrency,
        )
    return report


def _with_named(roots: Sequence[_Root], named: CosignTags | None) -> list[_Root]:
    """The documents to tag: first what stands beside others, so that nobody sees them without it."""
    found = sorted(named.found.items()) if named else []
    known = {tag for root in roots for tag in root.tags}
    ordered = sorted(roots, key=lambda root: not (root.tags and all(map(is_companion, root.tags))))
    return [*(_Root(document, (tag,)) for tag, document in found if tag not in known), *ordered]


def _moved(name: str, roots: Sequence[_Root], report: CopyReport) -> Moved:
    artifacts = (Artifact(f"{name}@{root.descriptor.digest}", root.descriptor, root.tags) for root in roots)
    return Moved(tuple(artifacts), report)


def _meant(store: Store, name: str, tags: Iterable[str]) -> list[_Root]:
    """What tags mean in a store that is called ``name``, each document once."""
    return _grouped((tag, resolved(store, name, tag, None)) for tag in tags)


def _grouped(named: Iterable[tuple[str, Descriptor]]) -> list[_Root]:
    found: dict[Digest, _Root] = {}
    for tag, descriptor in named:
        known = found.get(descriptor.digest, _Root(descriptor, ()))
        found[descriptor.digest] = _Root(known.descriptor, (*known.tags, tag))
    return list(found.values())


def _own_tags(store: Store) -> Iterator[str]:
    """All tags but those of lists of referrers."""
    for tag in store.tags():
        if not (REFERRERS_TAG.fullmatch(tag) and store.resolve(tag).media_type in INDEX_TYPES):
            yield tag


def _listed(archive: ListedStore, name: str, tags: Iterable[str]) -> list[_Root]:
    """All that an archive has, whoever wrote it: what has one of the tags, and what is listed without one."""
    named: dict[str, Descriptor] = {}
    for text in tags:
        tag, descriptor = text if valid_tag(text) else text.rpartition(":")[2], archive.resolve(text)
        if not valid_tag(tag) or named.setdefault(tag, descriptor).digest != descriptor.digest:
            raise InvalidDocument(
                f"{name} does not say under which tags to load it",
                cause=f"it has {printable(text, 120)}",
                hint="load one at a time, with --tag",
            )
    roots = _grouped(named.items())
    return roots + [_Root(entry, ()) for entry in _alone(archive, [root.descriptor for root in roots])]


def _check_tags(archive: ListedStore, name: str) -> None:
    """Refuse an archive in which one tag means two things, or is none: nobody would notice what of it is loaded."""
    known: dict[str, Digest] = {}
    for entry in archive.entries():
        tag = entry.annotations.get(REF_NAME)
        if tag is None:
            continue
        if not tag or printable(tag) != tag:
            raise InvalidDocument(f"{name} has an artifact with a tag that is none", cause=pasted(tag[:120]))
        if known.setdefault(tag, entry.digest) != entry.digest:
            raise InvalidDocument(f"{name} has two artifacts with one tag", cause=printable(tag, 120))


def _alone(archive: ListedStore, tagged: Sequence[Descriptor]) -> list[Descriptor]:
    """What is listed without a tag and is there for its own sake, and not for what it refers to, which brings it along.

    What the list says of a document is not believed. But where it has a name for other tools, they take it out by
    that, whatever it refers to.
    """
    roots, brought = {descriptor.digest for descriptor in tagged}, set[Digest]()
    for descriptor in tagged:
        _bring(archive, descriptor, brought)
    waiting: list[tuple[bool, bool, Descriptor]] = []
    for entry in archive.entries():
        if REF_NAME not in entry.annotations and entry.digest not in roots and is_document(entry.media_type):
            document = read_document(archive, entry)[1]
            waiting.append((document.subject is not None, is_trust(document), entry))
    found: dict[Digest, Descriptor] = {}
    for refers, trust, entry in sorted(waiting, key=lambda each: each[0]):
        along = entry.digest in brought if refers else trust
        if not along or _OTHER_NAME in entry.annotations:
            found[entry.digest] = entry.plain()
            _bring(archive, entry, brought)
    return list(found.values())


def _bring(archive: ListedStore, root: Descriptor, brought: set[Digest]) -> None:
    """Add what loading a document brings along: all that is below it, and all that refers to that."""
    waiting = [root]
    while waiting:
        each = waiting.pop()
        if each.digest in brought or not is_document(each.media_type) or archive.size_of(each.digest) is None:
            continue
        brought.add(each.digest)
        waiting += [*read_document(archive, each)[1].successors, *archive.referrers(each)]
