"""What ``wasmbuild interop`` says of ``cosign`` is what ``cosign`` does."""

import subprocess

import pytest

from tests.interop.making import fresh, wasm_file
from tests.interop.peers import find

FLAGS = ("--insecure-ignore-tlog=true", "--allow-http-registry")
TYPE = "https://example.com/reviewed"

CASES = {
    "nothing": (),
    "both forms": (("sign", "--key", "release.key"),),
    "a bundle": (("sign", "--key", "release.key", "--signature-format", "bundle"),),
    "the tag": (("sign", "--key", "release.key", "--signature-format", "legacy"),),
    "the tag, and a bundle by another": (
        ("sign", "--key", "release.key", "--signature-format", "legacy"),
        ("sign", "--key", "other.key", "--signature-format", "bundle"),
    ),
    "an attestation": (("attest", "--key", "release.key", "--type", TYPE, "--predicate", "predicate.json"),),
    "the tag, and an attestation by another": (
        ("sign", "--key", "release.key", "--signature-format", "legacy"),
        ("attest", "--key", "other.key", "--type", TYPE, "--predicate", "predicate.json"),
    ),
}


PROGRAMS = {"cosign 3": ("cosign",), "cosign 2.6": ("cosign2", "--trusted-root", "root.json")}


def takes(run, program, verb, *command):
    name, *flags = program
    ended = subprocess.run(
        [find(name), verb, *flags, "--key", "release.pub", *FLAGS, *command],
        cwd=run.folder,
        env=run.environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return ended.returncode == 0


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("case", CASES)
def test_cosign_does_what_we_say(case, program, cosign, keys, ours, tmp_path):
    (tmp_path / "predicate.json").write_text('{"reviewed": true}')
    (tmp_path / "root.json").write_text('{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}')
    artifact = cosign.ours("push", f"{fresh(ours)}:v1", wasm_file(tmp_path))["reference"]
    for verb, *flags in CASES[case]:
        cosign.ours(verb, artifact, *flags)
    said = cosign.ours("interop", artifact, "--key", "release.pub")["verifiers"]
    accepts = {each["verifier"]: each["accepts"] for each in said}
    assert takes(cosign, PROGRAMS[program], "verify", artifact) is accepts[program]
    attested = takes(cosign, PROGRAMS[program], "verify-attestation", "--type", TYPE, artifact)
    assert attested is accepts.get(f"{program} verify-attestation", False)
