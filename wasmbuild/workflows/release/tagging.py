"""The tags of a release, set last: in one transaction where the registry can, else one repository after the other.

Without a transaction the tags of the versions go first and those that move last, and a journal tells the next run what
is left to do. Between two repositories there is a moment in which one has its tag and the other has not.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from registry.client.repository import Repository
from registry.client.together import (
    MOST_MOVES,
    Before,
    TagMove,
    rehearse_together,
    supports_together,
    tag_together,
)
from registry.copying import on_side
from registry.digest import Digest
from registry.errors import RegistryRefused
from registry.model import Descriptor
from wasmbuild.errors import VersionTaken
from wasmbuild.events import Note, Sink, step
from wasmbuild.workflows.release.preflight import Ready
from wasmbuild.workflows.release.staging import Staged
from wasmbuild.workflows.release.standing import resolved

__all__ = ["missing_tags", "rehearse_tags", "set_tags"]

_CONFLICT = 409
_NOT_YET = Digest.of(b"")
"""Stands for a manifest that is not made yet; no manifest has it."""

_AGAIN = "run it again: what is staged is not pushed again"


def missing_tags(staged: Staged) -> tuple[str, ...]:
    """The tags of a target that do not mean it yet."""
    return tuple(tag for tag in staged.ready.tags if not staged.ready.is_tagged(tag, staged.descriptor))


def rehearse_tags(ready: Sequence[Ready]) -> None:
    """See that tags which mean something else may move, where the registry can tell; nothing is set.

    Raises VersionTaken for an immutable one, AuthenticationFailed without the right, and what the client raises.
    """
    moves = [move for each in ready for move in _moves(each)]
    for transport in {id(move.repository.transport): move.repository.transport for move in moves}.values():
        asked = [move for move in moves if move.repository.transport is transport]
        if len(asked) > MOST_MOVES or not supports_together([move.repository for move in asked]):
            continue
        with _taken("a tag of this release cannot be moved", "leave it out of [release] tags in wasmbuild.toml"):
            rehearse_together(asked)


@contextmanager
def _taken(what: str, hint: str) -> Iterator[None]:
    """A block in which a conflict is that a version is taken; ``what`` and ``hint`` are said of it."""
    try:
        yield
    except RegistryRefused as failure:
        if failure.status != _CONFLICT:
            raise
        raise VersionTaken(what, cause=failure.cause, hint=hint) from failure


def _moves(ready: Ready) -> Iterator[TagMove]:
    """What would move, as far as that is known: to what is there already, or to what nobody has yet."""
    digest = ready.known.descriptor.digest if ready.known else _NOT_YET
    for tag, now in ready.meanings.items():
        if now.digest != digest and tag not in ready.item.version_tags:
            yield TagMove(_repository(ready), tag, digest)


def set_tags(staged: Sequence[Staged], sink: Sink) -> bool | None:
    """Set what is missing; whether that was done in one transaction, None where nothing was missing.

    Raises VersionTaken when somebody else has set a version's tag meanwhile, and what the client raises.
    """
    missing = [(each, missing_tags(each)) for each in staged]
    missing = [(each, tags) for each, tags in missing if tags]
    if not missing:
        return None
    shown = ", ".join(f"{each.ready.item.reference.name}:{','.join(tags)}" for each, tags in missing)
    with on_side("destination"), step(sink, "tag", shown):
        few = sum(len(tags) for _, tags in missing) <= MOST_MOVES
        repositories = [_repository(each.ready) for each, _ in missing]
        if few and supports_together(repositories):
            _in_one(missing)
            return True
        if len({id(each.transport) for each in repositories}) == 1 and supports_together(repositories[:1]):
            sink(Note("warning", "these are too many repositories for one transaction: they are tagged one by one"))
        _one_by_one(missing)
    return False


def _in_one(missing: Sequence[tuple[Staged, tuple[str, ...]]]) -> None:
    moves = [
        TagMove(_repository(each.ready), tag, each.descriptor.digest, _before(each, tag))
        for each, tags in missing
        for tag in tags
    ]
    with _taken("a tag of this release was set by somebody else meanwhile, or is immutable", _AGAIN):
        tag_together(moves)


def _one_by_one(missing: Sequence[tuple[Staged, tuple[str, ...]]]) -> None:
    for each, tags in missing:
        for tag in tags:
            _check_free(each, resolved(_repository(each.ready), tag), tag)
    for each, tags in missing:
        own = [tag for tag in tags if tag in each.ready.item.version_tags]
        if own:
            _repository(each.ready).tag_all(each.descriptor, own)
    for each, tags in missing:
        moving = [tag for tag in tags if tag not in each.ready.item.version_tags]
        if moving:
            _repository(each.ready).tag_all(each.descriptor, moving)


def _check_free(staged: Staged, now: Descriptor | None, tag: str) -> None:
    before = staged.ready.meanings.get(tag)
    if now is not None and now.digest not in (staged.descriptor.digest, before and before.digest):
        raise VersionTaken(
            f"somebody else has set {staged.ready.item.reference.name}:{tag} meanwhile",
            cause=f"it is {now.digest}, and this would be {staged.descriptor.digest}",
            hint=_AGAIN,
        )


def _before(staged: Staged, tag: str) -> Digest | Before:
    """What a tag meant when we looked: whether it may move to this version was decided by that."""
    before = staged.ready.meanings.get(tag)
    return Before.NOTHING if before is None else before.digest


def _repository(ready: Ready) -> Repository:
    assert ready.destination is not None
    return ready.destination.repository
