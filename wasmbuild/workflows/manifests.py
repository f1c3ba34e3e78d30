"""Manifests: what the files of other tools say about a project, for ``init``.

``Cargo.toml``, ``package.json``, ``pyproject.toml`` and ``go.mod``. What is not as it should be is as good as
not there. Not here: which language a project is in.
"""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from wasmbuild.build.tree import SourceTree
from wasmbuild.project import make_name, valid_version

__all__ = ["About", "read_about"]

_MAX_TEXT = 500
_NO_LICENSE = ("SEE LICENSE", "UNLICENSED", "UNKNOWN")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_GO_MODULE = re.compile(r"^module\s+\"?([^\s\"]+)\"?", re.MULTILINE)
_GO_MAJOR = re.compile(r"/v[0-9]+$")
_SHORTHAND = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class About:
    """What a project says about itself; None and empty for what is not known. ``name`` is a valid one."""

    name: str | None = None
    version: str | None = None
    description: str | None = None
    authors: tuple[str, ...] = ()
    licenses: str | None = None
    source: str | None = None
    homepage: str | None = None

    def otherwise(self, other: "About") -> "About":
        """The same, with what ``other`` knows where this one knows nothing."""
        lacking = {each.name: getattr(other, each.name) for each in fields(self) if not getattr(self, each.name)}
        return replace(self, **lacking)


def read_about(tree: SourceTree, language: str) -> About:
    """What the manifests at the root of a project say; that of the language goes before the others."""
    first = _OF_LANGUAGE.get(language)
    found = About()
    for name in sorted(_READERS, key=lambda name: name != first):
        text = tree.text(name)
        if text is not None:
            found = found.otherwise(_READERS[name](text))
    return found


def _cargo(text: str) -> About:
    package = _table(_toml(text), "package")
    return About(
        name=_name(package.get("name")),
        version=_version(package.get("version")),
        description=_text(package.get("description")),
        authors=_texts(package.get("authors")),
        licenses=_license(package.get("license")),
        source=_url(package.get("repository")),
        homepage=_url(package.get("homepage")),
    )


def _npm(text: str) -> About:
    try:
        package = json.loads(text)
    except (ValueError, RecursionError):
        return About()
    if not isinstance(package, dict):
        return About()
    name, repository, author = (package.get(key) for key in ("name", "repository", "author"))
    return About(
        name=_name(name.rpartition("/")[2] if isinstance(name, str) else None),
        version=_version(package.get("version")),
        description=_text(package.get("description")),
        authors=_texts([_person(author)]),
        licenses=_license(package.get("license")),
        source=_url(repository.get("url") if isinstance(repository, dict) else repository),
        homepage=_url(package.get("homepage")),
    )


def _python(text: str) -> About:
    project = _table(_toml(text), "project")
    license_ = project.get("license")
    urls = {str(name).lower(): url for name, url in _table(project, "urls").items()}
    authors = project.get("authors")
    return About(
        name=_name(project.get("name")),
        version=_version(project.get("version")),
        description=_text(project.get("description")),
        authors=_texts([_person(each) for each in authors] if isinstance(authors, list) else None),
        licenses=_license(license_.get("text") if isinstance(license_, dict) else license_),
        source=_url(urls.get("source") or urls.get("repository") or urls.get("source code")),
        homepage=_url(urls.get("homepage")),
    )


def _go(text: str) -> About:
    match = _GO_MODULE.search(text)
    if match is None:
        return About()
    path = _GO_MAJOR.sub("", match[1])
    host = path.partition("/")[0]
    return About(name=_name(path.rpartition("/")[2]), source=_url(f"https://{path}") if "." in host else None)


_READERS: Mapping[str, Callable[[str], About]] = {
    "Cargo.toml": _cargo,
    "package.json": _npm,
    "pyproject.toml": _python,
    "go.mod": _go,
}
_OF_LANGUAGE = {
    "rust": "Cargo.toml",
    "go": "go.mod",
    "python": "pyproject.toml",
    "javascript": "package.json",
    "typescript": "package.json",
    "assemblyscript": "package.json",
}


def _toml(text: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key)
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    if not isinstance(value, str) or not value.strip() or len(value) > _MAX_TEXT:
        return None
    return _CONTROL.sub(" ", value).strip()


def _texts(values: object) -> tuple[str, ...]:
    found = [_text(each) for each in values] if isinstance(values, list) else []
    return tuple(each for each in found if each)


def _name(value: object) -> str | None:
    text = _text(value)
    return make_name(text) if text and any(letter.isascii() and letter.isalnum() for letter in text) else None


def _version(value: object) -> str | None:
    return value if isinstance(value, str) and valid_version(value) else None


def _license(value: object) -> str | None:
    text = _text(value)
    return None if text is None or text.upper().startswith(_NO_LICENSE) or len(text) > 100 else text


def _url(value: object) -> str | None:
    text = _text(value)
    if text is None:
        return None
    if _SHORTHAND.fullmatch(text.removeprefix("github:")):
        text = f"https://github.com/{text.removeprefix('github:')}"
    text = text.removeprefix("git+")
    return text if text.startswith(("https://", "http://")) and "@" not in text.split("/")[2] else None


def _person(value: object) -> object:
    """``Name <address>`` of the shapes in which that is written."""
    if not isinstance(value, dict):
        return value
    name, address = _text(value.get("name")), _text(value.get("email"))
    return f"{name} <{address}>" if name and address else name or address
