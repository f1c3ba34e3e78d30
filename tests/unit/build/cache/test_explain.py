"""Why an action is another one than before."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.results import description
from wasmbuild.build.cache.explain import Difference, explain, sentences

SHA = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64


def told(**changes: object) -> list[str]:
    before = description(inputs={"main.c": SHA, "util.c": SHA})
    return sentences(explain(before, {**before, **changes}))


def test_the_same_is_the_same():
    assert explain(description(), json.loads(json.dumps(description()))) == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"inputs": {"main.c": OTHER, "util.c": SHA}},
            "input main.c: changed (sha256:aaaaaaaaaaaa -> sha256:bbbbbbbbbbbb)",
        ),
        ({"inputs": {"main.c": SHA}}, "input util.c: removed"),
        ({"inputs": {"main.c": SHA, "util.c": SHA, "new/x.c": SHA}}, "input new/x.c: added"),
        ({"inputs": {"main.c": SHA, "util.c": f"{SHA} x"}}, "input util.c: may be run now"),
        ({"argv": ["cc", "-O2", "main.c", {"output": "out.wasm"}]}, "word of the command 1: changed (-Os -> -O2)"),
        ({"argv": ["cc", "-Os", "-g", "main.c", {"output": "out.wasm"}]}, "word of the command 2: added (-g)"),
        ({"argv": ["cc", "-Os", "main.c"]}, 'word of the command 3: removed ({"output": "out.wasm"})'),
        ({"env": {"LANG": "C", "CC": "zig"}}, "variable CC: added (zig)"),
        ({"env": {"LANG": ""}}, "variable LANG: changed (C -> nothing)"),
        ({"tools": {"zig": OTHER}}, "tool zig: changed (sha256:111111111111 -> sha256:bbbbbbbbbbbb)"),
        ({"files": {"a.json": "x" * 5000}}, "file of ours a.json: added"),
        ({"network": True}, "network: changed (false -> true)"),
        ({"version": 3}, "version: changed (2 -> 3)"),
        ({"env": {"LANG": "C\x1b[31m"}}, "variable LANG: changed (C -> C\\x1b[31m)"),
    ],
)  # fmt: skip
def test_each_kind_of_change_is_said_in_words(changes, said):
    assert told(**changes) == [said]


def test_of_many_only_some_are_shown_and_the_rest_counted():
    said = told(inputs={f"{number}.c": SHA for number in range(100)})
    assert len(said) == 21
    assert said[-1] == "inputs: 82 more"


@pytest.mark.parametrize(("one", "other"), [(True, 1), (1, "1"), (None, "null"), (False, 0.0)])
def test_what_looks_alike_is_not_the_same(one, other):
    texts = (json.dumps(one), json.dumps(other))
    assert explain({"network": one}, {"network": other}) == (Difference(("network",), *texts),)
    assert explain({"argv": ["x", one]}, {"argv": ["x", other]}) == (Difference(("argv", "1"), *texts),)


WORDS = st.text(max_size=3)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(WORDS, each, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60)
@given(st.dictionaries(WORDS, JSON, max_size=3), st.dictionaries(WORDS, JSON, max_size=3))
def test_any_two_documents_can_be_compared(before, after):
    found = explain(before, after)
    if not found:
        assert json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
    assert all(difference.before != difference.after for difference in found)
    assert all(line.isprintable() for line in sentences(found) if line.isascii())
    assert explain(before, before) == ()
