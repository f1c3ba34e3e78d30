"""Results as documents: what is made can be read, and of what others made, only what is right."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.digest import Digest
from registry.errors import ContentTooLarge, Failure, InvalidDocument
from registry.model import OCI_MANIFEST, parse_document
from registry.strictjson import canonical_json
from tests.contract.results import description, key_of
from wasmbuild.build.action import ActionKey
from wasmbuild.build.cache.result import ACTION_TYPE, MAX_DESCRIPTION, MAX_OUTPUT, SIGNATURE, ActionResult

ENCODED = canonical_json(description())
OUTPUT = ("out.wasm", Digest.of(b"wasm"), 4)


def made(*outputs, sign=None) -> ActionResult:
    return ActionResult.of(ENCODED, outputs or [OUTPUT], sign)


def changed(change, result=None) -> bytes:
    value = json.loads((result or made()).encoded)
    change(value)
    return canonical_json(value)


def test_a_result_is_an_artifact_whose_config_is_what_the_key_is_of():
    result = made()
    manifest = parse_document(result.encoded, OCI_MANIFEST)
    assert manifest.artifact_type == ACTION_TYPE
    assert manifest.config.digest == result.key.digest == Digest.of(ENCODED) == key_of().digest
    assert [layer.annotations["org.opencontainers.image.title"] for layer in manifest.layers] == ["out.wasm"]
    assert ActionResult.parse(result.encoded, result.key) == result


def test_the_order_of_outputs_does_not_matter():
    others = [("b/a", Digest.of(b"a"), 1), ("b/b", Digest.of(b"b"), 1), OUTPUT]
    assert made(*others).encoded == made(*reversed(others)).encoded


def test_a_signature_is_over_key_and_outputs_and_travels_along():
    seen = []
    result = made(sign=lambda payload: seen.append(payload) or {"sig": "x"})
    assert json.loads(seen[0]) == {
        "actionKey": str(key_of()),
        "outputs": [{"name": "out.wasm", "digest": str(OUTPUT[1]), "size": 4}],
    }
    read = ActionResult.parse(result.encoded, result.key)
    assert (read.signature, read.signed_bytes) == ({"sig": "x"}, seen[0])


@pytest.mark.parametrize(
    "name",
    [
        "../x", "/etc/passwd", "a/../b", "a//b", "a/", ".", "..", "", "a\\b", "a\0b", "a\nb", "./a", "a/./b",
        "x" * 2000, "\u202ea",
    ],
)  # fmt: skip
def test_outputs_lead_nowhere_else(name):
    data = changed(lambda value: value["layers"][0]["annotations"].update({"org.opencontainers.image.title": name}))
    with pytest.raises(InvalidDocument):
        ActionResult.parse(data, key_of())


@pytest.mark.parametrize("names", [("a", "a"), ("a", "a/b"), ("a/b/c", "a/b")])
def test_no_output_takes_the_place_of_another(names):
    result = made(*[(name, Digest.of(name.encode()), 1) for name in names])
    with pytest.raises(InvalidDocument):
        ActionResult.parse(result.encoded, key_of())


def another_config(value):
    value["config"]["digest"] = str(Digest.of(b"another"))


CHANGES = {
    "another key": another_config,
    "no artifact type": lambda value: value.pop("artifactType"),
    "another artifact type": lambda value: value.update(artifactType="application/vnd.example"),
    "no outputs": lambda value: value.update(layers=[]),
    "many outputs": lambda value: value.update(layers=value["layers"] * 101),
    "a large output": lambda value: value["layers"][0].update(size=MAX_OUTPUT + 1),
    "a large description": lambda value: value["config"].update(size=MAX_DESCRIPTION + 1),
    "no name": lambda value: value["layers"][0].pop("annotations"),
    "another hash": lambda value: value["layers"][0].update(digest=str(Digest.of(b"", "sha512"))),
    "a signature that is no JSON": lambda value: value.update(annotations={SIGNATURE: "{"}),
    "a signature that is no object": lambda value: value.update(annotations={SIGNATURE: "[]"}),
    "a long signature": lambda value: value.update(annotations={SIGNATURE: json.dumps({"sig": "x" * 10_000})}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_no_result_of_the_action_is_refused(change):
    with pytest.raises((InvalidDocument, ContentTooLarge)):
        ActionResult.parse(changed(change), key_of())


def test_what_no_reader_would_take_is_not_made():
    with pytest.raises(ContentTooLarge):
        made(("out.wasm", Digest.of(b""), MAX_OUTPUT + 1))
    with pytest.raises(ContentTooLarge):
        ActionResult.of(b" " * (MAX_DESCRIPTION + 1), [OUTPUT])
    with pytest.raises(ContentTooLarge):
        made(*[(f"{number}", Digest.of(b""), 0) for number in range(101)])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_garbage_is_a_failure_of_ours(data):
    with pytest.raises(Failure):
        ActionResult.parse(data, key_of())


@given(st.data())
def test_a_result_with_anything_in_any_place_is_read_or_refused(data):
    value = json.loads(made(sign=lambda _: {"sig": "x"}).encoded)
    place = value
    while isinstance(place, Mapping | list) and place:
        steps = sorted(place) if isinstance(place, Mapping) else range(len(place))
        step = data.draw(st.sampled_from(list(steps)))
        if not isinstance(place[step], Mapping | list) or data.draw(st.booleans()):
            place[step] = data.draw(JSON)
            break
        place = place[step]
    try:
        result = ActionResult.parse(canonical_json(value), key_of())
    except (Failure, UnicodeEncodeError):
        return
    assert result.key == ActionKey.of(description())
    assert all(".." not in output.name.split("/") and not output.name.startswith("/") for output in result.outputs)
