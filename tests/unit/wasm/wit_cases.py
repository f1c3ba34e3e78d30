"""Changes of WIT, and the version step that each demands; the documents of wasm-tools for them are in wit.json.

``tests/e2e_build/test_wit_cases.py`` asks wasm-tools again: for the documents, and for its own judgement.
"""

from dataclasses import dataclass

from wasmbuild.wasm.compare.steps import Step

NONE, PATCH, MINOR, MAJOR = Step.NONE, Step.PATCH, Step.MINOR, Step.MAJOR

_USE = "record p { x: u32, y: string }\n resource r { constructor(a: u32); m: func(); s: static func(); }\n"
_ALL = (
    _USE
    + """variant v { a, b(u32) }
    enum e { one, two }
    flags f { r, w }
    type alias = p;
    add: func(a: u32, b: u32) -> u32;
    take: func(p: p, v: v, e: e, f: f) -> result<p, e>;
    make: func(a: list<u8>) -> tuple<u32, option<string>>;"""
)


def exported(interface: str = _ALL, *, more: str = "", version: str = "1.0.0") -> str:
    """A component that exports an interface ``t`` of its own package."""
    return f"package acme:lib@{version};\ninterface t {{ {interface} }}\nworld w {{ export t; {more} }}\n"


def imported(interface: str = _ALL, *, more: str = "") -> str:
    """A component that imports an interface ``t`` of its own package, which is foreign to its hosts."""
    return f"package acme:lib@1.0.0;\ninterface t {{ {interface} }}\nworld w {{ import t; {more} }}\n"


def world(*items: str) -> str:
    """A component of functions alone."""
    return "package acme:lib@1.0.0;\nworld w { " + " ".join(items) + " }\n"


def wasi(*imports: str, export: str = "", version: str = "0.2.3", functions: str = "f: func();") -> str:
    """A component that imports interfaces of WASI."""
    packages: dict[str, list[str]] = {}
    for name in (*imports, *([export] if export else [])):
        package, interface = name.split("/")
        packages.setdefault(package, []).append(interface)
    asked = " ".join(f"import {name}@{version};" for name in imports)
    offered = f"export {export}@{version};" if export else ""
    nested = "\n".join(
        f"package {package}@{version} {{ {' '.join(f'interface {each} {{ {functions} }}' for each in interfaces)} }}"
        for package, interfaces in packages.items()
    )
    return f"package acme:lib@1.0.0;\nworld w {{ {asked} {offered} }}\n{nested}\n"


def elsewhere(interface: str, version: str, *, side: str = "export") -> str:
    """A component with an interface of another package, which has a version of its own."""
    return (
        f"package acme:lib@1.0.0;\nworld w {{ {side} acme:other/o@{version}; }}\n"
        f"package acme:other@{version} {{ interface o {{ {interface} }} }}\n"
    )


@dataclass(frozen=True, slots=True)
class Case:
    """A change, and the step that it demands; ``judged`` is whether wasm-tools can be asked, and agrees."""

    name: str
    old: str
    new: str
    step: Step
    judged: bool = True


def _swap(old: str, new: str) -> str:
    assert old in _ALL
    return _ALL.replace(old, new)


_POLL, _RUN, _FILES = "wasi:io/poll", "wasi:cli/run", "wasi:filesystem/types"
_ADD = "add: func(a: u32, b: u32) -> u32;"

CASES = (
    Case("nothing", exported(), exported(), PATCH),
    Case("order", exported("a: func(); b: func();"), exported("b: func(); a: func();"), PATCH),
    Case("export-function-added", exported(), exported(_ALL + "more: func();"), MINOR),
    Case("export-function-removed", exported(), exported(_swap(_ADD, "")), MAJOR),
    Case("export-type-added", exported(), exported(_ALL + "record q { x: u32 }"), MINOR),
    Case("export-type-removed", exported(), exported(_swap("type alias = p;", "")), MAJOR),
    Case("export-alias-spelt-out", exported(), exported(_swap("alias = p", "alias = r0") + "type r0 = p;"), MINOR),
    Case("export-alias-of-another", exported(), exported(_swap("alias = p", "alias = v")), MAJOR),
    Case("record-field-added", exported(), exported(_swap("y: string }", "y: string, z: u8 }")), MAJOR),
    Case("record-field-removed", exported(), exported(_swap("x: u32, y", "y")), MAJOR),
    Case("record-field-renamed", exported(), exported(_swap("x: u32, y", "z: u32, y")), MAJOR),
    Case(
        "record-fields-in-another-order", exported(), exported(_swap("x: u32, y: string", "y: string, x: u32")), MAJOR
    ),
    Case("record-field-of-another-type", exported(), exported(_swap("x: u32, y", "x: u64, y")), MAJOR),
    Case("record-field-optional", exported(), exported(_swap("x: u32, y", "x: option<u32>, y")), MAJOR),
    Case("variant-case-added", exported(), exported(_swap("b(u32)", "b(u32), c")), MAJOR),
    Case("variant-case-removed", exported(), exported(_swap("{ a, b(u32) }", "{ b(u32) }")), MAJOR),
    Case("variant-payload-changed", exported(), exported(_swap("b(u32)", "b(string)")), MAJOR),
    Case("enum-case-added", exported(), exported(_swap("one, two", "one, two, three")), MAJOR),
    Case("enum-case-removed", exported(), exported(_swap("one, two", "one")), MAJOR),
    Case("flag-added", exported(), exported(_swap("{ r, w }", "{ r, w, x }")), MAJOR),
    Case("flag-removed", exported(), exported(_swap("{ r, w }", "{ r }")), MAJOR),
    Case("enum-becomes-variant", exported(), exported(_swap("enum e { one", "variant e { one")), MAJOR),
    Case("resource-method-added", exported(), exported(_swap("m: func();", "m: func(); n: func();")), MINOR),
    Case("resource-method-removed", exported(), exported(_swap("m: func();", "")), MAJOR),
    Case("resource-method-becomes-static", exported(), exported(_swap("m: func();", "m: static func();")), MAJOR),
    Case("resource-constructor-changed", exported(), exported(_swap("constructor(a: u32)", "constructor()")), MAJOR),
    Case("resource-becomes-record", exported("resource r;"), exported("record r { x: u32 }"), MAJOR),
    Case("resource-removed", exported("resource r; f: func();"), exported("f: func();"), MAJOR),
    Case("parameter-added", exported(), exported(_swap("add: func(", "add: func(c: u8, ")), MAJOR),
    Case("parameter-removed", exported(), exported(_swap("a: u32, b: u32", "a: u32")), MAJOR),
    Case("parameter-renamed", exported(), exported(_swap("add: func(a", "add: func(left")), MAJOR),
    Case("parameter-of-another-type", exported(), exported(_swap("a: u32, b: u32", "a: u32, b: s32")), MAJOR),
    Case("result-added", world("export f: func();"), world("export f: func() -> u32;"), MAJOR),
    Case("result-changed", exported(), exported(_swap("b: u32) -> u32", "b: u32) -> u64")), MAJOR),
    Case("error-added", exported(), exported(_swap("-> result<p, e>", "-> result<p, string>")), MAJOR),
    Case("becomes-async", world("export f: func();"), world("export f: async func();"), MAJOR),
    Case("list-becomes-stream", world("export f: func(a: list<u8>);"), world("export f: func(a: stream<u8>);"), MAJOR),
    Case("borrow-becomes-own", exported(_USE + "f: func(r: borrow<r>);"), exported(_USE + "f: func(r: r);"), MAJOR),
    Case("length-changed", world("export f: func(a: list<u8, 4>);"), world("export f: func(a: list<u8, 5>);"), MAJOR),
    Case("export-added", world("export f: func();"), world("export f: func();", "export g: func();"), MINOR),
    Case("export-removed", world("export f: func();", "export g: func();"), world("export f: func();"), MAJOR),
    Case(
        "export-interface-removed", exported("f: func();", more="export g: func();"), world("export g: func();"), MAJOR
    ),
    Case("import-removed", world("import f: func();"), world(), PATCH),
    Case("import-added", world(), world("import f: func();"), MAJOR),
    Case("import-interface-added", world(), imported("f: func();"), MAJOR),
    Case("import-function-added", imported(), imported(_ALL + "more: func();"), MAJOR),
    Case("import-function-removed", imported(), imported(_swap(_ADD, "")), PATCH),
    Case("import-function-changed", imported(), imported(_swap("b: u32) -> u32", "b: u32) -> u64")), MAJOR),
    Case("import-record-changed", imported(), imported(_swap("x: u32, y", "x: u64, y")), MAJOR),
    Case("import-becomes-export", imported("f: func();"), exported("f: func();"), MINOR),
    Case("import-type-named", imported(), imported(more="use t.{p};"), MAJOR),
    Case("wasi-added", wasi(_POLL), wasi(_POLL, _FILES), MINOR, judged=False),
    Case("wasi-added-to-nothing", world(), wasi(_POLL), MINOR, judged=False),
    Case("wasi-removed", wasi(_POLL, _FILES), wasi(_POLL), PATCH, judged=False),
    Case("wasi-function-added", wasi(_POLL), wasi(_POLL, functions="f: func(); g: func();"), PATCH, judged=False),
    Case("wasi-compatible-version", wasi(_POLL), wasi(_POLL, version="0.2.6"), PATCH, judged=False),
    Case("wasi-compatible-older-version", wasi(_POLL), wasi(_POLL, version="0.2.0"), PATCH, judged=False),
    Case("wasi-other-level", wasi(_POLL), wasi("wasi:clocks/types", version="0.3.0"), MAJOR, judged=False),
    Case("wasi-proposal-added", wasi(_POLL), wasi(_POLL, "wasi:nn/graph"), MAJOR, judged=False),
    Case("wasi-unknown-version", world(), wasi(_POLL, version="7.0.0"), MAJOR, judged=False),
    Case("wasi-export-compatible", wasi(export=_RUN), wasi(export=_RUN, version="0.2.6"), PATCH, judged=False),
    Case("wasi-export-older", wasi(export=_RUN), wasi(export=_RUN, version="0.2.1"), MAJOR, judged=False),
    Case("wasi-export-other-level", wasi(export=_RUN), wasi(export=_RUN, version="0.3.0"), MAJOR, judged=False),
    Case("export-version-up", elsewhere("f: func();", "1.0.0"), elsewhere("f: func();", "1.4.0"), PATCH, judged=False),
    Case(
        "export-version-major", elsewhere("f: func();", "1.0.0"), elsewhere("f: func();", "2.0.0"), MAJOR, judged=False
    ),
    Case("export-0.x-up", elsewhere("f: func();", "0.1.0"), elsewhere("f: func();", "0.1.1"), PATCH, judged=False),
    Case("export-0.x-breaks", elsewhere("f: func();", "0.1.0"), elsewhere("f: func();", "0.2.0"), MAJOR, judged=False),
    Case(
        "export-0.0.x-breaks", elsewhere("f: func();", "0.0.1"), elsewhere("f: func();", "0.0.2"), MAJOR, judged=False
    ),
    Case(
        "import-version-up",
        elsewhere("f: func();", "1.0.0", side="import"),
        elsewhere("f: func();", "1.4.0", side="import"),
        PATCH,
        judged=False,
    ),
)
"""At least thirty of them; each pair of worlds is called ``w``."""
