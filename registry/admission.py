"""Admission: somebody who is asked whether a tag may mean a manifest. When a server asks is ``server.admission``'s.

Whoever decides is a package of its own, which the server finds by an entry point of the group
``registry.admission``: a function that takes the settings file, or None, and gives an ``Admission``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from registry.content import Store
from registry.model import Descriptor

__all__ = ["ENTRY_POINTS", "NOT_ADMITTED", "Admission", "OpenAdmission", "Question", "Verdict"]

ENTRY_POINTS = "registry.admission"
"""The group of entry points; the name is what the server's settings say."""

NOT_ADMITTED = "not admitted: "
"""What the message of a refusal begins with, by which our client tells it from a lack of rights."""


@dataclass(frozen=True, slots=True)
class Question:
    """Whether ``tags``, of which there is at least one, may mean a manifest from now on.

    ``content`` is the repository as it is now, which can only be read; it gives the manifest as well,
    which may not be kept yet, and resolves a tag to what it means so far. It is of no use once the
    question is answered, or has taken too long.
    """

    repository: str
    tags: tuple[str, ...]
    descriptor: Descriptor
    content: Store


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer; ``reason`` is one sentence for whoever pushed, without a full stop."""

    allowed: bool
    reason: str = ""


class Admission(Protocol):
    """Decides about tags, from several threads at once."""

    def admit(self, question: Question, /) -> Verdict:
        """Whether the tags may be set. Whatever it raises is a refusal."""


OpenAdmission = Callable[[Path | None], Admission]
"""What the entry point is. It raises Failure for settings that are of no use."""
