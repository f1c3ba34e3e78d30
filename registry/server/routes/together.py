"""Tags of several repositories, set in one transaction: an extension of ours.

::

    POST /v2/_wasmbuild/tags
    {"tags": [{"repository": "team/app", "tag": "1.2.3", "digest": "sha256:…", "expected": null}]}

    200 {"changed": [{"repository": "team/app", "tag": "1.2.3", "digest": "sha256:…", "before": null}]}

``expected`` is what the tag has to mean until then: null nothing, a digest that, and without it anything.
The manifests are there already; nothing but tags is changed. Every rule holds as when each tag is pushed alone.
With ``?dry-run=true`` nothing is set, and the manifests need not be there: it is about rights alone.
For a registry alone: nothing of it is in the specification.
"""

import asyncio
import json
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import IO, Any

from starlette.requests import Request
from starlette.responses import Response

from registry.digest import Digest
from registry.errors import InvalidDocument
from registry.model import Descriptor
from registry.reference import valid_repository, valid_tag
from registry.server.access.gate import Permit
from registry.server.admission.asking import Asking
from registry.server.bodies import write_body
from registry.server.metadata.manifests import find_manifest
from registry.server.metadata.together import (
    Expected,
    Move,
    Moved,
    no_such_manifest,
    rehearse,
    require_rights,
    set_together,
)
from registry.server.parameters import parse_digest
from registry.server.refusal import NOSNIFF, Code, Refusal
from registry.server.routes.admitting import ask_about_tags
from registry.server.services import Services
from registry.strictjson import load_json

__all__ = ["MOST_TAGS", "TAGS_PATH", "Together"]

TAGS_PATH = "/v2/_wasmbuild/tags"
MOST_TAGS = 1000
"""Tags of one request."""

_MOST_BYTES = 1024 * 1024
_FIELDS = frozenset({"repository", "tag", "digest", "expected"})


class Together:
    """Sets tags of several repositories, all or none."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def set(self, request: Request) -> Response:
        """Set tags, all or none; the answer has those that did not mean that already."""
        # A page of a browser cannot send this kind without asking first.
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise _malformed("the body has to be application/json")
        services, permit = self._services, self._services.permit(request)
        with services.scratch() as body:
            await write_body(request, body, _MOST_BYTES, services.config.patience)
            async with services.documents:
                moves = await asyncio.to_thread(_parse, body)
        if _is_rehearsal(request):
            await services.read(partial(rehearse, permit=permit, moves=moves))
            return _changed(())
        await services.read(partial(require_rights, permit=permit, moves=moves))
        if services.admission is not None:
            await self._ask(services.admission, permit, moves)
        due = services.due()
        changed = await services.write(partial(set_together, permit=permit, moves=moves, due=due))
        return _changed(changed)

    async def _ask(self, admission: Asking, permit: Permit, moves: Sequence[Move]) -> None:
        """Go on only when all the tags may mean what they should; one question for each manifest."""
        ordered = sorted(moves, key=_manifest_of)
        for (repository, _), group in groupby(ordered, key=_manifest_of):
            asked = list(group)
            find = partial(find_manifest, repository=repository, reference=asked[0].digest)
            async with admission.room:
                found = await self._services.read(find)
                if found is None:  # it may be there a moment later, and nobody would have been asked about it
                    raise no_such_manifest([asked[0].source])
                descriptor = Descriptor(found.media_type, asked[0].digest, found.size)
                tags = repository, tuple(move.tag for move in asked)
                await ask_about_tags(self._services, admission, permit, tags, descriptor, found.content)


def _is_rehearsal(request: Request) -> bool:
    """Whether nothing is to be set. What was meant so, and is written otherwise, is no order to set tags."""
    said = request.query_params.getlist("dry-run")
    if said not in ([], ["true"]):
        raise _malformed("dry-run is true, or left out", *(value[:100] for value in said))
    return bool(said)


def _changed(moved: Sequence[Moved]) -> Response:
    text = json.dumps({"changed": [_entry(each) for each in moved]})
    return Response(text, headers=NOSNIFF, media_type="application/json")


def _manifest_of(move: Move) -> tuple[str, str]:
    return move.repository, str(move.digest)


def _parse(body: IO[bytes]) -> tuple[Move, ...]:
    body.seek(0)
    try:
        value = load_json(body.read(), "the body")
    except InvalidDocument as error:
        raise _malformed(str(error)) from error
    entries = value.get("tags") if isinstance(value, dict) and set(value) == {"tags"} else None
    if not isinstance(entries, list) or not entries:
        raise _malformed('the body has to be {"tags": […]}, with one tag at least')
    if len(entries) > MOST_TAGS:
        raise Refusal(413, "SIZE_INVALID", f"more than {MOST_TAGS} tags at once")
    moves = tuple(map(_move, entries))
    twice = _twice(moves)
    if twice is not None:
        raise _malformed("a tag is named twice", twice)
    return moves


def _twice(moves: Sequence[Move]) -> str | None:
    seen = set[str]()
    for name in map(str, moves):
        if name in seen:
            return name
        seen.add(name)
    return None


def _move(entry: object) -> Move:
    if not isinstance(entry, dict) or not {"repository", "tag", "digest"} <= set(entry) <= _FIELDS:
        raise _malformed("each tag has repository, tag, digest, and expected where it matters")
    repository, tag, digest = (entry[name] for name in ("repository", "tag", "digest"))
    if not isinstance(repository, str) or not valid_repository(repository):
        raise _malformed("this is not a repository name", str(repository)[:300], code="NAME_INVALID")
    if not isinstance(tag, str) or not valid_tag(tag):
        raise _malformed("this is not a tag", str(tag)[:200])
    return Move(repository, tag, _digest(digest), _expected(entry))


def _expected(entry: dict[str, Any]) -> Expected:
    if "expected" not in entry:
        return "anything"
    return "nothing" if entry["expected"] is None else _digest(entry["expected"])


def _digest(value: object) -> Digest:
    return parse_digest(value if isinstance(value, str) else "")


def _entry(moved: Moved) -> dict[str, object]:
    move = moved.move
    return {"repository": move.repository, "tag": move.tag, "digest": str(move.digest), "before": moved.before}


def _malformed(said: str, *details: str, code: Code = "UNSUPPORTED") -> Refusal:
    return Refusal(400, code, said, details=details)
