"""The files of ``tests/assets/trust``: what a verifier comes to for each defect."""

import base64
import json

import pytest

from registry.model import Descriptor
from scripts import trust_assets
from wasmbuild.trust.authority import KeyAuthority
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.keys import PublicKey
from wasmbuild.trust.verifier import Verifier

FILES = sorted(path for path in trust_assets.FOLDER.glob("*.json") if path.name != "subject.json")
SUBJECT = Descriptor.from_json(json.loads((trust_assets.FOLDER / "subject.json").read_bytes()))
TRUSTED = PublicKey.load((trust_assets.FOLDER / "trusted.pub").read_bytes())


def test_the_script_makes_these_files():
    assert {path.name: path.read_bytes() for path in trust_assets.FOLDER.iterdir()} == trust_assets.files()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_a_verifier_comes_to(path):
    asset = json.loads(path.read_bytes())
    kind = SignatureKind.BUNDLE if path.name.startswith("bundle-") else SignatureKind.LEGACY
    content = base64.b64decode(asset["content"])
    candidate = Candidate(kind, asset["mediaType"], content, None, asset["annotations"])
    evidence = Verifier([KeyAuthority(TRUSTED)]).verify(SUBJECT, [candidate])
    assert evidence.outcome.value == asset["outcome"]
    assert asset["reason"] in "".join(evidence.reasons)
    assert bool(evidence.reasons) == (asset["outcome"] == "invalid")
