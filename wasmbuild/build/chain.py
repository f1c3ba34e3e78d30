"""Chain: the actions that make one target, and their keys. Pure data; running it is ``wasmbuild.build.engine``'s."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from registry.digest import Digest
from wasmbuild.build.action import Action, ActionKey, InputFile, describe
from wasmbuild.build.tool import Toolbox

__all__ = ["PYTHON", "Chain", "Described", "described"]

PYTHON = Digest.of(b"python")
"""Stands for our own interpreter in keys: what runs in it says by its arguments what decides bytes."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The actions that make one file, in an order in which each comes after those that it needs.

    The last one has one output, which is that file. ``timeout`` (seconds) and ``memory`` (bytes) hold for
    each command.
    """

    label: str
    actions: tuple[Action, ...]
    tools: Toolbox
    timeout: float
    memory: int

    @property
    def last(self) -> Action:
        """The one whose output is the target's file."""
        return self.actions[-1]

    @property
    def output(self) -> str:
        """The name of that file."""
        (name,) = self.last.outputs
        return name

    @property
    def inputs(self) -> tuple[str, ...]:
        """Every file of the project that any of them reads, sorted."""
        return tuple(sorted({path for action in self.actions for path in action.inputs}))

    def action(self, name: str) -> Action:
        """One of them by its name."""
        return next(action for action in self.actions if action.name == name)

    def shared(self, action: Action) -> bool:
        """Whether others may use its result: not when a tool of this machine took part, however far back."""
        own = all(name == "python" or self.tools[name].pinned for name in action.tools)
        return own and all(self.shared(self.action(name)) for name in action.after)


@dataclass(frozen=True, slots=True)
class Described:
    """An action with its key, and the description that the key is the hash of."""

    action: Action
    key: ActionKey
    description: Mapping[str, Any]


def described(chain: Chain, inputs: Sequence[InputFile]) -> dict[str, Described]:
    """Each action's key and description, by name; ``inputs`` has the files of ``chain.inputs``."""
    files = {file.path: file for file in inputs}
    tools = {"python": PYTHON, **{name: tool.digest for name, tool in chain.tools.items()}}
    found: dict[str, Described] = {}
    for action in chain.actions:
        own = [files[path] for path in action.inputs]
        earlier = {name: found[name].key for name in action.after}
        description = describe(action, tools, own, earlier)
        found[action.name] = Described(action, ActionKey.of(description), description)
    return found
