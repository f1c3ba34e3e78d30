"""Who says what about which digest: keys, statements, signatures, and what was found of them.

The names below are a stable interface (``docs/trust-api.md``), each imported when it is used; of other
people's packages they need ``cryptography`` alone. Modules of this package are not: they may change.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wasmbuild.trust.authority import Authority, KeyAuthority, Signer
    from wasmbuild.trust.candidate import Candidate
    from wasmbuild.trust.discovery import found
    from wasmbuild.trust.evidence import Evidence, Finding, Outcome
    from wasmbuild.trust.keys import PublicKey
    from wasmbuild.trust.policy.judging import judge
    from wasmbuild.trust.policy.model import Policy
    from wasmbuild.trust.policy.parsing import parse_trust_policy, read_trust_policy
    from wasmbuild.trust.policy.verdict import Situation, Verdict
    from wasmbuild.trust.verifier import Verifier

__all__ = [
    "Authority",
    "Candidate",
    "Evidence",
    "Finding",
    "KeyAuthority",
    "Outcome",
    "Policy",
    "PublicKey",
    "Signer",
    "Situation",
    "Verdict",
    "Verifier",
    "found",
    "judge",
    "parse_trust_policy",
    "read_trust_policy",
]

_HOMES = {
    "Authority": "authority",
    "Candidate": "candidate",
    "Evidence": "evidence",
    "Finding": "evidence",
    "KeyAuthority": "authority",
    "Outcome": "evidence",
    "Policy": "policy.model",
    "PublicKey": "keys",
    "Signer": "authority",
    "Situation": "policy.verdict",
    "Verdict": "policy.verdict",
    "Verifier": "verifier",
    "found": "discovery",
    "judge": "policy.judging",
    "parse_trust_policy": "policy.parsing",
    "read_trust_policy": "policy.parsing",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever has that name
    """Import a name when it is used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
