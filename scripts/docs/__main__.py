"""Make the site of the documentation: pages, navigation, and HTML by Zensical, which stops at the first warning.

    python -m scripts.docs [FOLDER]

FOLDER is build/docs by default; the site is in its ``site``, and needs no network to be read.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.docs.navigation import Entry, navigation
from scripts.docs.pages import CHECKOUT, write_pages

_CONFIGURATION = Path(__file__).with_name("zensical.toml")
_SECONDS = 600


def prepare(folder: Path) -> Path:
    """Write everything that the generator reads; its configuration's path."""
    pages = folder / "pages"
    write_pages(pages)
    configuration = folder / "zensical.toml"
    configuration.write_text(configured(navigation(pages)))
    return configuration


def configured(entries: Sequence[Entry]) -> str:
    """The generator's configuration, with a navigation."""
    return _CONFIGURATION.read_text().replace("nav = []", f"nav = {_toml(list(entries))}")


def _toml(value: Any) -> str:  # noqa: ANN401 - what a navigation is made of
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(name)} = {_toml(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def generate(configuration: Path) -> int:
    """Make HTML of pages; what the generator ends with, which is not 0 after a warning."""
    program = Path(sys.executable).with_name("zensical")
    if not program.exists():
        print("zensical is not installed: pip install -e '.[docs]'", file=sys.stderr)
        return 2
    return subprocess.run(
        [program, "build", "--strict", "--clean", "--config-file", configuration],
        check=False, timeout=_SECONDS, env={**os.environ, "NO_COLOR": "1"},
    ).returncode  # fmt: skip


def main(folder: Path) -> int:
    """Make the site. What the generator ends with is what this ends with."""
    code = generate(prepare(folder))
    if code == 0:
        print(folder / "site")
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else CHECKOUT / "build/docs"))
