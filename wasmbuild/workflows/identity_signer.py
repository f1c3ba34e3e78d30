"""IdentitySigner: whoever an OpenID token names, and the services that sign for them (the extra ``sigstore``).

Sigstore's own package speaks to the certificate authority, the log and the timestamp authority. No browser is
ever opened: the token is the machine's own, or is given. It is a secret, and is in no message. What is
signed, and where it goes, is ``keyless``'s.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.client.workload import IdentityToken, find_identity
from registry.errors import AuthenticationFailed, Unreachable
from registry.files import read_regular
from registry.words import printable
from wasmbuild.errors import ExtraMissing, SigningFailed, UsageFailed
from wasmbuild.trust.statement import Statement

if TYPE_CHECKING:
    from wasmbuild.trust.authority import Authority
    from wasmbuild.trust.sigstore.trusted_root import TrustedRoot

__all__ = ["IdentitySigner", "open_identity"]

_MAX_TOKEN = 64 * 1024
_MAX_CONFIG = 1024 * 1024
_VARIABLE = "env://"
_GITHUB = "https://github.com"
_AUDIENCE = "sigstore"
_GITLAB = "SIGSTORE_ID_TOKEN"
_USE = "--identity-token FILE, or env://NAME"
_PRIVATE = "with services of your own: --trust-config FILE"
_INSTALL = "pip install 'wasmbuild[sigstore]'"


@dataclass(frozen=True, slots=True)
class IdentitySigner:
    """Whoever a token names, and the services that vouch for that; both are of sigstore's package."""

    _token: Any = field(repr=False)
    _config: Any = field(repr=False)

    def sign(self, statement: Statement) -> bytes:
        """The bundle of a statement, logged for everybody to see.

        Raises SigningFailed when a service says no, or says what does not hold.
        """
        from sigstore.dsse import Statement as Theirs  # noqa: PLC0415  (an extra)
        from sigstore.sign import SigningContext  # noqa: PLC0415

        try:
            with SigningContext.from_trust_config(self._config).signer(self._token) as signer:
                return signer.sign_dsse(Theirs(statement.encode())).to_json().encode()
        except Exception as error:  # of requests, of TUF, of services: it has no class of its own  # noqa: BLE001
            raise SigningFailed("sigstore's services did not sign", cause=self._without_token(_said(error))) from None

    def trusted_root(self) -> "TrustedRoot":
        """Those who vouch for what the services sign. Raises InvalidDocument."""
        from wasmbuild.trust.sigstore.trusted_root import TrustedRoot  # noqa: PLC0415  (cryptography)

        return TrustedRoot.parse(self._config._inner.trusted_root.to_json().encode())  # noqa: SLF001

    def authorities(self) -> "tuple[Authority, ...]":
        """The same identity, by each of the names that a certificate may have for it ("Fulcio: OIDC usage")."""
        from wasmbuild.trust.sigstore.authority import Expected, IdentityAuthority  # noqa: PLC0415  (cryptography)

        root, issuer = self.trusted_root(), Expected(self._token.federated_issuer)
        return tuple(IdentityAuthority(Expected(name), issuer, root) for name in _names(str(self._token)))

    def _without_token(self, text: str) -> str:
        return printable(text.replace(str(self._token), "(the token)"))


def _names(token: str) -> tuple[str, ...]:
    """What services call whoever a token is for: an address, a workflow, or the subject as it is."""
    claims = IdentityToken.parse(token, "the identity token").claims
    workflow, file = claims.get("job_workflow_ref"), claims.get("ci_config_ref_uri")
    found = (
        claims.get("email"),
        f"{_GITHUB}/{workflow}" if workflow else None,
        f"https://{file}" if file else None,
        claims.get("sub"),
    )
    return tuple(dict.fromkeys(name for name in found if isinstance(name, str) and name))


def _said(error: Exception) -> str:
    """An error of sigstore's package and the one behind it, which often says more."""
    behind = error.__cause__ or error.__context__
    return _named(error) + (f" ({_named(behind)})" if behind else "")


def _named(error: BaseException) -> str:
    """What kind of error it is, and its words, on one line; some have none."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")


def open_identity(token: str | None, config: Path | None) -> IdentitySigner:
    """Whoever a token names: in a file, in a variable (``env://NAME``), or for None the machine's own.

    ``config`` is a trust configuration of private services (``clienttrustconfig.v0.1``); sigstore's
    public ones for None. Raises ExtraMissing, UsageFailed, SigningFailed, and Unreachable for the public ones.
    """
    try:
        import sigstore.models  # noqa: PLC0415  (an extra)
        import sigstore.oidc  # noqa: PLC0415
    except ImportError as error:
        raise ExtraMissing(
            "signing without a key needs a package that is not installed", cause=str(error), hint=_INSTALL
        ) from error
    written = _given(token) if token is not None else _ambient()
    text = None if config is None else _read(config, _MAX_CONFIG, "trust configuration").decode("utf-8", "replace")
    try:
        identity = sigstore.oidc.IdentityToken(written)
    except sigstore.oidc.IdentityError as error:
        raise SigningFailed("the identity token cannot be used", cause=printable(str(error))) from None
    return IdentitySigner(identity, _services(text))


def _services(text: str | None) -> Any:  # noqa: ANN401 - sigstore's
    """The services: those of a configuration, or the public ones, as TUF has them now."""
    from sigstore.models import ClientTrustConfig  # noqa: PLC0415  (an extra)

    try:
        return ClientTrustConfig.production() if text is None else ClientTrustConfig.from_json(text)
    except Exception as error:  # of TUF, of JSON, of models: it has no class of its own
        cause = printable(_said(error))
        if text is None:
            raise Unreachable("sigstore's services cannot be found", cause=cause, hint=_PRIVATE) from error
        raise UsageFailed("the trust configuration is malformed", cause=cause) from error


def _ambient() -> str:
    """The token of a machine that has one: a job of GitHub Actions or GitLab, as for registries, and of others."""
    identity = find_identity(os.environ, _GITLAB, None)
    if identity is not None:
        try:
            return identity.token(_AUDIENCE).text
        except (AuthenticationFailed, Unreachable) as failure:
            raise SigningFailed("the machine's identity cannot be had", cause=str(failure)) from None
    from sigstore.oidc import IdentityError, detect_credential  # noqa: PLC0415  (an extra)

    try:
        found = detect_credential()
    except IdentityError as error:
        raise SigningFailed("the machine's identity cannot be had", cause=printable(str(error))) from None
    if found is None:
        raise UsageFailed(
            "this machine has no identity of its own, and none is given",
            cause="jobs of GitHub Actions (with id-token: write) and of GitLab (SIGSTORE_ID_TOKEN) have one",
            hint=_USE,
        )
    return found


def _given(token: str) -> str:
    if token.startswith(_VARIABLE):
        name = token.removeprefix(_VARIABLE)
        text = os.environ.get(name, "").strip() if name else ""
        if not text:
            which = f"the variable {printable(name, 80)}" if name else f"{_VARIABLE} names no variable, and"
            raise UsageFailed(f"{which} holds no identity token", hint=_USE)
        return text
    return _read(Path(token), _MAX_TOKEN, "identity token", _USE).decode("ascii", "replace").strip()


def _read(file: Path, limit: int, what: str, hint: str | None = None) -> bytes:
    try:
        return read_regular(file, limit)
    except OSError as error:
        raise UsageFailed(f"the {what} cannot be read", cause=error.strerror, hint=hint) from error
