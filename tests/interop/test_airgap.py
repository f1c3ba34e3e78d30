"""What was signed, saved with trust and loaded elsewhere, on every registry, for ``cosign`` 3."""

from registry.server.testing import running_server
from tests.interop.making import fresh, wasm_file

KEYED = ("--insecure-ignore-tlog=true", "--allow-http-registry")
LEGACY = (*KEYED, "--new-bundle-format=false")
SIGN = ("--tlog-upload=false", "--use-signing-config=false", "-y", "--allow-http-registry")


def test_cosign_verifies_what_was_loaded(cosign, keys, registry, tmp_path):
    with running_server(tmp_path / "first") as address:
        name = fresh(address)
        signed = ("--sign", "--key", "release.key", "--sbom", "cyclonedx")
        pushed = cosign.ours("push", f"{name}:v1", wasm_file(tmp_path), *signed)["reference"]
        cosign.data("cosign", "sign", "--key", "other.key", *SIGN, pushed)
        cosign.ours("save", f"{name}:v1", "-o", "saved.tar", "--with-trust", "--key", "release.pub")
    cosign.ours("verify", "--offline", "saved.tar", "--key", "release.pub")
    cosign.ours("verify", "--offline", "saved.tar", "--key", "other.pub")
    (loaded,) = (
        each for each in cosign.ours("load", "saved.tar", fresh(registry))["artifacts"] if "v1" in each["tags"]
    )
    for flags in (KEYED, LEGACY):
        cosign.data("cosign", "verify", "--key", "release.pub", *flags, loaded["reference"])
    cosign.data("cosign", "verify", "--key", "other.pub", *KEYED, loaded["reference"])
    attested = ("verify-attestation", "--type", "cyclonedx", "--key", "release.pub", *KEYED)
    cosign.data("cosign", *attested, loaded["reference"])


def test_what_cosign_2_keeps_goes_along(cosign, keys, registry, ours, tmp_path):
    name = fresh(ours)
    pushed = cosign.ours("push", f"{name}:v1", wasm_file(tmp_path))["reference"]
    cosign.data("cosign", "sign", "--key", "release.key", *SIGN, "--new-bundle-format=false", pushed)
    cosign.ours("save", f"{name}:v1", "-o", "without.tar")
    cosign.data("wasmbuild", "verify", "--offline", "without.tar", "--key", "release.pub", code=4)
    cosign.ours("save", f"{name}:v1", "-o", "saved.tar", "--with-trust")
    cosign.ours("verify", "--offline", "saved.tar", "--key", "release.pub")
    (loaded,) = (
        each for each in cosign.ours("load", "saved.tar", fresh(registry))["artifacts"] if "v1" in each["tags"]
    )
    cosign.data("cosign", "verify", "--key", "release.pub", *LEGACY, loaded["reference"])
