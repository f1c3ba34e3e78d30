"""Whatever happens in whatever order: what the model says must be there is there, and what it says is not, goes."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from registry.digest import Digest
from registry.model import OCI_INDEX, OCI_MANIFEST
from registry.server.config import CollectionConfig, ServerConfig
from tests.server.collection.conftest import GRACE, Registry

NAMES = st.integers(0, 3)
STEPS = st.one_of(
    st.tuples(st.just("image"), NAMES, st.sampled_from(["tag", "digest", "lease"])),
    st.tuples(st.just("index"), NAMES, st.sampled_from(["tag", "digest", "lease"])),
    st.tuples(st.just("referrer"), NAMES, st.sampled_from(["digest", "lease"])),
    st.tuples(st.just("untag"), NAMES, st.none()),
    st.tuples(st.just("delete"), NAMES, st.none()),
    st.tuples(st.just("wait"), st.integers(0, 3), st.none()),
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory, tools: Any) -> Path:
    """The data of an empty registry."""
    data = tmp_path_factory.mktemp("empty") / "data"
    Registry(ServerConfig(data), tools).close()
    return data


class Model:
    """What was pushed and not deleted: why each manifest is kept, and what it leads to."""

    def __init__(self) -> None:
        self.known: dict[Digest, dict[str, Any]] = {}
        self.tags: dict[str, Digest] = {}
        self.pushes = 0

    def push(self, digest: Digest, how: str, tag: str, **more: Any) -> None:
        self.pushes += 1
        new = {"leased": how == "lease", "children": [], "subject": None, "number": self.pushes, **more}
        entry = self.known.setdefault(digest, new)
        if how != "lease":
            entry["leased"] = False
        if how == "tag":
            self.tags[tag] = digest

    def delete(self, digest: Digest) -> None:
        self.known.pop(digest)
        self.tags = {tag: meant for tag, meant in self.tags.items() if meant != digest}

    def collected(self, digest: Digest) -> None:
        """Its lease has ended: what refers to it goes with it, unless a tag means that."""
        for other, entry in self.known.items():
            if entry["subject"] == digest and other not in self.tags.values() and self.is_later(entry):
                entry["leased"] = True
        self.delete(digest)

    def kept(self) -> set[Digest]:
        """What stays for ever when no more is done: all leases have ended then."""
        live = {digest for digest, entry in self.known.items() if not self.goes(entry)} | set(self.tags.values())
        while True:
            more = {child for digest in live for child in self.known[digest]["children"] if child in self.known}
            more |= {digest for digest, entry in self.known.items() if entry["subject"] in live}
            if more <= live:
                return live
            live |= more

    def goes(self, entry: dict[str, Any]) -> bool:
        """Whether it has a lease, or its subject has one, with which it goes."""
        return bool(entry["leased"]) or (self.is_later(entry) and self.goes(self.known[entry["subject"]]))

    def is_later(self, entry: dict[str, Any]) -> bool:
        """Whether it was pushed when its subject was there already."""
        subject = self.known.get(entry["subject"])
        return subject is not None and subject["number"] < entry["number"]


# Without shrinking: it would take longer than a test may.
@settings(
    max_examples=20,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, max_size=25))
def test_what_stays_is_what_the_model_says(empty: Path, tools: Any, steps: list[tuple[str, int, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        shutil.copytree(empty, data)
        config = ServerConfig(data, durable=False, collection=CollectionConfig(grace=GRACE))
        registry = Registry(config, tools)
        try:
            run(registry, Model(), steps)
        finally:
            registry.close()


def run(registry: Registry, model: Model, steps: list[tuple[str, int, Any]]) -> None:
    for kind, number, how in steps:
        known = list(model.known)
        chosen = known[number % len(known)] if known else None
        if kind == "wait":
            registry.collect(number * 40.0)
            for digest in [each for each in model.known if not registry.has(each)]:
                assert digest not in model.kept()
                model.collected(digest)
        elif kind == "image":
            push(registry, model, f"image {number}", how, f"t{number}", [])
        elif kind == "index" and chosen is not None and len(model.known[chosen]["children"]) == 0:
            push(registry, model, f"index {number}", how, f"t{number}", [chosen])
        elif kind == "referrer" and chosen is not None:
            push(registry, model, f"referrer {number}", how, "", [], chosen)
        elif kind == "untag" and f"t{number}" in model.tags:
            registry.untag(f"t{number}")
            del model.tags[f"t{number}"]
        elif kind == "delete" and chosen is not None:
            registry.delete(chosen)
            model.delete(chosen)
        whole(registry, model)
    for _ in range(8):
        registry.collect(2 * GRACE)
    assert {digest for digest in model.known if registry.has(digest)} == model.kept()
    whole(registry, model)
    needed = {model.known[digest]["layer"] for digest in model.kept()} - {None}
    assert registry.files() == {digest.encoded for digest in needed}


def push(
    registry: Registry,
    model: Model,
    name: str,
    how: str,
    tag: str,
    children: list[Digest],
    subject: Digest | None = None,
) -> None:
    layer, entries = None, []
    if not children:
        layer = registry.blob(name.encode())
        entries.append(registry.tools.descriptor(name.encode()))
    for child in children:
        size = model.known[child]["size"]
        entries.append({"mediaType": OCI_MANIFEST, "digest": str(child), "size": size})
    field, kind = ("manifests", OCI_INDEX) if children else ("layers", OCI_MANIFEST)
    body: dict[str, Any] = {"schemaVersion": 2, "mediaType": kind, field: entries, "annotations": {"name": name}}
    if not children:
        body["config"] = entries[0]
    if subject is not None:
        body["subject"] = {"mediaType": OCI_MANIFEST, "digest": str(subject), "size": model.known[subject]["size"]}
    content = json.dumps(body).encode()
    names = (tag,) if how == "tag" else ()
    digest = registry.manifest(content, *names, media_type=kind, lease=30.0 if how == "lease" else None)
    model.push(digest, how, tag, children=children, subject=subject, layer=layer, size=len(content))


def whole(registry: Registry, model: Model) -> None:
    """Everything that is kept for sure is there, with the blobs that it needs."""
    for digest in model.kept():
        assert registry.has(digest)
        layer = model.known[digest]["layer"]
        assert layer is None or registry.has(layer)
