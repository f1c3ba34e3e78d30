"""Tags that no rule keeps go; what they meant stays, until collection has something to say about it."""

import asyncio
from dataclasses import dataclass
from functools import partial

from semver import Version
from sqlalchemy import Connection, bindparam, select

from registry.server.access.gate import Permit
from registry.server.access.globs import parse_glob
from registry.server.access.principals import Principal
from registry.server.collection.manifests import Held
from registry.server.collection.report import Gone, Report, Tell
from registry.server.config import RetentionRule
from registry.server.metadata.holds import held
from registry.server.metadata.repositories import repository_names
from registry.server.metadata.tags import remove_tag
from registry.server.schema import repositories, tags
from registry.server.services import Services

__all__ = ["RETENTION", "apply_retention", "keeps"]

RETENTION = Principal("system", "retention")
"""Who it is, in histories and logs."""

_AT_ONCE = 200
_TAGS = (
    select(tags.c.name, tags.c.moved, tags.c.digest)
    .join(repositories, repositories.c.id == tags.c.repository_id)
    .where(repositories.c.name == bindparam("repository"))
)
_PAGE = _TAGS.where(tags.c.name > bindparam("after")).order_by(tags.c.name).limit(_AT_ONCE)
_NTH = _TAGS.order_by(tags.c.moved.desc(), tags.c.name.desc()).limit(1).offset(bindparam("skipped"))
_ONE = _TAGS.where(tags.c.name == bindparam("tag"))


@dataclass(frozen=True, slots=True)
class _Tag:
    name: str
    moved: float
    digest: str


def keeps(rule: RetentionRule, name: str, moved: float, oldest: tuple[float, str] | None, now: float) -> bool:
    """Whether a rule keeps a tag that moved at a time; ``oldest`` is the last of its newest ones (None: all are)."""
    if rule.keep and (oldest is None or (moved, name) >= oldest):
        return True
    if rule.younger_than is not None and moved > now - rule.younger_than:
        return True
    if any(parse_glob(glob).matches(name) for glob in rule.tags):
        return True
    return rule.versions is not None and _within(name, rule.versions)


def _within(name: str, versions: str) -> bool:
    try:
        version = Version.parse(name.removeprefix("v"))
        return all(version.match(comparison) for comparison in versions.split())
    except ValueError:
        return False


async def apply_retention(services: Services, report: Report, tell: Tell, now: float) -> None:
    """Take away the tags that no rule keeps; immutable ones stay. Raises Held."""
    rules = services.config.collection.retention
    after = ""
    while rules and (names := await services.read(partial(repository_names, after=after, limit=_AT_ONCE))):
        for name in names:
            rule = next((each for each in rules if each.covers(name)), None)
            if rule is not None:
                await _prune(services, name, rule, report, tell, now)
        after = names[-1]


async def _prune(services: Services, name: str, rule: RetentionRule, report: Report, tell: Tell, now: float) -> None:
    oldest = await services.read(partial(_oldest_kept, repository=name, rule=rule))
    after = ""
    while page := await services.read(partial(_page, repository=name, after=after)):
        going = [tag for tag in page if not keeps(rule, tag.name, tag.moved, oldest, now)]
        if going:
            run = services.read if report.dry_run else services.write
            work = partial(_remove, services=services, repository=name, going=going, now=now, dry_run=report.dry_run)
            for gone in await run(work):
                report.count(gone)
                tell(gone)
        after = page[-1].name
        await asyncio.sleep(0)  # reading may be done on the loop's own thread


def _oldest_kept(connection: Connection, repository: str, rule: RetentionRule) -> tuple[float, str] | None:
    if not rule.keep:
        return None
    row = connection.execute(_NTH, {"repository": repository, "skipped": rule.keep - 1}).first()
    return (row.moved, row.name) if row else None


def _page(connection: Connection, repository: str, after: str) -> list[_Tag]:
    return [_Tag(*row) for row in connection.execute(_PAGE, {"repository": repository, "after": after})]


def _remove(
    connection: Connection, services: Services, repository: str, going: list[_Tag], now: float, dry_run: bool
) -> list[Gone]:
    if not dry_run and held(connection, now):
        raise Held
    permit, gone = Permit(services.gate, RETENTION), []
    for tag in going:
        if services.gate.immutable(connection, repository, tag.name):
            continue
        row = connection.execute(_ONE, {"repository": repository, "tag": tag.name}).first()
        if row is None or _Tag(*row) != tag:
            continue  # it has just moved
        if not dry_run:
            due = now + services.config.collection.grace
            remove_tag(connection, permit, repository, tag.name, due=due)
        gone.append(Gone("tag", repository, tag.name, 0, f"no rule keeps it; it means {tag.digest}"))
    return gone
