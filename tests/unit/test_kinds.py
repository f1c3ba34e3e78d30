"""What is said of artifacts that hold no WebAssembly for us."""

import pytest

from registry.digest import Digest
from registry.model import Descriptor, Manifest
from wasmbuild.artifact import wasm_layer
from wasmbuild.errors import UnknownArtifact
from wasmbuild.kinds import kind_of

IMAGE = "application/vnd.oci.image.config.v1+json"
DOCKER = "application/vnd.docker.container.image.v1+json"
TAR = "application/vnd.oci.image.layer.v1.tar+gzip"
EMPTY = "application/vnd.oci.empty.v1+json"
CONTENT = "application/vnd.wasm.content.layer.v1+wasm"
SPIN = "application/vnd.fermyon.spin.application.v1+config"
DATA = "application/vnd.wasm.content.layer.v1+data"


def descriptor(media_type):
    return Descriptor(media_type, Digest.of(media_type.encode()), len(media_type))


def manifest(config, *layers, **fields):
    return Manifest(descriptor(config), tuple(map(descriptor, layers)), **fields)


@pytest.mark.parametrize(
    ("artifact", "said"),
    [
        (manifest("application/vnd.cncf.helm.config.v1+json", TAR), "a Helm chart"),
        (manifest(IMAGE, TAR), "a container image"),
        (manifest(DOCKER, TAR), "a container image"),
        (manifest(IMAGE, TAR, annotations={"module.wasm.image/variant": "compat"}), "the compat variant"),
        (manifest(IMAGE, "application/vnd.dev.cosign.simplesigning.v1+json"), "a signature of cosign"),
        (manifest(EMPTY, "application/vnd.dev.sigstore.bundle.v0.3+json"), "sigstore bundle"),
        (manifest(EMPTY, "x/y", artifact_type="application/spdx+json"), "an SBOM (SPDX)"),
        (manifest(EMPTY, "application/vnd.cyclonedx+json"), "CycloneDX"),
        (manifest(EMPTY, "application/jose+json", artifact_type="application/vnd.cncf.notary.signature"), "Notation"),
        (manifest(IMAGE, CONTENT, CONTENT, SPIN), "a Spin application"),
    ],
)
def test_it_is_named(artifact, said):
    assert said in kind_of(artifact)
    with pytest.raises(UnknownArtifact) as caught:
        wasm_layer(artifact)
    assert caught.value.what.startswith("this is a")
    assert said in caught.value.what
    assert artifact.layers[0].media_type in caught.value.cause


def test_what_nobody_knows_is_named_by_its_types():
    artifact = manifest("application/vnd.acme.config+json", "application/vnd.acme+x", artifact_type="text/acme")
    assert kind_of(artifact) is None
    with pytest.raises(UnknownArtifact) as caught:
        wasm_layer(artifact)
    assert caught.value.what.startswith("this is not an artifact")
    assert all(word in caught.value.cause for word in ("acme.config", "acme+x", "text/acme"))


@pytest.mark.parametrize(
    ("config", "layers", "at"),
    [
        (IMAGE, [CONTENT, DATA, SPIN], 0),
        (IMAGE, ["application/wasm", SPIN], 0),
        ("application/vnd.wasm.config.v1+json", [EMPTY, CONTENT], 1),
        ("application/vnd.wasm.config.v1+json", ["application/vnd.oci.image.layer.v1.tar", CONTENT], 1),
        ("application/vnd.wasm.component.config.v1+json", ["application/vnd.bytecodealliance.component.v1+wasm"], 0),
        (EMPTY, ["application/vnd.module.wasm.content.layer.v1+wasm"], 0),
    ],
)
def test_forms_of_one_wasm_file_among_others(config, layers, at):
    artifact = manifest(config, *layers)
    assert wasm_layer(artifact) is artifact.layers[at]
