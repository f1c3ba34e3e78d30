"""Wasm files that say what they are made of, for the tests of SBOMs."""

import json
import zlib

from wasmtime import wat2wasm

from tests.unit.wasm.sections import COMPONENT, MODULE, custom, nest, text, vector

CRATES = [
    {"name": "app", "version": "1.0.0", "source": "local", "dependencies": [1, 2, 3], "root": True},
    {"name": "serde", "version": "1.0.9", "source": "crates.io", "dependencies": [2]},
    {"name": "itoa", "version": "1.0.1", "source": "crates.io"},
    {"name": "cc", "version": "1.2.0", "source": "crates.io", "kind": "build"},
    {"name": "forked", "version": "0.1.0", "source": "git"},
]


def crates(*packages):
    return custom(".dep-v0", zlib.compress(json.dumps({"packages": packages}).encode()))


def producers(**fields):
    entries = [
        text(field.replace("_", "-")) + vector(*(text(name) + text(version) for name, version in pairs))
        for field, pairs in fields.items()
    ]
    return custom("producers", vector(*entries))


def said(**fields):
    return b"".join(custom(name, value.encode()) for name, value in fields.items())


RUST = MODULE + crates(*CRATES) + producers(language=[("Rust", "")], processed_by=[("rustc", "1.90.0 (abc 2025)")])
WIT = bytes(
    wat2wasm(
        """(component
          (import "wasi:io/streams@0.2.3" (instance))
          (import "wasi:io/poll@0.2.3" (instance))
          (import "plain" (func))
          (core module $inner (func (export "run") (result i32) i32.const 0))
          (core instance $i (instantiate $inner))
          (func $run (result (result)) (canon lift (core func $i "run")))
          (instance $r (export "run" (func $run)))
          (export "wasi:cli/run@0.2.3" (instance $r)))"""
    )
)
WHOLE = (
    COMPONENT
    + nest(RUST)
    + nest(WIT)
    + producers(processed_by=[("wit-component", "0.2")], sdk=[("kit", "3")])
    + said(
        authors="Ada",
        description="Says hello",
        licenses="MIT OR Apache-2.0",
        source="https://example.com/hello.git",
        homepage="https://example.com",
        revision="abc123",
        version="1.2.3",
    )
    + custom("component-name", b"\0" + bytes([6]) + text("hello"))
)
