import pytest
from wasmtime import wat2wasm

from wasmbuild.errors import GuestFailed, GuestTrapped, UsageFailed
from wasmbuild.run.calls.invocation import Invocation
from wasmbuild.run.program import Program
from wasmbuild.run.sandbox import run
from wasmbuild.wasm.binary import read

NUMBERS = """(module
  (global $ready (mut i32) (i32.const 0))
  (memory (export "memory") 1)
  (func (export "_initialize") (global.set $ready (i32.const 1)))
  (func (export "ready") (result i32) global.get $ready)
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "long") (param i64) (result i64) local.get 0)
  (func (export "half") (param f32) (result f32) (f32.mul (local.get 0) (f32.const 0.5)))
  (func (export "double") (param f64) (result f64) local.get 0)
  (func (export "swap") (param i32 i64) (result i64 i32) local.get 1 local.get 0)
  (func (export "nothing"))
  (func (export "boom") unreachable)
  (func (export "vector") (param v128))
  (func (export "reference") (result externref) (ref.null extern)))"""

# One core function echoes whatever is one number, and one whatever is two, through memory.
TYPES = {
    "bool": "bool",
    "small": "s8",
    "count": "u32",
    "letter": "char",
    "side": "(enum \"left\" \"right\")",
    "rights": "(flags \"read\" \"write\")",
}  # fmt: skip
PAIRS = {
    "text": "string",
    "bytes": "(list u8)",
    "words": "(list u16)",
    "pair": "(tuple u32 s32)",
    "point": '(record (field "x" u32) (field "y-z" u32))',
    "maybe": "(option u32)",
    "outcome": "(result u32 (error u32))",
    "shape": '(variant (case "a" u32) (case "b") (case "c" u32))',
    "mixed": '(variant (case "number" u32) (case "truth" bool))',
}


def echo(name, kind, core):
    named = f'(type ${name} {kind}) (export ${name}-type "{name}-type" (type ${name}))'
    options = '(memory (core memory $m "memory")) (realloc (core func $m "realloc"))' if core == "two" else ""
    return f"""{named} (func ${name}-echo (param "it" ${name}-type) (result ${name}-type)
      (canon lift (core func $m "{core}") {options}))
      (export "{name}" (func ${name}-echo))"""


VALUES = f"""(component
  (core module $M (memory (export "memory") 1) (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3))) (local.get $at))
    (func (export "one") (param i32) (result i32) local.get 0)
    (func (export "two") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16)))
  (core instance $m (instantiate $M))
  {" ".join(echo(name, kind, "one") for name, kind in TYPES.items())}
  {" ".join(echo(name, kind, "two") for name, kind in PAIRS.items())}
  (func $same (param "n" u32) (result u32) (canon lift (core func $m "one")))
  (instance $a (export "same" (func $same)) (export "other" (func $same)))
  (export "acme:one/first@1.2.0" (instance $a))
  (instance $b (export "same" (func $same)))
  (export "acme:two/second@1.0.0" (instance $b)))"""


@pytest.fixture(scope="module")
def programs():
    def program(wat):
        wasm = wat2wasm(wat)
        return Program("guest.wasm", wasm, read(wasm))

    return {"numbers": program(NUMBERS), "values": program(VALUES)}


@pytest.fixture
def call(programs):
    def invoke(which, name, *arguments):
        shown = []
        assert run(programs[which], ["guest"], invoke=Invocation(name, arguments, shown.append)) == 0
        return shown

    return invoke


@pytest.mark.parametrize(
    ("name", "arguments", "shown"),
    [
        ("add", ["2", "3"], ["5"]),
        ("add", ["0xffffffff", "0"], ["-1"]),
        ("add", ["-2147483648", "-1"], ["2147483647"]),
        ("long", ["18446744073709551615"], ["-1"]),
        ("half", ["0.2"], ["0.1"]),
        ("double", ["-inf"], ["-inf"]),
        ("swap", ["1", "2"], ["2", "1"]),
        ("nothing", [], []),
        ("ready", [], ["1"]),
    ],
)
def test_numbers_go_in_and_come_out(call, name, arguments, shown):
    assert call("numbers", name, *arguments) == shown


@pytest.mark.parametrize(
    ("name", "arguments", "what", "more"),
    [
        ("ad", [], "exports no function ad", "--invoke add"),
        ("memory", [], "exports no function memory", "ready"),
        ("add", ["1"], "takes 2 arguments, and was given 1", "add(i32, i32)"),
        ("nothing", ["1"], "takes 0 arguments", "nothing()"),
        ("add", ["1", "x"], "argument 2 is 'x'", ""),
        ("add", ["4294967296", "0"], "argument 1", ""),
        ("add", ["1_0", "0"], "argument 1 is '1_0'", ""),
        ("add", ["٣", "0"], "argument 1 is '٣'", ""),
        ("add", ["1.5", "0"], "argument 1", ""),
        ("half", ["1e99"], "argument 1", ""),
        ("vector", ["1"], "cannot be called", "v128"),
        ("reference", [], "cannot be called", "externref"),
    ],
)
def test_what_is_asked_for_wrongly_is_said_before_anything_runs(call, name, arguments, what, more):
    with pytest.raises(UsageFailed) as caught:
        call("numbers", name, *arguments)
    assert what in caught.value.what
    assert more in f"{caught.value.cause} {caught.value.hint}"


def test_a_trap_in_a_function_is_a_trap(call):
    with pytest.raises(GuestTrapped):
        call("numbers", "boom")


@pytest.mark.parametrize(
    ("name", "given", "shown"),
    [
        ("bool", "true", "true"),
        ("small", "-128", "-128"),
        ("count", "4294967295", "4294967295"),
        ("letter", r"'\u{1f600}'", "'😀'"),
        ("side", "right", "right"),
        ("rights", "{write, read}", "{read, write}"),
        ("text", '"a\\n\\u{1b}"', r'"a\n\u{1b}"'),
        ("text", "no quotes", '"no quotes"'),
        ("bytes", "[0, 255]", "[0, 255]"),
        ("words", "[65535]", "[65535]"),
        ("pair", "(1, -1)", "(1, -1)"),
        ("point", "{y-z: 2, x: 1}", "{x: 1, y-z: 2}"),
        ("maybe", "7", "some(7)"),
        ("maybe", "none", "none"),
        ("outcome", "err(3)", "err(3)"),
        ("shape", "c(1)", "c(1)"),
        ("shape", "b", "b"),
        ("mixed", "number(1)", "number(1)"),
        ("same", None, None),
    ],
)
def test_values_go_in_and_come_out(call, name, given, shown):
    if given is None:
        with pytest.raises(UsageFailed, match="more than one function") as caught:
            call("values", name, "1")
        assert "acme:one/first@1.2.0#same, acme:two/second@1.0.0#same" in caught.value.cause
    else:
        assert call("values", name, given) == [shown]


@pytest.mark.parametrize(
    "name",
    ["acme:one/first@1.2.0#same", "acme:one/first#same", "first#same", "other", "acme:two/second@1.0.0#same"],
)
def test_a_function_of_an_interface_has_shorter_names(call, name):
    assert call("values", name, "5") == ["5"]


def test_an_argument_of_a_component_is_said_with_its_position(call):
    with pytest.raises(UsageFailed, match="argument it is no tuple<u32, s32>") as caught:
        call("values", "pair", "(1, x)")
    assert caught.value.cause == "at character 5: expected a whole number, a s32"
    with pytest.raises(UsageFailed, match="takes 1 argument, and was given 0") as caught:
        call("values", "maybe")
    assert "maybe(it: option<u32>)" in caught.value.cause
    with pytest.raises(UsageFailed, match="exports no function txt") as caught:
        call("values", "txt")
    assert caught.value.hint == "--invoke text"


def test_a_bool_that_the_engine_would_take_for_a_number_is_refused(call):
    with pytest.raises(UsageFailed, match="cannot be handed over"):
        call("values", "mixed", "truth(true)")


def test_without_a_function_to_call_a_library_is_no_command(programs):
    with pytest.raises(GuestFailed, match="not a command") as caught:
        run(programs["numbers"], ["guest"])
    assert "--invoke" in caught.value.hint


def test_resources_cannot_be_written():
    wasm = wat2wasm("""(component
      (type $r (resource (rep i32))) (export $e "thing" (type $r))
      (core module $M (func (export "f") (param i32))) (core instance $m (instantiate $M))
      (func $f (param "it" (own $e)) (canon lift (core func $m "f"))) (export "take" (func $f)))""")
    with pytest.raises(UsageFailed, match="cannot be called") as caught:
        run(Program("x", wasm, read(wasm)), ["x"], invoke=Invocation("take", ("1",), print))
    assert "own" in caught.value.cause
