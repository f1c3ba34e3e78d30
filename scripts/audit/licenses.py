"""Under which licence each package is that we pin, and whether we may use it.

The licence is what the metadata of the installed package says: its SPDX expression, its classifiers, or one of the
texts that stand for one. What it does not say, or what is not installed on this system, is in a table here, which has
no entry that nobody needs.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

from license_expression import ExpressionError, Licensing, get_spdx_licensing
from packaging.markers import Marker

from scripts.audit.locks import Pin

__all__ = ["ALLOWED", "EXCEPTIONS", "SAID", "check_licenses", "is_allowed", "license_of"]

ALLOWED = frozenset(
    {
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "MIT",
        "MIT-0",
        "MPL-2.0",  # its own files stay under it, and nothing beside them comes under it
        "PSF-2.0",
        "Unlicense",
    }
)
"""SPDX identifiers that any package may have."""

EXCEPTIONS: Mapping[str, tuple[str, str]] = {
    "psycopg": ("LGPL-3.0-only", "imported as it is, replaceable, and in the extra postgres alone"),
    "psycopg-binary": ("LGPL-3.0-only", "imported as it is, replaceable, and in the extra postgres alone"),
}
"""Packages that may have another licence, and why; none of them is in the lock of users."""

SAID: Mapping[str, tuple[str, str]] = {
    "colorama": ("BSD-3-Clause", "for Windows, and not installed elsewhere"),
    "partd": ("BSD-3-Clause", "its metadata says BSD, its LICENSE.txt has three clauses"),
    "protobuf": ("BSD-3-Clause", "its metadata says it in other words"),
    "sigstore-models": ("MIT", "its metadata says nothing, its LICENSE does"),
    "tzdata": ("Apache-2.0", "for Windows, and not installed elsewhere"),
}
"""What metadata does not say here."""

_BSD = "BSD-2-Clause AND BSD-3-Clause"
"""Which of the two is not said: both have to be allowed."""

_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": _BSD,
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
_CLASSIFIER = "License :: OSI Approved :: "


def check_licenses(pins: Iterable[Pin], of_users: frozenset[str]) -> Iterator[str]:
    """What is wrong with the licences of some packages, of which users get those that are named."""
    names = _names(pins)
    yield from (f"{name}: the table of licences names it, and no lock" for name in {*SAID, *EXCEPTIONS} - {*names})
    for name, here in names.items():
        try:
            told = license_of(metadata(name))
        except PackageNotFoundError:
            told = None
            if here:
                yield f"{name}: it is locked, and not installed (make setup)"
        if told is not None and name in SAID:
            yield f"{name}: its metadata says {told}, and the table has it too"
        yield from _judged(name, told or SAID.get(name, (None,))[0], name in of_users)


def _judged(name: str, license_: str | None, of_users: bool) -> Iterator[str]:
    """What is wrong with the licence of a package."""
    if license_ is None:
        yield f"{name}: it does not say under which licence it is"
    elif EXCEPTIONS.get(name, ("", ""))[0] == license_:
        if of_users:
            yield f"{name}: {license_} is an exception, and not for all users"
    elif not is_allowed(license_):
        yield f"{name}: {license_} is not allowed"


def license_of(about: Any) -> str | None:  # noqa: ANN401  (importlib.metadata.PackageMetadata)
    """The SPDX expression that the metadata of a package comes to; None if it says nothing that is clear."""
    if about.get("License-Expression"):
        return str(about["License-Expression"])
    text = (about.get("License") or "").strip()
    if text and len(text) < 100 and _parsed(text) is not None:
        return text
    classifiers = about.get_all("Classifier") or []
    said = [each.removeprefix(_CLASSIFIER) for each in classifiers if each.startswith(_CLASSIFIER)]
    if not said or not all(each in _CLASSIFIERS for each in said):
        return None
    return " AND ".join(_CLASSIFIERS[each] for each in said)


def is_allowed(expression: str) -> bool:
    """Whether an SPDX expression leaves us a choice that is allowed; what cannot be read does not."""
    tree = _parsed(expression)
    return tree is not None and _holds(tree)


def _names(pins: Iterable[Pin]) -> dict[str, bool]:
    """Each package once, and whether any version of it is for this system."""
    found: dict[str, bool] = {}
    for pin in pins:
        found[pin.name] = found.get(pin.name, False) or not pin.marker or Marker(pin.marker).evaluate()
    return found


def _holds(tree: Any) -> bool:  # noqa: ANN401  (of license_expression, which has no types)
    if hasattr(tree, "args") and tree.args:
        holding = [_holds(each) for each in tree.args]
        return any(holding) if tree.operator.strip() == "OR" else all(holding)
    return str(tree) in ALLOWED


def _parsed(expression: str) -> Any:  # noqa: ANN401  (as above)
    """The expression as a tree; None for one that is none, or has names that SPDX has not."""
    try:
        return _spdx().parse(expression, validate=True, strict=True)
    except ExpressionError:
        return None


@cache
def _spdx() -> Licensing:
    return get_spdx_licensing()
