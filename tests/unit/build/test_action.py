from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.digest import Digest
from wasmbuild.build.action import Action, ActionKey, InputFile, Output, digest_inputs
from wasmbuild.build.tool import Artifact, ToolPin
from wasmbuild.errors import InvalidProject

TOOL = Digest.of(b"tool")
ACTION = Action("zig", "bin/zig", ("cc", Output("a.wasm"), "a.c"), ("a.c",), ("a.wasm",), env=(("A", "1"), ("B", "2")))
INPUTS = (InputFile("a.c", Digest.of(b"a")), InputFile("b.h", Digest.of(b"b")))


def test_the_command_has_tool_and_output_in_place() -> None:
    command = ACTION.command(Path("/tools/zig"), Path("dist/x"))
    assert command == ["/tools/zig/bin/zig", "cc", "dist/x/a.wasm", "a.c"]


def test_the_key_is_the_hash_of_one_document() -> None:
    a, b = Digest.of(b"a"), Digest.of(b"b")
    document = (
        f'{{"version":1,"tool":"{TOOL}","program":"bin/zig","arguments":["cc",{{"output":"a.wasm"}},"a.c"],'
        f'"env":[["A","1"],["B","2"]],"inputs":[["a.c","{a}"],["b.h","{b}"]],"outputs":["a.wasm"]}}'
    )
    assert ActionKey.of(ACTION, TOOL, INPUTS).digest == Digest.of(document.encode())


def test_the_order_of_inputs_and_environment_does_not_matter() -> None:
    other = replace(ACTION, env=tuple(reversed(ACTION.env)))
    assert ActionKey.of(other, TOOL, tuple(reversed(INPUTS))) == ActionKey.of(ACTION, TOOL, INPUTS)


def test_caches_and_sentences_do_not_matter() -> None:
    other = replace(ACTION, caches=(("ZIG_GLOBAL_CACHE_DIR", "zig"),), first_time="slow")
    assert ActionKey.of(other, TOOL, INPUTS) == ActionKey.of(ACTION, TOOL, INPUTS)


@pytest.mark.parametrize(
    "other",
    [
        replace(ACTION, program="bin/zag"),
        replace(ACTION, arguments=("cc", "a.wasm", "a.c")),
        replace(ACTION, arguments=("cc", "a.c", Output("a.wasm"))),
        replace(ACTION, env=(("A", "1"),)),
        replace(ACTION, outputs=("b.wasm",)),
    ],
)
def test_the_command_matters(other: Action) -> None:
    assert ActionKey.of(other, TOOL, INPUTS) != ActionKey.of(ACTION, TOOL, INPUTS)


def test_tool_and_inputs_matter() -> None:
    key = ActionKey.of(ACTION, TOOL, INPUTS)
    assert ActionKey.of(ACTION, Digest.of(b"other"), INPUTS) != key
    assert ActionKey.of(ACTION, TOOL, INPUTS[:1]) != key
    assert ActionKey.of(ACTION, TOOL, (INPUTS[0], InputFile("b.h", INPUTS[0].digest))) != key
    assert ActionKey.of(ACTION, TOOL, (INPUTS[0], InputFile("c.h", INPUTS[1].digest))) != key


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=4))
def test_arguments_are_never_run_together(arguments: list[str]) -> None:
    joined = ActionKey.of(replace(ACTION, arguments=("".join(arguments),)), TOOL, ())
    apart = ActionKey.of(replace(ACTION, arguments=tuple(arguments)), TOOL, ())
    assert (joined == apart) == (len(arguments) == 1)


def test_inputs_are_hashed(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_bytes(b"a")
    assert digest_inputs(tmp_path, ["a.c"]) == (INPUTS[0],)
    with pytest.raises(InvalidProject, match=r"b\.h cannot be read"):
        digest_inputs(tmp_path, ["a.c", "b.h"])


def test_the_digest_of_a_pin() -> None:
    one, two = Artifact("a.whl", "0" * 64), Artifact("b.whl", "1" * 64)
    pin = ToolPin("t", "p", "1", (one, two))
    assert pin.digest == replace(pin, artifacts=(two, one)).digest
    others = [
        replace(pin, artifacts=(one,)),
        replace(pin, version="2"),
        replace(pin, package="q"),
        replace(pin, name="u"),
    ]
    assert len({pin.digest, *(other.digest for other in others)}) == 5
