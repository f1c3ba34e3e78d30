"""Builds what is published for Python into a folder: the sdist, the wheel, their SBOM and SHA256SUMS.

    python scripts/dist.py dist-py

It builds twice, from two copies of the files that git does not ignore, and refuses when the bytes differ. Times in
the archives are ``SOURCE_DATE_EPOCH``, else the commit's. The SBOM names what ``requirements-runtime.lock`` pins.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from registry.digest import Digest
from wasmbuild import __version__
from wasmbuild.sbom.collecting import Collection
from wasmbuild.sbom.cyclonedx import write
from wasmbuild.sbom.inventory import Inventory, Item
from wasmbuild.sbom.locked import take_packages
from wasmbuild.sbom.locks.python import read_requirements
from wasmbuild.sbom.locks.reading import Text

CHECKOUT = Path(__file__).parents[1]
LOCK = CHECKOUT / "requirements-runtime.lock"


def main(destination: Path) -> None:
    """Build into a folder, which is emptied before."""
    moment = source_time()
    with tempfile.TemporaryDirectory() as room:
        sources = copied(Path(room, "first", "sources"))
        again = Path(room, "again", "other", "sources")
        shutil.copytree(sources, again, symlinks=True)
        both = [*zip(build(sources, moment), build(again, moment), strict=True)]
        differing = [path.name for path, other in both if path.read_bytes() != other.read_bytes()]
        if differing:
            raise SystemExit(f"not the same when built twice: {', '.join(differing)}")
        shutil.rmtree(destination, ignore_errors=True)
        destination.mkdir(parents=True)
        for path, _ in both:
            shutil.copyfile(path, destination / path.name)
    (wheel,) = destination.glob("*.whl")
    (destination / f"wasmbuild-{__version__}.cdx.json").write_text(bill(wheel, moment), encoding="utf-8")
    files = sorted(destination.iterdir())
    lines = [f"{Digest.of(path.read_bytes()).encoded}  {path.name}\n" for path in files]
    (destination / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
    print("".join(lines), end="")


def source_time() -> int:
    """Seconds since 1970: as the environment says, else when the newest commit was made."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    told = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=CHECKOUT, check=True, capture_output=True, text=True
    )
    return int(told.stdout)


def copied(destination: Path) -> Path:
    """The files of the checkout that git has, or would take, in another folder."""
    asking = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(asking, cwd=CHECKOUT, check=True, capture_output=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        target = destination / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (CHECKOUT / name).is_file():  # else it is removed, and git has not been told
            shutil.copy2(CHECKOUT / name, target)
    return destination


def build(sources: Path, moment: int) -> list[Path]:
    """The sdist and the wheel of some sources, built with the hatchling of this environment."""
    folder = sources.parent / "built"
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(moment)}
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder), "-t", "sdist", "-t", "wheel"]
    subprocess.run(command, cwd=sources, env=environment, check=True, stdout=sys.stderr, timeout=300)
    return sorted(folder.iterdir())


def bill(wheel: Path, moment: int) -> str:
    """The SBOM of the wheel, as CycloneDX."""
    digest = Digest.of(wheel.read_bytes())
    purl = f"pkg:pypi/wasmbuild@{__version__}"
    root = Item("wheel", "python", "wasmbuild", __version__, purl=purl, digest=digest)
    collection = Collection()
    take_packages(collection, root.key, read_requirements(Text(LOCK.name, LOCK.read_bytes())))
    items = tuple(sorted(collection.finished(), key=lambda item: item.key))
    inventory = Inventory(root, digest, items, tuple(sorted(collection.relations)))
    created = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return write(inventory, created)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "dist-py"))
