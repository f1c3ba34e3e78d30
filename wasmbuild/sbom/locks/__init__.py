"""Lock files: which packages a project was resolved to, in the files of its own package manager.

A lock says what may be in a file that was built with it, not what is. Not here: what the file itself says
(``wasmbuild.sbom.gathering``), and how any of it is fetched.
"""

from wasmbuild.sbom.locks.finding import lock_packages
from wasmbuild.sbom.locks.package import Ecosystem, Package

__all__ = ["Ecosystem", "Package", "lock_packages"]
