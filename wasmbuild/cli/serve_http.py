"""``wasmbuild serve-http``."""

import contextlib
import dataclasses
import gc
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry.client.registries import Registries
from wasmbuild.cli.common import FILE, argument, option, registry_verb, server_missing, was_given
from wasmbuild.cli.granting import request_grant_options
from wasmbuild.cli.limiting import request_limit_options
from wasmbuild.cli.policing import policy_options, refuse_policy_for_file
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.run.deciding.wishes import Wish
    from wasmbuild.run.limits import GuestLimits
    from wasmbuild.workflows.policies import ChosenPolicy

_USUAL = (700, 10, 10)
"""Python's own thresholds: a server lives long, and our start-up's would let its memory grow."""

_MEMORY = 512 * 1024**2
"""Bytes for each guest unless somebody says otherwise: there are many at once."""

_PATIENCE = 30.0
"""Seconds that a client may leave unread what it was sent."""


@registry_verb("serve-http", "wasmbuild serve-http --env GREETING=hi dist/hello.wasm")
@argument("artifact")
@option(
    "--listen",
    default="127.0.0.1:8080",
    metavar="HOST:PORT",
    help="Where to listen; port 0 takes a free one. [default: 127.0.0.1:8080]",
)
@option("--guests", type=click.IntRange(1, 256), default=16, help="Requests answered at once. [default: 16]")
@option("--body", metavar="SIZE", help="Bytes that the body of a request may have. [default: 64MiB]")
@request_grant_options
@option("--policy", type=FILE, help="A file of what it may import and is given at most: nothing goes beyond it.")
@option("--strict", is_flag=True, help="Refuse what it imports and is not given, in place of leaving it powerless.")
@option("--key", type=FILE, help="A public key that must have signed the artifact.")
@policy_options()
@request_limit_options
def command(  # noqa: PLR0913 - one for each option
    console: Console,
    registries: Registries,
    *,
    artifact: str,
    listen: str,
    guests: int,
    body: str | None,
    wish: "Wish",
    limits: "GuestLimits",
    policy: Path | None,
    strict: bool,
    key: Path | None,
    chosen: "ChosenPolicy",
) -> None:
    """Answer HTTP requests with ARTIFACT, a component that exports wasi:http/incoming-handler.

    ARTIFACT is a reference or a .wasm file. Each request gets a fresh instance, which has clocks, random
    numbers and the environment that is given by an option: no files, no network. Limits are for each
    request; without options they are 512MiB of memory and 30s. Prints one line on stdout, the address, once
    requests are answered; each request and what guests print is told on stderr. Ends with Ctrl-C.
    """
    try:
        from registry.server.config import split_listen
        from registry.server.embedded import listen_at
    except ImportError as error:
        raise server_missing(error) from error
    from wasmbuild.caches import Caches
    from wasmbuild.cli.serving import serve, teller
    from wasmbuild.run.http.app import Serving
    from wasmbuild.run.limits import parse_bytes
    from wasmbuild.workflows.run import RunRequest
    from wasmbuild.workflows.serve_http import application

    refuse_policy_for_file(artifact)
    if not was_given("memory"):
        limits = dataclasses.replace(limits, memory_bytes=_MEMORY)
    serving = Serving(guests) if body is None else Serving(guests, parse_bytes(body, "--body"))
    request = RunRequest(wish, limits, policy, key, strict=strict, trust=chosen)
    ready = application(
        artifact,
        request,
        serving,
        caches=Caches.of_user(),
        registries=registries,
        sink=console.emit,
        tell=teller(console),
    )
    with contextlib.closing(_prompt(listen_at(*split_listen(listen), _PATIENCE))) as listener, ready as app:
        gc.set_threshold(*_USUAL)
        serve(console, app, listener)


def _prompt(listener: socket.socket) -> socket.socket:
    """Answers come in small parts, and each shall leave at once; connections inherit this."""
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
