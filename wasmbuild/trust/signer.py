"""Sign: from what is to be said, and a key, to bytes. A signer fetches nothing and pushes nothing."""

from collections.abc import Mapping
from typing import Protocol

from registry.model import Descriptor
from wasmbuild.trust.bundle import Bundle
from wasmbuild.trust.dsse import Envelope, pae
from wasmbuild.trust.keys import PublicKey
from wasmbuild.trust.proof import Material
from wasmbuild.trust.referrer import Referrer, attach
from wasmbuild.trust.simplesigning import Payload, signed_layer
from wasmbuild.trust.statement import COSIGN_SIGN, IN_TOTO, Statement

__all__ = ["Signatory", "sign", "sign_payload", "sign_statement"]


class Signatory(Protocol):
    """Whoever can sign with a key, wherever that is: in a file, behind a command, in hardware."""

    @property
    def public(self) -> PublicKey:
        """The other half of the key."""

    def sign(self, message: bytes, /) -> bytes:
        """The signature over a message, as ``algorithms`` has it; the same one each time, if the place can do that.

        Raises Failure when the place does not sign.
        """


def sign_statement(statement: Statement, key: Signatory) -> bytes:
    """The bundle of a statement."""
    payload = statement.encode()
    envelope = Envelope(payload, IN_TOTO, key.sign(pae(IN_TOTO, payload)))
    return Bundle(envelope, Material(key.public.hint)).encode()


def sign(
    subject: Descriptor, name: str, key: Signatory, created: str, annotations: Mapping[str, str] | None = None
) -> Referrer:
    """The signature of an artifact as a referrer of it.

    ``name`` is ``host/repository``; ``created`` is RFC 3339.
    """
    bundle = sign_statement(Statement.signature_of(subject.digest, name, annotations), key)
    return attach(bundle, subject, COSIGN_SIGN, created)


def sign_payload(payload: Payload, key: Signatory) -> tuple[Descriptor, bytes]:
    """The simple signature of a payload: the layer that holds both, and the bytes of the payload."""
    data = payload.encode()
    return signed_layer(data, key.sign(data)), data
