"""Action: a command described, not run; ActionKey: the hash of everything that decides its result.

A build is a chain of actions. Each runs in a folder of its own that holds the inputs which it
declares and nothing else; where that folder, the tools and the outputs are is decided when it runs,
and so an action has places where paths belong. Pure data. Not here: running it
(``wasmbuild.build.engine``), and looking a result up by its key (``wasmbuild.build.cache``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from registry.digest import Digest
from registry.strictjson import canonical_json

__all__ = [
    "Action",
    "ActionKey",
    "Argument",
    "CacheFolder",
    "InputFile",
    "Output",
    "Place",
    "Produced",
    "ToolFile",
    "describe",
]

KEY_VERSION = 3
"""Goes up when the same description would give other bytes than before."""


@dataclass(frozen=True, slots=True)
class ToolFile:
    """A file or folder of a tool, relative to its root; the root itself when ``path`` is empty.

    The tool ``python`` is always there: it is the interpreter that runs us, and has no path.
    """

    tool: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """A file in the fresh folder of outputs; the folder itself when ``name`` is empty."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Produced:
    """An output of an earlier action of the chain; its folder of outputs when ``name`` is empty."""

    action: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class CacheFolder:
    """A folder in the user's cache that makes a command faster; what is in it never decides bytes.

    ``own`` gives each target one of its own, for compilers that do not stand another beside them.
    """

    place: str
    own: bool = False


Place = ToolFile | Output | Produced | CacheFolder
Argument = str | Place | tuple[str | Place, ...]
"""A word of a command; a tuple is one word that is made of several parts."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that a command reads: its path relative to the project with ``/``, its content, and whether it may run."""

    path: str
    digest: Digest
    size: int
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """A command that runs in a folder with its inputs; paths of those are relative to it.

    ``name`` is unique in its chain; ``tool`` names who speaks, in events. ``inputs`` are files of the
    project, ``files`` are files that we write beside them (path and text). ``outputs`` are names of
    files that must be there afterwards. ``keep`` says where these go: ``files`` to the action cache,
    ``folder`` means that the whole folder of outputs stays on this machine, for what can be fetched
    or made again. ``network`` opens the network, and ``user_environment`` are the variables, or
    prefixes that end in ``*``, which the command then sees of the user's. ``fresh`` makes the
    project's files look as if they had just been written, for compilers that compare times.
    ``first_time`` is a sentence for the person when a CacheFolder is being warmed up.
    """

    name: str
    tool: str
    argv: tuple[Argument, ...]
    outputs: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    env: tuple[tuple[str, Argument], ...] = ()
    keep: Literal["files", "folder"] = "files"
    network: bool = False
    user_environment: tuple[str, ...] = ()
    fresh: bool = False
    first_time: str | None = None

    @property
    def places(self) -> frozenset[Place]:
        """Every place in the command and its environment."""
        words = [*self.argv, *(value for _, value in self.env)]
        return frozenset(part for word in words for part in _parts(word) if not isinstance(part, str))

    @property
    def tools(self) -> tuple[str, ...]:
        """The names of the tools that it uses, sorted."""
        return tuple(sorted({place.tool for place in self.places if isinstance(place, ToolFile)}))

    @property
    def after(self) -> tuple[str, ...]:
        """The names of the actions whose outputs it reads, sorted."""
        return tuple(sorted({place.action for place in self.places if isinstance(place, Produced)}))


@dataclass(frozen=True, slots=True)
class ActionKey:
    """SHA-256 over command, environment, tools and inputs: the same key, the same bytes."""

    digest: Digest

    @classmethod
    def of(cls, description: Mapping[str, Any]) -> Self:
        """The key of an action that was described."""
        return cls(Digest.of(canonical_json(description)))

    def __str__(self) -> str:
        return str(self.digest)


def describe(
    action: Action, tools: Mapping[str, Digest], inputs: Sequence[InputFile], earlier: Mapping[str, ActionKey]
) -> dict[str, Any]:
    """Everything that decides the result, as JSON: what ``cache explain`` compares field by field.

    ``tools`` has the digest of each of ``action.tools``, ``inputs`` are those of ``action.inputs``, and
    ``earlier`` has the key of each action in ``action.after``. Where caches are is no part of it.
    """
    return {
        "version": KEY_VERSION,
        "name": action.name,
        "argv": [_shown(word) for word in action.argv],
        "env": {name: _shown(value) for name, value in sorted(action.env, key=_name) if not _only_a_cache(value)},
        "tools": {name: str(tools[name]) for name in action.tools},
        "inputs": {file.path: _content(file) for file in sorted(inputs, key=lambda file: file.path)},
        "files": dict(sorted(action.files)),
        "after": {name: str(earlier[name]) for name in action.after},
        "outputs": list(action.outputs),
        "network": action.network,
    }


def _name(entry: tuple[str, Argument]) -> str:
    return entry[0]


def _content(file: InputFile) -> str:
    return f"{file.digest} executable" if file.executable else str(file.digest)


def _parts(word: Argument) -> Iterator[str | Place]:
    if isinstance(word, tuple):
        yield from word
    else:
        yield word


def _only_a_cache(word: Argument) -> bool:
    return isinstance(word, CacheFolder)


def _shown(word: Argument) -> str | dict[str, str] | list[Any]:
    if isinstance(word, tuple):
        return [_shown(part) for part in word]
    if isinstance(word, ToolFile):
        return {"tool": word.tool, "path": word.path}
    if isinstance(word, Output):
        return {"output": word.name}
    if isinstance(word, Produced):
        return {"action": word.action, "path": word.name}
    if isinstance(word, CacheFolder):
        return {"cache": ""}
    return word
