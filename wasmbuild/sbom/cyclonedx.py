"""An inventory as CycloneDX 1.6 in JSON (ECMA-424), by ``cyclonedx-python-lib``.

The same inventory and time give the same bytes. Not here: what goes into it (``gathering``).
"""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from wasmbuild import __version__
from wasmbuild.sbom.inventory import Inventory, Item, identity
from wasmbuild.sbom.licenses import License

if TYPE_CHECKING:
    from cyclonedx.model import ExternalReference
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.component_evidence import ComponentEvidence
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression

__all__ = ["MEDIA_TYPE", "write"]

MEDIA_TYPE = "application/vnd.cyclonedx+json"
"""What a registry and a scanner know it by."""

_ALGORITHMS = {"sha256": "SHA-256", "sha512": "SHA-512"}
_URL = re.compile(r"(?:https?|git|ssh)://[\w!#$%&'()*+,./:;=?@\[\]~-]{1,2000}", re.ASCII)


def write(inventory: Inventory, created: str) -> str:
    """The document; ``created`` is an RFC 3339 time."""
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {
            "component": _json(inventory.root),
            "timestamp": datetime.fromisoformat(created).isoformat(),
            "tools": {"components": [{"name": "wasmbuild", "type": "application", "version": __version__}]},
        },
        "serialNumber": identity(inventory, "cyclonedx").urn,
        "version": 1,
        "components": [_json(item) for item in inventory.items],
        "dependencies": _dependencies(inventory),
    }
    return json.dumps(document, indent=2) + "\n"


def _json(item: Item) -> Any:  # noqa: ANN401  (JSON)
    """A component as the library writes it.

    The document around them is written here: the library's imports all that a document may be about, sorts one
    of the long lists slowly, and the other in quadratic time.
    """
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415  (takes 50 ms)
    from cyclonedx.schema.schema import SCHEMA_VERSIONS  # noqa: PLC0415

    view = SCHEMA_VERSIONS[SchemaVersion.V1_6]
    return json.loads(_component(item).as_json(view_=view))  # type: ignore[attr-defined]  # by a decorator


def _component(item: Item) -> "Component":
    from cyclonedx.model import HashAlgorithm, HashType, Property  # noqa: PLC0415
    from cyclonedx.model.component import Component, ComponentScope  # noqa: PLC0415
    from cyclonedx.model.contact import OrganizationalContact  # noqa: PLC0415
    from packageurl import PackageURL  # noqa: PLC0415

    about = item.about
    hashes = [(_ALGORITHMS[each.algorithm], each.encoded) for each in (item.digest, *item.archives) if each]
    return Component(
        name=item.name,
        type=_type(item),
        group=item.group or None,
        version=item.version or None,
        bom_ref=item.key,
        purl=PackageURL.from_string(item.purl) if item.purl else None,
        scope=ComponentScope.EXCLUDED if item.build else ComponentScope.OPTIONAL if item.perhaps else None,
        hashes=[HashType(alg=HashAlgorithm(name), content=content) for name, content in hashes],
        description=about.description or None,
        authors=[OrganizationalContact(name=about.authors)] if about.authors else None,
        licenses=[_license(about.licenses)] if about.licenses else None,
        external_references=list(_references(item)),
        properties=[Property(name=name, value=value) for name, value in item.facts],
        evidence=_evidence(item),
    )


def _evidence(item: Item) -> "ComponentEvidence | None":
    from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence  # noqa: PLC0415

    return ComponentEvidence(occurrences=[Occurrence(location=each) for each in item.found]) if item.found else None


def _type(item: Item) -> "ComponentType":
    from cyclonedx.model.component import ComponentType  # noqa: PLC0415

    if item.kind == "tool" or item.runs:
        return ComponentType.APPLICATION
    return ComponentType.FRAMEWORK if item.kind == "sdk" else ComponentType.LIBRARY


def _license(text: str) -> "DisjunctiveLicense | LicenseExpression":
    from cyclonedx.model.license import DisjunctiveLicense, LicenseAcknowledgement, LicenseExpression  # noqa: PLC0415

    declared, found = LicenseAcknowledgement.DECLARED, License.parse(text)
    if found.form == "identifier":
        return DisjunctiveLicense(id=text, acknowledgement=declared)
    if found.form == "expression":
        return LicenseExpression(text, acknowledgement=declared)
    return DisjunctiveLicense(name=text, acknowledgement=declared)


def _references(item: Item) -> "Iterator[ExternalReference]":
    from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri  # noqa: PLC0415

    for kind, url in (
        (ExternalReferenceType.VCS, item.about.source),
        (ExternalReferenceType.WEBSITE, item.about.homepage),
    ):
        if _URL.fullmatch(url):
            yield ExternalReference(type=kind, url=XsUri(url))


def _dependencies(inventory: Inventory) -> list[dict[str, Any]]:
    """An entry for every item; a WIT package that a part exports is one that it provides."""
    needed: dict[str, dict[str, None]] = {item.key: {} for item in (inventory.root, *inventory.items)}
    provided: dict[str, list[str]] = {}
    for relation in inventory.relations:
        if relation.kind == "implements":
            provided.setdefault(relation.source, []).append(relation.target)
        else:
            needed[relation.source][relation.target] = None
    return [
        {"ref": key}
        | ({"dependsOn": sorted(targets)} if targets else {})
        | ({"provides": provided[key]} if key in provided else {})
        for key, targets in needed.items()
    ]
