"""Images in place of an artifact and beside it: what is pushed, signed and found again, and when tags are set."""

import pytest
import wasmtime

from registry.client.registries import Registries
from registry.client.repository import Repository
from registry.errors import Failure, RegistryRefused
from registry.graph import read_document
from registry.reference import Reference
from registry.server.config import AccessConfig, ServerConfig
from registry.server.testing import running_server
from tests.unit.test_push import Recording
from wasmbuild.artifact import pack
from wasmbuild.caches import Caches
from wasmbuild.errors import InvalidSignature, Unsigned, UsageFailed
from wasmbuild.events import ignore
from wasmbuild.image.names import FORMS
from wasmbuild.trust.authority import KeyAuthority
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.workflows import image_push
from wasmbuild.workflows.attest import Said
from wasmbuild.workflows.capability_claim import said_of_remote
from wasmbuild.workflows.demand import SignedBy
from wasmbuild.workflows.image_push import ImageWish, outgoing, push_together
from wasmbuild.workflows.pull import pull
from wasmbuild.workflows.push import Destination
from wasmbuild.workflows.verify_file import verify_against

MODULE = bytes(wasmtime.wat2wasm("(module)"))
ARTIFACT = pack(MODULE, "hello")
REFERENCE = Reference.parse("127.0.0.1:1/a/b:1.0.0")
BOTH = ImageWish(FORMS, beside=True)


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    """What is in memory has no transport to ask what it can do."""
    asked = image_push.supports_together
    monkeypatch.setattr(image_push, "supports_together", lambda all_: isinstance(all_[0], Repository) and asked(all_))


def bring(store, wish=BOTH, *, key=None, reference=REFERENCE, tags=("1.0.0", "latest"), artifact=ARTIFACT):
    destination = Destination(reference, store, tags)
    out = outgoing(artifact, destination, wish)
    return out, push_together(
        out.main, destination, images=out.beside, key=key, sink=ignore, environment={}, concurrency=1
    )


def test_images_are_beside_the_artifact_and_refer_to_it():
    store = Recording()
    out, pushed = bring(store)
    assert store.resolve("1.0.0") == store.resolve("latest") == pushed.artifact.remote.descriptor == ARTIFACT.manifest
    assert [(image.form, image.packed.manifest) for image in out.beside] == [
        ("compat", store.resolve("1.0.0-image")),
        ("shim", store.resolve("latest-shim")),
    ]
    assert {entry.digest for entry in store.referrers(ARTIFACT.manifest)} == {
        image.packed.manifest.digest for image in out.beside
    }
    assert [each["form"] for each in pushed.to_json()["images"]] == list(FORMS)
    assert pushed.to_json()["images"][0]["tags"] == ["1.0.0-image", "latest-image"]


def test_no_tag_is_set_before_all_is_there_and_signed_and_the_artifacts_are_last():
    store = Recording()
    bring(store, key=PrivateKey.generate(), tags=("1.0.0",))
    assert store.order[-3:] == ["1.0.0-image", "1.0.0-shim", "1.0.0"]
    assert not {"1.0.0-image", "1.0.0-shim", "1.0.0"} & set(store.order[:-3])


@pytest.mark.parametrize("fail_at", [0, 3, 5, 8])
def test_what_breaks_sets_no_tag_and_is_finished_by_the_next(fail_at):
    store, key = Recording(fail_at), PrivateKey.generate()
    with pytest.raises(Failure, match="broken"):
        bring(store, key=key, tags=("1.0.0",))
    assert store.tags() == [] or not {"1.0.0", "1.0.0-image", "1.0.0-shim"} & set(store.tags())
    store.fail_at = None
    bring(store, key=key, tags=("1.0.0",))
    assert store.resolve("1.0.0") == ARTIFACT.manifest


def test_a_second_push_brings_nothing_and_signs_nothing():
    store, key = Recording(), PrivateKey.generate()
    bring(store, key=key)
    order = list(store.order)
    _, again = bring(store, key=key)
    assert set(store.order[len(order) :]) == {
        f"{tag}{end}" for tag in ("1.0.0", "latest") for end in ("", "-image", "-shim")
    }
    assert [each.added for _, image in again.beside for each in image.signatures] == [False] * 4


def test_each_image_is_signed_by_the_same_key():
    store, key = Recording(), PrivateKey.generate()
    _, pushed = bring(store, key=key)
    for _, image in pushed.beside:
        evidence = SignedBy([KeyAuthority(key.public)]).check(image.remote, ignore)
        assert evidence.signatures
        with pytest.raises((Unsigned, InvalidSignature)):
            SignedBy([KeyAuthority(PrivateKey.generate().public)]).check(image.remote, ignore)


@pytest.mark.parametrize("form", FORMS)
def test_an_image_in_place_of_the_artifact_has_its_tag_and_no_subject(form):
    store = Recording()
    out = outgoing(ARTIFACT, Destination(REFERENCE, store, ("1.0.0",)), ImageWish((form,), beside=False))
    assert out.beside == ()
    assert out.described.manifest == out.main.manifest != ARTIFACT.manifest
    assert out.described.layer == ARTIFACT.layer
    out.main.push_to(store)
    assert read_document(store, out.main.manifest)[1].subject is None


@pytest.mark.parametrize("tag", ["1.0.0-image", "x" * 125])
def test_tags_that_mean_two_things_or_grow_too_long_are_refused(tag):
    with pytest.raises(UsageFailed, match="would be"):
        outgoing(ARTIFACT, Destination(REFERENCE, Recording(), ("1.0.0", tag)), BOTH)


def test_it_is_the_tag_of_the_image_that_is_too_long():
    with pytest.raises(UsageFailed, match=r"the tag of the image would be too long: x{40}…-image") as raised:
        outgoing(ARTIFACT, Destination(REFERENCE, Recording(), ("x" * 125,)), BOTH)
    assert "125 characters" in str(raised.value.cause)
    assert outgoing(ARTIFACT, Destination(REFERENCE, Recording(), ("x" * 122,)), BOTH).beside


@pytest.mark.parametrize("form", FORMS)
def test_a_tag_that_means_something_else_is_not_made_an_image(form):
    store, tag = Recording(), f"1.0.0{'-image' if form == 'compat' else '-shim'}"
    bring(store, ImageWish((form,), beside=True))
    other = pack(MODULE + b"\0\x02\x01x", "hello")
    other.push_to(store)
    store.tag(other.manifest, tag)
    order = list(store.order)
    with pytest.raises(UsageFailed, match=f"{tag} would be the tag of the image, and is something else"):
        bring(store, ImageWish((form,), beside=True))
    assert (store.resolve(tag), store.order) == (other.manifest, order)


def test_tags_are_set_all_or_none_where_the_registry_can(tmp_path):
    config = ServerConfig(tmp_path, access=AccessConfig(immutable=("team/*:1.*.0",)))
    with running_server(tmp_path, config) as address:
        reference = Reference.parse(f"{address}/team/app:1.0.0")
        repository = Registries().repository(reference)
        bring(repository, None, reference=reference)
        newer = pack(MODULE + b"\0\x02\x01x", "hello")
        with pytest.raises(RegistryRefused, match="did not set the tags"):
            bring(repository, reference=reference, artifact=newer)
        assert repository.tags() == ["1.0.0", "latest"]
        assert repository.resolve("1.0.0") == repository.resolve("latest") == ARTIFACT.manifest
        bring(repository, reference=reference)
        assert len(repository.tags()) == 6


@pytest.fixture
def images(registry_address, repository_name):
    """References by form, to images in a real registry, and the key that signed them."""
    reference, key = Reference.parse(f"{registry_address}/{repository_name}:1.0.0"), PrivateKey.generate()
    _, pushed = bring(Registries().repository(reference), key=key, reference=reference)
    return {form: image.reference for form, image in pushed.beside}, key


@pytest.mark.parametrize("form", FORMS)
def test_the_file_of_an_image_is_pulled_verified_and_attested(images, tmp_path, form):
    references, key = images
    reference, demand = references[form], SignedBy([KeyAuthority(key.public)])
    file = tmp_path / "out.wasm"
    pulled = pull(
        reference,
        file,
        demand=demand,
        platform=None,
        caches=Caches(tmp_path / "cache"),
        registries=Registries(),
        sink=ignore,
    )
    assert (file.read_bytes(), pulled.reference) == (MODULE, reference)
    assert pulled.located.layer.digest == ARTIFACT.layer.digest
    assert verify_against(file, reference, demand, registries=Registries(), sink=ignore).remote.pinned == reference
    pinned, said = said_of_remote(reference, Registries(), ignore)
    assert isinstance(said, Said)
    assert (pinned, dict(said.subjects[0].digests)) == (reference, {"sha256": ARTIFACT.layer.digest.encoded})
    file.write_bytes(MODULE + b"\0\x02\x01x")
    with pytest.raises(Failure, match="is not the file of"):
        verify_against(file, reference, demand, registries=Registries(), sink=ignore)
