"""``wasmbuild registry user``."""

from collections.abc import Sequence
from functools import partial

import click

from wasmbuild.cli.common import argument, option
from wasmbuild.cli.lazy import HELP
from wasmbuild.cli.registry.common import LocalRegistry, moment, new_password, operator_verb, show_rows
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note
from wasmbuild.ui.console import Console

_STDIN = option("--password-stdin", is_flag=True, help="Read the password from stdin.")
_NO_PASSWORD = option("--no-password", is_flag=True, help="The user has only API tokens.")


@click.group("user", context_settings=HELP, epilog="Example: wasmbuild registry user list --data ./registry-data")
def command() -> None:
    """Keep accounts. With the first one, a registry that was open to this machine closes."""


@operator_verb("add", "user add ada --group dev --data ./registry-data", create=True)
@argument("name")
@option("--group", "groups", multiple=True, help="A group that the user is in; may be repeated.")
@_STDIN
@_NO_PASSWORD
def _add(
    console: Console,
    registry: LocalRegistry,
    name: str,
    groups: tuple[str, ...],
    password_stdin: bool,
    no_password: bool,
) -> None:
    """Add the user NAME, whose password is asked for on a terminal. Prints the name.

    What the user may do, rules say: wasmbuild registry rule.
    """
    from sqlalchemy import Connection

    from registry.server.access.accounts import add_user, require_valid_user
    from registry.server.services import Services

    require_valid_user(name)  # before a password is asked for, and a registry made
    stored = _hash(password_stdin, no_password)

    def add(connection: Connection) -> None:
        add_user(connection, name, stored, groups)

    async def work(services: Services) -> bool:
        await services.write(add)
        return bool((await services.read(services.access.gate.policy)).rules)

    if not registry.run(work):
        hint = registry.command("rule add '**' users pull")
        console.emit(Note("warning", f"no rule lets any user do anything yet; for example: {hint}"))
    console.result("registry user add", name, {"user": name, "groups": sorted(set(groups))})


def _hash(password_stdin: bool, no_password: bool) -> str | None:
    from registry.server.access.passwords import hash_password

    if password_stdin and no_password:
        raise UsageFailed("--no-password goes without --password-stdin")
    return None if no_password else hash_password(new_password(from_stdin=password_stdin))


@operator_verb("password", "user password ada --data ./registry-data")
@argument("name")
@_STDIN
@_NO_PASSWORD
def _password(console: Console, registry: LocalRegistry, name: str, password_stdin: bool, no_password: bool) -> None:
    """Give the user NAME another password, which is asked for on a terminal. Prints the name.

    Refresh tokens that came of the old one end.
    """
    from registry.server.access.accounts import set_password

    registry.write(partial(set_password, name=name, password_hash=_hash(password_stdin, no_password)))
    console.result("registry user password", name, {"user": name})


@operator_verb("disable", "user disable ada --data ./registry-data")
@argument("name")
def _disable(console: Console, registry: LocalRegistry, name: str) -> None:
    """Refuse the user NAME from now on. Prints the name."""
    from registry.server.access.accounts import disable_user

    registry.write(partial(disable_user, name=name))
    console.result("registry user disable", name, {"user": name, "disabled": True})


@operator_verb("enable", "user enable ada --data ./registry-data")
@argument("name")
def _enable(console: Console, registry: LocalRegistry, name: str) -> None:
    """Let the user NAME in again. Prints the name."""
    from registry.server.access.accounts import disable_user

    registry.write(partial(disable_user, name=name, disabled=False))
    console.result("registry user enable", name, {"user": name, "disabled": False})


@operator_verb("remove", "user remove ada --data ./registry-data")
@argument("name")
def _remove(console: Console, registry: LocalRegistry, name: str) -> None:
    """Remove the user NAME and all tokens of it. Prints the name."""
    from registry.server.access.accounts import remove_user

    registry.write(partial(remove_user, name=name))
    console.result("registry user remove", name, {"user": name})


@operator_verb("list", "user list --data ./registry-data")
def _list(console: Console, registry: LocalRegistry) -> None:
    """List users: name, how they log in, groups, and since when there is such a user.

    Users of an htpasswd file are not among them.
    """
    from registry.server.access.accounts import Account, list_users

    def state(user: Account) -> str:
        return "disabled" if user.disabled else "password" if user.password else "tokens only"

    users = registry.read(list_users)
    rows = [(user.name, state(user), ",".join(user.groups), moment(user.created) or "") for user in users]
    document = [
        {
            "user": user.name,
            "disabled": user.disabled,
            "password": user.password,
            "groups": user.groups,
            "created": moment(user.created),
        }
        for user in users
    ]
    show_rows(console, "user list", rows, {"users": document}, "there are no users in the database")


@operator_verb("groups", "user groups ada --add dev --data ./registry-data")
@argument("name")
@option("--add", "added", multiple=True, help="A group to be in; may be repeated.")
@option("--remove", "removed", multiple=True, help="A group to leave; may be repeated.")
def _groups(
    console: Console, registry: LocalRegistry, name: str, added: tuple[str, ...], removed: tuple[str, ...]
) -> None:
    """Change the groups that the user NAME is in, and print them, one a line."""
    from sqlalchemy import Connection

    from registry.server.access.accounts import join_group, leave_group, standing_of

    def change(connection: Connection) -> Sequence[str] | None:
        for group in added:
            join_group(connection, name, group)
        for group in removed:
            leave_group(connection, name, group)
        found = standing_of(connection, name)
        return None if found is None else sorted(found.groups)

    groups = registry.write(change) if added or removed else registry.read(change)
    if groups is None:
        raise UsageFailed(f"there is no user {name[:80]!r}", hint=registry.command("user list"))
    document = {"user": name, "groups": groups}
    show_rows(console, "user groups", [(group,) for group in groups], document, f"{name} is in no group")


for _each in (_add, _password, _disable, _enable, _remove, _list, _groups):
    command.add_command(_each)
