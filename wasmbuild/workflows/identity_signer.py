"""IdentitySigner: whoever an OpenID token names, and the services that sign for them (the extra ``sigstore``).

Sigstore's own package speaks to the certificate authority, the log and the timestamp authority. No browser is
ever opened: the token is the machine's own, or is given. It is a secret, and is in no message. What is
signed, and where it goes, is ``keyless``'s.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.files import open_regular
from registry.words import printable
from wasmbuild.errors import ExtraMissing, SigningFailed, UsageFailed
from wasmbuild.trust.statement import Statement

if TYPE_CHECKING:
    from wasmbuild.trust.sigstore.trusted_root import TrustedRoot

__all__ = ["IdentitySigner", "open_identity"]

_MAX_TOKEN = 64 * 1024
_MAX_CONFIG = 1024 * 1024
_VARIABLE = "env://"
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

    def _without_token(self, text: str) -> str:
        return printable(text.replace(str(self._token), "(the token)"))


def _said(error: Exception) -> str:
    """An error of sigstore's package and the one behind it, which often says more."""
    behind = error.__cause__ or error.__context__
    return f"{type(error).__name__}: {error}" + (f" ({type(behind).__name__}: {behind})" if behind else "")


def open_identity(token: str | None, config: Path | None) -> IdentitySigner:
    """Whoever a token names: in a file, in a variable (``env://NAME``), or for None the machine's own.

    ``config`` is a trust configuration of private services (``clienttrustconfig.v0.1``); sigstore's
    public ones for None. Raises ExtraMissing, UsageFailed, SigningFailed.
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
        what = "sigstore's services cannot be found" if text is None else "the trust configuration is malformed"
        raise SigningFailed(what, cause=printable(_said(error))) from error


def _ambient() -> str:
    """The token of a machine that has one: a job of GitHub Actions, GitLab, Buildkite and others."""
    from sigstore.oidc import IdentityError, detect_credential  # noqa: PLC0415  (an extra)

    try:
        found = detect_credential()
    except IdentityError as error:
        raise SigningFailed("the machine's identity cannot be had", cause=printable(str(error))) from None
    if found is None:
        raise UsageFailed(
            "this machine has no identity of its own, and none is given",
            cause="jobs of GitHub Actions (with id-token: write) and of GitLab (SIGSTORE_ID_TOKEN) have one",
            hint="--identity-token FILE, or env://NAME",
        )
    return found


def _given(token: str) -> str:
    if token.startswith(_VARIABLE):
        name = token.removeprefix(_VARIABLE)
        text = os.environ.get(name) if name else None
        if not text:
            raise UsageFailed(f"the variable {printable(name, 80)} holds no identity token")
        return text.strip()
    return _read(Path(token), _MAX_TOKEN, "identity token").decode("ascii", "replace").strip()


def _read(file: Path, limit: int, what: str) -> bytes:
    try:
        with open_regular(file) as opened:
            data = opened.read(limit + 1)
    except OSError as error:
        raise UsageFailed(f"the {what} cannot be read", cause=error.strerror) from error
    if len(data) > limit:
        raise UsageFailed(f"the {what} is larger than {limit} bytes")
    return data
