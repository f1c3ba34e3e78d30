"""What every toolchain adapter keeps, as tests that pytest finds: for ours, and for those of other packages.

::

    from wasmbuild.toolchains.contract import ToolchainContract

    class TestGrain(ToolchainContract):
        toolchain = GrainToolchain()
        files = {"src/main.gr": "module Main"}

An adapter describes and does nothing else, so no compiler is needed. Not here: whether its commands work.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from registry.digest import Digest
from wasmbuild.build.action import Action, ActionKey, Argument, InputFile, ToolFile, describe
from wasmbuild.build.chain import PYTHON
from wasmbuild.build.tool import Tool, Toolbox
from wasmbuild.build.tree import SourceTree
from wasmbuild.project import Target
from wasmbuild.toolchains.base import Detection, Need, Toolchain

__all__ = ["ToolchainContract"]

_LONGEST_LINE = 120


class ToolchainContract:
    """Derive from it, and say which adapter it is and which files its smallest project has.

    ``targets`` are the settings to try; ``toolbox`` may be replaced where an adapter looks into a tool.
    """

    toolchain: ClassVar[Toolchain]
    files: ClassVar[Mapping[str, str]]
    targets: ClassVar[Sequence[Target]] = (
        Target("hello"),
        Target("hello", optimize="speed"),
        Target("hello", optimize="debug"),
        Target("hello", kind="library"),
        Target("hello", environment=(("ANSWER", "42"),)),
    )

    def tree(self, folder: Path) -> SourceTree:
        """The project, in a folder of its own."""
        for path, text in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        return SourceTree.of(folder)

    def toolbox(self, needs: Sequence[Need], folder: Path) -> Toolbox:
        """Tools by the names that the adapter asked for; there is nothing in them."""
        names = [(need, True) if isinstance(need, str) else (need.name, False) for need in needs]
        return {
            name: Tool(name, "1.0.0", Digest.of(name.encode()), folder / name, pinned, folder / name / "bin" / name)
            for name, pinned in names
        }

    def described(self, folder: Path, target: Target) -> tuple[Detection, Sequence[Action], Toolbox]:
        """What it says of the project for a target."""
        found = self.toolchain.detect(self.tree(folder / "project"), target)
        assert found is not None
        tools = self.toolbox(self.toolchain.needs(target), folder / "tools")
        return found, self.toolchain.actions(target, found, tools), tools

    def test_it_introduces_itself(self) -> None:
        """A word of lower-case letters and digits, and sentences of one line."""
        assert re.fullmatch(r"[a-z][a-z0-9-]*", self.toolchain.language)
        for text in (self.toolchain.description, self.toolchain.reproducible or "-"):
            assert text
            assert text.isprintable()
        assert len(self.toolchain.description) <= _LONGEST_LINE

    def test_nothing_is_found_in_an_empty_folder(self, tmp_path: Path) -> None:
        """Nor in one with files that are nobody's."""
        (tmp_path / "notes.txt").write_text("nothing to compile", encoding="utf-8")
        assert self.toolchain.detect(SourceTree.of(tmp_path), Target("hello")) is None

    def test_what_is_found_is_there(self, tmp_path: Path) -> None:
        """Sources are inputs, inputs are files of the project, both are sorted; and the lock is none of them."""
        tree = self.tree(tmp_path)
        (tmp_path / "wasmbuild.lock").write_text("version = 1\n", encoding="utf-8")
        found = self.toolchain.detect(SourceTree.of(tmp_path), Target("hello"))
        assert found is not None
        assert found.language == self.toolchain.language
        assert found.why.isprintable()
        assert set(found.sources) <= set(found.inputs) <= set(tree.files)
        assert (*found.sources, "", *found.inputs) == (*sorted(found.sources), "", *sorted(found.inputs))

    def test_looking_changes_nothing(self, tmp_path: Path) -> None:
        """No file is written, and the second look sees the same."""
        for target in self.targets:
            first = self.described(tmp_path, target)
            before = sorted(tmp_path.rglob("*"))
            assert self.described(tmp_path, target)[:2] == first[:2]
            assert sorted(tmp_path.rglob("*")) == before

    def test_the_last_action_makes_the_file(self, tmp_path: Path) -> None:
        """It is the only output; names are unique, and each action reads only what earlier ones made."""
        for target in self.targets:
            _, actions, _ = self.described(tmp_path, target)
            assert actions[-1].outputs == ("hello.wasm",)
            seen: list[str] = []
            for action in actions:
                assert action.name not in seen
                assert set(action.after) <= set(seen)
                seen.append(action.name)

    def test_actions_use_what_was_asked_for(self, tmp_path: Path) -> None:
        """Tools that ``needs`` names, and files that were found."""
        for target in self.targets:
            found, actions, tools = self.described(tmp_path, target)
            for action in actions:
                assert set(action.tools) <= {"python", *tools}
                assert set(action.inputs) <= set(found.inputs)
                assert not {path for path, _ in action.files} & set(action.inputs)

    def test_the_network_is_for_fetching_only(self, tmp_path: Path) -> None:
        """The one that makes the file has none, and sees nothing of the user's environment."""
        for target in self.targets:
            *_, last = self.described(tmp_path, target)[1]
            assert not last.network
            assert last.user_environment == ()

    def test_no_path_of_this_machine_is_in_a_command(self, tmp_path: Path) -> None:
        """Places stand where paths belong: a command is the same wherever it runs."""
        for target in self.targets:
            for action in self.described(tmp_path, target)[1]:
                for word in (*action.argv, *(value for _, value in action.env)):
                    assert str(tmp_path) not in _text(word)

    def test_a_program_comes_first(self, tmp_path: Path) -> None:
        """A file of a tool, never a name that PATH would decide about."""
        for target in self.targets:
            for action in self.described(tmp_path, target)[1]:
                assert isinstance(action.argv[0], ToolFile)

    def test_settings_reach_the_command(self, tmp_path: Path) -> None:
        """The profiles differ, and so do commands and libraries; variables are passed on."""
        keys = [self._key(tmp_path, Target("hello", optimize=profile)) for profile in ("size", "speed", "debug")]
        assert len({str(key) for key in keys}) > 1
        given = self.described(tmp_path, Target("hello", environment=(("ANSWER", "42"),)))[1][-1]
        assert ("ANSWER", "42") in given.env

    def _key(self, folder: Path, target: Target) -> Mapping[str, object]:
        _, actions, tools = self.described(folder, target)
        digests = {"python": PYTHON, **{name: tool.digest for name, tool in tools.items()}}
        action = actions[-1]
        inputs = [InputFile(path, Digest.of(b""), 0) for path in action.inputs]
        after = {name: ActionKey(Digest.of(name.encode())) for name in action.after}
        return describe(action, digests, inputs, after)


def _text(word: Argument) -> str:
    parts = word if isinstance(word, tuple) else (word,)
    return "".join(part for part in parts if isinstance(part, str))
