"""Write a tool's pin into the file that wasmbuild ships: every wheel of a release, by hash.

``python scripts/pin_toolchain.py NAME PACKAGE VERSION``. Asks the package index that the user's
``uv`` is configured for; nothing of that index's address is kept.
"""

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import tomlkit

PINS = Path(__file__).resolve().parent.parent / "wasmbuild" / "toolchains" / "pins.toml"


def wheels(package: str, version: str) -> dict[str, str]:
    """File name -> sha256 of all platforms' wheels, as the index lists them."""
    with tempfile.TemporaryDirectory() as folder:
        wanted, locked = Path(folder, "wanted.in"), Path(folder, "pylock.toml")
        wanted.write_text(f"{package}=={version}\n", encoding="utf-8")
        subprocess.run(
            ["uv", "pip", "compile", "--universal", "--no-deps", "--quiet", "--output-file", locked, wanted],
            check=True,
        )
        packages = tomllib.loads(locked.read_text(encoding="utf-8"))["packages"]
    found = {
        unquote(PurePosixPath(urlsplit(wheel["url"]).path).name): wheel["hashes"]["sha256"]
        for wheel in packages[0].get("wheels", [])
    }
    return dict(sorted(found.items()))


def main(arguments: list[str]) -> int:
    """Replace or add one tool; the others and the comments stay."""
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    name, package, version = arguments
    artifacts = wheels(package, version)
    if not artifacts:
        print(f"{package} {version} has no wheels", file=sys.stderr)
        return 1
    document = tomlkit.parse(PINS.read_text(encoding="utf-8"))
    entry = tomlkit.table()
    entry.update({"name": name, "package": package, "version": version, "artifacts": artifacts})
    kept = [tool for tool in document.get("tool", []) if tool["name"] != name]
    document["tool"] = tomlkit.aot()
    for tool in sorted([*kept, entry], key=lambda tool: str(tool["name"])):
        document["tool"].append(tool)
    PINS.write_text(tomlkit.dumps(document), encoding="utf-8")
    print(f"{name} {version}: {len(artifacts)} wheels")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
