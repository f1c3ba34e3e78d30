"""The user's configuration: what holds for their registries, in ``config.toml``.

``WASMBUILD_CONFIG`` names the file; otherwise it is in the folder of the platform's conventions.
Not here: credentials (``registry.client``), and what a project says (``wasmbuild.project``).
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from registry.client.settings import HostSettings, Mirror, Settings
from registry.errors import InvalidReference
from registry.reference import Reference
from wasmbuild.errors import InvalidProject
from wasmbuild.tables import Table, read_table

__all__ = ["CONFIG_VARIABLE", "configuration_path", "read_settings"]

CONFIG_VARIABLE = "WASMBUILD_CONFIG"
_T = TypeVar("_T")
_HOST_KEYS = frozenset(
    {"plain-http", "insecure-skip-tls-verify", "ca-file", "client-certificate", "client-key", "realms", "audience"}
    | {"chunk-size"}
)
_ABOUT_TLS = ("insecure-skip-tls-verify", "ca-file", "client-certificate", "client-key")
_NO_LOCATION = "must be a host, or host/prefix"
_HOST_HINT = 'write it as [registry.hosts."ghcr.io"]'
_MIRROR_HINT = 'for example location = "mirror.example.com/hub"'
_SMALLEST_CHUNK, _LARGEST_CHUNK = 64 * 1024, 1024 * 1024 * 1024


def configuration_path(environment: Mapping[str, str] | None = None) -> Path:
    """Where the file is, or would be.

    Raises InvalidProject for a file that is named and not there; ``/dev/null`` means none.
    """
    named = (os.environ if environment is None else environment).get(CONFIG_VARIABLE)
    if named:
        path = Path(named)
        if not path.exists():
            raise InvalidProject(f"{CONFIG_VARIABLE} names a file that is not there", cause=named[:200])
        return path
    from platformdirs import user_config_path  # noqa: PLC0415 - where it is named, this is not needed

    return user_config_path("wasmbuild", appauthor=False) / "config.toml"


def read_settings(path: Path) -> Settings:
    """What the file says; the defaults when there is none. Files that it names are beside it.

    Raises InvalidProject, which names file and line.
    """
    if str(path) == os.devnull:
        return Settings()
    try:
        root = read_table(path, str(path))
    except FileNotFoundError:
        return Settings()
    root.only({"registry"})
    table = root.table("registry")
    table.only({"hosts", "mirrors", "concurrency", "retry-for"})
    hosts = _by_host(table.table("hosts"), lambda hosts, name: _host_settings(hosts.table(name), path.parent))
    mirrors = _by_host(table.table("mirrors"), lambda mirrors, name: tuple(map(_mirror, mirrors.tables(name))))
    settings = Settings(
        hosts={
            host: replace(hosts.get(host, HostSettings()), mirrors=mirrors.get(host, ()))
            for host in hosts.keys() | mirrors.keys()
        }
    )
    return replace(
        settings,
        concurrency=_between(table, "concurrency", 1, 64) or settings.concurrency,
        retry_for=_default(_between(table, "retry-for", 0, 3600), settings.retry_for),
    )


def _by_host(table: Table, read: Callable[[Table, str], _T]) -> dict[str, _T]:
    """What ``read`` makes of each entry of a table, by the host that is its key."""
    found: dict[str, _T] = {}
    for name in table.values:
        host = _host(table, name)
        if host in found:
            raise table.invalid(name, f"is there already, as {host}")
        found[host] = read(table, name)
    return found


def _host_settings(table: Table, folder: Path) -> HostSettings:
    table.only(_HOST_KEYS)
    settings = HostSettings(
        plain_http=table.flag("plain-http"),
        insecure_skip_tls_verify=table.flag("insecure-skip-tls-verify"),
        ca_file=_file(table, "ca-file", folder),
        client_certificate=_file(table, "client-certificate", folder),
        client_key=_file(table, "client-key", folder),
        realms=table.texts("realms"),
        audience=table.text("audience"),
        chunk_size=_between(table, "chunk-size", _SMALLEST_CHUNK, _LARGEST_CHUNK),
    )
    if settings.client_key and not settings.client_certificate:
        raise table.invalid("client-key", "is of no use without client-certificate")
    about_tls = [key for key in _ABOUT_TLS if table.values.get(key)]
    if settings.plain_http and about_tls:
        raise table.invalid("plain-http", f"leaves no TLS, which {about_tls[0]} is about")
    return settings


def _mirror(table: Table) -> Mirror:
    table.only({"location", "resolve"})
    location = table.required_text("location")
    host, slash, prefix = location.partition("/")
    try:
        reference = Reference.parse(f"{host}/{prefix if slash else 'any'}")
    except InvalidReference as error:
        raise table.invalid("location", f"{_NO_LOCATION}: {error.cause}", _MIRROR_HINT) from error
    if not _names_a_host(host) or reference.tag or reference.digest:
        raise table.invalid("location", _NO_LOCATION, _MIRROR_HINT)
    return Mirror(f"{reference.host}/{prefix}" if slash else reference.host, resolve=table.flag("resolve"))


def _host(table: Table, name: str) -> str:
    fault = "is not the host of a registry"
    try:
        reference = Reference.parse(f"{name}/any")
    except InvalidReference as error:
        raise table.invalid(name[:80], f"{fault}: {error.cause}", _HOST_HINT) from error
    if "/" in name or not _names_a_host(name):
        raise table.invalid(name[:80], fault, _HOST_HINT)
    return reference.host


def _names_a_host(text: str) -> bool:
    """Whether a reference that begins so has a host, and not Docker Hub's by default."""
    return "." in text or ":" in text or text == "localhost"


def _file(table: Table, key: str, folder: Path) -> Path | None:
    text = table.text(key)
    if not text:
        return None
    try:
        return folder.absolute() / Path(text).expanduser()
    except RuntimeError as error:
        raise table.invalid(key, f"names nobody's home: {text[:80]}") from error


def _between(table: Table, key: str, least: int, most: int) -> int | None:
    value = table.integer(key)
    if value is not None and not least <= value <= most:
        raise table.invalid(key, f"must be from {least} to {most}")
    return value


def _default(value: int | None, otherwise: float) -> float:
    return otherwise if value is None else value
