"""``wasmbuild registry rule``."""

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from wasmbuild.cli.common import argument
from wasmbuild.cli.lazy import HELP
from wasmbuild.cli.registry.common import LocalRegistry, columns, operator_verb, show_rows
from wasmbuild.errors import ExitCode, UsageFailed
from wasmbuild.events import Note
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from registry.server.access.policy import Explanation
    from registry.server.access.rules import Rule
    from registry.server.services import Services


@click.group("rule", context_settings=HELP, epilog="Example: wasmbuild registry rule list --data ./registry-data")
def command() -> None:
    """Say who may do what. Of the rules that match a repository, those that say most about it decide."""


@operator_verb("add", "rule add 'team/**' group:dev pull,push --data ./registry-data", create=True)
@argument("repositories")
@argument("subject")
@argument("actions")
def _add(console: Console, registry: LocalRegistry, repositories: str, subject: str, actions: str) -> None:
    """Let SUBJECT do ACTIONS to REPOSITORIES, a glob. Prints the rule's id.

    SUBJECT is everyone, users, user:NAME or group:NAME; ACTIONS are, with commas in between, pull, push,
    overwrite, delete and admin. * is anything without a slash, ** is anything.
    """
    from registry.server.access.rules import add_rule, parse_rule

    rule = parse_rule(repositories, subject, actions.split(","))

    async def add(services: "Services") -> tuple[int, bool]:
        nobody = await _names_nobody(services, rule.subject)
        return await services.write(partial(add_rule, rule=rule)), nobody

    key, nobody = registry.run(add)
    if nobody:
        name = rule.subject.partition(":")[2]
        console.emit(Note("warning", f"there is no user {name} yet: the rule is for whoever gets that name"))
    console.result("registry rule add", str(key), {**_document(rule), "id": key})


async def _names_nobody(services: "Services", subject: str) -> bool:
    """Whether a rule is for a user that neither the database nor the file of users has."""
    from registry.server.access.accounts import standing_of
    from registry.server.access.htpasswd import Htpasswd

    kind, _, name = subject.partition(":")
    if kind != "user" or await services.read(partial(standing_of, name=name)) is not None:
        return False
    file = services.config.access.htpasswd
    return file is None or name not in Htpasswd(file).entries()


@operator_verb("remove", "rule remove 3 --data ./registry-data")
@argument("id", type=int)
def _remove(console: Console, registry: LocalRegistry, id: int) -> int:  # noqa: A002 - the argument's name
    """Remove the rule ID. Prints it; ends with 3 when there is none."""
    from registry.server.access.rules import remove_rule

    if not registry.write(partial(remove_rule, key=id)):
        console.emit(Note("info", f"there is no rule {id} in the database"))
        return ExitCode.NOTHING_TO_DO
    console.result("registry rule remove", str(id), {"id": id})
    return ExitCode.OK


@operator_verb("list", "rule list --data ./registry-data")
def _list(console: Console, registry: LocalRegistry) -> None:
    """List rules: id, repositories, subject, actions. Those of the settings have no id."""

    async def find(services: "Services") -> "tuple[Rule, ...]":
        return (await services.read(services.access.gate.policy)).rules

    rules = registry.run(find)
    show_rows(console, "rule list", [_row(rule) for rule in rules], {"rules": list(map(_document, rules))}, "no rules")


@operator_verb("check", "rule check ada team/app push --data ./registry-data")
@argument("user")
@argument("repository")
@argument("action", required=False)
def _check(console: Console, registry: LocalRegistry, user: str, repository: str, action: str | None) -> int:
    """Print what USER may do to REPOSITORY, and the rules that say so.

    USER is a user, or anonymous for whoever does not log in. With ACTION, ends with 4 when that is not
    among it.
    """
    from registry.server.access.rules import parse_actions

    wanted = parse_actions([action]) if action else frozenset()

    async def explain(services: "Services") -> "tuple[bool, Explanation | None]":
        everybody = await services.access.open()
        gate = services.access.gate
        return everybody, await services.read(lambda connection: gate.explain(connection, user, repository))

    everybody, found = registry.run(explain)
    if everybody:
        console.emit(Note("warning", "no users are set up: who reaches the server on this machine may do everything"))
        return ExitCode.OK
    if found is None:
        raise UsageFailed(f"there is no user {user[:80]!r}, or it is disabled", hint=registry.command("user list"))
    allowed = sorted(found.actions)
    document = {
        "user": user,
        "repository": repository,
        "groups": sorted(found.groups),
        "actions": allowed,
        "rules": list(map(_document, found.rules)),
    }
    rules = f"\n{columns([_row(rule) for rule in found.rules])}" if found.rules else ""
    console.result("registry rule check", f"{','.join(allowed) or 'nothing'}{rules}", document)
    return ExitCode.OK if wanted <= found.actions else ExitCode.DENIED


def _row(rule: "Rule") -> tuple[str, str, str, str]:
    identity = "settings" if rule.id is None else str(rule.id)
    return identity, rule.repositories, rule.subject, ",".join(sorted(rule.actions))


def _document(rule: "Rule") -> dict[str, Any]:
    return {
        "id": rule.id,
        "repositories": rule.repositories,
        "subject": rule.subject,
        "actions": sorted(rule.actions),
    }


for _each in (_add, _remove, _list, _check):
    command.add_command(_each)
