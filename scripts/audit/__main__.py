"""Audits what we depend on: ``python -m scripts.audit [--vulnerabilities]``.

That everything is pinned by hash, the locks of users are parts of the lock of all, licences are allowed, nothing is
imported that nobody asked for, and no file names a registry of packages. Known vulnerabilities are asked for with
``--vulnerabilities``, by ``pip-audit``, which is no dependency: it speaks to services on the network.
"""

import argparse
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.audit.addresses import committed, find_addresses
from scripts.audit.licenses import EXCEPTIONS, check_licenses
from scripts.audit.locks import beyond, read_lock
from scripts.audit.origins import check_imports, check_runtime

CHECKOUT = Path(__file__).parents[2]
WHOLE = "requirements.lock"
LOCKS: Mapping[str, tuple[str, ...]] = {
    "requirements-runtime.lock": ("server",),
    "requirements-keyless.lock": ("server", "sigstore"),
    "requirements-image.lock": ("server", "postgres", "s3", "sigstore"),
}
"""The locks of users, and the extras that each has."""

BUILD = "requirements-build.lock"
DEVELOPMENT = ("test", "docs", "dev")


def findings(checkout: Path) -> Iterator[str]:
    """All that is wrong, a line each."""
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    base, extras = project["dependencies"], project["optional-dependencies"]
    whole = read_lock(checkout / WHOLE)
    yield from whole.findings
    of_users: frozenset[str] = frozenset()
    for name in (*LOCKS, BUILD):
        lock = read_lock(checkout / name)
        yield from lock.findings
        yield from beyond(lock, whole)
        if name in LOCKS:
            yield from check_runtime(lock, [*base, *(each for extra in LOCKS[name] for each in extras[extra])])
        if LOCKS.get(name) == ("server",):
            of_users = frozenset(pin.name for pin in lock.pins)
    yield from check_licenses(whole.pins, of_users)
    used = [each for extra, wanted in extras.items() if extra not in DEVELOPMENT for each in wanted]
    yield from check_imports(checkout, _names(base), _names(extras["server"]), _names(used))
    for path, text in committed(checkout):
        yield from find_addresses(path, text)


def _names(requirements: Sequence[str]) -> list[str]:
    return [canonicalize_name(Requirement(each).name) for each in requirements]


def ask_for_vulnerabilities() -> int:
    """Let pip-audit ask its services; what it ends with."""
    command = ["pip-audit", "--disable-pip", "--require-hashes", "--requirement", WHOLE]
    try:
        return subprocess.run(command, cwd=CHECKOUT, check=False, timeout=600).returncode
    except FileNotFoundError:
        print("pip-audit is not installed: pip install pip-audit, outside of .venv", file=sys.stderr)
    except subprocess.TimeoutExpired:
        print("pip-audit did not end within ten minutes", file=sys.stderr)
    return 1


def main(arguments: Sequence[str]) -> int:
    """Print what is wrong; 0 when nothing is."""
    parser = argparse.ArgumentParser(prog="python -m scripts.audit")
    parser.add_argument("--vulnerabilities", action="store_true", help="ask for known ones, too, by pip-audit")
    asked = parser.parse_args(arguments)
    found = [*findings(CHECKOUT)]
    print("\n".join(found) or f"{len(read_lock(CHECKOUT / WHOLE).pins)} packages, nothing found")
    for name, (license_, why) in EXCEPTIONS.items():
        print(f"by exception: {name} ({license_}): {why}")
    code = ask_for_vulnerabilities() if asked.vulnerabilities else 0
    return 1 if found else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
