"""The options that sign without a key: as whom, and with whose services."""

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmbuild.cli.common import FILE, option
from wasmbuild.errors import UsageFailed

if TYPE_CHECKING:
    from registry.client.registries import Registries
    from registry.reference import Reference
    from wasmbuild.ui.console import Console
    from wasmbuild.workflows.attest import Attested, Said
    from wasmbuild.workflows.sign import Signed

__all__ = ["Keyless", "keyless_options"]


@dataclass(frozen=True, slots=True)
class Keyless:
    """As whom to sign without a key, if that is asked for."""

    wanted: bool
    token: str | None
    config: Path | None

    def chosen(self, key: str | None, forms: str | None, chain: Path | None = None) -> bool:
        """Whether to sign without a key. Raises UsageFailed when it is neither said nor possible."""
        asked = self.wanted or self.token is not None
        if not asked and (key is None or self.config is not None):
            raise UsageFailed(
                "signing needs a key, or is told to use an identity", hint="--key wasmbuild.key, or --keyless"
            )
        if asked and (key is not None or chain is not None):
            raise UsageFailed("a key and an identity exclude each other", hint="--key FILE, or --keyless")
        if asked and forms not in {None, "bundle"}:
            raise UsageFailed("an identity signs in the form of a bundle alone", hint="--signature-format bundle")
        return asked

    def sign(
        self, reference: "Reference", annotations: Mapping[str, str], registries: "Registries", console: "Console"
    ) -> "Signed":
        """Sign what a reference means now. Raises what :func:`open_identity` and :func:`sign_keyless` raise."""
        from wasmbuild.workflows.identity_signer import open_identity
        from wasmbuild.workflows.keyless import sign_keyless

        return sign_keyless(
            reference,
            open_identity(self.token, self.config),
            annotations=annotations,
            registries=registries,
            sink=console.emit,
            environment=os.environ,
        )

    def attest(self, reference: "Reference", said: "Said", registries: "Registries", console: "Console") -> "Attested":
        """Attest something of what a reference means now. Raises the same."""
        from wasmbuild.workflows.identity_signer import open_identity
        from wasmbuild.workflows.keyless import attest_keyless

        identity = open_identity(self.token, self.config)
        return attest_keyless(
            reference, said, identity, registries=registries, sink=console.emit, environment=os.environ
        )


def keyless_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that sign without a key; the function gets them as ``keyless``."""

    @option("--keyless", is_flag=True, help="Sign with this machine's identity, in place of a key.")
    @option("--identity-token", metavar="TOKEN", help="The same with a given identity: a file, or env://NAME.")
    @option("--trust-config", type=FILE, help="Services to do it with, in place of sigstore's public ones.")
    @functools.wraps(function)
    def call(
        *arguments: Any,  # noqa: ANN401 - click's
        keyless: bool,
        identity_token: str | None,
        trust_config: Path | None,
        **values: Any,  # noqa: ANN401 - click's
    ) -> Any:  # noqa: ANN401 - click's
        return function(*arguments, keyless=Keyless(keyless, identity_token, trust_config), **values)

    return call
