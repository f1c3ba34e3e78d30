"""What a person asks of a build beyond what the project says."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from wasmbuild.project import Optimize, Target

if TYPE_CHECKING:
    from wasmbuild.workflows.caching import Keys

__all__ = ["BuildOptions"]


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """The options of ``build``, ``plan`` and ``push``.

    ``targets`` are labels, all when empty. ``language``, ``optimize`` and ``component`` go before what the
    project says. ``since`` is a revision of git: only targets with changes after it are built.
    ``sandbox`` is a name, or ``auto``. ``jobs`` is how many targets are built at once, None for the number
    of processors; ``executor`` is the address of a cluster.
    """

    targets: tuple[str, ...] = ()
    language: str | None = None
    optimize: Optimize | None = None
    component: bool = False
    jobs: int | None = None
    keep_going: bool = False
    since: str | None = None
    locked: bool = False
    offline: bool = False
    no_cache: bool = False
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()
    cache_keys: "Keys | None" = None
    sandbox: str = "auto"
    executor: str | None = None

    def applied(self, target: Target) -> Target:
        """A target as it is to be built."""
        given: dict[str, Any] = {"language": self.language, "optimize": self.optimize}
        changes = {name: value for name, value in given.items() if value is not None}
        return replace(target, component=self.component or target.component, **changes)
