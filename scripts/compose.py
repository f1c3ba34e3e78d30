"""Reads ``deploy/compose.yaml``: what each service runs, with which files. No container is started here.

Only what that file uses is known: a key that is new to this reader ends the program, so that nothing
in the file is silently not what is started (``scripts/cluster.py``).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HANDLED = {"image", "entrypoint", "command", "environment", "configs", "secrets", "volumes", "healthcheck", "ports"}
OF_CONTAINERS = {
    "cap_drop", "depends_on", "mem_limit", "pids_limit", "read_only", "restart", "security_opt", "shm_size",
    "stop_grace_period", "tmpfs", "user",
}  # fmt: skip
"""What is about containers alone, and is nothing to a plain process."""

_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?::([-?])([^}]*))?\})")


@dataclass(frozen=True)
class Service:
    """One service. ``files`` are those of the host by their path in the container, ``folders`` its volumes."""

    name: str
    image: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]
    files: Mapping[str, Path]
    folders: tuple[str, ...]
    health: tuple[str, ...]


@dataclass(frozen=True)
class Composed:
    """All services by name, the files of their secrets, and the networks they are in (CIDR)."""

    services: Mapping[str, Service]
    secrets: Mapping[str, Path]
    subnets: tuple[str, ...]


def read(path: Path, variables: Mapping[str, str]) -> Composed:
    """What the file says, with the variables that it asks for.

    Raises SystemExit where a variable is missing, or a key is not known here.
    """
    tree = _filled(yaml.safe_load(path.read_text()), variables)
    configs = {name: path.parent / entry["file"] for name, entry in tree["configs"].items()}
    secrets = {name: path.parent / entry["file"] for name, entry in tree["secrets"].items()}
    services = {name: _service(name, entry, configs, secrets) for name, entry in tree["services"].items()}
    subnets = tuple(each["subnet"] for network in tree["networks"].values() for each in network["ipam"]["config"])
    return Composed(services, secrets, subnets)


def _service(name: str, entry: dict[str, Any], configs: Mapping[str, Path], secrets: Mapping[str, Path]) -> Service:
    unknown = entry.keys() - HANDLED - OF_CONTAINERS
    if unknown:
        raise SystemExit(f"scripts/compose.py does not know what {', '.join(sorted(unknown))} of {name} means")
    files = {f"/run/secrets/{each}": secrets[each] for each in entry.get("secrets", [])}
    files |= {each["target"]: configs[each["source"]] for each in entry.get("configs", [])}
    test = entry.get("healthcheck", {}).get("test", ["CMD"])
    if test[0] != "CMD":
        raise SystemExit(f"scripts/compose.py knows no health check by {test[0]}")
    return Service(
        name=name,
        image=entry["image"],
        entrypoint=tuple(entry.get("entrypoint", ())),
        command=tuple(entry.get("command", ())),
        environment=entry.get("environment", {}),
        files=files,
        folders=tuple(each.partition(":")[2] for each in entry.get("volumes", [])),
        health=tuple(test[1:]),
    )


def _filled(tree: Any, variables: Mapping[str, str]) -> Any:  # noqa: ANN401  (what YAML has)
    """The tree with ``${NAME}``, ``${NAME:-default}``, ``${NAME:?why}`` and ``$$`` replaced in all texts."""

    def value(match: "re.Match[str]") -> str:
        dollar, name, kind, rest = match.groups()
        if dollar:
            return "$"
        found = variables.get(name) or (rest if kind == "-" else "")
        if kind == "?" and not found:
            raise SystemExit(f"{name} is not set: {rest}")
        return found

    if isinstance(tree, dict):
        return {key: _filled(each, variables) for key, each in tree.items()}
    if isinstance(tree, list):
        return [_filled(each, variables) for each in tree]
    return _VARIABLE.sub(value, tree) if isinstance(tree, str) else tree
