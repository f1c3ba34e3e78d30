import pytest

from tests.unit.run.core_guests import ECHO, WASI, command, component, program
from wasmbuild.errors import GuestFailed, GuestTrapped
from wasmbuild.run.deciding.grants import Grants
from wasmbuild.run.sandbox import run

HTTP = "wasi:http/types@0.2.0"
OUTGOING = "wasi:http/outgoing-handler@0.2.0"
STUBS = frozenset({HTTP, OUTGOING})


def asks(call):
    """A command that may send a request: one interface defines resources, another uses them."""
    return f"""(component
      (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
      (alias export $error "error" (type $io-error))
      (import "{HTTP}" (instance $types
        (export "io-error" (type (eq $io-error)))
        (export "fields" (type $fields (sub resource)))
        (export "[constructor]fields" (func (result (own $fields))))
        (export "outgoing-request" (type $request (sub resource)))
        (export "[constructor]outgoing-request" (func (param "headers" (own $fields)) (result (own $request))))))
      (alias export $types "outgoing-request" (type $request))
      (import "{OUTGOING}" (instance $handler
        (export "outgoing-request" (type $r (eq $request)))
        (export "handle" (func (param "request" (own $r)) (result u32)))))
      (core func $new (canon lower (func $types "[constructor]fields")))
      (core module $m (import "" "new" (func $new (result i32)))
        (func (export "run") (result i32) {call}))
      (core instance $imports (export "new" (func $new)))
      (core instance $i (instantiate $m (with "" (instance $imports))))
      (func $run (result (result)) (canon lift (core func $i "run")))
      (instance $r (export "run" (func $run)))
      (export "wasi:cli/run@0.2.3" (instance $r)))"""


def test_a_stub_that_nobody_calls_changes_nothing():
    with pytest.raises(GuestFailed, match="cannot be started"):
        run(program(asks("i32.const 0")), ["guest"])
    assert run(program(asks("i32.const 0")), ["guest"], stubs=STUBS) == 0


def test_who_calls_a_stub_is_told_what_was_not_granted():
    with pytest.raises(GuestTrapped, match=r"called wasi:http/types@0.2.0#\[constructor\]fields") as caught:
        run(program(asks("(drop (call $new)) i32.const 0")), ["guest"], stubs=STUBS)
    assert caught.value.hint == "--allow http"
    assert caught.value.exit_code == 134


def test_what_is_no_stub_is_still_missing():
    with pytest.raises(GuestFailed, match="cannot be started") as caught:
        run(program(asks("i32.const 0")), ["guest"], stubs=frozenset({HTTP}))
    assert "outgoing-handler" in caught.value.cause


def test_http_that_is_granted_is_the_engines():
    wat = asks("(drop (call $new)) i32.const 0").replace("(result u32)", "(result u64)")
    with pytest.raises(GuestFailed, match="cannot be started"):  # of another type than the engine's
        run(program(wat), ["guest"], grants=Grants(http=True))
    wat = component("i32.const 0", f'(import "{HTTP}" (instance (export "fields" (type (sub resource)))))')
    assert run(program(wat), ["guest"], grants=Grants(http=True)) == 0


def test_a_foreign_interface_can_be_a_stub():
    wat = component("i32.const 0", '(import "acme:log/log@1.0.0" (instance (export "write" (func))))')
    assert run(program(wat), [], stubs=frozenset({"acme:log/log@1.0.0"})) == 0


def test_functions_of_a_module_can_be_stubs(capfd):
    imports = '(import "env" "launch" (func $launch (param i32) (result i64)))'
    wat = command("(drop (call $launch (i32.const 1)))", imports)
    with pytest.raises(GuestTrapped, match="called launch") as caught:
        run(program(wat), [], stubs=frozenset({"env::launch"}))
    assert "no part of WASI" in caught.value.cause
    assert caught.value.hint is None
    with pytest.raises(GuestTrapped, match="called fd_write") as caught:
        run(program(ECHO), ["guest", "x"], stubs=frozenset({f"{WASI}::fd_write"}))
    assert caught.value.hint == "--allow stdio"
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("more", "kind", "value"),
    [
        ("", "v128", "(v128.const i64x2 0 0)"),
        ("", "i31ref", "(ref.i31 (i32.const 1))"),
        ("(type $s (struct))", "(ref null $s)", "(struct.new $s)"),
    ],
)
def test_a_stub_may_be_called_with_what_python_has_no_value_for(more, kind, value):
    """The engine's package cannot show such values, and some of its ways to them end the process."""
    wat = f"""(module {more} (import "env" "f" (func $f (param {kind}))) (func (export "_start") (call $f {value})))"""
    with pytest.raises(GuestTrapped, match="called what it imports and nobody has") as caught:
        run(program(wat), [], stubs=frozenset({"env::f"}))
    assert "env::f" in caught.value.cause
    assert "ffi" not in str(caught.value)
