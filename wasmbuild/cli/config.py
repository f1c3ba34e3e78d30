"""``wasmbuild config``."""

from pathlib import Path
from typing import TYPE_CHECKING

from wasmbuild.cli.common import FOLDER, argument, option, verb
from wasmbuild.errors import UsageFailed
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.project.origins import Value


@verb("config", "wasmbuild config --show-origin")
@argument("folder", type=FOLDER, default=".")
@option("--show-origin", is_flag=True, help="Say of each value where it comes from.")
@option("--schema", is_flag=True, help="Print the JSON Schema of wasmbuild.toml, and nothing else.")
def command(console: Console, folder: Path, show_origin: bool, schema: bool) -> None:
    """Show every value that holds in FOLDER, one a line.

    They are those of wasmbuild.toml, of the user's config.toml and of the environment; passwords are not shown.
    """
    import json
    import os

    if schema:
        if show_origin:
            raise UsageFailed("--schema and --show-origin do not go together")
        from wasmbuild.project.schema import schema as make

        print(json.dumps(make(), indent=2))
        return
    from wasmbuild.workflows.configured import configured

    values = configured(folder, os.environ)
    lines = [f"{each.name} = {_shown(each)}" for each in values]
    if show_origin:
        width = min(max(map(len, lines), default=0), 60)
        lines = [f"{line:<{width}}  {each.origin}" for line, each in zip(lines, values, strict=True)]
    document = [{"name": each.name, "value": each.value, "origin": each.origin} for each in values]
    console.result("config", "\n".join(lines), {"values": document})


def _shown(value: "Value") -> str:
    import json

    plain = value.origin == "default" and isinstance(value.value, str)
    return str(value.value) if plain else json.dumps(value.value, ensure_ascii=False)
