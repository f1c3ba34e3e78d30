"""Reading WIT as wasm-tools writes it in JSON, which is a tool's word about a file that nobody trusts."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.wasm.wit_cases import exported
from wasmbuild.errors import ToolFailed
from wasmbuild.wasm.compare.compat import component_changes
from wasmbuild.wasm.compare.interface import Member, World, WorldItem, track, version_of
from wasmbuild.wasm.compare.interface_json import read_world
from wasmbuild.wasm.compare.steps import Step, demanded

DOCUMENTS = json.loads((Path(__file__).parent / "wit.json").read_text())
EVERY = DOCUMENTS[exported()]


def test_types_are_in_the_words_of_wit():
    (interface,) = read_world(EVERY).exports
    texts = {each.name: each.text for each in interface.members}
    assert interface.name == "acme:lib/t@1.0.0"
    assert texts["p"] == "record { x: u32, y: string }"
    assert texts["v"] == "variant { a, b(u32) }"
    assert texts["alias"] == "p"
    assert texts["r"] == "resource"
    assert texts["take"] == "func(p: p, v: v, e: e, f: f) -> result<p, e>"
    assert texts["make"] == "func(a: list<u8>) -> tuple<u32, option<string>>"
    assert texts["[method]r.m"] == "func(self: borrow<r>)"
    assert texts["[constructor]r"] == "func(a: u32) -> r"


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("wasi:io/streams@0.2.3", "wasi:io/streams@0.2"),
        ("wasi:io/streams@0.2.3+build.5", "wasi:io/streams@0.2"),
        ("acme:a/b@1.4.2", "acme:a/b@1"),
        ("acme:a/b@12.0.0", "acme:a/b@12"),
        ("acme:a/b@0.0.3", "acme:a/b@0.0.3"),
        ("acme:a/b@1.0.0-rc.1", "acme:a/b@1.0.0-rc.1"),
        ("acme:a/b@newest", "acme:a/b@newest"),
        ("acme:a/b", "acme:a/b"),
        ("run", "run"),
    ],
)
def test_names_are_compatible_up_to_the_first_number_that_counts(name, short):
    assert track(name) == short


def test_a_version_is_read_off_a_name():
    assert version_of("wasi:io/streams@0.2.3") == (0, 2, 3)
    assert version_of("wasi:io/streams") is None


def _types(*kinds: object) -> dict:
    listed = [{"name": None, "kind": kind, "owner": None} for kind in kinds]
    function = {"name": "f", "kind": "freestanding", "params": [{"name": "a", "type": len(kinds) - 1}]}
    world = {"name": "root", "imports": {}, "exports": {"f": {"function": function}}, "package": 0}
    packages = [{"name": "root:component", "interfaces": {}, "worlds": {"root": 0}}]
    return {"worlds": [world], "interfaces": [], "types": listed, "packages": packages}


def test_a_type_that_repeats_itself_costs_no_more_than_it_says():
    """Sixty tuples of two of the one before: 2^60 numbers if they were written out."""
    world = read_world(_types({"option": "u8"}, *({"tuple": {"types": [at, at]}} for at in range(60))))
    assert len(world.exports[0].members[0].text) < 10_000


def test_types_that_are_listed_after_their_use_are_bounded():
    depth = 500
    kinds = [*({"option": at + 1} for at in range(depth)), {"option": "u8"}]
    with pytest.raises(ToolFailed, match="nest"):
        read_world(_types(*kinds))


def test_a_type_that_is_made_of_itself_is_refused():
    with pytest.raises(ToolFailed, match="nest"):
        read_world(_types({"option": 0}))


@pytest.mark.parametrize(
    "kind",
    [
        {"option": 7},
        {"option": -1},
        {"option": True},
        {"option": "u128"},
        {"handle": {"lend": 0}},
        {"fixed-length-list": ["u8"]},
        {"record": {"fields": [{"type": "u8"}]}},
        {"record": {}},
        {"list": "u8", "option": "u8"},
        {"sorcery": "u8"},
        "unknown",
        None,
        [],
    ],
)
def test_what_is_no_type_is_refused(kind):
    with pytest.raises(ToolFailed):
        read_world(_types({"option": "u8"}, kind))


@pytest.mark.parametrize("document", [None, [], {}, {"worlds": []}, {"worlds": [1], "packages": []}])
def test_what_is_no_document_is_refused(document):
    with pytest.raises(ToolFailed):
        read_world(document)


PLACES = st.lists(st.integers(0, 7), min_size=1, max_size=8)
VALUES = st.sampled_from([None, True, -1, 0, 10**9, "", "u32", "wasi:io/poll", [], {}, [None], {"id": 99}, 1.5])


@given(PLACES, VALUES)
def test_a_document_with_anything_in_it_is_read_or_refused(places, value):
    document = json.loads(json.dumps(EVERY))
    _put(document, places, value)
    try:
        world = read_world(document)
    except ToolFailed:
        return
    assert component_changes(world, world) == ()


def _put(document: object, places: list[int], value: object) -> None:
    at = document
    for place in places[:-1]:
        inner = list(at.values()) if isinstance(at, dict) else at
        if not isinstance(inner, list) or not inner or not isinstance(inner[place % len(inner)], dict | list):
            break
        at = inner[place % len(inner)]
    keys = list(at) if isinstance(at, dict) else range(len(at))
    if keys:
        at[keys[places[-1] % len(keys)]] = value


WORLDS = st.sampled_from(sorted(DOCUMENTS))


@given(WORLDS)
def test_a_component_is_compatible_with_itself(wit):
    world = read_world(DOCUMENTS[wit])
    assert component_changes(world, world) == ()
    assert demanded((), same_bytes=True) is Step.NONE


@given(WORLDS, WORLDS)
def test_what_is_added_one_way_is_removed_the_other(first, second):
    old, new = read_world(DOCUMENTS[first]), read_world(DOCUMENTS[second])
    there, back = component_changes(old, new), component_changes(new, old)
    for what, opposite in (("added", "removed"), ("removed", "added")):
        names = sorted((each.side, track(each.name.partition("#")[0])) for each in there if each.what == what)
        assert names == sorted(
            (each.side, track(each.name.partition("#")[0])) for each in back if each.what == opposite
        )


@given(WORLDS, st.data())
def test_to_remove_an_export_is_always_major(wit, data):
    world = read_world(DOCUMENTS[wit])
    if world.exports:
        gone = data.draw(st.sampled_from(world.exports))
        smaller = World(world.imports, tuple(each for each in world.exports if each is not gone))
        assert demanded(component_changes(world, smaller), same_bytes=False) is Step.MAJOR


def test_several_compatible_versions_of_an_interface_count_together():
    def item(version: str, *functions: str) -> WorldItem:
        members = tuple(Member(each, "func", "func()", "shape") for each in functions)
        return WorldItem(f"acme:a/b@{version}", "interface", members)

    both = World((), (item("1.0.0", "f"), item("1.2.0", "g")))
    one = World((), (item("1.3.0", "f", "g"),))
    assert demanded(component_changes(both, one), same_bytes=False) is Step.PATCH
    less = World((), (item("1.3.0", "g"),))
    assert [each.name for each in component_changes(both, less) if each.step is Step.MAJOR] == ["acme:a/b@1.3.0#f"]
