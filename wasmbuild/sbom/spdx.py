"""An inventory as SPDX 2.3 in JSON.

Checked against the specification's schema; the library for it is several times as large as this. The same
inventory and time give the same bytes. Not here: what goes into it (``gathering``).
"""

import hashlib
import json
import re
from typing import Any

from wasmbuild import __version__
from wasmbuild.sbom.inventory import Inventory, Item, Relation, identity
from wasmbuild.sbom.licenses import License

__all__ = ["MEDIA_TYPE", "write"]

MEDIA_TYPE = "application/spdx+json"
"""What a registry and a scanner know it by (IANA)."""

_DOCUMENT = "SPDXRef-DOCUMENT"
_NOT_SAID = "NOASSERTION"
_NO_LETTER = re.compile(r"[^A-Za-z0-9.-]+")
_LONGEST_NAME = 60


def write(inventory: Inventory, created: str) -> str:
    """The document; ``created`` is an RFC 3339 time in whole seconds of UTC."""
    things = (inventory.root, *inventory.items)
    names = {item.key: _identifier(item) for item in things}
    scopes = {item.key: _scope(item) for item in things}
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": inventory.root.name,
        "documentNamespace": identity(inventory, "spdx").urn,
        "creationInfo": {"created": created, "creators": [f"Tool: wasmbuild-{__version__}"]},
        "packages": [_package(item, names[item.key]) for item in things],
        "relationships": [
            _relationship(_DOCUMENT, "DESCRIBES", names[inventory.root.key]),
            *(_related(relation, names, scopes) for relation in inventory.relations),
        ],
        **_foreign_licenses(inventory),
    }
    return json.dumps(document, indent=2) + "\n"


def _foreign_licenses(inventory: Inventory) -> dict[str, Any]:
    """The licenses that SPDX knows no expression for, in their own words (section 10)."""
    said = sorted({item.about.licenses for item in (inventory.root, *inventory.items)} - {""})
    others = [_extracted(text) for text in said if License.parse(text).form == "other"]
    return {"hasExtractedLicensingInfos": others} if others else {}


def _identifier(item: Item) -> str:
    """Readable, and of one item only: letters, digits, ``.`` and ``-`` are all that the form allows (section 7.2)."""
    readable = _NO_LETTER.sub("-", f"{item.kind}-{item.name}-{item.version}")[:_LONGEST_NAME].strip("-")
    return f"SPDXRef-{readable}-{hashlib.sha256(item.key.encode()).hexdigest()[:12]}"


def _package(item: Item, identifier: str) -> dict[str, Any]:
    about = item.about
    checksums = [(each.algorithm.upper(), each.encoded) for each in (item.digest, *item.archives) if each]
    optional = {
        "versionInfo": item.version,
        "description": about.description,
        "sourceInfo": about.source,
        "comment": "\n".join(_comments(item)),
        "checksums": [{"algorithm": name, "checksumValue": value} for name, value in checksums],
        "externalRefs": [_reference(item.purl)] if item.purl else [],
    }
    return {
        "SPDXID": identifier,
        "name": f"{item.group}{'/' if item.kind == 'npm' else ':'}{item.name}" if item.group else item.name,
        **{key: value for key, value in optional.items() if value},
        "primaryPackagePurpose": _purpose(item),
        "downloadLocation": _NOT_SAID,
        "filesAnalyzed": False,
        "licenseConcluded": _NOT_SAID,
        "licenseDeclared": _declared(about.licenses),
        "copyrightText": _NOT_SAID,
    }


def _comments(item: Item) -> list[str]:
    """What has no field of its own: who wrote it may be a person or not, and a homepage need not be a URI."""
    said = [("authors", item.about.authors), ("homepage", item.about.homepage), *item.facts]
    said += [("wasmbuild:lock:file", each) for each in item.found]
    return [f"{name}: {value}" for name, value in said if value]


def _purpose(item: Item) -> str:
    if item.kind == "tool" or item.runs:
        return "APPLICATION"
    return "FRAMEWORK" if item.kind == "sdk" else "LIBRARY"


def _reference(purl: str) -> dict[str, str]:
    return {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}


def _declared(text: str) -> str:
    if not text:
        return _NOT_SAID
    return _license_reference(text) if License.parse(text).form == "other" else text


def _scope(item: Item) -> str:
    """Why something need not be in the file, in the words of section 11.1."""
    return "BUILD" if item.build else "OPTIONAL" if item.perhaps else ""


def _license_reference(text: str) -> str:
    return f"LicenseRef-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _extracted(text: str) -> dict[str, str]:
    return {"licenseId": _license_reference(text), "extractedText": text}


def _related(relation: Relation, names: dict[str, str], scopes: dict[str, str]) -> dict[str, str]:
    """A relation in the words of section 11.1, some of which look the other way."""
    source, target = names[relation.source], names[relation.target]
    if relation.kind == "built-by":
        return _relationship(target, "BUILD_TOOL_OF", source)
    if relation.kind == "implements":
        return _relationship(target, "SPECIFICATION_FOR", source)
    if relation.kind == "contains":
        return _relationship(source, "CONTAINS", target)
    scope = scopes[relation.target]
    if scope == "BUILD" or (scope and not scopes[relation.source]):
        return _relationship(target, f"{scope}_DEPENDENCY_OF", source)
    return _relationship(source, "DEPENDS_ON", target)


def _relationship(source: str, kind: str, target: str) -> dict[str, str]:
    return {"spdxElementId": source, "relationshipType": kind, "relatedSpdxElement": target}
