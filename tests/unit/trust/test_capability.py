"""Capability attestations: what is said of a file, read strictly and held against its bytes."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wasmtime import wat2wasm

from registry.strictjson import canonical_json, load_json
from wasmbuild.errors import InvalidAttestation
from wasmbuild.trust.capability import CapabilityClaim
from wasmbuild.trust.predicates import CAPABILITIES_V1
from wasmbuild.trust.statement import Statement, Subject
from wasmbuild.wasm import capabilities as table
from wasmbuild.workflows.capability_claim import capability_claim, capability_predicate

FILE = bytes(
    wat2wasm(
        """(module
          (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "path_open"
            (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
          (import "env" "call_home" (func))
          (memory (export "memory") 1)
          (func (export "_start")))"""
    )
)
SMALL = bytes(wat2wasm('(module (memory (export "memory") 1) (func (export "_start")))'))
CONTENT = capability_predicate(FILE).content


def check_capabilities(statement, file):
    CapabilityClaim.parse(statement.predicate).hold_against(capability_claim(file))


def said(**fields):
    """A statement with the predicate of the file, but for some fields."""
    return Statement((Subject({"sha256": "ab"}),), CAPABILITIES_V1, {**CONTENT, **fields})


def refused(statement, file=FILE):
    with pytest.raises(InvalidAttestation) as raised:
        check_capabilities(statement, file)
    assert raised.value.code == "WB406"
    return f"{raised.value.what}: {raised.value.cause}"


def test_the_predicate_of_a_file():
    predicate = capability_predicate(FILE)
    assert predicate.type == "https://wasmbuild.dev/capabilities/v1"
    assert predicate.content == {
        "digest": {"sha256": hashlib.sha256(FILE).hexdigest()},
        "kind": "module",
        "imports": ["env::call_home", "wasi_snapshot_preview1::fd_write", "wasi_snapshot_preview1::path_open"],
        "exports": ["_start", "memory"],
        "capabilities": [
            {
                "name": "filesystem",
                "risk": "high",
                "words": "reads and writes files",
                "imports": ["wasi_snapshot_preview1::path_open"],
            },
            {
                "name": "stdio",
                "risk": "low",
                "words": "reads standard input, and writes standard output and standard error",
                "imports": ["wasi_snapshot_preview1::fd_write"],
            },
        ],
        "foreign": ["env::call_home"],
    }


def test_what_is_true_holds(tmp_path):
    file = tmp_path / "hello.wasm"
    file.write_bytes(FILE)
    check_capabilities(Statement.parse(said().encode()), file)
    assert capability_claim(file) == capability_claim(FILE)
    check_capabilities(Statement((), CAPABILITIES_V1, capability_predicate(SMALL).content), SMALL)


def test_the_first_import_that_is_not_in_both_is_named():
    cause = "the file has the import wasi_snapshot_preview1::path_open, which the attestation does not name"
    assert cause in refused(said(imports=[name for name in CONTENT["imports"] if "path_open" not in name]))
    cause = "the attestation names the import a::b, which the file does not have"
    assert cause in refused(said(imports=["a::b", *CONTENT["imports"][1:]]))
    assert "has the import env::call_home" in refused(
        Statement((), CAPABILITIES_V1, capability_predicate(SMALL).content), FILE
    )


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"exports": ["_start"]}, "the file has the export memory"),
        ({"exports": ["_start", "memory", "run"]}, "the attestation names the export run"),
        ({"kind": "component"}, "says that the file is a component, and it is a module"),
        ({"capabilities": CONTENT["capabilities"][1:]}, "the file has the capability filesystem"),
        ({"capabilities": [{**CONTENT["capabilities"][0], "risk": "none"}, CONTENT["capabilities"][1]]}, "groups"),
        ({"capabilities": [{**CONTENT["capabilities"][0], "imports": []}, CONTENT["capabilities"][1]]}, "groups"),
        ({"capabilities": CONTENT["capabilities"][::-1]}, "groups"),
        ({"foreign": []}, "groups"),
        ({"digest": {"sha256": "0" * 64}}, "it is for the file sha256:0000"),
    ],
)
def test_nothing_else_may_differ_either(fields, why):
    assert why in refused(said(**fields))


def test_the_words_are_for_people_alone():
    changed = [{**each, "words": "does it"} for each in CONTENT["capabilities"]]
    check_capabilities(said(capabilities=changed), FILE)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({}, "it lacks capabilities"),
        ({**CONTENT, "more": 1}, "it has the unknown field more"),
        ({**CONTENT, "digest": {"sha256": "AB"}}, "digest is not one of SHA-256"),
        ({**CONTENT, "digest": {**CONTENT["digest"], "md5": "00"}}, "digest is not one of SHA-256"),
        ({**CONTENT, "digest": "sha256:00"}, "digest is not one of SHA-256"),
        ({**CONTENT, "kind": ["module"]}, "kind is none of component, module"),
        ({**CONTENT, "imports": ["b", "a"]}, "imports is not sorted"),
        ({**CONTENT, "imports": ["a", "a"]}, "imports is not sorted, or has something twice"),
        ({**CONTENT, "imports": [1]}, "imports is not a list of texts"),
        ({**CONTENT, "exports": "a"}, "exports is not a list of texts"),
        ({**CONTENT, "foreign": None}, "foreign is not a list of texts"),
        ({**CONTENT, "imports": [f"{n:06}" for n in range(100_001)]}, "too long"),
        ({**CONTENT, "capabilities": {}}, "capabilities is not a list"),
        ({**CONTENT, "capabilities": ["stdio"]}, "a capability is not an object"),
        ({**CONTENT, "capabilities": [{"name": "stdio"}]}, "a capability lacks imports"),
        ({**CONTENT, "capabilities": [{**CONTENT["capabilities"][0], "risk": "some"}]}, "risk is none of"),
        ({**CONTENT, "capabilities": [{**CONTENT["capabilities"][0], "name": 1}]}, "name of a capability"),
    ],
)
def test_what_is_malformed_is_refused(content, why):
    assert why in refused(Statement((), CAPABILITIES_V1, content))


NAMES = st.lists(st.text(max_size=8), max_size=4)


@given(st.dictionaries(st.sampled_from(sorted(CONTENT)), NAMES | st.text(max_size=4) | st.integers() | st.none()))
def test_whatever_is_said_it_is_refused_or_true(fields):
    statement = Statement((), CAPABILITIES_V1, {**CONTENT, **fields})
    if all(CONTENT[name] == value for name, value in fields.items()):
        check_capabilities(statement, FILE)
    else:
        refused(statement)


def test_what_is_read_is_what_was_written():
    claim = capability_claim(FILE)
    document = load_json(canonical_json(dict(claim.to_predicate().content)), "it")
    assert CapabilityClaim.parse(document) == claim


def test_the_table_is_part_of_the_type():
    """What is signed says which import is which capability: another table needs another version of the type."""
    risks = {name: each.risk for name, each in table.CAPABILITIES.items()}
    listed = [{name: each.name for name, each in of.items()} for of in (table._BY_FUNCTION, table._BY_INTERFACE)]
    text = json.dumps([risks, *listed, table._RELEASES], sort_keys=True)
    assert CAPABILITIES_V1.endswith("/v1")
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "95c7aac798ac118f"
