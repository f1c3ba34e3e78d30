"""A base image for tests where no registry is reachable: Debian's own packages, by ``debootstrap``.

Kept beside the programs of ``peers.py``. Needs root, as ``debootstrap`` does.
"""

import os
import shutil
import tempfile
from pathlib import Path

from scripts.peers import Unavailable, cache, kept, run

SUITE = "bookworm"
PACKAGES = ("ca-certificates", "python3-minimal", "python3-venv")
LEFT_OUT = ("./dev", "./var/cache", "./var/lib/apt/lists", "./var/log", "./usr/share/doc", "./usr/share/man")


def base() -> Path:
    """A tar file with the root of a small Debian that has Python.

    Raises Unavailable.
    """
    if shutil.which("debootstrap") is None:
        raise Unavailable("debootstrap is not installed; on Debian and Ubuntu: apt install debootstrap")
    if os.geteuid() != 0:
        raise Unavailable("debootstrap wants to be run by root")
    return kept(cache() / f"debian-base-{SUITE}", _make) / "base.tar"


def _make(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as root:
        run("debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, root)
        Path(root).chmod(0o755)  # a temporary folder is its owner's alone, and this one becomes the root of all users
        left_out = [f"--exclude={each}/*" for each in LEFT_OUT]
        run("tar", "-C", root, *left_out, "--numeric-owner", "-cf", folder / "base.tar", ".")
