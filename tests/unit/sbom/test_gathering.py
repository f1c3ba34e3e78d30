"""What is read off a file, through all that is nested in it."""

import hashlib
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.digest import Digest
from tests.unit.sbom.files import CRATES, RUST, WHOLE, WIT, crates, producers, said
from tests.unit.wasm.sections import COMPONENT, MODULE, custom, nest
from wasmbuild.errors import InvalidWasm
from wasmbuild.sbom.gathering import MAX_ENTRIES, MAX_HASHED_DEPTH, Known, gather
from wasmbuild.sbom.inventory import About, Relation
from wasmbuild.sbom.locks import Package
from wasmbuild.sbom.names import Interface, crate_purl, key_of

KNOWN = Known("file")


def items(wasm):
    return {item.key: item for item in gather(wasm, KNOWN).items}


def test_the_file_itself():
    found = gather(WHOLE, Known("file", "pkg:oci/hello@sha256:abc"))
    root = found.root
    assert (root.key, root.kind, root.name, root.version) == ("wasm", "component", "hello", "1.2.3")
    assert root.about == About(
        "Ada", "Says hello", "MIT OR Apache-2.0", "https://example.com/hello.git", "https://example.com"
    )
    assert root.purl == "pkg:oci/hello@sha256:abc"
    assert root.digest == found.digest == Digest.of(WHOLE)
    assert ("wasmbuild:wasm:revision", "abc123") in root.facts
    assert ("wasmbuild:wasm:size", str(len(WHOLE))) in root.facts


def test_a_file_without_a_name_has_the_one_it_is_known_by():
    assert gather(MODULE, KNOWN).root.name == "file"


@pytest.mark.parametrize(("start", "runs"), [("_start", True), ("_initialize", False), ("add", False)])
def test_a_program_is_one_that_runs(start, runs):
    from wasmtime import wat2wasm

    assert gather(bytes(wat2wasm(f'(module (func (export "{start}")))')), KNOWN).root.runs is runs


def test_what_is_nested_has_digests_of_its_own_bytes():
    found = items(WHOLE)
    assert found["wasm/0"].digest == Digest.of(RUST)
    assert found["wasm/1"].digest == Digest.of(WIT)
    inner = found["wasm/1/0"]
    assert inner.kind == "module"
    assert inner.name == "inner"
    assert inner.digest is not None
    assert inner.digest.encoded in {
        hashlib.sha256(WIT[start : start + size]).hexdigest()
        for start in range(8, len(WIT))
        if WIT[start : start + 8] == MODULE
        for size in range(8, len(WIT) - start)
    }
    assert {"wasm", "wasm/1"} == {each.source for each in gather(WHOLE, KNOWN).relations if each.kind == "contains"}


def test_components_far_down_have_no_digest_and_modules_do():
    wasm, depth = COMPONENT + nest(MODULE), MAX_HASHED_DEPTH + 1
    for _ in range(depth):
        wasm = COMPONENT + nest(wasm)
    found = items(wasm)
    assert found["/".join(["wasm", *"0" * MAX_HASHED_DEPTH])].digest is not None
    assert found["/".join(["wasm", *"0" * depth])].digest is None
    assert found["/".join(["wasm", *"0" * (depth + 1)])].digest == Digest.of(MODULE)


def test_crates_and_how_they_need_each_other():
    found = gather(RUST, KNOWN)
    by_name = {item.name: item for item in found.items if item.kind == "crate"}
    assert set(by_name) == {"app", "serde", "itoa", "cc", "forked"}
    assert by_name["serde"].purl == "pkg:cargo/serde@1.0.9"
    assert by_name["app"].purl is by_name["forked"].purl is None  # crates.io has others of these names
    assert [name for name, item in by_name.items() if item.build] == ["cc"]
    edges = {(each.source, each.target) for each in found.relations if each.kind == "depends"}
    keys = {name: item.key for name, item in by_name.items()}
    assert edges == {
        ("wasm", keys["app"]),
        ("wasm", keys["forked"]),
        (keys["app"], keys["serde"]),
        (keys["app"], keys["itoa"]),
        (keys["app"], keys["cc"]),
        (keys["serde"], keys["itoa"]),
    }


def test_crates_that_only_need_each_other_all_belong_to_the_file():
    around = [{**CRATES[2], "name": name, "dependencies": [1 - place]} for place, name in enumerate("ab")]
    found = gather(MODULE + crates(*around), KNOWN)
    assert {each.target for each in found.relations if each.source == "wasm"} == {item.key for item in found.items}


def test_a_crate_of_two_modules_stands_there_once_and_not_as_a_build_dependency():
    build, needed = {**CRATES[2], "kind": "build"}, CRATES[2]
    for pair in ((build, needed), (needed, build)):
        wasm = COMPONENT + b"".join(nest(MODULE + crates(each)) for each in pair)
        found = [item for item in gather(wasm, KNOWN).items if item.kind == "crate"]
        assert [(item.name, item.build) for item in found] == [("itoa", False)]


def test_tools_are_told_from_languages_and_kits():
    found = gather(WHOLE, KNOWN)
    tools = {item.name: (item.kind, item.version, item.build) for item in found.items if item.kind in {"tool", "sdk"}}
    assert tools == {
        "rustc": ("tool", "1.90.0 (abc 2025)", True),
        "wit-component": ("tool", "0.2", True),
        "kit": ("sdk", "3", False),
    }
    assert Relation("wasm/0", "built-by", key_of("tool", "rustc", "1.90.0 (abc 2025)")) in found.relations
    assert ("wasmbuild:producers:language", "Rust") in items(WHOLE)["wasm/0"].facts


def test_wit_packages_by_way():
    found = gather(WIT, KNOWN)
    packages = {item.key: item for item in found.items if item.kind == "wit"}
    assert set(packages) == {"wit:wasi:cli:0.2.3", "wit:wasi:io:0.2.3"}
    package = packages["wit:wasi:io:0.2.3"]
    assert (package.group, package.name, package.version) == ("wasi", "io", "0.2.3")
    assert package.facts == (("wasmbuild:wit:imports", "poll"), ("wasmbuild:wit:imports", "streams"))
    assert Relation("wasm", "depends", "wit:wasi:io:0.2.3") in found.relations
    assert Relation("wasm", "implements", "wit:wasi:cli:0.2.3") in found.relations
    assert ("wasmbuild:wasm:imports", "plain") in found.root.facts


def test_what_cannot_be_read_is_named():
    facts = dict(gather(MODULE + custom(".dep-v0", b"junk"), KNOWN).root.facts)
    assert facts["wasmbuild:wasm:unreadable"].startswith(".dep-v0: ")


def test_names_are_made_safe():
    hostile = {"name": "a\x1b[2J\u202e", "version": "1\n", "source": "crates.io"}
    wasm = MODULE + crates(hostile) + said(description="up\u202eside", version="1")
    found = gather(wasm, KNOWN)
    (crate,) = found.items
    assert (crate.name, crate.version, crate.purl) == ("a\\x1b[2J\\u202e", "1\\x0a", None)
    assert crate.key.isascii()
    assert crate.key.isprintable()
    assert found.root.about.description == "up\\u202eside"


def test_a_file_that_names_too_much_is_refused():
    many = [{"name": f"c{number}", "version": "1", "source": "crates.io"} for number in range(19_000)]
    with pytest.raises(InvalidWasm) as caught:
        gather(MODULE + crates(*many), KNOWN)
    assert str(MAX_ENTRIES) in str(caught.value.cause)


def test_what_is_no_wasm_is_refused():
    with pytest.raises(InvalidWasm):
        gather(b"{}", KNOWN)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("wasi:cli/run@0.2.3", Interface("wasi", "cli", "run", "0.2.3")),
        ("acme:key-value/store", Interface("acme", "key-value", "store", "")),
        ("a:b/c@1.0.0-rc.1+x", Interface("a", "b", "c", "1.0.0-rc.1+x")),
        ("plain", None),
        ("a:b/c@", None),
        ("a:b/c/d", None),
        ("url=<https://example.com>", None),
        ("a:b/c@1.0.0\n", None),
        ("a:" + "b" * 600 + "/c", None),
    ],
)
def test_interfaces(text, read):
    assert Interface.parse(text) == read


@pytest.mark.parametrize(
    ("crate", "purl"),
    [
        (("serde", "1.0.0", "crates.io"), "pkg:cargo/serde@1.0.0"),
        (("serde", "1.0.0+x", "crates-io"), "pkg:cargo/serde@1.0.0%2Bx"),
        (("serde", "1.0.0", "git"), None),
        (("serde", "", "crates.io"), None),
        (("a/b", "1", "crates.io"), None),
        (("", "1", "crates.io"), None),
    ],
)
def test_crates_that_have_a_purl(crate, purl):
    assert crate_purl(*crate) == purl


@given(st.lists(st.text(max_size=6), min_size=1), st.lists(st.text(max_size=6), min_size=1))
def test_keys_of_different_words_differ(left, right):
    from wasmbuild.sbom.names import safe

    left, right = [safe(each) for each in left], [safe(each) for each in right]
    assert (key_of("crate", *left) == key_of("crate", *right)) == (left == right)


@given(st.binary(max_size=60))
def test_any_list_of_crates_is_read_or_said_to_be_unreadable(content):
    found = gather(MODULE + custom(".dep-v0", zlib.compress(content)), KNOWN)
    assert found.items or "unreadable" in json.dumps(found.root.facts) or b"packages" in content


def test_producers_without_a_name_are_no_tools():
    found = gather(MODULE + producers(processed_by=[("", "1")], tool=[("x", "2")]), KNOWN)
    assert found.items == ()
    assert ("wasmbuild:producers:tool", "x 2") in found.root.facts


LOCKED = Package("cargo", "serde", "1.0.9", "Cargo.lock", "crates.io", archives=(Digest("sha256", "a" * 64),))
OTHER = Package("cargo", "windows-sys", "1.0.0", "Cargo.lock", "crates.io")
NPM = (
    Package("npm", "@scope/a", "1.0.0", "package-lock.json", license="MIT", direct=True, needs=("npm::b:2.0.0",)),
    Package("npm", "b", "2.0.0", "package-lock.json", needs=("npm::c:1.0.0",)),
    Package("npm", "c", "1.0.0", "package-lock.json", needs=("npm::b:2.0.0", "npm::absent:1")),
    Package("npm", "x", "1.0.0", "package-lock.json", needs=("npm::y:1.0.0",)),
    Package("npm", "y", "1.0.0", "package-lock.json", needs=("npm::x:1.0.0",)),
    Package("npm", "tests", "1.0.0", "package-lock.json", "git", build=True, direct=True),
)


def with_locks(wasm, *packages):
    return gather(wasm, Known("file", packages=packages))


def test_a_file_that_names_its_crates_is_believed_before_the_lock():
    found = {item.key: item for item in with_locks(RUST, LOCKED, OTHER).items}
    serde = found["crate:crates.io:serde:1.0.9"]
    assert (serde.archives, serde.found, serde.perhaps) == (LOCKED.archives, ("Cargo.lock",), False)
    assert not any("windows" in key for key in found)
    assert with_locks(RUST, LOCKED, OTHER).relations == gather(RUST, KNOWN).relations


def test_crates_io_has_two_spellings():
    wasm = MODULE + crates({"name": "serde", "version": "1.0.9", "source": "crates-io"})
    (serde,) = with_locks(wasm, LOCKED).items
    assert (serde.key, serde.archives) == ("crate:crates-io:serde:1.0.9", LOCKED.archives)


def test_what_only_a_lock_names_may_be_in_the_file():
    found = with_locks(MODULE, LOCKED, *NPM)
    items = {item.key: item for item in found.items}
    assert sorted(key for key, item in items.items() if item.perhaps) == [
        "crate:crates.io:serde:1.0.9",
        "npm::@scope/a:1.0.0",
        "npm::b:2.0.0",
        "npm::c:1.0.0",
        "npm::x:1.0.0",
        "npm::y:1.0.0",
    ]
    scoped = next(item for item in found.items if item.group == "@scope")
    assert (scoped.name, scoped.purl, scoped.about.licenses) == ("a", "pkg:npm/%40scope/a@1.0.0", "MIT")
    tests = items["npm:git:tests:1.0.0"]
    assert (tests.build, tests.perhaps, tests.purl) == (True, False, None)
    assert ("wasmbuild:lock:source", "git") in tests.facts
    hang = {relation.target for relation in found.relations if relation.source == "wasm"}
    assert hang == {"crate:crates.io:serde:1.0.9", scoped.key, "npm::x:1.0.0", "npm::y:1.0.0", tests.key}
    assert Relation("npm::c:1.0.0", "depends", "npm::b:2.0.0") in found.relations


def test_a_wit_package_of_a_lock_is_the_one_that_is_imported():
    locked = Package("wit", "wasi:io", "0.2.3", "wkg.lock", archives=(Digest("sha256", "b" * 64),))
    other = Package("wit", "wasi:http", "0.2.3", "wkg.lock")
    items_of = {item.key: item for item in with_locks(WIT, locked, other).items}
    assert other.key not in items_of
    assert [each.group for each in with_locks(MODULE, other).items] == ["wasi"]
    assert items_of["wit:wasi:io:0.2.3"].archives == locked.archives
    assert not items_of["wit:wasi:io:0.2.3"].perhaps


def test_locks_that_name_too_much_are_refused(monkeypatch):
    monkeypatch.setattr("wasmbuild.sbom.collecting.MAX_ENTRIES", 100)
    many = [Package("npm", f"p{number}", "1.0.0", "package-lock.json") for number in range(48)]
    assert len(with_locks(MODULE, *many).items) == 48
    with pytest.raises(InvalidWasm, match="too much for an SBOM"):
        with_locks(MODULE, *many, LOCKED)
