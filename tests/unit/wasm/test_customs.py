import json
import re
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.wasm.sections import COMPONENT, MODULE, custom, nest, sized, text, vector
from wasmbuild.wasm.binary import read, read_all
from wasmbuild.wasm.customs.dependencies import MAX_UNPACKED, Dependency
from wasmbuild.wasm.customs.producers import Producer, Producers, encode_producers
from wasmbuild.wasm.customs.readers import PackageDocs, SharedLibrary
from wasmbuild.wasm.customs.sections import Customs, Unreadable, read_all_customs, read_customs
from wasmbuild.wasm.customs.signature import EmbeddedSignature

PRODUCERS = vector(
    text("language") + vector(text("C11") + text("")),
    text("processed-by") + vector(text("clang") + text("19.1"), text("wasm-ld") + text("19")),
)
PACKAGES = [
    {"name": "app", "version": "1.0.0", "source": "local", "dependencies": [1], "root": True},
    {"name": "serde", "version": "1.0.9", "source": "crates.io", "kind": "build", "features": ["x"]},
]
HASH, ED25519 = bytes(32), b"\1" + sized(bytes(64))
NAMED = b"\0" + sized(text("greeter")) + b"\1" + sized(vector(b"\0" + text("main")))

GOOD = {
    "producers": (PRODUCERS, "producers"),
    "target_features": (vector(b"+" + text("simd128"), b"-" + text("atomics")), "target_features"),
    "build_id": (sized(b"\xab\xcd"), "build_id"),
    ".dep-v0": (zlib.compress(json.dumps({"packages": PACKAGES}).encode()), "dependencies"),
    "package-docs": (b'\1{"docs":"About it.","worlds":{}}', "package_docs"),
    "dylink.0": (
        b"\1" + sized(b"\x10\2\3\0") + b"\2" + sized(vector(text("libc.so"))) + b"\7" + sized(b"?"),
        "shared_library",
    ),
    "sourceMappingURL": (text("hello.wasm.map"), "source_map"),
    "signature": (
        b"\1\1\1" + vector(sized(vector(HASH) + vector(sized(sized(b"\1\2") + ED25519), sized(b"\0" + ED25519)))),
        "signature",
    ),
    "name": (NAMED, "name"),
}
READ = {
    "producers": Producers(
        (
            Producer("language", "C11"),
            Producer("processed-by", "clang", "19.1"),
            Producer("processed-by", "wasm-ld", "19"),
        )
    ),
    "target_features": ("-atomics", "+simd128"),
    "build_id": "abcd",
    "dependencies": (
        Dependency("app", "1.0.0", "local", root=True, dependencies=(1,)),
        Dependency("serde", "1.0.9", "crates.io", build=True),
    ),
    "package_docs": PackageDocs(1, "About it."),
    "shared_library": SharedLibrary(("libc.so",), 16, 4, 3),
    "source_map": "hello.wasm.map",
    "signature": EmbeddedSignature(2, ("0102",)),
    "name": "greeter",
}
SIGNED = bytes.fromhex(
    "010101016601"
    "00dc57261e8657df2f397de981660fc4bc5e72494b7c222f96d5da9858e2730d"
    "0143000140"
    "4902e49fb368f27eb104152e16e89bc5360c1ed8128cf66527bc526df04f4293"
    "c8137f8c9ac029bf1bfa6230128ba2c011d6e3d17229d169f93038e450e8430e"
)
"""A signature in wasmsign2's framing, over a module that it was computed for; its key has no identifier."""


def customs_of(*sections, head=MODULE):
    data = head + b"".join(custom(name, content) for name, content in sections)
    return read_customs(data, read(data).sections)


def reasons(found):
    return {each.name: each.why for each in found.unreadable}


@pytest.mark.parametrize("name", GOOD)
def test_each_section_is_read(name):
    content, attribute = GOOD[name]
    found = customs_of((name, content))
    assert found == Customs(**{attribute: READ[attribute]})


def test_all_of_them_together():
    found = customs_of(*((name, content) for name, (content, _) in GOOD.items()))
    assert found == Customs(**READ)


@pytest.mark.parametrize("name", GOOD)
def test_a_section_that_is_cut_anywhere_is_said_to_be_unreadable_or_less(name):
    content, attribute = GOOD[name]
    needed = {"name": len(b"\0" + sized(text("greeter"))), "dylink.0": len(content) - 3}.get(name, len(content))
    for end in range(needed):
        found = customs_of((name, content[:end]))
        assert found.unreadable or getattr(found, attribute) != READ[attribute], end
        assert all(each.name == name for each in found.unreadable)


@pytest.mark.parametrize("name", GOOD)
@given(data=st.binary(max_size=60), place=st.integers(0, 200), bit=st.integers(0, 7))
@settings(max_examples=40)
def test_whatever_is_in_a_section_nothing_is_raised(name, data, place, bit):
    content = bytearray(GOOD[name][0])
    content[place % len(content)] ^= 1 << bit
    for each in (bytes(content), data):
        found = customs_of((name, each), ("sourceMappingURL", text("after")))
        assert found.source_map is not None
        assert len(found.unreadable) <= 2


def test_a_file_without_custom_sections():
    assert customs_of() == Customs()
    assert customs_of(("linking", b"\2"), ("reloc.CODE", b""), ("Producers", b"")) == Customs()


def test_a_signature_that_was_computed_elsewhere():
    assert customs_of(("signature", SIGNED)).signature == EmbeddedSignature(1, ())


def test_sizes_and_names_of_what_is_not_looked_into():
    found = customs_of(
        (".debug_info", bytes(700)),
        (".debug_line", bytes(50)),
        ("wasmedge", bytes(9)),
        ("component-type", b"x"),
        ("component-type:wit-bindgen:0.4:a:b:c:encoded world", b"y"),
    )
    assert (found.debug_bytes, found.wasmedge_bytes) == (750, 9)
    assert found.component_types == ("component-type", "component-type:wit-bindgen:0.4:a:b:c:encoded world")
    assert found.unreadable == ()


def test_fields_are_in_their_order_and_the_last_word_counts():
    found = customs_of(("version", b"1"), ("authors", b"A"), ("version", b"2"), ("source", b"\xff"))
    assert found.fields == (("authors", "A"), ("version", "2"))
    assert found.unreadable == (Unreadable("source", "it is not UTF-8"),)


def test_producers_that_come_twice_are_put_together():
    more = encode_producers(Producers((Producer("language", "C11", "x"), Producer("sdk", "wasi-sdk", "30"))))
    found = customs_of(("producers", PRODUCERS), ("producers", more)).producers
    assert found.of("language") == (Producer("language", "C11", "x"),)
    assert [str(each) for each in found.of("processed-by")] == ["clang 19.1", "wasm-ld 19"]
    assert [str(each) for each in found.of("sdk")] == ["wasi-sdk 30"]


def test_of_other_sections_the_first_counts():
    found = customs_of(("build_id", b"\1a"), ("build_id", b"\1b"))
    assert (found.build_id, reasons(found)) == ("61", {"build_id": "it comes twice"})


def test_what_is_nested_has_its_own():
    inner = MODULE + custom("producers", PRODUCERS)
    data = COMPONENT + nest(inner) + custom("component-name", b"\0" + sized(text("outer")))
    outer, module = (read_customs(data, each.binary.sections) for each in read_all(data))
    assert (outer.name, outer.producers) == ("outer", Producers())
    assert module.producers == READ["producers"]


def packed(document):
    return zlib.compress(document if isinstance(document, bytes) else json.dumps(document).encode())


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"PK\3\4", "zlib does not unpack"),
        (b"", "cut short"),
        (packed(b"{}")[:-2], "cut short"),
        (packed(bytes(MAX_UNPACKED + 1)), "more than 2097152 bytes"),
        (packed(b"\xff"), "not JSON"),
        (packed(b"[" * 100_000), "not JSON"),
        (packed(b'{"packages":[' + b"[]," * 300_000 + b"[]]}"), "more than 200000 values"),
        (packed([]), "without a list"),
        (packed({"packages": {}}), "without a list"),
        (packed({"packages": [1]}), "no object"),
        (packed({"packages": [{"name": "a", "version": "1"}]}), "without a name, a version or a source"),
        (packed({"packages": [{"name": 1, "version": "1", "source": "local"}]}), "without a name"),
        (packed({"packages": [{**PACKAGES[0], "dependencies": [2]}]}), "depends on none"),
        (packed({"packages": [{**PACKAGES[0], "dependencies": [-1]}]}), "depends on none"),
        (packed({"packages": [{**PACKAGES[0], "dependencies": [True]}]}), "depends on none"),
        (packed({"packages": [{**PACKAGES[0], "dependencies": 7}]}), "depends on none"),
        (packed({"packages": [{"name": "", "version": "", "source": ""}] * 20_001}), "20001 packages"),
    ],
)
def test_lists_of_dependencies_that_cannot_be(content, why):
    found = customs_of((".dep-v0", content))
    assert found.dependencies == ()
    assert why in reasons(found)[".dep-v0"]


def test_a_bomb_is_not_unpacked():
    bomb = zlib.compress(bytes(30 * 1024 * 1024))
    began = time.process_time()
    found = customs_of((".dep-v0", bomb))
    assert "more than 2097152 bytes" in reasons(found)[".dep-v0"]
    assert time.process_time() - began < 0.1


def test_many_bombs_are_not_worse_than_a_few():
    module = MODULE + custom(".dep-v0", packed(b" " * MAX_UNPACKED)) * 4
    data = COMPONENT + nest(module) * 100
    began = time.process_time()
    reasons = [each.why for customs in read_all_customs(data, (each.binary.sections for each in read_all(data)))
               for each in customs.unreadable]  # fmt: skip
    assert time.process_time() - began < 2
    assert len(reasons) == 400
    assert sum("what was unpacked before" in why for why in reasons) == 396


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("producers", b"\xff\xff\xff\xff\x0f", "4294967295 entries are promised"),
        ("producers", PRODUCERS + b"\0", "1 bytes too many"),
        ("producers", bytes(4 * 1024 * 1024 + 1), "more than 4194304"),
        ("producers", vector(b"\2\xff\xfe" + vector()), "not UTF-8"),
        ("target_features", vector(b"!" + text("x")), "the prefix '!'"),
        ("target_features", vector(b"\x9b" + text("x")), "the prefix '\\x9b'"),
        ("build_id", sized(bytes(1025)), "1025 bytes"),
        ("build_id", b"\x01", "1 bytes are promised"),
        ("package-docs", b"\2{}", "version 2"),
        ("package-docs", b"\1[]", "no object"),
        ("package-docs", b'\0{"docs":1}', "no text"),
        ("package-docs", b"\0{", "not JSON"),
        ("dylink.0", b"\1" + sized(b"\0\x20\0\0"), "2^32"),
        ("signature", b"\2\1\1\0", "not known"),
        ("signature", b"\1\1\1\x41" + bytes(65), "65 entries, more than 64"),
        ("signature", b"\1\1\1" + vector(sized(vector() + vector(sized(sized(bytes(1025)) + ED25519)))), "1025"),
        ("sourceMappingURL", text("a") + b"b", "too many"),
        ("version", b"x" * 100_001, "more than 100000"),
        ("name", b"\0\1\5", "unexpected end|are left"),
    ],
)
def test_sections_that_cannot_be(name, content, why):
    assert re.search(re.escape(why).replace(r"\|", "|"), reasons(customs_of((name, content)))[name])


def test_many_broken_sections_are_not_all_listed():
    found = customs_of(*[("build_id", b"\5")] * 5000)
    assert len(found.unreadable) == 100


def test_names_stay_as_they_are_and_whoever_shows_them_escapes_them():
    evil = "\x1b[2J\u202e"
    found = customs_of(("producers", vector(text("language") + vector(text(evil) + text(evil)))))
    assert found.producers.entries == (Producer("language", evil, evil),)


def test_many_names_are_read_in_no_time():
    data = vector(*(b"+" + text(str(number)) for number in range(90_000)))
    began = time.process_time()
    assert len(customs_of(("target_features", data)).target_features) == 90_000
    assert time.process_time() - began < 2
