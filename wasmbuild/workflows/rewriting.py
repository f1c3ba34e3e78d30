"""``metadata`` and ``strip``: what a wasm file of this machine says about itself, shown and changed.

Nothing here looks at code, and nothing of it is executed. Not here: what of an artifact's manifest says
something about it, which ``push --annotation`` writes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.errors import InvalidReference
from registry.reference import Reference
from registry.words import pasted, printable
from wasmbuild.errors import UsageFailed
from wasmbuild.tables import closest
from wasmbuild.wasm.binary import read, read_all
from wasmbuild.wasm.customs.producers import PRODUCER_FIELDS, Producer
from wasmbuild.wasm.customs.sections import Customs, read_all_customs
from wasmbuild.wasm.editing.metadata import change_metadata, remove_metadata
from wasmbuild.wasm.editing.strip import SIGNATURE, Stripped, choice, strip
from wasmbuild.wasm.format.reader import MAX_NAME
from wasmbuild.wasm.model import Kind
from wasmbuild.workflows.files import write_file
from wasmbuild.workflows.locals import local_file
from wasmbuild.workflows.wasmtools import content

__all__ = [
    "Changed",
    "Said",
    "Source",
    "add_to",
    "parse_producers",
    "remove_from",
    "said",
    "strip_file",
    "warning",
]


@dataclass(frozen=True, slots=True)
class Source:
    """A wasm file that somebody named, and its bytes."""

    path: Path
    wasm: bytes

    @classmethod
    def open(cls, name: str, verb: str) -> "Source":
        """Read a file; ``verb`` is for errors. Raises UsageFailed, also for a reference; InvalidWasm."""
        path = local_file(name)
        if path is None:
            raise _no_file(name, verb)
        return cls(path, content(path))


@dataclass(frozen=True, slots=True)
class Said:
    """What one binary of a file says; ``path`` leads to it (see ``wasm.anatomy.Part``)."""

    path: tuple[int, ...]
    kind: Kind
    customs: Customs


@dataclass(frozen=True, slots=True)
class Changed:
    """A file that was written: sizes in bytes. ``breaks_signature``: a signature in it holds no longer."""

    file: Path
    before: int
    after: int
    breaks_signature: bool

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        return {
            "file": str(self.file),
            "before": self.before,
            "after": self.after,
            "breaksSignature": self.breaks_signature,
        }


def said(source: Source) -> tuple[Said, ...]:
    """What a file says about itself, and then what is nested in it. Raises InvalidWasm."""
    found = read_all(source.wasm)
    customs = read_all_customs(source.wasm, (each.binary.sections for each in found))
    return tuple(Said(each.path, each.binary.kind, says) for each, says in zip(found, customs, strict=True))


def add_to(source: Source, target: Path, fields: Mapping[str, str], producers: Sequence[Producer]) -> Changed:
    """Write a file with more said about it. Raises UsageFailed, InvalidWasm, StorageFailed."""
    if not fields and not producers:
        raise UsageFailed("there is nothing to add", hint='wasmbuild metadata add FILE --description "…" -o NEW')
    for name, text in fields.items():
        _check_text(f"--{name}", text)
    return _write(source, target, change_metadata(source.wasm, fields, producers))


def remove_from(source: Source, target: Path) -> Changed:
    """Write a file that says nothing about itself. Raises InvalidWasm, StorageFailed."""
    return _write(source, target, remove_metadata(source.wasm))


def strip_file(
    source: Source, target: Path, *, everything: bool, keep: Sequence[str], delete: Sequence[str]
) -> tuple[Stripped, Changed]:
    """Write a file without some of its custom sections. Raises UsageFailed, InvalidWasm, StorageFailed."""
    if everything and delete:
        raise UsageFailed("--all and --delete do not go together", hint="--delete GLOB alone, or --all --keep GLOB")
    stripped = strip(source.wasm, choice(everything=everything, keep=keep, delete=delete))
    return stripped, _write(source, target, stripped.wasm)


def parse_producers(words: Sequence[str]) -> tuple[Producer, ...]:
    """Read ``FIELD=NAME`` and ``FIELD=NAME@VERSION``. Raises UsageFailed."""
    return tuple(_producer(word) for word in words)


def warning(changed: Changed) -> str:
    """What to tell a person whose file was signed inside."""
    return f"{changed.file} is no longer what its section {SIGNATURE} was made for: sign it again"


def _producer(word: str) -> Producer:
    field, separator, rest = word.partition("=")
    at = rest.find("@", 1)  # the names of npm packages begin with one
    name, version = (rest, "") if at < 0 else (rest[:at], rest[at + 1 :])
    if not separator or not name:
        raise UsageFailed(f"{printable(word, 80)!r} is not a producer", hint="--producer language=C@17")
    if field not in PRODUCER_FIELDS:
        guess = closest(field, PRODUCER_FIELDS)
        raise UsageFailed(
            f"{printable(field, 80)!r} is not a field of producers",
            hint=f"did you mean {guess}?" if guess else f"known are {', '.join(PRODUCER_FIELDS)}",
        )
    _check_text("--producer", rest)
    return Producer(field, name, version)


def _check_text(option: str, text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise UsageFailed(f"{option} is not text", cause="what is in a wasm file is UTF-8") from error
    if size > MAX_NAME:
        raise UsageFailed(f"{option} has {size} bytes, more than {MAX_NAME}")


def _write(source: Source, target: Path, wasm: bytes) -> Changed:
    signed = any(section.name == SIGNATURE for section in read(source.wasm).sections)
    write_file(target, (wasm,))
    return Changed(target, len(source.wasm), len(wasm), signed and wasm != source.wasm)


def _no_file(name: str, verb: str) -> UsageFailed:
    try:
        Reference.parse(name)
    except InvalidReference:
        return UsageFailed(f"there is no file {printable(name, 120)}")
    return UsageFailed(
        f"there is no file {name[:120]}",
        cause=f"{verb} takes a file of this machine: an artifact in a registry is what it is",
        hint=f"wasmbuild pull {pasted(name[:120])} -o FILE.wasm" if "/" in name else None,
    )
