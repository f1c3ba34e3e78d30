"""``wasmbuild login``."""

import sys

import click

from registry.client.registries import Registries
from wasmbuild.cli.common import argument, option, registry_verb
from wasmbuild.errors import PasswordMissing, UsageFailed
from wasmbuild.ui.console import Console

_MAX_SECRET = 32 * 1024


@registry_verb("login", "wasmbuild login ghcr.io --username ada --password-stdin < token.txt")
@argument("registry")
@option("-u", "--username", help="The user; asked for on a terminal.")
@option("--password-stdin", is_flag=True, help="Read the password, or an access token, from stdin.")
@option("--token-stdin", is_flag=True, help="Read an identity token from stdin; it has no user.")
def command(
    console: Console,
    registries: Registries,
    registry: str,
    username: str | None,
    password_stdin: bool,
    token_stdin: bool,
) -> None:
    """Try credentials on REGISTRY and keep them: in a credential store where there is one. Prints the registry."""
    from wasmbuild.workflows.login import login, registry_host, with_password, with_token

    host = registry_host(registry)
    if token_stdin:
        if username or password_stdin:
            raise UsageFailed("--token-stdin goes with neither --username nor --password-stdin")
        credentials = with_token(_from_stdin())
    else:
        credentials = with_password(*_asked_for(host, username, password_stdin))
    done = login(host, credentials, registries, sink=console.emit)
    kept = {"helper": done.kept.helper, "file": str(done.kept.file)}
    console.result("login", done.host, {"registry": done.host, "username": done.username, **kept})


def _asked_for(host: str, username: str | None, password_stdin: bool) -> tuple[str, str]:
    if not sys.stdin.isatty() and not (username and password_stdin):
        raise PasswordMissing(
            "there is no terminal to ask for a user and a password on",
            hint=f"wasmbuild login {host} --username USER --password-stdin < FILE",
        )
    user = username or click.prompt("User", err=True)
    return user, _from_stdin() if password_stdin else click.prompt("Password", hide_input=True, err=True)


def _from_stdin() -> str:
    """What stdin holds, without the end of its line."""
    data = sys.stdin.buffer.read(_MAX_SECRET + 1)
    if len(data) > _MAX_SECRET:
        raise UsageFailed(f"there are more than {_MAX_SECRET} bytes on stdin")
    try:
        return data.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise UsageFailed("what is on stdin is not UTF-8") from error
