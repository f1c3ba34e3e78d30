"""How wasm-tools is asked, and what becomes of what it says; the tool itself is asked in tests/e2e_build."""

import pytest
import wasmtime

from registry.errors import StorageFailed
from tests.unit.standins import standing_in
from wasmbuild.caches import Caches
from wasmbuild.errors import InvalidWasm, ToolchainMissing, ToolFailed, UsageFailed
from wasmbuild.events import ignore
from wasmbuild.workflows.validating import validate_wasm
from wasmbuild.workflows.wasmtools import INPUT, validate, wat, wit_json, wit_text
from wasmbuild.workflows.workbench import Workbench

MODULE = b"\0asm\1\0\0\0"
COMPONENT = b"\0asm\x0d\0\1\0"


@pytest.fixture
def tool(tmp_path):
    return lambda script: standing_in(tmp_path / "cache", script)


def asked(function, wasm, caches, **settings):
    return function(wasm, caches=caches, sink=ignore, **settings)


def test_wit_is_what_the_tool_wrote_and_safe_to_show(tool):
    caches = tool("""printf 'world root {\\n  /// \\033[31mred\\n\\texport run: func();\\n}\\n' > "$output" """)
    assert asked(wit_text, COMPONENT, caches) == "world root {\n  /// \\x1b[31mred\n\\x09export run: func();\n}"


def test_wit_as_json_is_an_object(tool):
    assert asked(wit_json, COMPONENT, tool("""echo '{"worlds": []}' > "$output" """)) == {"worlds": []}
    for broken in ("[]", "{", "[" * 100_000):
        with pytest.raises(ToolFailed, match="cannot be read"):
            asked(wit_json, COMPONENT, tool(f"printf '%s' '{broken}' > \"$output\""))


def test_the_tool_sees_the_file_and_nothing_else_of_the_machine(tool, tmp_path, monkeypatch):
    secret = tmp_path / "secret"
    secret.write_text("mine")
    monkeypatch.setenv("SECRET", "mine")
    found = asked(wat, MODULE, tool(f'(od -An -c {INPUT}; ls; cat "{secret}"; echo "$SECRET") > "$output" 2>&1'))
    assert "a   s   m" in found
    assert "mine" not in found


def test_a_file_may_be_named(tool, tmp_path):
    (tmp_path / "a.wasm").write_bytes(MODULE)
    assert asked(wat, tmp_path / "a.wasm", tool('wc -c < input.wasm > "$output"')).strip() == "8"
    with pytest.raises(UsageFailed, match="cannot be read"):
        asked(wat, tmp_path / "b.wasm", tool(""))


@pytest.mark.parametrize("function", [wit_text, wit_json, wat])
def test_what_the_tool_refuses_is_said_in_its_words(tool, function):
    said = "echo 'error: \033[1mbad\033[0m thing \x07 (at offset 0x9)' >&2; exit 1"
    with pytest.raises(InvalidWasm) as caught:
        asked(function, COMPONENT, tool(said))
    assert caught.value.cause == "bad thing \\x07 (at offset 0x9)"


def test_validation_is_a_matter_of_the_exit_code(tool):
    asked(validate, COMPONENT, tool("exit 0"))
    with pytest.raises(InvalidWasm, match="not valid") as caught:
        asked(validate, COMPONENT, tool("echo 'error: type mismatch' >&2; exit 1"))
    assert caught.value.cause == "type mismatch"


def test_features_are_passed_on_and_checked(tool):
    caches = tool('case "$*" in *--features=-simd,gc*) exit 0;; esac; echo "error: unknown feature \\`x\\`"; exit 2')
    asked(validate, MODULE, caches, features="-simd,gc")
    with pytest.raises(UsageFailed, match="does not know"):
        asked(validate, MODULE, caches, features="x")
    for wrong in ("", "a b", "--all", "a,,b", "A", "a;b", "x" * 10 + "\n"):
        with pytest.raises(UsageFailed, match="not a list of features"):
            asked(validate, MODULE, caches, features=wrong)


def test_a_tool_that_crashes_is_no_verdict(tool):
    with pytest.raises(ToolFailed, match="signal 11"):
        asked(validate, COMPONENT, tool("kill -SEGV $$"))


def test_text_is_never_taken_for_wasm(tool):
    for text in (b"(component)", b"package a:b;", b""):
        for function in (wit_text, wat, validate):
            with pytest.raises(InvalidWasm, match="not WebAssembly"):
                asked(function, text, tool('echo wrong > "$output"'))


def test_a_module_has_no_wit(tool):
    with pytest.raises(InvalidWasm, match="the file is a module, and this needs a component"):
        asked(wit_text, MODULE, tool(""))


def test_a_tool_that_is_not_there_is_not_fetched_offline(tmp_path):
    with pytest.raises(ToolchainMissing) as caught:
        asked(wit_text, COMPONENT, Caches(tmp_path), offline=True)
    assert "wasmbuild toolchain install wasm-tools" in caught.value.hint


def test_time_and_output_are_bounded(tool, tmp_path):
    from wasmbuild.workflows.wasmtools import _action, print_text

    action = _action("print", print_text(INPUT, "x"), "x")
    with pytest.raises(ToolFailed, match="longer than"):
        Workbench(tool("sleep 20"), ignore).perform(action, {INPUT: MODULE}, seconds=0.2)
    with pytest.raises(ToolFailed, match="more than 1 KiB"):
        Workbench(tool('exec head -c 4096 /dev/zero > "$output"'), ignore).perform(
            action, {INPUT: MODULE}, seconds=5, most=1024
        )
    with pytest.raises(ToolFailed, match="link"):
        Workbench(tool('ln -s /etc/passwd "$output"'), ignore).perform(action, {INPUT: MODULE}, seconds=5)
    assert not list((tmp_path / "cache" / "work").iterdir())


def test_all_that_a_tool_wrote_is_taken(tool):
    from wasmbuild.workflows.wasmtools import _action, print_text

    action = _action("print", print_text(INPUT, "x"), "x")
    script = 'cp input.wasm "$output"; cat wit/deps/a.wit > "${output%/*}/more"'
    worked = Workbench(tool(script), ignore).perform(action, {INPUT: MODULE, "wit/deps/a.wit": b"yes"}, seconds=5)
    assert worked.files == {"x": MODULE, "more": b"yes"}


def test_a_cache_that_cannot_be_written_to_is_said_or_not_needed(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises((ToolchainMissing, StorageFailed)):
        asked(wat, MODULE, Caches(tmp_path / "file"), offline=True)


def test_a_module_is_validated_by_the_engine_that_runs_it(tmp_path):
    nothing = Caches(tmp_path)
    assert asked(validate_wasm, MODULE, nothing).by == "wasmtime"
    broken = bytearray(wasmtime.wat2wasm("(module (func (result i32) i32.const 1))"))
    broken[broken.index(0x41)] = 0x42
    with pytest.raises(InvalidWasm, match="the module is not valid") as caught:
        asked(validate_wasm, bytes(broken), nothing)
    assert "type mismatch" in caught.value.cause


def test_a_component_and_chosen_features_are_for_the_tool(tool):
    assert asked(validate_wasm, COMPONENT, tool("exit 0")).by == "wasm-tools"
    assert asked(validate_wasm, MODULE, tool("exit 0"), features="mvp").by == "wasm-tools"
