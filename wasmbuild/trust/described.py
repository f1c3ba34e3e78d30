"""What can be said of a key: which half it is, of which kind, how it is kept, and who can use it.

Nothing of a private key is in it but what its public half says.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from wasmbuild.errors import InvalidKey
from wasmbuild.trust.algorithms import Algorithm
from wasmbuild.trust.keys import ENCRYPTED_LABELS, PUBLIC_LABEL, PublicKey
from wasmbuild.trust.pem import CERTIFICATE, read_block
from wasmbuild.trust.pkcs8 import ENCRYPTED_PKCS8, open_private_key

__all__ = ["Description", "Form", "describe"]

_WITH_CERTIFICATE = "with a certificate"

_USES = {
    Algorithm.P256: {"cosign": "yes", "podman": "yes", "notation": _WITH_CERTIFICATE},
    Algorithm.P384: {
        "cosign": "with --signature-digest-algorithm sha384",
        "podman": "no",
        "notation": _WITH_CERTIFICATE,
    },
    Algorithm.P521: {
        "cosign": "with --signature-digest-algorithm sha512",
        "podman": "no",
        "notation": _WITH_CERTIFICATE,
    },
    Algorithm.RSA: {"cosign": "yes", "podman": "yes", "notation": "no, it wants RSA-PSS"},
    Algorithm.ED25519: {"cosign": "yes", "podman": "yes", "notation": "no"},
}


class Form(Enum):
    """How a key is kept; the value is what a person is told."""

    PUBLIC = "public"
    ENCRYPTED = "private, encrypted as cosign does it"
    PKCS8 = "private, encrypted PKCS #8"
    PLAIN = "private, not encrypted"


@dataclass(frozen=True, slots=True)
class Description:
    """A key's form, and its public half."""

    form: Form
    public: PublicKey

    @property
    def uses(self) -> dict[str, str]:
        """Whether each of the other verifiers takes what this key signed, or what it needs for that."""
        return dict(_USES[self.public.algorithm])

    def to_json(self) -> dict[str, Any]:
        """The document of the command."""
        algorithm = self.public.algorithm
        return {
            "form": self.form.name.lower(),
            "algorithm": algorithm.value,
            "signature": algorithm.signature,
            "fingerprint": self.public.fingerprint,
            "hint": self.public.hint,
            "verifiers": self.uses,
        }


def describe(pem: bytes, password: Callable[[], bytes]) -> Description:
    """Look at a key of any form that we know; ``password`` is called for one that is encrypted.

    Raises InvalidKey.
    """
    label = read_block(pem).label
    if label == PUBLIC_LABEL:
        return Description(Form.PUBLIC, PublicKey.load(pem))
    if "PRIVATE KEY" not in label:
        hint = "openssl x509 -noout -text -in FILE" if label == CERTIFICATE else "a public or a private key is needed"
        raise InvalidKey(f"this is a PEM file of another kind: {label}", hint=hint)
    form = {ENCRYPTED_PKCS8: Form.PKCS8, **dict.fromkeys(ENCRYPTED_LABELS, Form.ENCRYPTED)}.get(label, Form.PLAIN)
    return Description(form, open_private_key(pem, password).public)
