"""Builds the image of the Dockerfile, with whichever of buildah, podman and docker is there.

    python -m scripts.image [--base IMAGE] [--tag NAME] [--engine PROGRAM] [-- OPTIONS OF THE ENGINE]

Version, revision and time are those of the checkout (``SOURCE_DATE_EPOCH`` goes before the commit's
time), so that buildah and podman make the same layers of the same sources and base again. It is in
Docker's form, the one that has a health check; ``-- --format oci`` makes the other, with annotations.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from wasmbuild import __version__

CHECKOUT = Path(__file__).parents[1]
ENGINES = ("buildah", "podman", "docker")
TAG = f"localhost/wasmbuild:{__version__}"


def git(*arguments: str) -> str:
    """What git says of the checkout; empty where it is none."""
    if not (CHECKOUT / ".git").exists():
        return ""
    command = ["git", "-C", str(CHECKOUT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@dataclass(frozen=True)
class Sources:
    """Where they are, when they were made, in seconds since 1970, and which commit they are."""

    folder: Path
    epoch: str
    revision: str

    @classmethod
    def of_checkout(cls) -> "Sources":
        """Those that this script belongs to; the commit is ``…-dirty`` where they are not what it has."""
        epoch = os.environ.get("SOURCE_DATE_EPOCH") or git("log", "-1", "--format=%ct") or "0"
        revision = git("rev-parse", "HEAD") or "unknown"
        return cls(CHECKOUT, epoch, f"{revision}-dirty" if git("status", "--porcelain") else revision)


def command_of(
    engine: str, sources: Sources, *, tag: str = TAG, base: str | None = None, options: Sequence[str] = ()
) -> list[str]:
    """The command that builds the image."""
    arguments = {
        "SOURCE_DATE_EPOCH": sources.epoch,
        "VERSION": __version__,
        "REVISION": sources.revision,
        "CREATED": datetime.fromtimestamp(int(sources.epoch), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        **({"BASE": base} if base else {}),
    }
    command = [engine, "bud" if engine == "buildah" else "build"]
    for name, value in arguments.items():
        command += ["--build-arg", f"{name}={value}"]
    if engine != "docker":
        command += ["--format", "docker", "--timestamp", sources.epoch]
        title = {"version": __version__, "revision": sources.revision, "created": arguments["CREATED"]}
        for name, value in title.items():
            command += ["--annotation", f"org.opencontainers.image.{name}={value}"]
    return [*command, *options, "--tag", tag, "--file", str(sources.folder / "Dockerfile"), str(sources.folder)]


def main(arguments: Sequence[str]) -> int:
    """Build it; what the engine ends with."""
    parser = argparse.ArgumentParser(prog="python -m scripts.image")
    parser.add_argument("--base", help="an image with Python 3.11 or newer; by default the Dockerfile's")
    parser.add_argument("--tag", default=TAG, help=f"its name [{TAG}]")
    parser.add_argument("--engine", choices=ENGINES, help="what builds it; by default the first that is there")
    parser.add_argument("options", nargs="*", metavar="OPTION", help="more options of the engine, after --")
    asked = parser.parse_args(arguments)
    engine = asked.engine or next(filter(shutil.which, ENGINES), None)
    if engine is None:
        print(f"none of {', '.join(ENGINES)} is there; on Debian and Ubuntu: apt install buildah", file=sys.stderr)
        return 1
    command = command_of(engine, Sources.of_checkout(), tag=asked.tag, base=asked.base, options=asked.options)
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
