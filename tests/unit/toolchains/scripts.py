"""Small projects for the tests of adapters: files by path, and what an adapter makes of them."""

from collections.abc import Sequence
from pathlib import Path

from wasmbuild.build.action import Action
from wasmbuild.build.tree import SourceTree
from wasmbuild.project import Target
from wasmbuild.toolchains.base import Detection, Toolchain


def files(root: Path, texts: dict[str, str]) -> SourceTree:
    """A tree with these files."""
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return SourceTree.of(root)


def made(adapter: Toolchain, tree: SourceTree, target: Target) -> tuple[Detection, Sequence[Action]]:
    """What the adapter found, and the actions."""
    found = adapter.detect(tree, target)
    assert found is not None
    assert adapter.needs(target) is not None
    return found, adapter.actions(target, found, {})
