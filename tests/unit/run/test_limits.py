import pytest

from tests.unit.run.core_guests import command, component, grows, program
from wasmbuild.errors import GuestFailed, GuestOutOfFuel, GuestOutOfMemory, GuestTimedOut, GuestTrapped, UsageFailed
from wasmbuild.run.limits import GuestLimits, parse_bytes, parse_count, parse_seconds
from wasmbuild.run.sandbox import run

MIB = 1024**2
DATA = '(data (i32.const 16) "kept")'


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64MiB", 64 * MIB),
        ("64 MiB", 64 * MIB),
        ("64m", 64 * MIB),
        ("1.5GiB", 1536 * MIB),
        ("2MB", 2_000_000),
        ("65536", 65536),
        ("10b", 10),
    ],
)
def test_sizes(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize(("text", "seconds"), [("1.5s", 1.5), ("2m", 120), ("500ms", 0.5), ("3", 3), ("1h", 3600)])
def test_times(text, seconds):
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1e3", "64 apples", "nan", "١", "9" * 40, "1.", "MiB"])
def test_what_is_no_size_and_no_time(text):
    for parse in (parse_bytes, parse_seconds):
        with pytest.raises(UsageFailed, match="not understood") as caught:
            parse(text)
        assert caught.value.hint
    if "." in text or not text.isascii() or not text.isdecimal() or len(text) > 20:
        with pytest.raises(UsageFailed, match="--fuel"):
            parse_count(text, "--fuel")


def test_counts():
    assert parse_count("1_000_000", "--fuel") == 1_000_000


@pytest.mark.parametrize(
    "limits",
    [
        {"memory_bytes": 0},
        {"memory_bytes": 2**60},
        {"fuel": 0},
        {"fuel": 2**63},
        {"seconds": 0},
        {"seconds": -1.0},
        {"seconds": float("nan")},
        {"stack_bytes": 1},
        {"stack_bytes": 2**40},
        {"tables": 0},
        {"table_elements": 2**40},
        {"instances": 0},
    ],
)
def test_limits_that_could_harm_the_process_never_reach_the_engine(limits):
    with pytest.raises(UsageFailed):
        GuestLimits(**limits)


# Memory


@pytest.mark.parametrize(("pages", "code"), [(15, 0), (16, 1)])
def test_a_guest_grows_to_the_limit_and_no_further(pages, code):
    assert run(program(grows(pages)), [], limits=GuestLimits(memory_bytes=MIB)) == code


def test_who_gives_up_for_want_of_memory_is_out_of_memory():
    with pytest.raises(GuestOutOfMemory, match="out of memory") as caught:
        run(program(grows(200, otherwise="unreachable")), [], limits=GuestLimits(memory_bytes=MIB))
    assert caught.value.exit_code == 137
    assert caught.value.cause.splitlines()[0] == "it had 65536 bytes, may have 1048576, and asked for 13172736"
    assert "unreachable" in caught.value.cause


def test_who_ends_with_an_error_for_want_of_memory_is_told_about():
    notes = []
    assert run(program(grows(200)), [], limits=GuestLimits(memory_bytes=MIB), notify=notes.append) == 1
    assert "it had 65536 bytes, may have 1048576, and asked for 13172736" in notes[0].text
    notes.clear()
    assert run(program(grows(200, otherwise="")), [], limits=GuestLimits(memory_bytes=MIB), notify=notes.append) == 0
    assert notes == []


def test_a_trap_of_who_got_all_it_wanted_is_a_trap():
    with pytest.raises(GuestTrapped) as caught:
        run(program(command("unreachable")), [], limits=GuestLimits(memory_bytes=MIB))
    assert caught.value.exit_code == 134


def test_counted_memory_begins_as_it_should_and_keeps_what_it_has():
    body = """(drop (memory.grow (i32.const 3)))
      (if (i32.ne (i32.load (i32.const 16)) (i32.const 0x7470656b)) (then unreachable))
      (if (i32.load (i32.const 131072)) (then unreachable))
      (i32.store (i32.const 262140) (i32.const 1))"""
    assert run(program(command(body, more=DATA)), [], limits=GuestLimits(memory_bytes=MIB)) == 0


@pytest.mark.parametrize("address", [MIB, 65536, 0x7FFFFFFF, 0xFFFFFFFF])
def test_beyond_counted_memory_there_is_nothing(address):
    with pytest.raises(GuestTrapped) as caught:
        run(
            program(command(f"(i32.store (i32.const {address}) (i32.const 1))")),
            [],
            limits=GuestLimits(memory_bytes=MIB),
        )
    assert "out of bounds memory access" in caught.value.cause


def test_sixty_four_bits_of_address_are_no_way_around_the_limit():
    assert run(program(grows(65536, "i64")), []) == 1
    assert run(program(grows(65534, "i64")), []) == 0
    assert run(program(grows(2**40, "i64")), [], limits=GuestLimits(memory_bytes=MIB)) == 1


def test_memories_share_the_limit():
    wat = grows(14).replace("(func (export", "(memory $other 2) (func (export")
    assert run(program(wat), [], limits=GuestLimits(memory_bytes=MIB)) == 1
    assert run(program(wat), [], limits=GuestLimits(memory_bytes=17 * 65536)) == 0
    wat = grows(40_000).replace("(func (export", "(memory $other 1) (func (export")
    assert run(program(wat), []) == 1


NESTED = component("i32.const 0").replace("(core module $m", "(core module $m (memory 17)")


@pytest.mark.parametrize(
    "wat",
    [
        command("").replace("1)", "17)", 1),
        command("", more="(memory 16)"),
        NESTED,
        f"""(component {NESTED} (instance $i (instantiate 0)) (alias export $i "wasi:cli/run@0.2.3" (instance $r))
          (export "wasi:cli/run@0.2.3" (instance $r)))""",
    ],
    ids=["module", "two memories", "component", "nested component"],
)
def test_a_guest_that_starts_with_more_than_the_limit_is_told_so(wat):
    with pytest.raises(GuestOutOfMemory, match="needs more memory than a guest may have") as caught:
        run(program(wat), [], limits=GuestLimits(memory_bytes=MIB))
    assert caught.value.cause == f"it starts with {17 * 65536} bytes, and the limit is 1048576"
    assert caught.value.hint == "--memory 2MiB"
    assert run(program(wat), [], limits=GuestLimits(memory_bytes=4 * MIB)) == 0


def test_a_module_that_a_component_instantiates_twice_counts_twice():
    wat = component("i32.const 0").replace("(core module $m", "(core module $m (memory 9)")
    wat = wat.replace("(core instance $i", "(core instance (instantiate $m)) (core instance $i")
    with pytest.raises(GuestOutOfMemory, match="needs more memory"):
        run(program(wat), [], limits=GuestLimits(memory_bytes=MIB))
    assert run(program(wat), [], limits=GuestLimits(memory_bytes=2 * MIB)) == 0
    with pytest.raises(GuestOutOfMemory, match="needs more memories") as caught:
        run(program(wat), [])
    assert "below 4GiB" in caught.value.hint  # where they are counted


def test_what_the_garbage_collector_has_is_counted():
    wat = """(module (type $a (array (mut i64)))
      (type $node (struct (field (ref null $node)) (field (ref $a))))
      (func (export "_start") (local (ref null $node))
        (loop $l (local.set 0 (struct.new $node (local.get 0) (array.new_default $a (i32.const 100000)))) (br $l))))"""

    with pytest.raises(GuestOutOfMemory, match="out of memory"):
        run(program(wat), [], limits=GuestLimits(memory_bytes=16 * MIB, seconds=20))


# The others


def test_fuel_runs_out():
    endless = program(command("(loop $l (br $l))"))
    with pytest.raises(GuestOutOfFuel, match="out of fuel") as caught:
        run(endless, [], limits=GuestLimits(fuel=10_000))
    assert caught.value.exit_code == 152
    assert run(program(command("")), [], limits=GuestLimits(fuel=10_000)) == 0
    wat = component("(loop $l (br $l)) i32.const 0")
    with pytest.raises(GuestOutOfFuel):
        run(program(wat), [], limits=GuestLimits(fuel=10_000))


def test_a_name_cannot_pretend_a_limit():
    wat = command("call $x", more='(func $x unreachable (; ;)) (@custom "a" "")').replace(
        "$x unreachable", '$x (@name "all fuel consumed call stack exhausted") unreachable'
    )
    with pytest.raises(GuestTrapped, match="trapped"):
        run(program(wat), [], limits=GuestLimits(fuel=10_000))


DEEP = "(func $deep (param i32) (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1))))))"


@pytest.mark.parametrize("kind", ["module", "component"])
def test_the_stack_is_as_deep_as_it_may_be(kind):
    depth = 400_000
    wat = command(f"(call $deep (i32.const {depth}))", more=DEEP)
    if kind == "component":
        wat = component(f"(call $deep (i32.const {depth})) i32.const 0").replace(
            "(core module $m", f"(core module $m {DEEP}"
        )
    with pytest.raises(GuestTrapped, match="used up its stack") as caught:
        run(program(wat), [])
    assert caught.value.exit_code == 134
    assert caught.value.cause.endswith("its stack has 524288 bytes")
    assert run(program(wat), [], limits=GuestLimits(stack_bytes=64 * MIB)) == 0


def test_a_stack_may_be_small():
    wat = command("(call $deep (i32.const 2000))", more=DEEP)
    assert run(program(wat), []) == 0
    with pytest.raises(GuestTrapped, match="used up its stack"):
        run(program(wat), [], limits=GuestLimits(stack_bytes=16 * 1024))


@pytest.mark.parametrize(
    ("more", "limits", "words", "flag"),
    [
        ("(table 100 funcref)", {"table_elements": 99}, "more elements in a table", "--table-elements"),
        ("(table 100000000 funcref)", {}, "more elements in a table", "--table-elements"),
        ("(table 1 funcref) (table 1 funcref)", {"tables": 1}, "more tables", "--tables"),
    ],
)
def test_tables_are_limited(more, limits, words, flag):
    with pytest.raises(GuestFailed, match=f"needs {words} than a guest may have") as caught:
        run(program(command("", more=more)), [], limits=GuestLimits(**limits))
    assert caught.value.hint.startswith(flag)


def test_instances_are_limited():
    wat = component("i32.const 0").replace("(core instance $i", "(core instance (instantiate $m)) (core instance $i")
    assert run(program(wat), [], limits=GuestLimits(instances=2)) == 0
    with pytest.raises(GuestFailed, match="needs more instances") as caught:
        run(program(wat), [], limits=GuestLimits(instances=1))
    assert caught.value.hint.startswith("--instances")


def test_time_is_up():
    with pytest.raises(GuestTimedOut, match=r"took longer than 0\.05 s") as caught:
        run(program(command("(loop $l (br $l))")), [], limits=GuestLimits(seconds=0.05, memory_bytes=2**20, fuel=2**62))
    assert caught.value.exit_code == 124
    assert caught.value.hint.endswith("wasmbuild compile --timeout 0.05s --fuel 4611686018427387904 --memory 1048576")
    assert run(program(command("")), [], limits=GuestLimits(seconds=60)) == 0


def test_time_is_up_in_a_start_function_and_in_a_component():
    for wat in (
        command("", more="(func $s (loop $l (br $l))) (start $s)"),
        component("(loop $l (br $l)) i32.const 0"),
    ):
        with pytest.raises(GuestTimedOut):
            run(program(wat), [], limits=GuestLimits(seconds=0.05))


def test_all_limits_together():
    limits = GuestLimits(
        memory_bytes=MIB, fuel=100_000, seconds=60, stack_bytes=MIB, tables=1, table_elements=1, instances=1
    )
    assert run(program(command("")), [], limits=limits) == 0
