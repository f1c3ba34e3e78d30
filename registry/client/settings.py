"""What a person may decide about registries: trust, mirrors, patience; read by whoever speaks to one.

Nothing here imports HTTP. Where the values come from (a file, options, the environment) is not known here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

__all__ = ["HostSettings", "Mirror", "Settings"]


def _unheard(text: str) -> None:
    """A listener for nobody."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """Where to ask before a registry itself is asked; ``location`` is ``host[:port][/prefix]``.

    Content is taken from it by digest, which needs no trust; ``resolve`` lets it say what a tag means, too.
    """

    location: str
    resolve: bool = False


@dataclass(frozen=True, slots=True)
class HostSettings:
    """What holds for one registry.

    ``realms`` are hosts of token servers that it may name, beside those of its own domain.
    ``chunk_size`` is in bytes; None leaves uploads whole. ``audience`` is what identity tokens of jobs are made
    for, where it is not the host itself.
    """

    plain_http: bool = False
    insecure_skip_tls_verify: bool = False
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    realms: tuple[str, ...] = ()
    audience: str | None = None
    chunk_size: int | None = None
    mirrors: tuple[Mirror, ...] = ()

    def overruled(self, given: "HostSettings") -> "HostSettings":
        """The same, with whatever ``given`` says differently from the defaults."""
        said = {each.name: getattr(given, each.name) for each in fields(self)}
        return replace(self, **{name: value for name, value in said.items() if value})


@dataclass(frozen=True, slots=True)
class Settings:
    """How to speak to registries.

    ``concurrency`` is how many transfers run at once, ``retry_for`` how many seconds may be spent
    on waiting before one request is given up. ``hosts`` is by ``host[:port]``; for hosts that are
    not in it, ``other`` holds. ``notice`` is told what a person should read, once each.
    """

    concurrency: int = 4
    retry_for: float = 60.0
    other: HostSettings = HostSettings()
    hosts: Mapping[str, HostSettings] = field(default_factory=dict)
    notice: Callable[[str], None] = _unheard

    def of(self, host: str) -> HostSettings:
        """What holds for a registry."""
        return self.hosts.get(host, self.other)

    def overruled(self, given: HostSettings, concurrency: int | None, retry_for: float | None) -> "Settings":
        """The same, where what was ``given`` for this once holds for every host."""
        return replace(
            self,
            concurrency=self.concurrency if concurrency is None else concurrency,
            retry_for=self.retry_for if retry_for is None else retry_for,
            other=self.other.overruled(given),
            hosts={host: settings.overruled(given) for host, settings in self.hosts.items()},
        )

    def heard_by(self, notice: Callable[[str], None]) -> "Settings":
        """The same, with somebody who listens."""
        return replace(self, notice=notice)
