"""Small trees of sources, and tools with nothing in them."""

from pathlib import Path

from registry.digest import Digest
from wasmbuild.build.tool import Tool
from wasmbuild.build.tree import SourceTree


def tree(root: Path, *paths: str) -> SourceTree:
    """A folder, with empty files in it beside those that are there."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return SourceTree.of(root)


def tool(name: str, version: str = "1.0.0", root: Path = Path("/nowhere")) -> Tool:
    """A tool of the machine."""
    return Tool(name, version, Digest.of(name.encode()), root, pinned=False, program=root / "bin" / name)
