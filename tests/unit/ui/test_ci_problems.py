"""Places in compilers' own words, as each of them was recorded, and the files that they mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmbuild.errors import CompilationFailed, Failure
from wasmbuild.ui.ci.places import Places, placed
from wasmbuild.ui.ci.problems import Problem, problems_in

CLANG = """\
src/main.c:5:18: error: use of undeclared identifier 'undeclared'
    5 |     printf("%d", undeclared);
      |                  ^~~~~~~~~~
src/main.c:6:11: error: too few arguments to function call, expected 1, have 0
    6 |     twice();
      |     ~~~~~ ^
src/main.c:2:12: note: 'twice' declared here
    2 | static int twice(int);
      |            ^     ~~~
2 errors generated."""

GCC = """\
src/main.c: In function ‘main’:
src/main.c:5:18: error: ‘undeclared’ undeclared (first use in this function)
    5 |     printf("%d", undeclared);
      |                  ^~~~~~~~~~
src/main.c:5:18: note: each undeclared identifier is reported only once for each function it appears in
src/main.c:4:9: warning: unused variable ‘x’ [-Wunused-variable]
    4 |     int x;
      |         ^
src/main.c: At top level:"""

GO = """\
# example.com/go-cli
./main.go:49:28: undefined: undeclared"""

RUSTC = """\
warning: unused variable: `x`
 --> src/main.rs:2:9
  |
2 |     let x = 1;
  |         ^ help: if this is intentional, prefix it with an underscore: `_x`
  |
  = note: `#[warn(unused_variables)]` (part of `#[warn(unused)]`) on by default

error[E0425]: cannot find function `undeclared` in this scope
 --> src/main.rs:3:5
  |
3 |     undeclared();
  |     ^^^^^^^^^^ not found in this scope

error: aborting due to 1 previous error

For more information about this error, try `rustc --explain E0425`."""

ASC = """\
ERROR TS2304: Cannot find name 'undeclared'.
    :
 36 │ export function broken(): i32 { return undeclared; }
    │                                        ~~~~~~~~~~
    └─ in assembly/index.ts(36,40)

FAILURE 1 compile error(s)"""

ROLLDOWN = """\
(jco componentize) [Error: Build failed with 1 error:

[PARSE_ERROR] Expected `:` but found `Identifier`
    ╭─[ src/main.js:16:34 ]
    │
 16 │ export function broken( { return undeclared; }
────╯
] {"""

PYTHON = """\
Traceback (most recent call last):
  File "<string>", line 1, in <module>
AssertionError:   File "/0/app.py", line 24
    def broken(:
               ^
SyntaxError: invalid syntax"""

WAT = """\
error: extra tokens remaining after parse
     --> src/main.wat:75:1
      |
   75 | (func $broken (result i32) (i32.const))"""

TSC = """\
src/index.ts(1,7): error TS2322: Type 'string' is not assignable to type 'number'.
src/index.ts(2,13): error TS2304: Cannot find name 'undeclared'."""

TSC_PRETTY = """\
src/index.ts:1:7 - error TS2322: Type 'string' is not assignable to type 'number'.

1 const a: number = "x";
        ~

Found 1 error in src/index.ts:1"""


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (CLANG, [("error", "src/main.c", 5, 18, "use of undeclared identifier 'undeclared'"),
                 ("error", "src/main.c", 6, 11, "too few arguments to function call, expected 1, have 0")]),
        (GCC, [("error", "src/main.c", 5, 18, "‘undeclared’ undeclared (first use in this function)"),
               ("warning", "src/main.c", 4, 9, "unused variable ‘x’ [-Wunused-variable]")]),
        ("a.c:1:10: fatal error: 'b.h' file not found", [("error", "a.c", 1, 10, "'b.h' file not found")]),
        (GO, [("error", "./main.go", 49, 28, "undefined: undeclared")]),
        (RUSTC, [("warning", "src/main.rs", 2, 9, "unused variable: `x`"),
                 ("error", "src/main.rs", 3, 5, "cannot find function `undeclared` in this scope")]),
        (ASC, [("error", "assembly/index.ts", 36, 40, "TS2304: Cannot find name 'undeclared'.")]),
        (ROLLDOWN, [("error", "src/main.js", 16, 34, "Expected `:` but found `Identifier`")]),
        (PYTHON, [("error", "/0/app.py", 24, None, "SyntaxError: invalid syntax")]),
        (WAT, [("error", "src/main.wat", 75, 1, "extra tokens remaining after parse")]),
        (TSC, [("error", "src/index.ts", 1, 7, "TS2322: Type 'string' is not assignable to type 'number'."),
               ("error", "src/index.ts", 2, 13, "TS2304: Cannot find name 'undeclared'.")]),
        (TSC_PRETTY, [("error", "src/index.ts", 1, 7, "TS2322: Type 'string' is not assignable to type 'number'.")]),
        ("wasmbuild.toml, line 6, column 1: [build] optimise is not a key",
         [("error", "wasmbuild.toml", 6, 1, "[build] optimise is not a key")]),
        ("the registry could not be reached", []),
        ("a.c:0:0: error: no such line", []),
    ],
)  # fmt: skip
def test_each_compiler_is_understood(text, problems):
    assert [(each.level, each.path, each.line, each.column, each.message) for each in problems_in(text)] == problems


@given(st.text() | st.text(alphabet='a.:,()-> [│╭─]\n1"', max_size=300))
def test_any_text_can_be_read(text):
    for each in problems_in(text):
        assert each.line > 0
        assert each.path


def test_a_long_text_is_read_within_bounds():
    assert len(problems_in("a.c:1:1: error: x\n" * 1000)) == 200
    assert problems_in("a" * 5000 + ":1:1: error: x") == []


@pytest.fixture
def checkout(tmp_path):
    for name in ("one/src/main.c", "one/src/app.py", "two/src/main.c", "two/only.c", "node_modules/hidden.c"):
        path = tmp_path / "checkout" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return tmp_path / "checkout"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("src/main.c", "one/src/main.c"),
        ("./src/main.c", "one/src/main.c"),
        ("/wasmbuild/work/src/main.c", "one/src/main.c"),
        ("/0/app.py", "one/src/app.py"),
        ("two/src/main.c", "two/src/main.c"),
        ("../two/only.c", "two/only.c"),
        ("missing.c", None),
        ("/etc/passwd", None),
        ("../../outside.c", None),
        ("link.c", None),
        ("src", None),
        ("a" * 5000, None),
        ("x\0y", None),
        ("/x\0y", None),
        ("/wasmbuild/tools/zig/lib/std/app.py", None),
        ("/rustc/0123/library/core/src/app.py", None),
        ("/usr/lib/zig/std/app.py", None),
    ],
)
def test_a_path_is_named_from_the_checkout(checkout, said, found):
    (checkout.parent / "outside.c").write_text("")
    (checkout / "one" / "link.c").symlink_to(checkout.parent / "outside.c")
    assert Places(checkout, [checkout / "one", checkout]).of(said) == found


def test_a_file_of_a_tool_is_none_of_ours(checkout):
    theirs = checkout.parent / "tools" / "only.c"
    theirs.parent.mkdir()
    theirs.write_text("")
    places = Places(checkout, [checkout])
    assert places.of(str(theirs)) is None
    copy = checkout.parent / "work" / "only.c"
    copy.parent.mkdir()
    copy.write_text("")
    assert places.of(str(copy)) == "two/only.c"


def test_of_several_files_none_is_guessed(checkout):
    places = Places(checkout, [checkout])
    assert places.of("work/src/main.c") is None
    assert places.of("work/only.c") == "two/only.c"
    assert places.of("hidden.c") is None


def test_a_failures_places_are_found_once_errors_first(checkout):
    cause = "two/only.c:2:1: warning: b\none/src/main.c:1:1: error: a\none/src/main.c:1:1: error: a\nx.c:1:1: error: c"
    failure = CompilationFailed("the sources do not compile", cause=cause)
    found = [(problem.level, path) for problem, path in placed(failure, Places(checkout, [checkout]))]
    assert found == [("error", "one/src/main.c"), ("warning", "two/only.c")]


def test_what_is_said_first_counts_too(checkout):
    failure = Failure("one/src/main.c, line 6, column 1: not a key")
    assert list(placed(failure, Places(checkout, [checkout]))) == [
        (Problem("error", "one/src/main.c", 6, 1, "not a key"), "one/src/main.c")
    ]
