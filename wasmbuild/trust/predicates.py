"""Predicates: the types of what is said of artifacts, by the short names that people know them by.

The names are those that cosign's ``--type`` has, so that a command for one is a command for the other,
and a few of ours. What the predicates say is the business of those who make them.
"""

import re
from collections.abc import Mapping

from wasmbuild.errors import UsageFailed
from wasmbuild.trust.statement import SIGNATURES

__all__ = [
    "CAPABILITIES_V1",
    "CYCLONEDX",
    "MAX_PREDICATE",
    "PREDICATE_TYPES",
    "PROVENANCE",
    "REBUILD",
    "SPDX",
    "parse_predicate_type",
    "short_name",
]

CYCLONEDX = "https://cyclonedx.org/bom"
SPDX = "https://spdx.dev/Document"
PROVENANCE = "https://slsa.dev/provenance/v1"
REBUILD = "https://wasmbuild.dev/rebuild/v1"
CAPABILITIES_V1 = "https://wasmbuild.dev/capabilities/v1"
"""It names a form, with the table of capabilities that this uses; nothing is served there."""

MAX_PREDICATE = 16 * 1024 * 1024
"""Bytes of a predicate, as JSON."""

PREDICATE_TYPES: Mapping[str, str] = {
    "slsaprovenance1": PROVENANCE,
    "slsaprovenance02": "https://slsa.dev/provenance/v0.2",
    "slsaprovenance": "https://slsa.dev/provenance/v0.2",
    "provenance": PROVENANCE,
    "cyclonedx": CYCLONEDX,
    "spdxjson": SPDX,
    "spdx": SPDX,
    "capabilities": CAPABILITIES_V1,
    "rebuild": REBUILD,
    "openvex": "https://openvex.dev/ns",
    "vuln": "https://cosign.sigstore.dev/attestation/vuln/v1",
    "link": "https://in-toto.io/Link/v1",
    "custom": "https://cosign.sigstore.dev/attestation/v1",
}
"""Types by name: cosign's (``cmd/cosign/cli/options/predicate.go``), and ours."""

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!#-;=?-\[\]_a-z~%]{1,2000}")
"""A scheme, and something after it without white space (RFC 3986, section 2)."""


def parse_predicate_type(text: str) -> str:
    """The type that a name or a whole URI means.

    Raises UsageFailed for neither, and for the type of a plain signature, which attests nothing.
    """
    found = PREDICATE_TYPES.get(text, text)
    if found in SIGNATURES:
        raise UsageFailed(
            f"{found} is the type of signatures, and not of attestations", hint="wasmbuild sign signs an artifact"
        )
    if not _URI.fullmatch(found):
        raise UsageFailed(
            f"{text[:80]!r} is no type of attestations", cause=f"{', '.join(PREDICATE_TYPES)}, or a whole URI"
        )
    return found


def short_name(predicate_type: str) -> str:
    """The first of the names of a type, and the type itself where it has none."""
    return next((name for name, known in PREDICATE_TYPES.items() if known == predicate_type), predicate_type)
