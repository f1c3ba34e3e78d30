"""``wasmbuild discover``."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from registry.client.registries import Registries
from wasmbuild.cli.common import argument, option, registry_verb
from wasmbuild.events import Note
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.workflows.discover import Found

_DRAWN = ("├── ", "└── ", "│   ", "    ")
_EPOCH = "1970-01-01T00:00:00Z"
"""The time of what was made without one, so that it is the same each time."""
_PLAIN = ("|-- ", "`-- ", "|   ", "    ")


@registry_verb("discover", "wasmbuild discover ghcr.io/acme/hello:1.0.0")
@argument("reference")
@option("--artifact-type", help="Of what refers to REFERENCE itself, show this type only.")
def command(console: Console, registries: Registries, reference: str, artifact_type: str | None) -> None:
    """Show what refers to REFERENCE, or to oci:FOLDER:TAG, and to that, as a tree.

    Signatures are named, and not verified: that is what verify does. With -v, annotations are
    shown, too.
    """
    from wasmbuild.workflows.discover import discover
    from wasmbuild.workflows.places import Name, reading

    concurrency = registries.settings.concurrency
    with reading(Name.parse(reference), registries) as place:
        found = discover(place, artifact_type=artifact_type, concurrency=concurrency, sink=console.emit)
    if not found.referrers:
        console.emit(
            Note("info", "nothing refers to it" if artifact_type is None else "nothing of that type refers to it")
        )
    text = "\n".join([found.reference, *tree_lines(found.referrers, _marks(), verbose=console.verbose)])
    console.result("discover", text, found.to_json())


def tree_lines(nodes: "Sequence[Found]", marks: Sequence[str], *, verbose: bool) -> Iterator[str]:
    """A line for each node, indented by what is above it; with ``verbose``, lines for its details below it."""
    middle, last, passing, empty = marks
    for number, node in enumerate(nodes, start=1):
        at_end = number == len(nodes)
        yield f"{last if at_end else middle}{_described(node)}"
        indent = empty if at_end else passing
        below = passing if node.referrers else empty
        for line in _details(node) if verbose else ():
            yield f"{indent}{below}{line}"
        for line in tree_lines(node.referrers, marks, verbose=verbose):
            yield f"{indent}{line}"


def _described(node: "Found") -> str:
    from registry.words import printable
    from wasmbuild.ui.words import size

    created = [f"created {printable(node.created, 40)}"] if node.created not in (None, _EPOCH) else []
    return f"{node.descriptor.digest}  {', '.join([node.words, size(node.size), *created])}"


def _details(node: "Found") -> Iterator[str]:
    from registry.words import printable

    if node.tag is not None:
        yield f"tag: {printable(node.tag)}"
    elif node.document.kind:
        yield f"artifact type: {printable(node.document.kind)}"
    for key, value in sorted(node.document.annotations.items()):
        yield printable(f"{key}: {value}")


def _marks() -> Sequence[str]:
    with suppress(UnicodeEncodeError, LookupError):
        "".join(_DRAWN).encode(sys.stdout.encoding or "ascii")
        return _DRAWN
    return _PLAIN
