"""The tags of a release, set last: in one transaction where the registry can, else one repository after the other.

Without a transaction the tags of the versions go first and those that move last, and a journal tells the next run what
is left to do. Between two repositories there is a moment in which one has its tag and the other has not.
"""

from collections.abc import Sequence

from registry.client.repository import Repository
from registry.client.together import MOST_MOVES, Before, TagMove, supports_together, tag_together
from registry.copying import on_side
from registry.errors import RegistryRefused
from registry.model import Descriptor
from wasmbuild.errors import VersionTaken
from wasmbuild.events import Sink, step
from wasmbuild.workflows.release.preflight import Ready
from wasmbuild.workflows.release.staging import Staged
from wasmbuild.workflows.release.standing import resolved

__all__ = ["missing_tags", "set_tags"]

_CONFLICT = 409


def missing_tags(staged: Staged) -> tuple[str, ...]:
    """The tags of a target that do not mean it yet."""
    return tuple(tag for tag in staged.ready.tags if not staged.ready.is_tagged(tag, staged.descriptor))


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
        if few and supports_together([_repository(each.ready) for each, _ in missing]):
            _in_one(missing)
            return True
        _one_by_one(missing)
    return False


def _in_one(missing: Sequence[tuple[Staged, tuple[str, ...]]]) -> None:
    moves = [
        TagMove(_repository(each.ready), tag, each.descriptor.digest, _before(each, tag))
        for each, tags in missing
        for tag in tags
    ]
    try:
        tag_together(moves)
    except RegistryRefused as failure:
        if failure.status != _CONFLICT:
            raise
        raise VersionTaken(
            "somebody else has set a tag of this release meanwhile",
            cause=failure.cause,
            hint="run it again: what is staged is not pushed again",
        ) from failure


def _one_by_one(missing: Sequence[tuple[Staged, tuple[str, ...]]]) -> None:
    for each, tags in missing:
        own = [tag for tag in tags if tag in each.ready.item.version_tags]
        for tag in own:
            _check_free(each, resolved(_repository(each.ready), tag), tag)
        if own:
            _repository(each.ready).tag_all(each.descriptor, own)
    for each, tags in missing:
        moving = [tag for tag in tags if tag not in each.ready.item.version_tags]
        if moving:
            _repository(each.ready).tag_all(each.descriptor, moving)


def _check_free(staged: Staged, now: Descriptor | None, tag: str) -> None:
    if now is not None and now.digest != staged.descriptor.digest:
        raise VersionTaken(
            f"somebody else has released {staged.ready.item.reference.name}:{tag} meanwhile",
            cause=f"it is {now.digest}, and this would be {staged.descriptor.digest}",
            hint="raise version in wasmbuild.toml",
        )


def _before(staged: Staged, tag: str) -> Before:
    return Before.NOTHING if tag in staged.ready.item.version_tags else Before.ANYTHING


def _repository(ready: Ready) -> Repository:
    assert ready.destination is not None
    return ready.destination.repository
