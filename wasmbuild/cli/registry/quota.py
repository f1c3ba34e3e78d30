"""``wasmbuild registry quota``."""

from functools import partial

import click

from wasmbuild.cli.common import argument
from wasmbuild.cli.lazy import HELP
from wasmbuild.cli.registry.common import LocalRegistry, operator_verb, show_rows
from wasmbuild.errors import ExitCode, UsageFailed
from wasmbuild.events import Note
from wasmbuild.ui.console import Console

_WHOLE = "*"


@click.group("quota", context_settings=HELP, epilog="Example: wasmbuild registry quota list --data ./registry-data")
def command() -> None:
    """Bound what repositories may hold.

    NAMESPACE is a repository and all whose names begin with it and a slash; * is the whole registry.
    """


@operator_verb("set", "quota set team 10GiB --data ./registry-data", create=True)
@argument("namespace")
@argument("size")
def _set(console: Console, registry: LocalRegistry, namespace: str, size: str) -> None:
    """Let NAMESPACE hold at most SIZE (64GiB, 10MB, 4096). What is there already stays. Prints the namespace."""
    from registry.server.config.values import size as parse_size
    from registry.server.metadata.quotas import set_quota

    try:
        limit = parse_size(size)
    except ValueError as error:
        raise UsageFailed(f"{size[:40]!r} is no size", cause=str(error), hint="write it as 64GiB") from error
    registry.write(partial(set_quota, namespace=_name(namespace), limit=limit))
    console.result("registry quota set", namespace, {"namespace": _name(namespace), "limit": limit})


@operator_verb("remove", "quota remove team --data ./registry-data")
@argument("namespace")
def _remove(console: Console, registry: LocalRegistry, namespace: str) -> int:
    """Take the bound of NAMESPACE away. Prints the namespace; ends with 3 when it has none."""
    from sqlalchemy import Connection

    from registry.server.metadata.quotas import find_quotas, set_quota

    name = _name(namespace).removesuffix("/")

    def remove(connection: Connection) -> bool:
        known = any(quota.namespace == name for quota in find_quotas(connection))
        set_quota(connection, name, None)
        return known

    if not registry.write(remove):
        console.emit(Note("info", f"{namespace} has no quota"))
        return ExitCode.NOTHING_TO_DO
    console.result("registry quota remove", namespace, {"namespace": name})
    return ExitCode.OK


@operator_verb("list", "quota list --data ./registry-data")
def _list(console: Console, registry: LocalRegistry) -> None:
    """List quotas: namespace, bytes in use, bytes allowed."""
    from registry.server.metadata.quotas import find_quotas

    quotas = registry.read(find_quotas)
    rows = [(quota.namespace or _WHOLE, str(quota.used), str(quota.limit)) for quota in quotas]
    document = [{"namespace": quota.namespace, "used": quota.used, "limit": quota.limit} for quota in quotas]
    show_rows(console, "quota list", rows, {"quotas": document}, "there are no quotas")


def _name(namespace: str) -> str:
    return "" if namespace == _WHOLE else namespace


for _each in (_set, _remove, _list):
    command.add_command(_each)
