"""``wasmbuild registry history``."""

import click

from wasmbuild.cli.common import argument, option
from wasmbuild.cli.registry.common import LocalRegistry, content_of, moment, operator_verb, show_rows
from wasmbuild.errors import UsageFailed
from wasmbuild.ui.console import Console

_NEWEST = 2**63 - 1


@operator_verb("history", "history team/app:latest --data ./registry-data")
@argument("reference")
@option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many, at most.")
def command(console: Console, registry: LocalRegistry, reference: str, limit: int) -> None:
    """Show what the tag REPOSITORY:TAG has meant, the newest first: since when, what, and who said so."""
    from registry.errors import ContentNotFound
    from registry.server.metadata.tags import tag_events

    repository, tag = content_of(reference)
    if not isinstance(tag, str):
        raise UsageFailed("a digest always means the same", hint=f"{repository}:TAG")
    events = registry.read(lambda connection: tag_events(connection, repository, tag, _NEWEST, limit))
    if not events:
        raise ContentNotFound(f"the registry has never had {reference}")
    rows = [(moment(event.moved) or "", event.digest or "deleted", event.actor) for event in events]
    document = [{"timestamp": moment(event.moved), "digest": event.digest, "actor": event.actor} for event in events]
    show_rows(console, "history", rows, {"repository": repository, "tag": tag, "history": document})
