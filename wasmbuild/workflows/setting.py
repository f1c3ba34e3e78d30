"""Setting: what surrounds a build, and is not asked for by its options."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from registry.client.registries import Registries
from wasmbuild.caches import Caches
from wasmbuild.events import Sink

__all__ = ["Setting"]


@dataclass(frozen=True, slots=True)
class Setting:
    """The user's caches, the environment, who is shown what, and the registries that caches may be in.

    ``stays`` is False for a project that will not be in its folder the next time: nothing is remembered of it.
    """

    caches: Caches
    environment: Mapping[str, str]
    sink: Sink
    registries: Registries = field(default_factory=Registries)
    stays: bool = True
