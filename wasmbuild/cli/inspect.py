"""``wasmbuild inspect``."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from wasmbuild.cli.common import FILE, argument, option, registry_verb
from wasmbuild.errors import UsageFailed
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from registry.client.registries import Registries
    from wasmbuild.workflows.inspected import Inspected

_CODE = ("wit", "wat")


@registry_verb("inspect", "wasmbuild inspect dist/hello.wasm", at_need=True, formats=("text", "json", *_CODE))
@argument("artifact")
@option("--deep", is_flag=True, help="Fetch the file of an artifact, and look into the code for features.")
@option("--html", type=FILE, help="Write a picture of where the bytes are, as one page; - is stdout.")
def command(
    console: Console, registries: "Callable[[], Registries]", *, artifact: str, deep: bool, html: Path | None
) -> None:
    """Say what ARTIFACT, a reference or a .wasm file, is and asks for.

    Of a reference, only the documents are read; its file is fetched, and verified, with --deep, for
    --html, and for --format wit and wat.
    """
    if html is not None and console.format in _CODE:
        raise UsageFailed(f"--html and --format {console.format} do not go together")
    if html is not None:
        _draw(console, *_named_file(console, registries, artifact), html)
    elif console.format in _CODE:
        _write_code(console, _named_file(console, registries, artifact)[1])
    else:
        _tell(console, _inspected(console, registries, artifact, deep=deep))


def _inspected(console: Console, registries: "Callable[[], Registries]", artifact: str, *, deep: bool) -> "Inspected":
    from wasmbuild.workflows.locals import local_file

    file = local_file(artifact)
    if file is not None:
        from wasmbuild.workflows.inspect import read_content
        from wasmbuild.workflows.inspected import Inspected

        return Inspected(artifact, read_content(file, deep=deep))
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.published import inspect_artifact

    return inspect_artifact(artifact, deep=deep, caches=Caches.of_user(), registries=registries(), sink=console.emit)


def _named_file(console: Console, registries: "Callable[[], Registries]", artifact: str) -> tuple[str, Path]:
    """What the person knows it as, and where it is."""
    from wasmbuild.workflows.locals import local_file

    file = local_file(artifact)
    if file is not None:
        return artifact, file
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.published import fetched_file

    fetched = fetched_file(artifact, caches=Caches.of_user(), registries=registries(), sink=console.emit)
    return str(fetched.reference), fetched.path


def _tell(console: Console, found: "Inspected") -> None:
    if console.format == "json":
        from wasmbuild.workflows.inspect_json import to_json

        console.result("inspect", "", to_json(found))
        return
    from wasmbuild.cli.inspecting import page_lines

    console.result("inspect", "\n".join(page_lines(found, whole=console.verbose)), {})


def _write_code(console: Console, file: Path) -> None:
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.wasmtools import wat, wit_text

    write = wit_text if console.format == "wit" else wat
    console.result("inspect", write(file, caches=Caches.of_user(), sink=console.emit), {})


def _draw(console: Console, name: str, file: Path, html: Path) -> None:
    from wasmbuild.cli.raw import is_stream, write_out
    from wasmbuild.workflows.files import write_file
    from wasmbuild.workflows.inspect import read_content
    from wasmbuild.workflows.outputs import spare
    from wasmbuild.workflows.treemap import page

    stream = is_stream(html)
    if not stream:
        spare(file, html)
    data = page(read_content(file).anatomy, name).encode()
    if stream:
        write_out(console, [data])
        return
    write_file(html, [data])
    console.result("inspect", str(html), {"name": name, "file": str(html), "size": len(data)})
