"""``wasmbuild login``."""

import sys

import click

from wasmbuild.cli.common import argument, option, verb
from wasmbuild.errors import PasswordMissing
from wasmbuild.ui.console import Console

_MAX_PASSWORD = 64 * 1024


@verb("login", "wasmbuild login ghcr.io --username ada --password-stdin < token.txt")
@argument("registry")
@option("-u", "--username", help="The user; asked for on a terminal.")
@option("--password-stdin", is_flag=True, help="Read the password, or a token, from stdin.")
def command(console: Console, registry: str, username: str | None, password_stdin: bool) -> None:
    """Try credentials on REGISTRY and keep them in Docker's configuration. Prints the registry."""
    from wasmbuild.workflows.login import login, registry_host

    host = registry_host(registry)
    if not sys.stdin.isatty() and not (username and password_stdin):
        raise PasswordMissing(
            "there is no terminal to ask for a user and a password on",
            hint=f"wasmbuild login {host} --username USER --password-stdin < FILE",
        )
    user = username or click.prompt("User", err=True)
    password = _from_stdin() if password_stdin else click.prompt("Password", hide_input=True, err=True)
    done = login(host, user, password, sink=console.emit)
    console.result("login", done.host, {"registry": done.host, "username": done.username, "file": str(done.kept_in)})


def _from_stdin() -> str:
    return sys.stdin.read(_MAX_PASSWORD).rstrip("\r\n")
