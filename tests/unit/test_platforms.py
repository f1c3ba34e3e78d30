"""Which manifest of an index is meant."""

import pytest

from registry.digest import Digest
from registry.errors import InvalidDocument
from registry.model import OCI_MANIFEST, Descriptor, Index
from registry.stores.memory import MemoryStore
from tests.contract.making import blob, push_index, push_manifest
from wasmbuild.errors import UnknownArtifact, UsageFailed
from wasmbuild.workflows.platforms import Platform, choose, find_manifest


def entry(platform, content=None, media_type=OCI_MANIFEST):
    extra = {} if platform is None else {"platform": platform}
    return Descriptor(media_type, Digest.of(repr(content or platform).encode()), 5, extra=extra)


def on(text, **more):
    parts = dict(zip(("os", "architecture", "variant"), text.split("/"), strict=False))
    return entry(parts | more)


LINUX, WASI, OLD, UNKNOWN = on("linux/amd64"), on("wasip1/wasm"), on("wasi/wasm32"), on("unknown/unknown")


@pytest.mark.parametrize(
    ("entries", "wanted", "found"),
    [
        ([LINUX, WASI], None, WASI),
        ([WASI, UNKNOWN, entry(None)], None, WASI),
        ([LINUX, OLD], None, OLD),
        ([LINUX, WASI, OLD], "wasi/wasm32", OLD),
        ([LINUX, WASI], "linux/amd64", LINUX),
        ([on("linux/arm/v6"), on("linux/arm/v7")], "linux/arm/v7", on("linux/arm/v7")),
        ([on("linux/arm64/v8")], "linux/arm64", on("linux/arm64/v8")),
        ([WASI, WASI], None, WASI),
        ([WASI, entry({"os": "wasi", "architecture": "wasm"}, media_type="application/x")], None, WASI),
    ],
)
def test_one_is_meant(entries, wanted, found):
    chosen = choose(Index(tuple(entries)), Platform.parse(wanted) if wanted else None)
    assert chosen == found.plain()


@pytest.mark.parametrize(
    ("entries", "wanted", "cause"),
    [
        ([], None, "none"),
        ([LINUX], None, "linux/amd64"),
        ([entry(None)], None, "not said"),
        ([WASI, OLD], None, "wasi/wasm32, wasip1/wasm"),
        ([LINUX, WASI], "wasi/wasm", "linux/amd64, wasip1/wasm"),
        ([on("linux/arm/v6"), on("linux/arm/v7")], "linux/arm", "linux/arm/v6, linux/arm/v7"),
        ([on(f"os{n}/x") for n in range(30)], None, "and 10 more"),
        ([on("\x1b[31m/x")], None, r"\x1b[31m/x"),
        ([entry({})], None, "unknown/unknown"),
        ([entry([])], None, "not said"),
    ],
)
def test_it_is_not_clear_what_is_meant(entries, wanted, cause):
    with pytest.raises(UsageFailed) as caught:
        choose(Index(tuple(entries)), Platform.parse(wanted) if wanted else None)
    assert cause in caught.value.cause
    assert "--platform" in caught.value.hint


def test_a_platform_of_something_else_than_texts():
    with pytest.raises(InvalidDocument):
        choose(Index((entry({"os": 1, "architecture": "wasm"}),)), None)


@pytest.mark.parametrize(
    "text", ["", "wasm", "a/b/c/d", "/wasm", "wasi/", "wasi//x", "a/\n", "\udcff/a", "x" * 90 + "/y"]
)
def test_what_is_no_platform(text):
    with pytest.raises(UsageFailed, match="is not a platform"):
        Platform.parse(text)


def nested(store, levels):
    found = push_manifest(store, blob(b"x"))
    for _ in range(levels):
        listed = Descriptor(
            found.media_type, found.digest, found.size, extra={"platform": {"os": "wasi", "architecture": "wasm"}}
        )
        found = push_index(store, listed)
    return found


@pytest.mark.parametrize("levels", [0, 1, 3])
def test_an_index_may_be_in_an_index(levels):
    store = MemoryStore()
    assert find_manifest(store, nested(store, levels), None)[0] == nested(store, 0)


def test_indexes_in_indexes_end():
    store = MemoryStore()
    with pytest.raises(UnknownArtifact, match="indexes within indexes"):
        find_manifest(store, nested(store, 4), None)


def test_a_platform_is_of_no_use_for_a_manifest():
    store = MemoryStore()
    with pytest.raises(UsageFailed, match="its own"):
        find_manifest(store, nested(store, 0), Platform.parse("wasi/wasm"))
