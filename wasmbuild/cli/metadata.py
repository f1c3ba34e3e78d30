"""``wasmbuild metadata``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wasmbuild.cli.common import OUTPUT, argument, option, verb
from wasmbuild.cli.lazy import HELP
from wasmbuild.events import Note
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.workflows.rewriting import Changed, Said

_SHOWN = 20


@click.group("metadata", context_settings=HELP, epilog="Example: wasmbuild metadata show dist/hello.wasm")
def command() -> None:
    """Show, add and remove what a WebAssembly file says about itself."""


_output = option("-o", "--output", type=OUTPUT, help="The file to write; replaced when it is there.")
_in_place = option("--in-place", is_flag=True, help="Replace FILE itself.")


@verb("show", "wasmbuild metadata show dist/hello.wasm")
@argument("file")
def _show(console: Console, file: str) -> None:
    """Say what the .wasm file FILE says about itself: its name, who made it and with what, features, dependencies.

    What is nested in a component is shown after it. Nobody vouches for any of it.
    """
    from wasmbuild.workflows.rewriting import Source, said

    found = said(Source.open(file, "metadata show"))
    text = "\n".join(line for each in found for line in _lines(file, each))
    console.result("metadata show", text, {"file": file, "parts": [_to_json(each) for each in found]})


@verb("add", "wasmbuild metadata add hello.wasm --version 1.0.0 --producer language=C@17 -o hello-1.0.0.wasm")
@argument("file")
@option("--name", help="What the module or component calls itself.")
@option(
    "--author", "--authors", "authors", multiple=True, metavar="TEXT", help="Who is responsible; may be given again."
)
@option("--description", help="What it is, in a sentence.")
@option("--licenses", metavar="SPDX", help="An SPDX expression, such as MIT OR Apache-2.0.")
@option("--source", metavar="URL", help="Where its source code is.")
@option("--homepage", metavar="URL", help="Where more is said about it.")
@option("--revision", help="The revision of its source code.")
@option("--version", help="Its version.")
@option(
    "--producer",
    "producers",
    multiple=True,
    metavar="FIELD=NAME[@VERSION]",
    help="A language, processed-by or sdk; may be given again.",
)
@_output
@_in_place
def _add(
    console: Console,
    *,
    file: str,
    authors: tuple[str, ...],
    producers: tuple[str, ...],
    output: Path | None,
    in_place: bool,
    **texts: str | None,
) -> None:
    """Let the .wasm file FILE say more about itself; what is said already is replaced, producers are added to.

    Everything else stays as it is. Prints the name of the file that was written.
    """
    from wasmbuild.workflows.outputs import destination
    from wasmbuild.workflows.rewriting import Source, add_to, parse_producers

    fields = {name: text for name, text in texts.items() if text is not None}
    if authors:
        fields["authors"] = ", ".join(authors)
    source = Source.open(file, "metadata add")
    target = destination(source.path, output, in_place=in_place)
    _tell(console, "metadata add", add_to(source, target, fields, parse_producers(producers)))


@verb("strip", "wasmbuild metadata strip hello.wasm -o hello.anonymous.wasm")
@argument("file")
@_output
@_in_place
def _strip(console: Console, *, file: str, output: Path | None, in_place: bool) -> None:
    """Let the .wasm file FILE, and what is nested in it, say nothing about itself.

    Goes: its name, who made it and with what, features, dependencies. Names of functions and debugging
    information stay: those are taken out by wasmbuild strip. Prints the name of the file that was written.
    """
    from wasmbuild.workflows.outputs import destination
    from wasmbuild.workflows.rewriting import Source, remove_from

    source = Source.open(file, "metadata strip")
    target = destination(source.path, output, in_place=in_place)
    _tell(console, "metadata strip", remove_from(source, target))


for _verb in (_show, _add, _strip):
    command.add_command(_verb)


def _tell(console: Console, name: str, changed: "Changed") -> None:
    from wasmbuild.workflows.rewriting import warning

    if changed.breaks_signature:
        console.emit(Note("warning", warning(changed)))
    console.result(name, str(changed.file), changed.to_json())


def _lines(file: str, part: "Said") -> list[str]:
    """A page for one binary of a file; nothing for a nested one that says nothing."""
    from registry.words import printable

    customs = part.customs
    rows = [("name", customs.name)] if customs.name is not None else []
    rows += [*customs.fields, *((each.field, str(each)) for each in customs.producers.entries)]
    if customs.target_features:
        rows.append(("features", " ".join(customs.target_features)))
    if customs.dependencies:
        rows.append(("dependencies", _dependencies(part)))
    rows += [("unreadable", f"{each.name}: {each.why}") for each in customs.unreadable]
    if part.path and not rows:
        return []
    where = f"{part.kind} {'.'.join(map(str, part.path))} in it" if part.path else f"{file}: {part.kind}"
    shown = [f"  {printable(label, 20):<14} {printable(text or '')}" for label, text in rows]
    return [printable(where), *(shown or ["  says nothing about itself"])]


def _dependencies(part: "Said") -> str:
    found = [f"{each.name} {each.version}" for each in part.customs.dependencies if not each.root]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more


def _to_json(part: "Said") -> dict[str, Any]:
    from wasmbuild.workflows.inspect_json import dependency_to_json

    customs = part.customs
    fields = dict.fromkeys(each.field for each in customs.producers.entries)
    return {
        "path": list(part.path),
        "kind": part.kind,
        "name": customs.name,
        "fields": dict(customs.fields),
        "producers": {
            field: [{"name": each.name, "version": each.version} for each in customs.producers.of(field)]
            for field in fields
        },
        "features": list(customs.target_features),
        "dependencies": [dependency_to_json(each) for each in customs.dependencies],
        "unreadable": [{"name": each.name, "why": each.why} for each in customs.unreadable],
    }
