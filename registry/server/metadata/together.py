"""Tags of several repositories that are set together: all of them, or none.

What setting one tag means is ``tags``'; this is about what must hold for all before the first is set.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, bindparam, select

from registry.digest import Digest
from registry.server.access.gate import Permit
from registry.server.access.principals import Action
from registry.server.changes import Change, tell
from registry.server.database.statements import Statement
from registry.server.metadata.leases import end_lease
from registry.server.metadata.repositories import claim_repository
from registry.server.metadata.tags import meaning_of, set_tag
from registry.server.refusal import Refusal
from registry.server.schema import manifests, repositories, tags

__all__ = ["Expected", "Move", "Moved", "no_such_manifest", "rehearse", "require_rights", "set_together"]

Expected = Digest | Literal["anything", "nothing"]
"""What a tag has to mean before it is set."""

_MOST_DETAILS = 20
_HAS = Statement(
    select(manifests.c.media_type, manifests.c.size).where(
        manifests.c.repository_id == bindparam("here"), manifests.c.digest == bindparam("digest")
    )
)

_MEANS = Statement(
    select(tags.c.digest)
    .join(repositories, repositories.c.id == tags.c.repository_id)
    .where(repositories.c.name == bindparam("repository"), tags.c.name == bindparam("name"))
)


@dataclass(frozen=True, slots=True)
class Move:
    """One tag, and what it is to mean. What means that already is not moved, whatever was ``expected``."""

    repository: str
    tag: str
    digest: Digest
    expected: Expected = "anything"

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"

    @property
    def source(self) -> str:
        """The manifest, by its name in full."""
        return f"{self.repository}@{self.digest}"


@dataclass(frozen=True, slots=True)
class Moved:
    """A tag that was set; ``before`` is the digest that it meant until then, None: it is new."""

    move: Move
    before: str | None


def require_rights(connection: Connection, permit: Permit, moves: Sequence[Move]) -> None:
    """Go on only when the principal may push to all the repositories, and pull: it learns what tags mean there.

    Raises Refusal (401, 403).
    """
    for name in _names(moves):
        permit.require(connection, name, Action.PULL, Action.PUSH)


def rehearse(connection: Connection, permit: Permit, moves: Sequence[Move]) -> None:
    """Go on only when the tags could be set, as far as rights go; the manifests need not be there yet.

    Raises Refusal: 401 and 403 when the principal may not, 409 when a tag that would move is immutable.
    """
    require_rights(connection, permit, moves)
    for move in moves:
        row = _MEANS.first(connection, repository=move.repository, name=move.tag)
        if row is not None and row[0] != str(move.digest):
            permit.require(connection, move.repository, Action.OVERWRITE)
            with _naming(move):
                permit.require_mutable(connection, move.repository, move.tag)


def no_such_manifest(sources: Sequence[str]) -> Refusal:
    """The answer when a repository lacks manifests (``Move.source``) that tags are to mean."""
    details = tuple(dict.fromkeys(sources))[:_MOST_DETAILS]
    return Refusal(404, "MANIFEST_UNKNOWN", "the repository has no such manifest", details=details)


def set_together(connection: Connection, permit: Permit, moves: Sequence[Move], *, due: float) -> list[Moved]:
    """Let tags mean what they should, all or none: those that did not yet; ``due`` is as in ``set_tag``.

    Raises Refusal: 401 and 403 when the principal may not, 404 when a repository lacks the manifest, 409
    when a tag means something else than was expected, or is immutable.
    """
    require_rights(connection, permit, moves)
    # In the order of names: two who do this at once must not wait for one another.
    keys = {name: claim_repository(connection, name) for name in _names(moves)}
    kinds = _kinds(connection, keys, moves)
    moved = [Moved(move, _before(connection, keys, move)) for move in moves]
    _check_expected(moved)
    changed = [each for each in moved if each.before != str(each.move.digest)]
    for each in changed:
        _set(connection, permit, keys, each.move, kinds[each.move], due)
    return changed


def _names(moves: Sequence[Move]) -> list[str]:
    return sorted({move.repository for move in moves})


def _kinds(
    connection: Connection, keys: Mapping[str, int | None], moves: Sequence[Move]
) -> dict[Move, tuple[str, int]]:
    """Media type and size of what each tag is to mean."""
    found: dict[Move, tuple[str, int]] = {}
    missing = []
    for move in moves:
        row = _HAS.first(connection, here=keys[move.repository], digest=str(move.digest))
        if row is None:
            missing.append(move.source)
        else:
            found[move] = row[0], row[1]
    if missing:
        raise no_such_manifest(missing)
    return found


def _before(connection: Connection, keys: Mapping[str, int | None], move: Move) -> str | None:
    here = keys[move.repository]
    return None if here is None else meaning_of(connection, here, move.tag)


def _check_expected(moved: Sequence[Moved]) -> None:
    wrong = tuple(f"{each.move} means {each.before or 'nothing'}" for each in moved if not _as_expected(each))
    if wrong:
        said = "a tag does not mean what was expected"
        raise Refusal(409, "DENIED", said, details=wrong[:_MOST_DETAILS])


def _as_expected(moved: Moved) -> bool:
    expected = moved.move.expected
    if expected == "anything" or moved.before == str(moved.move.digest):
        return True
    return moved.before == (None if expected == "nothing" else str(expected))


def _set(
    connection: Connection,
    permit: Permit,
    keys: Mapping[str, int | None],
    move: Move,
    kind: tuple[str, int],
    due: float,
) -> None:
    here = keys[move.repository]
    assert here is not None
    name, (media_type, size) = str(move.digest), kind
    end_lease(connection, here, move.digest, due)
    # Whoever waits for pushes of a tag hears of one, as when it is pushed alone.
    tell(Change("push", move.repository, name, move.tag, media_type, size, principal=permit.principal))
    with _naming(move):
        set_tag(connection, permit, (here, move.repository), move.tag, move.digest, due=due)


@contextmanager
def _naming(move: Move) -> Iterator[None]:
    """Say of which repository a tag is that cannot be moved."""
    try:
        yield
    except Refusal as refusal:
        if refusal.status_code != 409:
            raise
        raise Refusal(409, "DENIED", refusal.detail, details=(str(move),)) from refusal
