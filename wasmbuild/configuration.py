"""The user's configuration: what holds for their registries, in ``config.toml``.

``WASMBUILD_CONFIG`` names the file; otherwise it is in the folder of the platform's conventions.
Not here: credentials (``registry.client``), and what a project says (``wasmbuild.project``).
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from registry.client.settings import HostSettings, Mirror, Settings
from registry.errors import InvalidReference
from registry.reference import Reference
from wasmbuild.tables import Table, read_table

__all__ = ["CONFIG_VARIABLE", "configuration_path", "read_settings"]

CONFIG_VARIABLE = "WASMBUILD_CONFIG"
_HOST_KEYS = frozenset(
    {"plain-http", "insecure-skip-tls-verify", "ca-file", "client-certificate", "client-key", "realms", "chunk-size"}
)
_SMALLEST_CHUNK, _LARGEST_CHUNK = 64 * 1024, 1024 * 1024 * 1024


def configuration_path(environment: Mapping[str, str] | None = None) -> Path:
    """Where the file is, or would be."""
    named = (os.environ if environment is None else environment).get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    from platformdirs import user_config_path  # noqa: PLC0415 - where it is named, this is not needed

    return user_config_path("wasmbuild", appauthor=False) / "config.toml"


def read_settings(path: Path) -> Settings:
    """What the file says; the defaults when there is none.

    Raises InvalidProject, which names file and line.
    """
    try:
        root = read_table(path)
    except FileNotFoundError:
        return Settings()
    root.only({"registry"})
    table = root.table("registry")
    table.only({"hosts", "mirrors", "concurrency", "retry-for"})
    hosts = _hosts(table.table("hosts"))
    for host, mirrors in _mirrors(table.table("mirrors")).items():
        hosts[host] = replace(hosts.get(host, HostSettings()), mirrors=mirrors)
    settings = Settings(hosts=hosts)
    return replace(
        settings,
        concurrency=_between(table, "concurrency", 1, 64) or settings.concurrency,
        retry_for=_default(_between(table, "retry-for", 0, 3600), settings.retry_for),
    )


def _hosts(table: Table) -> dict[str, HostSettings]:
    return {_host(table, name): _host_settings(table.table(name)) for name in table.values}


def _host_settings(table: Table) -> HostSettings:
    table.only(_HOST_KEYS)
    settings = HostSettings(
        plain_http=table.flag("plain-http"),
        insecure_skip_tls_verify=table.flag("insecure-skip-tls-verify"),
        ca_file=_file(table, "ca-file"),
        client_certificate=_file(table, "client-certificate"),
        client_key=_file(table, "client-key"),
        realms=table.texts("realms"),
        chunk_size=_between(table, "chunk-size", _SMALLEST_CHUNK, _LARGEST_CHUNK),
    )
    if settings.client_key and not settings.client_certificate:
        raise table.invalid("client-key", "is of no use without client-certificate")
    return settings


def _mirrors(table: Table) -> dict[str, tuple[Mirror, ...]]:
    return {_host(table, name): tuple(map(_mirror, table.tables(name))) for name in table.values}


def _mirror(table: Table) -> Mirror:
    table.only({"location", "resolve"})
    location = table.required_text("location")
    try:
        Reference.parse(f"{location}/any" if "/" not in location else location)
    except InvalidReference as error:
        raise table.invalid("location", "must be a host, or host/prefix", str(error.cause)) from error
    return Mirror(location, resolve=table.flag("resolve"))


def _host(table: Table, name: str) -> str:
    try:
        return Reference.parse(f"{name}/any").host
    except InvalidReference as error:
        raise table.invalid(name[:80], "is not the host of a registry", str(error.cause)) from error


def _file(table: Table, key: str) -> Path | None:
    text = table.text(key)
    return Path(text).expanduser() if text else None


def _between(table: Table, key: str, least: int, most: int) -> int | None:
    value = table.integer(key)
    if value is not None and not least <= value <= most:
        raise table.invalid(key, f"must be from {least} to {most}")
    return value


def _default(value: int | None, otherwise: float) -> float:
    return otherwise if value is None else value
