from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.digest import Digest
from wasmbuild.build.action import (
    Action,
    ActionKey,
    CacheFolder,
    InputFile,
    Output,
    Produced,
    ToolFile,
    describe,
)
from wasmbuild.build.chain import Chain, described
from wasmbuild.build.tool import Artifact, NpmTree, Tool, ToolPin, Wheels

ZIG = Digest.of(b"zig")
TOOLS = {"zig": ZIG, "node": Digest.of(b"node")}
ACTION = Action(
    name="compile",
    tool="zig",
    argv=(ToolFile("zig", "bin/zig"), "cc", Output("a.wasm"), "a.c", ("-I", ToolFile("zig", "include"))),
    outputs=("a.wasm",),
    inputs=("a.c", "b.h"),
    env=(("A", "1"), ("B", ToolFile("zig")), ("CACHE", CacheFolder("zig"))),
)
INPUTS = (InputFile("a.c", Digest.of(b"a"), 1), InputFile("b.h", Digest.of(b"b"), 1))


def key(action: Action, tools=TOOLS, inputs=INPUTS, earlier=None) -> ActionKey:
    return ActionKey.of(describe(action, tools, inputs, earlier or {}))


def test_what_decides_the_result_is_described() -> None:
    a, b = Digest.of(b"a"), Digest.of(b"b")
    assert describe(ACTION, TOOLS, INPUTS, {}) == {
        "version": 3,
        "name": "compile",
        "argv": [
            {"tool": "zig", "path": "bin/zig"},
            "cc",
            {"output": "a.wasm"},
            "a.c",
            ["-I", {"tool": "zig", "path": "include"}],
        ],
        "env": {"A": "1", "B": {"tool": "zig", "path": ""}},
        "tools": {"zig": str(ZIG)},
        "inputs": {"a.c": str(a), "b.h": str(b)},
        "files": {},
        "after": {},
        "outputs": ["a.wasm"],
        "network": False,
    }


def test_the_key_of_a_description_stays() -> None:
    """It is in people's caches: when this changes without a reason, they compile everything again."""
    assert str(key(ACTION)) == "sha256:94ab9e66c508c0d85a129ea3a325d4f6bb7d0c2abef1f9147c2968af50ac6551"


def test_the_order_of_inputs_and_environment_does_not_matter() -> None:
    other = replace(ACTION, env=tuple(reversed(ACTION.env)))
    assert key(other, inputs=tuple(reversed(INPUTS))) == key(ACTION)


def test_caches_and_sentences_do_not_matter() -> None:
    other = replace(ACTION, env=ACTION.env[:2], first_time="slow", tool="clang", fresh=True)
    assert key(other) == key(ACTION)


@pytest.mark.parametrize(
    "other",
    [
        replace(ACTION, name="link"),
        replace(ACTION, argv=("bin/zig", *ACTION.argv[1:])),
        replace(ACTION, argv=(*ACTION.argv[:2], "a.wasm", *ACTION.argv[3:])),
        replace(ACTION, argv=(*ACTION.argv[:2], "a.c", Output("a.wasm"), *ACTION.argv[4:])),
        replace(ACTION, argv=(*ACTION.argv[:4], "-I", ToolFile("zig", "include"))),
        replace(ACTION, argv=(*ACTION.argv, ToolFile("node"))),
        replace(ACTION, env=(("A", "2"), *ACTION.env[1:])),
        replace(ACTION, env=ACTION.env[1:]),
        replace(ACTION, files=(("c.h", ""),)),
        replace(ACTION, outputs=("b.wasm",)),
        replace(ACTION, network=True),
    ],
)
def test_the_command_matters(other: Action) -> None:
    assert key(other) != key(ACTION)


def test_tools_and_inputs_matter() -> None:
    keys = [
        key(ACTION),
        key(ACTION, {"zig": Digest.of(b"other")}),
        key(ACTION, inputs=INPUTS[:1]),
        key(ACTION, inputs=(INPUTS[0], replace(INPUTS[1], digest=INPUTS[0].digest))),
        key(ACTION, inputs=(INPUTS[0], replace(INPUTS[1], path="c.h"))),
        key(ACTION, inputs=(INPUTS[0], replace(INPUTS[1], executable=True))),
    ]
    assert len(set(keys)) == len(keys)


def test_a_tool_that_is_not_used_does_not_matter() -> None:
    assert key(ACTION, {"zig": ZIG}) == key(ACTION)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=4))
def test_arguments_are_never_run_together(arguments: list[str]) -> None:
    joined = key(replace(ACTION, argv=("".join(arguments),)))
    apart = key(replace(ACTION, argv=tuple(arguments)))
    assert (joined == apart) == (len(arguments) == 1)


SECOND = Action("component", "wasm-tools", ("new", Produced("compile", "a.wasm"), Output("a.wasm")), ("a.wasm",))


def chain(*actions: Action, pinned: bool = True) -> Chain:
    return Chain("hello", actions, {"zig": Tool("zig", "1", ZIG, Path("/zig"), pinned=pinned)}, 1, 1)


def test_what_comes_later_depends_on_what_came_before() -> None:
    one = described(chain(ACTION, SECOND), INPUTS)
    two = described(chain(replace(ACTION, outputs=("a.wasm", "b")), SECOND), INPUTS)
    assert one["component"].description["after"] == {"compile": str(one["compile"].key)}
    assert one["component"].key != two["component"].key


def test_what_a_chain_is_made_of() -> None:
    whole = chain(ACTION, replace(SECOND, inputs=("c.wit",)))
    assert (whole.last.name, whole.output, whole.inputs) == ("component", "a.wasm", ("a.c", "b.h", "c.wit"))
    assert (ACTION.tools, ACTION.after, SECOND.after) == (("zig",), (), ("compile",))


def test_what_a_tool_of_the_machine_made_is_not_shared_nor_what_comes_of_it() -> None:
    own = chain(ACTION, SECOND, pinned=False)
    assert not own.shared(ACTION)
    assert not own.shared(SECOND)
    assert chain(ACTION, SECOND).shared(SECOND)


def test_the_digest_of_a_pin() -> None:
    one, two = Artifact("a.whl", "0" * 64), Artifact("b.whl", "1" * 64)
    pin = ToolPin("t", "p", "1", Wheels((one, two)))
    assert pin.digest == replace(pin, source=Wheels((two, one))).digest
    others = [
        replace(pin, source=Wheels((one,))),
        replace(pin, source=NpmTree("{}")),
        replace(pin, version="2"),
        replace(pin, package="q"),
        replace(pin, name="u"),
    ]
    assert len({pin.digest, *(other.digest for other in others)}) == 6
