"""What the verbs that verify share: the options that say whose signatures count, and the demand they make."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmbuild.cli.common import FILE, option
from wasmbuild.cli.identifying import Identities, identity_options
from wasmbuild.cli.policing import policy_options
from wasmbuild.errors import UsageFailed

if TYPE_CHECKING:
    from wasmbuild.events import Sink
    from wasmbuild.trust.authority import Authority
    from wasmbuild.trust.notation.authority import CertificateAuthority
    from wasmbuild.workflows.demand import Demand
    from wasmbuild.workflows.policies import ChosenPolicy

__all__ = ["Trusting", "authority_options", "trust_options"]


@dataclass(frozen=True, slots=True)
class Trusting:
    """Whom a person said that they trust; nothing of it has been read yet."""

    keys: tuple[Path, ...] = ()
    roots: tuple[Path, ...] = ()
    identities: Identities = field(default_factory=Identities)
    chosen: "ChosenPolicy | None" = None
    time_roots: tuple[Path, ...] = ()

    def authorities(self) -> "tuple[Authority, ...]":
        """Everybody whose signatures count. Raises InvalidKey."""
        authorities: list[Authority] = []
        if self.keys:
            from wasmbuild.workflows.verify import trusted_keys

            authorities += trusted_keys(self.keys)
        if self.roots or self.time_roots:
            authorities += _certificate_authorities(self.roots, self.time_roots)
        authorities += self.identities.authorities()
        return tuple(authorities)

    def demand(self) -> "Demand | None":
        """That one of them has signed, and a named policy is fulfilled; where nothing is named, the user's own.

        None where there is none of these. Raises InvalidKey, and for a policy UsageFailed and InvalidProject.
        """
        from wasmbuild.events import ignore

        authorities = self.authorities()
        if authorities and (self.chosen is None or self.chosen.file is None):
            from wasmbuild.workflows.demand import SignedBy

            return SignedBy(authorities)
        return self.enforced(ignore)

    def policy_or_none(self) -> "Demand | None":
        """What a policy demands, and with one that is named also ``authorities``; None where they alone are named.

        For what is said of an artifact, which ``authorities`` must have said: they need not have signed the rest.
        """
        named = self.chosen is not None and self.chosen.file is not None
        return self.demand() if named or not self.authorities() else None

    def enforced(self, sink: "Sink") -> "Demand | None":
        """The same, and the policy in force in any case: for what is about to be used. Raises as ``demand`` does."""
        from wasmbuild.workflows.policies import ChosenPolicy

        return (self.chosen or ChosenPolicy()).demand(sink, self.authorities())


def _certificate_authorities(files: tuple[Path, ...], times: tuple[Path, ...]) -> "list[CertificateAuthority]":
    from wasmbuild.trust.notation.authority import CertificateAuthority, read_roots
    from wasmbuild.trust.notation.files import read_certificate_file

    if not files:
        raise UsageFailed("--timestamp-authority goes with --certificate-authority")
    stampers = tuple(root for file in times for root in read_roots(read_certificate_file(file)))
    return [CertificateAuthority.of(read_certificate_file(file), time_roots=stampers) for file in files]


def authority_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that name whom to trust; the verb's function gets them as ``trusting``. For policies: see below."""

    @option("--key", type=FILE, multiple=True, help="A public key that must have signed it; one of several.")
    @option(
        "--certificate-authority",
        type=FILE,
        multiple=True,
        help="Roots, as PEM, whose certificates Notation's signatures may be made with; one of several.",
    )
    @option(
        "--timestamp-authority",
        type=FILE,
        multiple=True,
        help="Roots, as PEM, whose timestamps say when one of these was made; one of several.",
    )
    @identity_options
    @functools.wraps(function)
    def call(
        *arguments: Any,  # noqa: ANN401 - click's
        key: tuple[Path, ...],
        certificate_authority: tuple[Path, ...],
        timestamp_authority: tuple[Path, ...],
        identities: Identities,
        **values: Any,  # noqa: ANN401 - click's
    ) -> Any:  # noqa: ANN401 - click's
        trusting = Trusting(key, certificate_authority, identities, time_roots=timestamp_authority)
        return function(*arguments, trusting=trusting, **values)

    return call


def trust_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, and a policy that must be fulfilled."""

    @authority_options
    @policy_options("--policy")
    @functools.wraps(function)
    def call(
        *arguments: Any,  # noqa: ANN401 - click's
        trusting: Trusting,
        chosen: "ChosenPolicy",
        **values: Any,  # noqa: ANN401 - click's
    ) -> Any:  # noqa: ANN401 - click's
        return function(*arguments, trusting=replace(trusting, chosen=chosen), **values)

    return call
