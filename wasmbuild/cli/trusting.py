"""What the verbs that verify share: the options that say whose signatures count, and the demand they make."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmbuild.cli.common import FILE, option

if TYPE_CHECKING:
    from wasmbuild.trust.authority import Authority
    from wasmbuild.workflows.demand import Demand

__all__ = ["Trusting", "trust_options"]


@dataclass(frozen=True, slots=True)
class Trusting:
    """Whom a person said that they trust; nothing of it has been read yet."""

    keys: tuple[Path, ...] = ()

    def authorities(self) -> "tuple[Authority, ...]":
        """Everybody whose signatures count. Raises InvalidKey."""
        if not self.keys:
            return ()
        from wasmbuild.workflows.verify import trusted_keys

        return trusted_keys(self.keys)

    def demand(self) -> "Demand | None":
        """That one of them has signed; None where nobody was named. Raises InvalidKey."""
        authorities = self.authorities()
        if not authorities:
            return None
        from wasmbuild.workflows.demand import SignedBy

        return SignedBy(authorities)


def trust_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that name whom to trust; the verb's function gets them as ``trusting``."""

    @option("--key", type=FILE, multiple=True, help="A public key that must have signed it; one of several.")
    @functools.wraps(function)
    def call(*arguments: Any, key: tuple[Path, ...], **values: Any) -> Any:  # noqa: ANN401 - click's
        return function(*arguments, trusting=Trusting(key), **values)

    return call
