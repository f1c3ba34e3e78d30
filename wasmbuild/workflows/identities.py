"""Identities: from what a person says of whom they trust, and a trusted root, to those who are trusted.

The root is a file, and needs no network. Without one it is sigstore's own, which the extra ``sigstore``
gets and checks (by TUF); none is shipped here, because what is trusted must be seen to be current.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from registry.errors import InvalidDocument, Unreachable
from registry.files import read_regular
from registry.words import printable
from wasmbuild.errors import ExtraMissing, UsageFailed

if TYPE_CHECKING:
    from wasmbuild.trust.sigstore.authority import Expected, IdentityAuthority
    from wasmbuild.trust.sigstore.trusted_root import TrustedRoot

__all__ = ["Identified", "load_trusted_root", "trusted_identities"]

_IDENTITY = "--certificate-identity https://github.com/acme/hello/.github/workflows/release.yml@refs/heads/main"
_ISSUER = "--certificate-oidc-issuer https://token.actions.githubusercontent.com"


@dataclass(frozen=True, slots=True)
class Identified:
    """Whom a person named; a ``pattern`` is a regular expression, which must match all of what is said."""

    identities: Sequence[str] = ()
    identity_patterns: Sequence[str] = ()
    issuer: str | None = None
    issuer_pattern: str | None = None
    trusted_root: Path | None = None


def trusted_identities(wanted: Identified) -> "tuple[IdentityAuthority, ...]":
    """Everybody whom a person named; none when they named nobody at all.

    Raises UsageFailed when an identity comes without its issuer, or the other way round, and
    for a malformed trusted root, ExtraMissing and Unreachable where there is none.
    """
    if not wanted.identities and not wanted.identity_patterns:
        if wanted.issuer or wanted.issuer_pattern or wanted.trusted_root:
            raise UsageFailed("an issuer or a trusted root trusts nobody without an identity", hint=_IDENTITY)
        return ()
    from wasmbuild.trust.sigstore.authority import IdentityAuthority  # noqa: PLC0415  (with cryptography)

    issuer = _issuer(wanted)
    named = [_expected(text, "--certificate-identity") for text in wanted.identities]
    matched = [_expected(text, "--certificate-identity-regexp", pattern=True) for text in wanted.identity_patterns]
    root = load_trusted_root(wanted.trusted_root)
    return tuple(IdentityAuthority(identity, issuer, root) for identity in (*named, *matched))


def load_trusted_root(file: Path | None) -> "TrustedRoot":
    """The trusted root in a file, or sigstore's own for None.

    Raises UsageFailed for a file that cannot be read, or is none, and without a file ExtraMissing, and
    Unreachable when sigstore's cannot be had.
    """
    from wasmbuild.trust.sigstore.trusted_root import MAX_TRUSTED_ROOT, TrustedRoot  # noqa: PLC0415  (cryptography)

    if file is None:
        return TrustedRoot.parse(_public_good())
    try:
        data = read_regular(file, MAX_TRUSTED_ROOT)
    except OSError as error:
        raise UsageFailed(f"the trusted root {file} cannot be read", cause=error.strerror) from error
    try:
        return TrustedRoot.parse(data)
    except InvalidDocument as failure:
        raise UsageFailed(f"{file} is no trusted root: {failure.what}", cause=failure.cause) from failure


def _issuer(wanted: Identified) -> "Expected":
    if wanted.issuer and wanted.issuer_pattern:
        raise UsageFailed("--certificate-oidc-issuer and --certificate-oidc-issuer-regexp exclude each other")
    if wanted.issuer:
        return _expected(wanted.issuer, "--certificate-oidc-issuer")
    if wanted.issuer_pattern:
        return _expected(wanted.issuer_pattern, "--certificate-oidc-issuer-regexp", pattern=True)
    raise UsageFailed(
        "an identity is trusted only together with the issuer that vouches for it",
        cause="anybody can be anybody at an issuer of their own",
        hint=_ISSUER,
    )


def _expected(text: str, option: str, *, pattern: bool = False) -> "Expected":
    from wasmbuild.trust.sigstore.authority import Expected  # noqa: PLC0415  (with cryptography)

    try:
        return Expected(text, pattern)
    except ValueError as error:
        raise UsageFailed(f"{option} {printable(text, 100)!r} cannot be used", cause=str(error)) from error


def _public_good() -> bytes:
    """Sigstore's own trusted root, as its package gets and checks it."""
    try:
        from sigstore.models import ClientTrustConfig  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise ExtraMissing(
            "an identity needs a trusted root, and none is given",
            cause="sigstore's own is got by a package that is not installed",
            hint="--trusted-root trusted_root.json, or pip install 'wasmbuild[sigstore]'",
        ) from error
    try:
        return ClientTrustConfig.production()._inner.trusted_root.to_json().encode()  # noqa: SLF001
    except Exception as error:  # of TUF, of requests, of the file system: it has no class of its own
        raise Unreachable(
            "sigstore's trusted root cannot be had",
            cause=printable(str(error)),
            hint="--trusted-root trusted_root.json",
        ) from error
