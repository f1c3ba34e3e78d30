import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.build.locks import INTEGRITY, lock_text
from wasmbuild.build.npmlock import MAX_LOCK, MAX_PACKAGES, parse_lock

ALPHA = {"version": "1.0.0", "integrity": INTEGRITY}


def alpha(**more: Any) -> str:
    return lock_text({"node_modules/alpha": {**ALPHA, **more}})


def test_a_lock_is_read() -> None:
    lock = parse_lock(
        lock_text(
            {
                "node_modules/alpha": {
                    **ALPHA,
                    "dependencies": {"@scope/beta": "^2.0.0", "old": "npm:@scope/beta@^1"},
                    "optionalDependencies": {"native": "1.x || >=3"},
                    "peerDependencies": {"left": "*"},
                    "peerDependenciesMeta": {"left": {"optional": True}},
                    "bin": {"alpha": "./bin/alpha.js"},
                },
                "node_modules/alpha/node_modules/@scope/beta": {**ALPHA, "version": "2.1.0-rc.1"},
                "node_modules/old": {**ALPHA, "name": "@scope/beta"},
                "node_modules/native": {**ALPHA, "optional": True, "os": ["linux"], "cpu": ["!arm"], "libc": ["musl"]},
            }
        )
    )
    assert lock.requested == (("alpha", "1.0.0"),)
    native = lock.packages["node_modules/native"]
    assert (native.optional, native.os, native.cpu, native.libc) == (True, ("linux",), ("!arm",), ("musl",))
    assert lock.packages["node_modules/alpha/node_modules/@scope/beta"].version == "2.1.0-rc.1"


def test_one_tree_has_one_text() -> None:
    document = json.loads(alpha(bin={"b": "b.js", "a": "a.js"}))
    turned = dict(reversed(document.items()))
    turned["packages"] = dict(reversed(document["packages"].items()))
    text = parse_lock(json.dumps(document, indent=2)).text
    assert parse_lock(json.dumps(turned)).text == text == parse_lock(text).text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"resolved": "https://example.org/alpha.tgz"}, "'resolved' in node_modules/alpha"),
        ({"link": True}, "'link' in node_modules/alpha"),
        ({"inBundle": True}, "'inBundle' in"),
        ({"hasInstallScript": True}, "'hasInstallScript' in"),
        ({"version": "file:../alpha"}, "no exact version"),
        ({"version": "git+ssh://git@example.org/alpha.git#1"}, "no exact version"),
        ({"version": "https://example.org/alpha.tgz"}, "no exact version"),
        ({"version": "^1.0.0"}, "no exact version"),
        ({"version": 1}, "no exact version"),
        ({"integrity": "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="}, "no SHA-512"),
        ({"integrity": f"{INTEGRITY} {INTEGRITY}"}, "no SHA-512"),
        ({"integrity": "sha512-AAAA"}, "no SHA-512"),
        ({"integrity": None}, "no SHA-512"),
        ({"dependencies": {"beta": "file:../beta"}}, "does not get from a registry: 'beta'"),
        ({"dependencies": {"beta": "someone/beta"}}, "does not get from a registry"),
        ({"dependencies": {"beta": "https://example.org/beta.tgz"}}, "does not get from a registry"),
        ({"dependencies": {"../beta": "1.0.0"}}, "does not get from a registry"),
        ({"dependencies": {"beta": "1.0.0"}}, "lacks beta, which node_modules/alpha needs"),
        ({"optionalDependencies": {"beta": "1.0.0"}}, "lacks beta"),
        ({"peerDependencies": {"beta": "1.0.0"}}, "lacks beta"),
        ({"dependencies": ["beta"]}, "not a table"),
        ({"bin": "../../evil"}, "not a file in it"),
        ({"bin": {"../evil": "a.js"}}, "not a file in it"),
        ({"bin": {"a": "/bin/sh"}}, "not a file in it"),
        ({"os": "linux"}, "os of node_modules/alpha"),
        ({"cpu": ["x64; rm"]}, "cpu of node_modules/alpha"),
        ({"optional": "yes"}, "that is not true"),
        ({"name": "../../x"}, "a name that is none"),
        ({"peerDependenciesMeta": {"beta": {"optional": 1.5}}}, "peerDependenciesMeta"),
    ],
)
def test_what_a_package_may_not_say(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_lock(alpha(**more))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "path",
    [
        "node_modules/../alpha",
        "node_modules/..",
        "node_modules/.bin",
        "node_modules/alpha/../../x",
        "/node_modules/alpha",
        "node_modules/alpha/",
        "node_modules/node_modules/alpha",
        "node_modules/@scope",
        "packages/alpha",
        "node_modules\\alpha",
        "node_modules/al pha",
        "node_modules/" + "a" * 600,
    ],
)
def test_packages_are_in_node_modules(path: str) -> None:
    with pytest.raises(ValueError, match="not a path in node_modules"):
        parse_lock(lock_text({"node_modules/alpha": ALPHA, path: ALPHA}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"packages": {}, "packages": {}}', "is not JSON"),
        ("[]", "has no table for the lock"),
        ("{}", "is not a package-lock of version 3"),
        (alpha().replace("3", "2", 1), "is not a package-lock of version 3"),
        (alpha().replace('"requires": true', '"requires": {}'), "is not a package-lock of version 3"),
        (alpha().replace('"requires"', '"name": "x", "requires"'), "'name' in the lock"),
        (lock_text({"node_modules/alpha": ALPHA}, alpha="^1.0.0"), "not a package of an exact version"),
        (alpha().replace('"": ', '"node_modules/x": '), "the root of the lock"),
        (" " * (MAX_LOCK + 1), "is larger than"),
        (lock_text({f"node_modules/a{n}": {} for n in range(MAX_PACKAGES + 1)}), "packages, at most 2000"),
        ("\ud800", "is not JSON"),
    ],
)
def test_what_a_lock_may_not_be(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_lock(text)
    assert said in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
FIELDS = ["version", "integrity", "name", "bin", "os", "dependencies", "peerDependencies", "optional", "resolved"]


@given(st.dictionaries(st.sampled_from(FIELDS), json_values, min_size=1))
def test_any_package_is_read_or_refused_in_words(fields: dict[str, Any]) -> None:
    try:
        lock = parse_lock(alpha(**fields))
    except ValueError as error:
        assert "alpha" in str(error) or "lock" in str(error)
    else:
        assert "resolved" not in lock.text


@given(st.text(max_size=60))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_lock(text)
