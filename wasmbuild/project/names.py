"""What projects, targets and versions may be called."""

import re

__all__ = ["MAX_NAME", "NAME_PATTERN", "VERSION_PATTERN", "make_name", "name_problem", "valid_name", "valid_version"]

MAX_NAME = 100
"""Characters of a name: it becomes a file name and part of a reference."""

NAME_PATTERN = r"[a-z0-9]+(?:[._-][a-z0-9]+)*"
"""What a name is, as a regular expression of the kind that JSON Schema has, too; so are the others."""

_NUMBER = r"(?:0|[1-9][0-9]*)"
_LABEL = rf"(?:{_NUMBER}|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
VERSION_PATTERN = (
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_LABEL}(?:\.{_LABEL})*)?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?"
)

_NAME = re.compile(NAME_PATTERN)
_VERSION = re.compile(VERSION_PATTERN)


def valid_name(name: str) -> bool:
    """Whether a project or a target may be called so."""
    return len(name) <= MAX_NAME and _NAME.fullmatch(name) is not None


def name_problem(name: str) -> str:
    """Why a name is none, in words that follow it."""
    if len(name) > MAX_NAME:
        return f"has {len(name)} characters, at most {MAX_NAME} are allowed"
    return "must be lower-case letters and digits, joined by single '.', '_' or '-'"


def valid_version(version: str) -> bool:
    """Whether the text is a version of Semantic Versioning 2.0.0."""
    return len(version) <= MAX_NAME and _VERSION.fullmatch(version) is not None


def make_name(text: str) -> str:
    """The closest valid name; ``project`` when nothing of the text can stay."""
    kept = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:MAX_NAME].strip("-")
    return kept or "project"
