"""The JSON schemas of Kubernetes, for tests: as the ``kubernetes-validate`` wheel carries them, of one version.

Kept beside the programs of ``peers.py``. Nothing of the wheel is installed or run.
"""

import sys
import tempfile
import zipfile
from pathlib import Path

from scripts.peers import cache, kept, run

VERSION = "1.37.0"
SHA256 = "85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9"
INSIDE = f"kubernetes_validate/kubernetes-json-schema/v{VERSION}-local-strict/"


def schemas() -> Path:
    """A folder with a schema for each kind, ``deployment-apps-v1.json``.

    Raises Unavailable.
    """
    return kept(cache() / f"kubernetes-schemas-{VERSION}", _make)


def _make(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        wanted = Path(temporary) / "requirements.txt"
        wanted.write_text(f"kubernetes-validate=={VERSION} --hash=sha256:{SHA256}\n")
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps")
        run(*pip, "--only-binary=:all:", "--require-hashes", "--dest", temporary, "-r", wanted)
        (wheel,) = Path(temporary).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if name.startswith(INSIDE) and name.endswith(".json"):
                    (folder / name.removeprefix(INSIDE)).write_bytes(archive.read(name))
