"""Any bytes are JSON or are refused with InvalidDocument; what is read can be written and read again, the same."""

from typing import Any

from registry.errors import InvalidDocument
from registry.strictjson import canonical_json, load_json
from tests.fuzz.mutate import json_mutated
from tests.fuzz.target import Target


def check(data: bytes) -> bool:
    """Whether it is JSON."""
    try:
        value = load_json(data, "the document")
    except InvalidDocument as failure:
        assert len(str(failure)) < 400
        return False
    assert _depth(value) <= 32
    written = canonical_json(value)
    assert load_json(written, "what was written") == value
    return True


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level:
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
        ]
        depth += 1
    return depth


TARGET = Target(
    "json",
    beginning=(
        b'{"a":[1,-2.5e10,true,null,"\\u00e9\\ud83d\\ude00",{"":""}],"b":{"c":{}}}',
        b"[" * 31 + b"]" * 31,
        b"[" + b"0," * 500 + b"0]",
        b' "\\\\\\"" ',
        b"123456789012345678901234567890",
        b'{"a":1,"b":1}',
    ),
    check=check,
    words=(
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"-1e-999",
        b"\\ud800",
        b"\\udc00",
        b'"a":1,',
        b"[" * 33,
        b"]" * 33,
        b"[" * 5000,
        b"9" * 4400,
        b"-0",
        b"0.1e1",
        b"\xef\xbb\xbf",
        b"\xff",
        b"\\u0000",
        b"\0",
        b"//",
        b'{"a":' * 40,
        b"1_0",
    ),
    mutate=json_mutated,
)
