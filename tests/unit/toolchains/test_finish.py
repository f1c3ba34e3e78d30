import pytest

from wasmbuild.build.action import Action, Output, Produced, ToolFile
from wasmbuild.errors import InvalidProject
from wasmbuild.project import Target
from wasmbuild.toolchains.finish import finishing, finishing_needs, makes_component

INPUTS = ("main.c", "wit/deps/x.wit", "wit/world.wit", "witty.wit")
COMPILED = Action("compile", "zig", (ToolFile("zig"), Output("x.wasm")), ("x.wasm",), INPUTS)


def names(target: Target, compiled: Action = COMPILED) -> list[str]:
    return [action.name for action in finishing(target, compiled, {})]


def test_most_targets_are_finished_already() -> None:
    assert finishing_needs(Target("x", "c")) == ()
    assert names(Target("x", "c")) == []


def test_a_command_becomes_a_component() -> None:
    bare = Action("compile", "zig", (), ("x.wasm",), ("main.c",))
    target = Target("x", "c", component=True)
    assert finishing_needs(target) == ("wasm-tools", "wasi")
    (action,) = finishing(target, bare, {})
    adapter = "node_modules/@bytecodealliance/jco/lib/wasi_snapshot_preview1.command.wasm"
    assert ("wasi_snapshot_preview1=", ToolFile("wasi", adapter)) in action.argv
    assert Produced("compile", "x.wasm") in action.argv
    assert action.outputs == ("x.wasm",)


def test_a_library_becomes_one_by_its_wit() -> None:
    target = Target("x", "c", kind="library", component=True, world="adder")
    embed, component = finishing(target, COMPILED, {})
    assert embed.inputs == ("wit/deps/x.wit", "wit/world.wit")
    assert embed.argv[3:6] == ("--world", "adder", "wit")
    assert Produced("embed", "x.wasm") in component.argv
    assert "wasi_snapshot_preview1.reactor.wasm" in str(component.argv)
    with pytest.raises(InvalidProject, match="by its WIT"):
        finishing(target, Action("compile", "zig", (), ("x.wasm",), ("main.c",)), {})


def test_wit_that_is_named_must_be_there() -> None:
    embed, _ = finishing(Target("x", "c", component=True, wit="witty.wit"), COMPILED, {})
    assert embed.inputs == ("witty.wit",)
    with pytest.raises(InvalidProject, match=r"'other' names no WIT"):
        finishing(Target("x", "c", component=True, wit="other"), COMPILED, {})


def test_rust_has_its_wit_in_the_sources() -> None:
    assert names(Target("x", "rust", component=True)) == ["componentize"]
    assert names(Target("x", "rust", component=True, wit="wit")) == ["embed", "componentize"]


def test_optimising_comes_before_the_component() -> None:
    target = Target("x", "c", component=True, wasm_opt=True, optimize="debug")
    assert set(finishing_needs(target)) == {"binaryen", "node", "wasm-tools", "wasi"}
    optimize, embed, _ = finishing(target, COMPILED, {})
    assert "-g" in optimize.argv
    assert "--all-features" not in optimize.argv
    assert Produced("optimize", "x.wasm") in embed.argv


@pytest.mark.parametrize(
    "target", [Target("x", "python"), Target("x", "javascript"), Target("x", "rust", triple="wasm32-wasip2")]
)
def test_components_of_the_compiler_itself(target: Target) -> None:
    assert makes_component(target)
    component = Target("x", target.language, triple=target.triple, component=True)
    assert names(component) == []
    with pytest.raises(InvalidProject, match="wasm_opt means nothing"):
        finishing_needs(Target("x", target.language, triple=target.triple, wasm_opt=True))
