"""``wasmbuild serve``."""

import gc
import sys
from pathlib import Path
from typing import Any

import click

from wasmbuild.cli.common import FILE, FOLDER, option, server_missing, verb, was_given
from wasmbuild.ui.console import Console

_SETTINGS = {
    "data": "data",
    "listen": "listen",
    "database": "database",
    "storage": "storage.url",
    "durability": "durable",
    "workers": "workers",
    "external_url": "external_url",
    "allow_anonymous": "access.anonymous",
    "tls_certificate": "tls.certificate",
    "tls_key": "tls.key",
}
"""Which setting of ``registry.toml`` each option is."""

_USUAL = (700, 10, 10)
"""Python's own thresholds: a server lives long, and our start-up's would let its memory grow."""

_RELAXED = "with durability relaxed, a power cut may lose what was pushed in the last seconds; a crash does not"


@verb("serve", "wasmbuild serve --data ./registry-data --listen 127.0.0.1:5000")
@option("--config", type=FILE, help="All settings, as TOML; what is given here goes before.")
@option("--data", type=FOLDER, help="Where the registry keeps everything; made when missing.")
@option("--listen", help="Address and port; port 0 takes a free one. [default: 127.0.0.1:5000]")
@option("--database", help="postgresql://USER@HOST/NAME; without it, a file in the data folder.")
@option("--storage", help="s3://BUCKET/PREFIX; without it, files in the data folder.")
@option(
    "--durability",
    type=click.Choice(["full", "relaxed"]),
    help="Whether an answered push survives a power cut; relaxed is faster, and may lose the last seconds. "
    "[default: full]",
)
@option("--workers", type=click.IntRange(1, 64), help="Processes; more than one need PostgreSQL. [default: 1]")
@option("--external-url", help="How clients reach the server, for example https://registry.example.com.")
@option("--allow-anonymous", is_flag=True, help="Let everybody who reaches it do everything, without users.")
@option("--tls-certificate", type=FILE, help="Serve https with this certificate, PEM; read again on SIGHUP.")
@option("--tls-key", type=FILE, help="Its key, PEM.")
def command(console: Console, config: Path | None, **options: Any) -> None:  # noqa: ANN401 - click's
    """Run a registry until it is interrupted.

    Prints one line on stdout, the address it serves, once it answers there.
    """
    try:
        from registry.server.config.toml import load_config
        from registry.server.runtime import serve
    except ImportError as error:
        raise server_missing(error) from error

    def ready(address: str) -> None:
        console.result("serve", address, {"address": address})

    def log(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    settings = load_config(config, flags=_flags(options)).config
    if not settings.durable:
        log(_RELAXED)
    gc.set_threshold(*_USUAL)
    serve(settings, ready, log)


def _flags(options: dict[str, Any]) -> dict[str, tuple[object, str]]:
    """What was given, as settings; each with the name of its option."""
    found: dict[str, tuple[object, str]] = {}
    for name, key in _SETTINGS.items():
        if was_given(name):
            found[key] = (_value(name, options[name]), f"--{name.replace('_', '-')}")
    return found


def _value(name: str, value: object) -> object:
    if name == "durability":
        return value == "full"
    if name == "allow_anonymous":
        return "everything" if value else "nothing"
    return str(value) if isinstance(value, Path) else value
