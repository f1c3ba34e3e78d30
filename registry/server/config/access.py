"""Who may do what."""

from dataclasses import dataclass

__all__ = ["AccessConfig"]


@dataclass(frozen=True, slots=True)
class AccessConfig:
    """Users, rules, tokens, issuers. None of them: everyone on this machine may do everything."""
