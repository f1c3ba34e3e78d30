import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import InvalidDocument
from registry.model import MAX_MANIFEST
from registry.strictjson import canonical_json, load_json


def test_canonical_json_is_small_unescaped_and_ordered():
    assert canonical_json({"b": "é", "a": [1, None]}) == '{"b":"é","a":[1,null]}'.encode()
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json(float("nan"))


@given(st.lists(st.text(alphabet='[{,}]"\\ \u00e9', max_size=30), min_size=1, max_size=5))
def test_what_is_inside_texts_is_not_counted(texts):
    data = json.dumps([text * (MAX_MANIFEST // 150) for text in texts]).encode()
    assert load_json(data, "it") == json.loads(data)


def test_whole_surrogate_pairs_are_characters():
    assert load_json(rb'["\ud83d\ude00", "\\ud800"]', "it") == ["\U0001f600", "\\ud800"]


def test_load_json_names_the_document():
    with pytest.raises(InvalidDocument, match="the lock is not JSON"):
        load_json(b"{", "the lock")
