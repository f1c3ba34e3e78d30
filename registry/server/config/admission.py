"""Who is asked before a tag is set."""

from dataclasses import dataclass
from pathlib import Path

from registry.errors import InvalidConfiguration

__all__ = ["AdmissionConfig"]

_LONGEST = 300.0


@dataclass(frozen=True, slots=True)
class AdmissionConfig:
    """Nobody is asked unless ``name`` says who: an entry point of the group ``registry.admission``.

    ``policy`` is the file that it gets. It has ``timeout`` seconds for each answer, and may read
    ``max_read`` bytes of the repository for it.
    """

    name: str | None = None
    policy: Path | None = None
    timeout: float = 10.0
    max_read: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:
        """Refuse what would ask nobody, or wait for nothing. Raises InvalidConfiguration."""
        if self.name is None and self.policy is not None:
            raise InvalidConfiguration(
                "admission.policy is given to nobody", hint='say who decides: admission.name = "wasmbuild"'
            )
        if self.name is not None and not self.name.strip():
            raise InvalidConfiguration("admission.name is empty", hint="leave it out to ask nobody")
        if not 0 < self.timeout <= _LONGEST:
            raise InvalidConfiguration(f"admission.timeout is more than 0 and at most {_LONGEST:g} seconds")
        if self.max_read < 1:
            raise InvalidConfiguration("admission.max_read is at least one byte")
