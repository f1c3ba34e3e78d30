"""``discover``: the tree of what truly refers to an artifact."""

import io
from functools import partial

import pytest

from registry.client.registries import Registries
from registry.digest import Digest
from registry.errors import AuthenticationFailed, ContentNotFound
from registry.graph import push_bytes
from registry.model import EMPTY, EMPTY_BYTES, OCI_MANIFEST, Descriptor, Index, Manifest, describe
from registry.stores.memory import MemoryStore
from registry.strictjson import canonical_json
from tests.client.scripted import Answer, scripted
from wasmbuild.cli.discover import tree_lines
from wasmbuild.events import Note, ignore
from wasmbuild.workflows import discover as module
from wasmbuild.workflows.discover import discover
from wasmbuild.workflows.kinds import referrer_in_words
from wasmbuild.workflows.places import Name, Place, reading

MARKS = ("|-", "`-", "| ", "  ")
SIGN = {"dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1"}
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


class Lists(MemoryStore):
    """A store whose list of referrers has more in it than is true."""

    def __init__(self) -> None:
        super().__init__()
        self.claims: dict[Digest, list[Descriptor]] = {}
        self.asked = 0

    def referrers(self, subject, artifact_type=None, /):
        self.asked += 1
        return [*self.claims.get(subject.digest, []), *super().referrers(subject, artifact_type)]


def add(store, subject=None, artifact_type="application/spdx+json", layers=(), **annotations) -> Descriptor:
    push_bytes(store, EMPTY, EMPTY_BYTES)
    manifest = Manifest(
        EMPTY, tuple(layers), artifact_type=artifact_type, subject=subject, annotations=annotations
    ).encode()
    descriptor = describe(OCI_MANIFEST, manifest)
    store.push(descriptor, partial(io.BytesIO, manifest))
    return descriptor


@pytest.fixture
def store() -> Lists:
    return Lists()


@pytest.fixture
def root(store) -> Descriptor:
    descriptor = add(store)
    store.tag(descriptor, "1")
    return descriptor


def found_in(store, sink=ignore, **settings):
    return discover(Place(store, "here", "1", None), sink=sink, **settings)


def shape(nodes):
    return [(node.descriptor.digest, shape(node.referrers)) for node in nodes]


def test_nothing_refers_to_it(store, root):
    found = found_in(store)
    assert (found.reference, found.referrers, found.complete) == (f"here@{root.digest}", (), True)


def test_referrers_of_referrers(store, root):
    sbom = add(store, root, n="1")
    signature = add(store, sbom, BUNDLE, **SIGN)
    report = add(store, root, "application/x-report", n="2")
    assert shape(found_in(store).referrers) == [
        (sbom.digest, [(signature.digest, [])]),
        (report.digest, []),
    ]


def test_the_order_depends_on_what_they_are_and_not_on_the_list(store, root):
    created = "org.opencontainers.image.created"
    late = add(store, root, **{created: "2026-02-01T00:00:00Z"})
    early = add(store, root, **{created: "2026-01-01T00:00:00Z"})
    first = add(store, root, "application/a")
    store.claims[root.digest] = [late, first, early, late]
    assert [node.descriptor.digest for node in found_in(store).referrers] == [early.digest, late.digest, first.digest]


def test_what_a_list_claims_is_not_believed(store, root):
    other = add(store, root, n="other")
    false = add(store, other, n="false")
    no_subject = add(store, n="none")
    missing = Descriptor(OCI_MANIFEST, Digest.of(b"gone"), 4)
    lying = Descriptor(OCI_MANIFEST, other.digest, other.size + 1)
    blob = describe("text/plain", b"no manifest")
    push_bytes(store, blob, b"no manifest")
    store.claims[root.digest] = [false, no_subject, missing, blob]
    notes = []
    found = found_in(store, notes.append)
    assert shape(found.referrers) == [(other.digest, [(false.digest, [])])]
    texts = [note.text for note in notes if isinstance(note, Note) and note.level == "warning"]
    assert len(texts) == 4
    for claimed in (false, no_subject, missing, blob):
        assert sum(text.startswith(str(claimed.digest)) for text in texts) == 1
    store.claims[root.digest] = [lying]
    assert str(other.digest) in {str(node.descriptor.digest) for node in found_in(store).referrers}


def test_the_type_is_the_manifests_own(store, root):
    sbom = add(store, root, "application/spdx+json", n="1")
    add(store, root, "application/other")
    signature = add(store, sbom, BUNDLE)
    store.claims[root.digest] = [sbom.plain()]  # listed without a type, as old clients do
    only = found_in(store, artifact_type="application/spdx+json")
    assert shape(only.referrers) == [(sbom.digest, [(signature.digest, [])])]
    assert found_in(store, artifact_type="application/nothing").referrers == ()


def test_a_chain_is_followed_so_far_and_not_farther(store, root, monkeypatch):
    monkeypatch.setattr(module, "LIMITS", module.Limits(depth=3, nodes=100))
    chain = [root]
    for _ in range(3):
        chain.append(add(store, chain[-1]))
    assert found_in(store).complete
    chain.append(add(store, chain[-1]))
    notes = []
    found = found_in(store, notes.append)
    assert not found.complete
    assert shape(found.referrers) == [(chain[1].digest, [(chain[2].digest, [(chain[3].digest, [])])])]
    assert [note.text for note in notes] == ["more refers to this than is shown"]


def test_many_are_cut(store, root, monkeypatch):
    monkeypatch.setattr(module, "LIMITS", module.Limits(depth=8, nodes=10))
    for number in range(10):
        add(store, root, n=str(number))
    assert found_in(store).complete
    add(store, root, n="one too many")
    found = found_in(store)
    assert (len(found.referrers), found.complete) == (10, False)
    assert store.asked < 40


def test_false_claims_do_not_cost_more_than_true_ones(store, root, monkeypatch):
    monkeypatch.setattr(module, "LIMITS", module.Limits(depth=8, nodes=10))
    store.claims[root.digest] = [Descriptor(OCI_MANIFEST, Digest.of(str(n).encode()), 4) for n in range(500)]
    notes = []
    assert not found_in(store, notes.append).complete
    assert len(notes) == 11


def test_cosigns_tags(store, root):
    sbom = add(store, root)
    layer = describe("application/vnd.dev.cosign.simplesigning.v1+json", b"{}")
    signature = add(store, None, None, [layer], n="sig")
    store.tag(signature, f"sha256-{root.digest.encoded}.sig")
    store.tag(add(store, None, None, n="att"), f"sha256-{sbom.digest.encoded}.att")
    store.tag(signature, f"sha256-{'0' * 64}.sig")
    found = found_in(store)
    assert [(node.words, node.tag) for node in found.referrers] == [
        ("SBOM (SPDX)", None),
        ("cosign signature (tag .sig)", f"sha256-{root.digest.encoded}.sig"),
    ]
    assert found.referrers[0].referrers[0].words == "cosign attestation (tag .att)"
    assert found.referrers[1].size == 2


def test_the_document(store, root):
    sbom = add(store, root, layers=[describe("a/b", b"12345"), describe("a/b", b"12")], who="me")
    document = found_in(store).to_json()
    assert document["descriptor"]["digest"] == str(root.digest)
    assert document["referrers"] == [
        {
            "reference": f"here@{sbom.digest}",
            "descriptor": {"mediaType": OCI_MANIFEST, "digest": str(sbom.digest), "size": sbom.size},
            "artifactType": "application/spdx+json",
            "kind": "SBOM (SPDX)",
            "tag": None,
            "created": None,
            "layersSize": 7,
            "annotations": {"who": "me"},
            "referrers": [],
        }
    ]


def test_the_tree_is_drawn(store, root):
    first = add(store, root, "a/a")
    below = add(store, first, "a/b")
    second = add(store, root, "a/c", key="va\x1blue")
    lines = list(tree_lines(found_in(store).referrers, MARKS, verbose=False))
    assert lines == [
        f"|-{first.digest}  a/a, 0 B",
        f"| `-{below.digest}  a/b, 0 B",
        f"`-{second.digest}  a/c, 0 B",
    ]
    details = list(tree_lines(found_in(store).referrers, MARKS, verbose=True))
    assert [line for line in details if "sha256" not in line] == [
        "| | artifact type: a/a",
        "|     artifact type: a/b",
        "    artifact type: a/c",
        "    key: va\\x1blue",
    ]


@pytest.mark.parametrize(
    ("artifact_type", "annotations", "words"),
    [
        (BUNDLE, SIGN, "signature, sigstore bundle"),
        (BUNDLE, {}, "sigstore bundle"),
        (BUNDLE, {next(iter(SIGN)): "https://slsa.dev/provenance/v1"}, "provenance (SLSA), sigstore bundle"),
        (BUNDLE, {next(iter(SIGN)): "\x1b[1m"}, "attestation \\x1b[1m, sigstore bundle"),
        ("application/vnd.cncf.notary.signature", {}, "signature of Notation"),
        ("application/vnd.in-toto+json", {}, "attestation (in-toto)"),
        ("application/vnd.cyclonedx+json", {}, "SBOM (CycloneDX)"),
        ("application/vnd.cyclonedx+xml", {}, "SBOM (CycloneDX)"),
        ("application/unheard-of\n", {}, "application/unheard-of\\x0a"),
    ],
)
def test_words(artifact_type, annotations, words):
    assert referrer_in_words(Manifest(EMPTY, (), artifact_type=artifact_type, annotations=annotations)) == words


def test_an_index_may_refer_to_something(store, root):
    index = Index((describe(OCI_MANIFEST, b"12345678"),), subject=root).encode()
    store.push(describe("application/vnd.oci.image.index.v1+json", index), partial(io.BytesIO, index))
    (node,) = found_in(store).referrers
    assert (node.words, node.size) == ("index", 8)


def answering(status):
    manifest = Manifest(EMPTY, ()).encode()

    def script(asked):
        if "/manifests/" in asked.path:
            return Answer(200, manifest, {"Content-Type": OCI_MANIFEST})
        if "/tags/" in asked.path:
            return Answer(status["tags"], b'{"errors":[{"code":"DENIED","message":"not yours"}]}')
        listed = canonical_json(
            {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}
        )
        return Answer(status["referrers"], listed, {"Content-Type": "application/vnd.oci.image.index.v1+json"})

    return script


def artifact_of(server):
    return reading(Name.parse(f"{server.address}/a:1"), Registries())


def test_tags_that_may_not_be_listed_are_a_warning():
    notes = []
    with scripted(answering({"tags": 403, "referrers": 200})) as server, artifact_of(server) as place:
        found = discover(place, sink=notes.append)
    assert found.referrers == ()
    assert ["not yours" in note.text for note in notes if note.level == "warning"] == [True]


def test_a_registry_that_cannot_answer_is_an_error():
    refusing = answering({"tags": 200, "referrers": 403})
    with scripted(refusing) as server, artifact_of(server) as place, pytest.raises(AuthenticationFailed):
        discover(place, sink=ignore)


def test_an_artifact_that_is_not_there(store):
    with pytest.raises(ContentNotFound):
        found_in(store)
