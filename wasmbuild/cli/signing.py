"""What the verbs that sign share: the option that names the key, and how that is opened."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from wasmbuild.cli.common import option, password
from wasmbuild.cli.completing import files

if TYPE_CHECKING:
    from wasmbuild.trust.signer import Signatory

__all__ = ["key_option", "see_that_it_opens", "signatory"]


def key_option(**settings: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:  # noqa: ANN401 - click's
    """``--key KEY``: what to sign with."""
    said = "The private key to sign with: a file, env://NAME, or command:PROGRAM."
    return option("--key", metavar="KEY", shell_complete=files, help=said, **settings)


def signatory(key: str) -> "Signatory":
    """Whoever signs with a key, whose password is asked for if it has one. Raises InvalidKey, PasswordMissing."""
    from wasmbuild.workflows.signatories import open_signatory

    return open_signatory(key, partial(password, confirm=False))


def see_that_it_opens(signer: "Signatory | None") -> None:
    """Wait for a key that is opened meanwhile: before anything is compiled or sent. Raises InvalidKey."""
    if signer is not None:
        _ = signer.public
