import pytest

from wasmbuild.build.action import Output, ToolFile
from wasmbuild.toolchains.binaries import (
    ADAPTED,
    adapter,
    component_embed,
    component_new,
    component_unbundle,
    component_wit,
    optimize,
    validate,
)


def test_features_that_every_engine_has_are_always_there_and_all_of_them_never() -> None:
    words = optimize("size", (), "x.wasm", "y.wasm")
    assert words[2] == "--mvp-features"
    assert {"--enable-simd", "--enable-bulk-memory", "-Oz"} <= set(words)
    assert "--all-features" not in words
    assert "--enable-gc" not in words
    assert words[-3:] == ("x.wasm", "-o", Output("y.wasm"))


@pytest.mark.parametrize(
    ("feature", "option"),
    [
        ("atomics", "--enable-threads"),
        ("gc", "--enable-gc"),
        ("function-references", "--enable-gc"),
        ("legacy-exceptions", "--enable-exception-handling"),
        ("exception-handling", "--enable-exception-handling"),
        ("memory64", "--enable-memory64"),
    ],
)
def test_a_feature_is_switched_on_for_who_uses_it(feature: str, option: str) -> None:
    words = optimize("speed", {feature, "simd128"}, "x.wasm", "y.wasm")
    assert words.count(option) == 1
    assert words.index(option) > words.index("--mvp-features")


def test_each_adapter_replaces_its_own_imports() -> None:
    words = component_new("x.wasm", [(ADAPTED, adapter("command")), ("env", "mine.wasm")], "y.wasm")
    assert words[1:4] == ("component", "new", "x.wasm")
    command = ToolFile("wasi", "node_modules/@bytecodealliance/jco/lib/wasi_snapshot_preview1.command.wasm")
    assert words[4:8] == ("--adapt", ("wasi_snapshot_preview1=", command), "--adapt", ("env=", "mine.wasm"))
    assert "--adapt" not in component_new("x.wasm", [], "y.wasm")


def test_what_is_optional_is_left_out() -> None:
    assert "--world" not in component_embed("wit", None, "x.wasm", "y.wasm")
    assert "--json" not in component_wit("x.wasm", "y.wit")
    assert "--json" in component_wit("x.wasm", "y.wit", json=True)
    assert not [word for word in validate("x.wasm") if str(word).startswith("--features")]
    assert "--features=-gc" in validate("x.wasm", "-gc")  # one word: it would be an option otherwise
    assert component_unbundle("x.wasm", 7, "y.wasm")[-3:] == ("7", "-o", Output("y.wasm"))
