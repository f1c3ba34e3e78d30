"""The options that name identities whose signatures count, and where it is written who vouches for them."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmbuild.cli.common import FILE, option

if TYPE_CHECKING:
    from wasmbuild.trust.authority import Authority

__all__ = ["Identities", "identity_options"]


class Identities:
    """Whom the options named; nothing of it has been read yet."""

    def __init__(self, **named: Any) -> None:  # noqa: ANN401 - click's
        """Keep what click has read."""
        self._named = named

    @property
    def need_network(self) -> bool:
        """Whether who vouches for them is in no file, and would be fetched."""
        return any(self._named.values()) and not self._named.get("trusted_root")

    def authorities(self) -> "tuple[Authority, ...]":
        """All of them. Raises what :func:`trusted_identities` raises."""
        if not any(self._named.values()):
            return ()
        from wasmbuild.workflows.identities import Identified, trusted_identities

        return trusted_identities(Identified(**self._named))


def identity_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that name identities; the function gets them as ``identities``."""

    @option(
        "--certificate-identity",
        multiple=True,
        metavar="NAME",
        help="Who must have signed it, without a key: a URL or an address; one of several.",
    )
    @option(
        "--certificate-identity-regexp",
        multiple=True,
        metavar="REGEXP",
        help="The same, as an expression that all of it matches.",
    )
    @option("--certificate-oidc-issuer", metavar="URL", help="Who must vouch for them.")
    @option(
        "--certificate-oidc-issuer-regexp",
        metavar="REGEXP",
        help="The same, as an expression that all of it matches.",
    )
    @option("--trusted-root", type=FILE, help="The authorities and logs that count for identities.")
    @functools.wraps(function)
    def call(
        *arguments: Any,  # noqa: ANN401 - click's
        certificate_identity: tuple[str, ...],
        certificate_identity_regexp: tuple[str, ...],
        certificate_oidc_issuer: str | None,
        certificate_oidc_issuer_regexp: str | None,
        trusted_root: Path | None,
        **values: Any,  # noqa: ANN401 - click's
    ) -> Any:  # noqa: ANN401 - click's
        named = Identities(
            identities=certificate_identity,
            identity_patterns=certificate_identity_regexp,
            issuer=certificate_oidc_issuer,
            issuer_pattern=certificate_oidc_issuer_regexp,
            trusted_root=trusted_root,
        )
        return function(*arguments, identities=named, **values)

    return call
