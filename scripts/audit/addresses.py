"""That no committed file names the address of a package registry: whoever builds has one of their own.

Names such as crates.io may be written, and a registry of artifacts too: it is URLs of packages that are looked for.
In a lock of Python there is no URL at all.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

__all__ = ["committed", "find_addresses"]

_HOSTS = {
    "org": ("pypi", "python" + "hosted", "npmjs", "golang", "rubygems", "maven", "nodejs", "debian", "ziglang"),
    "com": ("npmjs", "yarnpkg"),
    "io": ("crates", "jsr"),
    "net": ("launchpad",),
}
_NAMES = "|".join(rf"{name}\.{end}" for end, names in _HOSTS.items() for name in names)
_URL = re.compile(
    rf"//(?:[^\s/\"'<>@]*@)?(?:[a-z0-9-]+\.)*(?:{_NAMES})(?=[/:\s\"'`<>)\]]|$)[^\s\"'`<>)\]]*", re.IGNORECASE
)
_ANY = re.compile(r"\S*://\S+|--(?:extra-)?index-url\S*|--find-links\S*")
_LOCK = re.compile(r"requirements[a-z-]*\.lock")


def find_addresses(path: Path, text: str) -> Iterator[str]:
    """Where a file names what it must not."""
    pattern = _ANY if _LOCK.fullmatch(path.name) else _URL
    for number, line in enumerate(text.splitlines(), 1):
        for match in pattern.finditer(line):
            yield f"{path}:{number}: {match[0][:100]} is an address"


def committed(checkout: Path) -> Iterator[tuple[Path, str]]:
    """The files that git has or would take, and are text: their paths in the checkout, and what is in them."""
    asking = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(asking, cwd=checkout, check=True, capture_output=True).stdout.decode()
    for name in sorted(filter(None, listed.split("\0"))):
        path = checkout / name
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            if b"\0" not in data[:8192]:
                yield Path(name), data.decode("utf-8", "replace")
