"""What Python packages say of themselves once they are installed: the ``METADATA`` of a folder of packages.

Core metadata of the Python packaging specifications. Only licenses are taken of it: which packages there are
is a lock's to say.
"""

import re
from itertools import islice
from pathlib import Path

from registry.files import open_regular
from wasmbuild.sbom.names import safe

__all__ = ["installed_licenses"]

_MOST = 5000
_LARGEST = 1024 * 1024
_LONGEST_LICENSE = 200
_HEADER = re.compile(r"([A-Za-z-]+):[ \t]*+(.*)")


def installed_licenses(folder: Path) -> dict[tuple[str, str], str]:
    """Licenses by name (PEP 503) and version, as far as they are said in a line; what cannot be read says nothing."""
    found = {}
    try:
        files = sorted(islice(folder.glob("*.dist-info/METADATA"), _MOST))
    except OSError:
        return {}
    for file in files:
        said = _headers(file)
        license_ = said.get("license-expression") or said.get("license", "")
        if 0 < len(license_) <= _LONGEST_LICENSE and license_.upper() != "UNKNOWN":
            name = re.sub(r"[-_.]+", "-", said.get("name", "")).lower()
            found[name, said.get("version", "")] = safe(license_)
    return found


def _headers(file: Path) -> dict[str, str]:
    """The first of each, up to the empty line; a value that goes on in the next line is no short one."""
    try:
        with open_regular(file) as opened:
            text = opened.read(_LARGEST).decode("utf-8", "replace")
    except OSError:
        return {}
    found: dict[str, str] = {}
    last = ""
    for line in text.splitlines():
        if not line.strip():
            break
        header = _HEADER.fullmatch(line)
        if header is not None:
            last = header[1].lower()
            found.setdefault(last, header[2].strip())
        elif last == "license":
            found[last] = ""
    return found
