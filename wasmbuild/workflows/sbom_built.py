"""What a build knows of packages beyond its lock files: which Go modules were compiled, licenses of Python packages.

It is read off what the build left on this machine; what is not there any more is not fetched for it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from wasmbuild.build.action import InputFile
from wasmbuild.build.chain import described
from wasmbuild.caches import Caches
from wasmbuild.events import Sink
from wasmbuild.sbom.locks import Ecosystem, Package
from wasmbuild.workflows.go_modules import compiled_modules

if TYPE_CHECKING:
    from wasmbuild.workflows.planning import Planned

__all__ = ["REFINED", "Refining"]

REFINED: Mapping[str, Ecosystem] = {"go": "golang", "python": "pypi"}
"""The languages of which a build knows more, and whose packages these are."""

_FETCH = "fetch"
_PACKAGES = "site-packages"


@dataclass(frozen=True, slots=True)
class Refining:
    """Where a build left what it knows."""

    caches: Caches
    environment: Mapping[str, str]
    sink: Sink

    def refine(
        self, packages: tuple[Package, ...], planned: "Planned", inputs: Sequence[InputFile]
    ) -> tuple[Package, ...]:
        """The packages of a target's locks, with more said of them; ``inputs`` are all files of its build."""
        ecosystem = REFINED.get(planned.toolchain.language)
        if not any(each.ecosystem == ecosystem for each in packages):
            return packages
        if ecosystem == "golang":
            return self._compiled(packages, planned, inputs)
        return self._licensed(packages, planned, inputs)

    def _compiled(
        self, packages: tuple[Package, ...], planned: "Planned", inputs: Sequence[InputFile]
    ) -> tuple[Package, ...]:
        """Those modules that have packages which are compiled; others only take part in choosing versions."""
        listed = compiled_modules(planned, inputs, caches=self.caches, environment=self.environment, sink=self.sink)
        if listed is None:
            return packages
        versions = {(path, version) for path, version in listed if version}
        return tuple(
            replace(each, certain=(each.name, each.version) in versions)
            for each in packages
            if each.ecosystem != "golang" or not each.version or (each.name, each.version) in versions
        )

    def _licensed(
        self, packages: tuple[Package, ...], planned: "Planned", inputs: Sequence[InputFile]
    ) -> tuple[Package, ...]:
        folder = self._fetched(planned, inputs)
        if folder is None:
            return packages
        from wasmbuild.sbom.locks.installed import installed_licenses  # noqa: PLC0415

        licenses = installed_licenses(folder / _PACKAGES)
        return tuple(
            replace(each, license=licenses.get((re.sub(r"[-_.]+", "-", each.name).lower(), each.version), ""))
            if each.ecosystem == "pypi" and not each.license
            else each
            for each in packages
        )

    def _fetched(self, planned: "Planned", inputs: Sequence[InputFile]) -> Path | None:
        from wasmbuild.build.kept import KeptFolders  # noqa: PLC0415

        step = described(planned.chain, inputs).get(_FETCH)
        return KeptFolders(self.caches).find(_FETCH, step.key) if step else None
