"""Copy an artifact to another repository with its signature broken: one byte of it is changed.

Everything else about the copy is in order, the digests included, so that only a check of the
signature itself can notice. The demo uses it to show that the check is made.

    python scripts/forge.py SOURCE DESTINATION
"""

import base64
import json
import sys

from registry.client.registries import Registries
from registry.copying import copy
from registry.reference import Reference
from registry.stores.memory import MemoryStore
from wasmbuild.trust.discovery import found_referrers
from wasmbuild.trust.referrer import attach
from wasmbuild.trust.statement import COSIGN_SIGN


def forge(bundle: bytes) -> bytes:
    """The bundle with the last byte of its signature changed."""
    value = json.loads(bundle)
    signature = value["dsseEnvelope"]["signatures"][0]
    data = bytearray(base64.b64decode(signature["sig"]))
    data[-1] ^= 1
    signature["sig"] = base64.b64encode(data).decode()
    return json.dumps(value).encode()


def main(source: str, destination: str) -> None:
    """Copy an artifact, and forge the signature of the copy."""
    original, target = Reference.parse(source), Reference.parse(destination)
    registries = Registries()
    have, want = registries.repository(original), registries.repository(target)
    subject = have.resolve(original.selector or "latest")
    (bundle,) = found_referrers(have, subject)
    copy(have, want, subject)
    made = MemoryStore()
    forged = attach(forge(bundle.content), subject, COSIGN_SIGN, "1970-01-01T00:00:00Z")
    copy(made, want, forged.push_to(made))
    want.tag(subject, target.tag or "latest")
    print(f"{target.name}@{subject.digest}")


if __name__ == "__main__":
    main(*sys.argv[1:])
