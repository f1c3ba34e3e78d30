"""What a release hands to later steps and jobs: GitHub's outputs, and GitLab's variables."""

import json
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from registry.files import storage_errors
from wasmbuild.released import Release, ReleasedTarget
from wasmbuild.ui.console import SCHEMA_VERSION

__all__ = ["appended", "dotenv", "heredoc", "values", "write_outputs"]

_OUTPUT_LIMIT = 900_000
"""Bytes of one value; GitHub takes a megabyte for all outputs of a job."""
_DOTENV_LIMIT = 5120
"""Bytes of the file, which has to be smaller (GitLab: ParseDotenvArtifactService; dotenv_size of its limits)."""
_LEFT_OUT = "WASMBUILD_LEFT_OUT"


def values(release: Release) -> dict[str, str]:
    """``digest``, ``reference``, ``sbom`` and ``metadata``; those that there are.

    Of one target they are words, of several a JSON object each, by the target's label. ``metadata`` is always
    the document of the whole release, as ``release --format json`` prints it.
    """
    metadata = {"schemaVersion": SCHEMA_VERSION, "command": "release", **release.to_json()}
    found = {
        "digest": _of_each(release, lambda target: target.digest),
        "reference": _of_each(release, lambda target: target.reference),
        "sbom": _of_each(release, lambda target: target.sbom),
        "metadata": _compact(metadata),
    }
    return {name: value for name, value in found.items() if value}


def _of_each(release: Release, part: Callable[[ReleasedTarget], str | None]) -> str:
    if len(release.targets) == 1:
        return part(release.targets[0]) or ""
    found = {each.label: value for each in release.targets if (value := part(each))}
    return _compact(found) if found else ""


def _compact(document: Mapping[str, object]) -> str:
    return json.dumps(document, separators=(",", ":"))


def write_outputs(release: Release, path: Path) -> None:
    """Add the outputs to the file GITHUB_OUTPUT; what is too large for GitHub is left out. Raises StorageFailed."""
    found = values(release).items()
    appended(path, "".join(heredoc(name, value) for name, value in found if len(value) <= _OUTPUT_LIMIT))


def heredoc(name: str, value: str) -> str:
    """One entry of GITHUB_OUTPUT or GITHUB_ENV, whatever is in the value: nobody knows what ends it."""
    delimiter = f"ghadelimiter_{secrets.token_hex(16)}"
    while delimiter in value:
        delimiter = f"ghadelimiter_{secrets.token_hex(16)}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def appended(path: Path, text: str) -> None:
    """Add lines to a file of the runner's, on a line of their own. Raises StorageFailed."""
    with storage_errors(f"{path} could not be written"), path.open("a+b") as file:
        if file.tell():
            file.seek(-1, 2)
            text = text if file.read(1) == b"\n" else f"\n{text}"
        file.write(text.encode("utf-8", "backslashreplace"))


def dotenv(release: Release) -> str:
    """The variables as GitLab's report ``dotenv``: WASMBUILD_DIGEST, and so on, a line each.

    What does not fit into 5 kB, or cannot be said on one line, is named by WASMBUILD_LEFT_OUT; ``metadata`` goes first.
    """
    lines: list[str] = []
    left_out: list[str] = []
    room = _DOTENV_LIMIT - 1 - len(f"{_LEFT_OUT}=digest,reference,sbom,metadata\n")
    for name, value in values(release).items():
        document = name == "metadata" or len(release.targets) != 1
        plain = _plain(value, document=document)
        line = f"WASMBUILD_{name.upper()}={plain}\n"
        if plain is not None and len(line.encode()) <= room:
            lines.append(line)
            room -= len(line.encode())
        else:
            left_out.append(name)
    return "".join(lines) + (f"{_LEFT_OUT}={','.join(left_out)}\n" if left_out else "")


def _plain(value: str, *, document: bool) -> str | None:
    """The value as GitLab reads it back, which knows no quotes, strips its ends and replaces ``$NAME`` and ``%NAME%``.

    A JSON document has escapes for that; of other values, None where it is not possible.
    """
    if document:
        return re.sub("[ $%]", lambda found: f"\\u{ord(found[0]):04x}", value)
    return value if value.isprintable() and not re.search("[$%]", value) and value == value.strip() else None
