"""Licenses: what a text that somebody wrote about a license is: an identifier of SPDX, an expression, or neither.

Which identifiers there are is the CycloneDX library's to know, what an expression is ``license-expression``'s.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["License"]

_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class License:
    """A license as it was written; ``other`` is what is no valid expression (SPDX 2.3, annex D)."""

    text: str
    form: Literal["identifier", "expression", "other"]

    @classmethod
    def parse(cls, text: str) -> "License":
        """Say what a text is; it stays as it is."""
        from cyclonedx.spdx import is_expression, is_supported_id  # noqa: PLC0415  (takes 50 ms)

        if is_supported_id(text):
            return cls(text, "identifier")
        return cls(text, "expression" if len(text) <= _LONGEST and is_expression(text) else "other")
