"""``WWW-Authenticate`` challenges (RFC 9110 section 11, distribution token specification)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Challenge", "parse_challenges"]

_MAX_HEADER = 8192
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110 token, not a secret
_PARAMETER = re.compile(rf'({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))')
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$))")
_SCHEME = re.compile(rf"({_TOKEN})(?:\s+|(?=,)|$)")
_SEPARATORS = re.compile(r"[\s,]*")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way in that a server offers; ``scheme`` and the names of parameters are lower case."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """A parameter, or the empty text."""
        return self.parameters.get(name, "")


def parse_challenges(header: str) -> list[Challenge]:
    """All challenges of one header; what cannot be read ends the list."""
    return list(_challenges(header[:_MAX_HEADER]))


def _challenges(text: str) -> Iterator[Challenge]:
    position = _skip(text, 0)
    while scheme := _SCHEME.match(text, position):
        challenge = Challenge(scheme[1].lower())
        position = _skip(text, scheme.end())
        if "," not in text[scheme.end() : position] and (blob := _TOKEN68.match(text, position)):
            position = _skip(text, blob.end())
        while parameter := _PARAMETER.match(text, position):
            name, quoted, plain = parameter.groups()
            value = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            challenge.parameters.setdefault(name.lower(), value)
            position = _skip(text, parameter.end())
        yield challenge


def _skip(text: str, position: int) -> int:
    match = _SEPARATORS.match(text, position)
    return match.end() if match else position
