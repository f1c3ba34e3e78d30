"""``wasmbuild registry token``."""

from functools import partial
from typing import TYPE_CHECKING

import click

from wasmbuild.cli.common import argument, option
from wasmbuild.cli.lazy import HELP
from wasmbuild.cli.registry.common import LocalRegistry, moment, operator_verb, show_rows
from wasmbuild.errors import ExitCode, UsageFailed
from wasmbuild.events import Note
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from registry.server.access.principals import Grant
    from registry.server.services import Services


@click.group("token", context_settings=HELP, epilog="Example: wasmbuild registry token list --data ./registry-data")
def command() -> None:
    """Keep tokens: passwords that programs have in a user's stead."""


@operator_verb("create", "token create ada --grant 'team/**:pull' --expires 30d --data ./registry-data")
@argument("user")
@option(
    "--grant",
    "grants",
    multiple=True,
    metavar="GLOB:ACTIONS",
    help="Of the user's rights, only these: team/**:pull,push; may be repeated.",
)
@option("--expires", default="90d", show_default=True, help="After how long it ends; never is possible.")
@option("--note", default="", help="What it is for.")
def _create(
    console: Console, registry: LocalRegistry, user: str, grants: tuple[str, ...], expires: str, note: str
) -> None:
    """Make a token for USER and print it, once: it is kept nowhere."""
    from registry.server.access.api_tokens import issue_token
    from registry.server.access.reach import without_effect
    from registry.server.access.rules import parse_grant

    narrowed = tuple(map(parse_grant, grants)) or None
    lifetime = None if expires == "never" else _lifetime(expires)

    async def issue(services: "Services") -> "tuple[str, list[Grant]]":
        # Before it is made: nothing may fail between the making and the showing.
        idle = await services.read(partial(without_effect, gate=services.access.gate, user=user, grants=narrowed or ()))
        make = partial(issue_token, user=user, note=note, grants=narrowed, lifetime=lifetime)
        return await services.write(make), idle

    text, idle = registry.run(issue)
    for grant in idle:
        written = f"{grant.repositories}:{','.join(sorted(grant.actions))}"
        console.emit(Note("warning", f"no rule lets {user} do anything of {written} now: the token may not either"))
    console.emit(Note("info", "this is shown once; it is a password, and works with the user's name"))
    console.result("registry token create", text, {"token": text, "id": text.split("_")[1], "user": user})


def _lifetime(text: str) -> float:
    from registry.server.config.values import duration

    try:
        seconds = duration(text)
    except ValueError as error:
        raise UsageFailed(f"--expires {text[:40]!r} is no duration", hint="--expires 30d, or never") from error
    if seconds <= 0:
        raise UsageFailed("--expires is not in the future")
    return seconds


@operator_verb("list", "token list ada --data ./registry-data")
@argument("user", required=False)
def _list(console: Console, registry: LocalRegistry, user: str | None) -> None:
    """List the tokens of USER, or of all: id, user, what they are narrowed to, end, last use, note."""
    from registry.server.access.api_tokens import ApiToken, list_tokens

    def grants(token: ApiToken) -> list[str] | None:
        if token.grants is None:
            return None
        return [f"{grant.repositories}:{','.join(sorted(grant.actions))}" for grant in token.grants]

    tokens = registry.read(partial(list_tokens, user=user))
    rows = [
        (
            token.id,
            token.user,
            " ".join(grants(token) or ["everything"]),
            f"ends {moment(token.expires) or 'never'}",
            f"used {moment(token.used) or 'never'}",
            token.note,
        )
        for token in tokens
    ]
    document = [
        {
            "id": token.id,
            "user": token.user,
            "grants": grants(token),
            "created": moment(token.created),
            "expires": moment(token.expires),
            "used": moment(token.used),
            "note": token.note,
        }
        for token in tokens
    ]
    show_rows(console, "token list", rows, {"tokens": document}, "there are no tokens")


@operator_verb("revoke", "token revoke 0123456789abcdef --data ./registry-data")
@argument("id")
def _revoke(console: Console, registry: LocalRegistry, id: str) -> int:  # noqa: A002 - the argument's name
    """End the token ID. Prints it; ends with 3 when there is none."""
    from registry.server.access.api_tokens import revoke_token

    key = id.split("_")[1] if id.startswith("wbt_") else id
    if not registry.write(partial(revoke_token, key=key)):
        console.emit(Note("info", "there is no such token"))
        return ExitCode.NOTHING_TO_DO
    console.result("registry token revoke", key, {"id": key})
    return ExitCode.OK


for _each in (_create, _list, _revoke):
    command.add_command(_each)
