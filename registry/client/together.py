"""What only our own server can do for a release: tags set all or none, and leases for what is staged.

Other registries are told from it by the list of extensions that they have, or have not. How a manifest
is pushed with a lease is ``repository``'s.
"""

import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from registry.client.bodies import bounded
from registry.client.repository import Repository
from registry.client.scopes import merged
from registry.client.transport import Body, Request, Transport
from registry.digest import Digest
from registry.errors import InvalidDigest, InvalidDocument, RegistryRefused, RemoteNotFound, UnexpectedAnswer
from registry.reference import valid_repository, valid_tag
from registry.strictjson import load_json

__all__ = [
    "MOST_MOVES",
    "Before",
    "TagChange",
    "TagMove",
    "rehearse_together",
    "supports_together",
    "tag_together",
]

MOST_MOVES = 1000
"""Tags that are set at once."""

_MOST_OF_TOKEN = 5700
_BESIDE_NAME = 62
"""A token has to be for all repositories, whose names it has with so much beside each, in base64: in characters.
Many a proxy takes no header of more than 8 KiB."""

_EXTENSIONS = "/v2/_oci/ext/discover"
_PATH = "/v2/_wasmbuild/tags"
_TOGETHER = "_wasmbuild_tags"


class Before(Enum):
    """What a tag may mean before it is set, where that is no digest."""

    ANYTHING = "anything"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class TagMove:
    """A tag that is to mean a manifest, which the repository has; ``before`` is what it has to mean until then.

    A tag that means the manifest already is as it should be, whatever ``before`` says.
    """

    repository: Repository
    tag: str
    digest: Digest
    before: Digest | Before = Before.ANYTHING


@dataclass(frozen=True, slots=True)
class TagChange:
    """A tag that was set, with the name of its repository; ``before`` None: there was no such tag."""

    repository: str
    tag: str
    digest: Digest
    before: Digest | None


def supports_together(repositories: Iterable[Repository]) -> bool:
    """Whether tags of all these repositories can be set all or none: they are of one registry, which knows how.

    Of about fifty at most, of fewer with long names.

    The registry is asked once. Raises Unreachable, and RegistryRefused when it fails.
    """
    found = list(repositories)
    names = {repository.name for repository in found}
    if not found or len({id(each.transport) for each in found}) != 1:
        return False
    if sum(len(name) + _BESIDE_NAME for name in names) > _MOST_OF_TOKEN:
        return False
    return _TOGETHER in _extensions(found[0].transport)


def tag_together(moves: Sequence[TagMove]) -> tuple[TagChange, ...]:
    """Set tags, all or none: those that did not mean what they should.

    At most ``MOST_MOVES``, of repositories for which ``supports_together`` is true: otherwise ValueError.
    Raises RegistryRefused (409) when a tag does not mean what it should until then, or is immutable,
    RemoteNotFound when a repository lacks a manifest, AuthenticationFailed when we may not, or the tags
    are not admitted; Unreachable, UnexpectedAnswer.
    """
    return _changes(*_sent(moves))


def rehearse_together(moves: Sequence[TagMove]) -> None:
    """See that we may set tags, whose manifests need not be there yet; nothing is set.

    Raises what :func:`tag_together` does, but for what is of manifests, and of what tags have to mean.
    """
    _sent(moves, "?dry-run=true")


def _sent(moves: Sequence[TagMove], query: str = "") -> tuple[bytes, str]:
    """The answer, and what went wrong if it makes no sense."""
    if not 0 < len(moves) <= MOST_MOVES or len({id(move.repository.transport) for move in moves}) != 1:
        raise ValueError(f"1 to {MOST_MOVES} tags of one registry are set together")
    transport = moves[0].repository.transport
    data = json.dumps({"tags": [_entry(move) for move in moves]}).encode()
    what = f"{transport.host} did not set the tags"
    scope = " ".join(merged(*(f"repository:{move.repository.name}:pull,push" for move in moves)))
    headers = {"Content-Type": "application/json"}
    body = Body(lambda: io.BytesIO(data), len(data))
    request = Request("POST", f"{transport.base}{_PATH}{query}", what, scope, headers, body)
    try:
        with transport.send(request, 200) as response:
            return bounded(response, what), what
    except RegistryRefused as failure:
        _explain(failure)
        raise


def _extensions(transport: Transport) -> frozenset[str]:
    """The names of what a registry can do beside the specification; none where it does not say."""
    if transport.extensions is None:
        transport.extensions = _asked(transport)
    return transport.extensions


def _asked(transport: Transport) -> frozenset[str]:
    what = f"{transport.host} did not list its extensions"
    try:
        with transport.send(Request("GET", f"{transport.base}{_EXTENSIONS}", what), 200) as response:
            value = load_json(bounded(response, what), "the list")
    except (InvalidDocument, RemoteNotFound, UnexpectedAnswer):
        return frozenset()  # it answers what it does not know with a page, or with nothing
    except RegistryRefused as failure:
        if failure.status >= 500 or failure.status == 429:
            raise
        return frozenset()
    listed = value.get("extensions") if isinstance(value, dict) else None
    entries = listed if isinstance(listed, list) else []
    return frozenset(str(entry.get("name")) for entry in entries if isinstance(entry, dict))


def _entry(move: TagMove) -> dict[str, str | None]:
    entry: dict[str, str | None] = {
        "repository": move.repository.name,
        "tag": move.tag,
        "digest": str(move.digest),
    }
    if move.before is Before.ANYTHING:
        return entry
    return {**entry, "expected": str(move.before) if isinstance(move.before, Digest) else None}


def _explain(failure: RegistryRefused) -> None:
    if failure.status == 409:
        failure.hint = "no tag was set; look at what the tags mean now, with wasmbuild tags REPOSITORY"


def _changes(answer: bytes, what: str) -> tuple[TagChange, ...]:
    try:
        value = load_json(answer, "the answer")
        return tuple(map(_change, value["changed"]))
    except (InvalidDocument, InvalidDigest) as error:
        raise UnexpectedAnswer(what, cause=str(error)) from error
    except (KeyError, TypeError, ValueError) as error:
        raise UnexpectedAnswer(what, cause="the answer does not say which were set") from error


def _change(entry: Any) -> TagChange:  # noqa: ANN401 - whatever the registry sent
    repository, tag, before = entry["repository"], entry["tag"], entry["before"]
    if not isinstance(repository, str) or not valid_repository(repository):
        raise ValueError("no repository")
    if not isinstance(tag, str) or not valid_tag(tag):
        raise ValueError("no tag")
    return TagChange(repository, tag, Digest.parse(entry["digest"]), None if before is None else Digest.parse(before))
