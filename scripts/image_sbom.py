"""Says what an image is made of, as CycloneDX 1.6: the Python packages of this interpreter, and Debian's in the base.

    python scripts/image_sbom.py > sbom.cdx.json

It reads what is installed and asks nobody. The same packages and ``SOURCE_DATE_EPOCH`` give the same
bytes. The Dockerfile runs it, with nothing but what is in the image.
"""

import os
import re
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

DPKG = Path("/var/lib/dpkg/status")
OURS = "wasmbuild"


def python_packages() -> Iterator[Component]:
    """Every distribution that this interpreter can import."""
    for found in distributions():
        yield python_component(found, ComponentType.LIBRARY)


def python_component(found: Distribution, kind: ComponentType) -> Component:
    """One distribution, as its metadata describe it (PEP 639, PEP 503)."""
    name, version = re.sub(r"[-_.]+", "-", found.name).lower(), found.version
    purl = PackageURL("pypi", name=name, version=version)
    expression = found.metadata.get("License-Expression")
    licenses = [LicenseFactory().make_from_string(expression)] if expression else []
    return Component(name=name, version=version, type=kind, purl=purl, bom_ref=str(purl), licenses=licenses)


def debian_packages(status: Path) -> Iterator[Component]:
    """Every package that dpkg has installed; none where there is no dpkg (deb-control(5))."""
    text = status.read_text(encoding="utf-8") if status.exists() else ""
    for paragraph in filter(None, text.split("\n\n")):
        fields = dict(re.findall(r"^(Package|Status|Version|Architecture): (.*)$", paragraph, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            purl = PackageURL(
                "deb", "debian", fields["Package"], fields["Version"], qualifiers={"arch": fields["Architecture"]}
            )
            yield Component(
                name=fields["Package"],
                version=fields["Version"],
                type=ComponentType.LIBRARY,
                purl=purl,
                bom_ref=str(purl),
            )


def document(status: Path, created: datetime) -> str:
    """The whole SBOM."""
    bom = Bom(components=[each for each in python_packages() if each.name != OURS])
    bom.components.update(debian_packages(status))
    bom.metadata.timestamp = created
    bom.metadata.component = python_component(distribution(OURS), ComponentType.APPLICATION)
    everything = sorted(str(each.purl) for each in (bom.metadata.component, *bom.components))
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, "\n".join(everything))
    bom.register_dependency(bom.metadata.component, bom.components)
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document(DPKG, datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)))
