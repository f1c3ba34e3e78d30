"""What differs between two wasm files: what they may do, their interface, where their bytes are.

Made from what was read of both. Which version step the change of an interface demands is
``wasmbuild.wasm.compare.compat``'s, how a difference is shown ``wasmbuild.workflows.diff``'s.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from wasmbuild.wasm.anatomy import Anatomy, Part
from wasmbuild.wasm.capabilities import Asked, asked
from wasmbuild.wasm.compare.functions import function_moves
from wasmbuild.wasm.compare.steps import Change
from wasmbuild.wasm.model import Kind, Limits
from wasmbuild.wasm.sizes import section_sizes
from wasmbuild.wasm.world import role, target_world, wasi_level

__all__ = ["Difference", "Facts", "Moved", "Pair", "difference", "gained"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Pair(Generic[_T]):
    """The same thing of both files."""

    old: _T
    new: _T

    @property
    def differs(self) -> bool:
        """Whether it changed."""
        return self.old != self.new


@dataclass(frozen=True, slots=True)
class Moved:
    """Something by its size in bytes, before and after; 0 where it was not there."""

    name: str
    old: int
    new: int

    @property
    def by(self) -> int:
        """How much larger it is now."""
        return self.new - self.old


@dataclass(frozen=True, slots=True)
class Facts:
    """One of the files: its bytes, what was read of them, and the tools that say they made it."""

    wasm: bytes
    anatomy: Anatomy
    producers: frozenset[str] = frozenset()

    @property
    def features(self) -> frozenset[str]:
        """The features that its modules declare, and those that they were seen to use."""
        return frozenset[str]().union(*(part.declared | (part.used or frozenset()) for part in self.anatomy.parts))


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that differs; ``gained`` and ``lost`` have only imports of which the other file has none.

    ``functions`` are those whose size changed, what grew or shrank most first, in a bounded number, and
    ``functions_changed`` says of how many. ``sections`` likewise, all of them.
    """

    identical: bool
    kind: Pair[Kind]
    size: Pair[int]
    role: Pair[str]
    world: Pair[str | None]
    wasi: Pair[str]
    gained: tuple[Asked, ...]
    lost: tuple[Asked, ...]
    changes: tuple[Change, ...]
    memories: Pair[tuple[str, ...]]
    features: Pair[frozenset[str]]
    producers: Pair[frozenset[str]]
    sections: tuple[Moved, ...]
    functions: tuple[Moved, ...]
    functions_changed: int


def difference(old: Facts, new: Facts, changes: tuple[Change, ...], *, most: int = 20) -> Difference:
    """Compare two files, whose interfaces differ by ``changes``; at most ``most`` functions are named."""

    def pair(of: Callable[[Facts], _T]) -> Pair[_T]:
        return Pair(of(old), of(new))

    functions = [Moved(*each) for each in function_moves(old.anatomy, new.anatomy)]
    return Difference(
        identical=old.wasm == new.wasm,
        kind=pair(lambda each: each.anatomy.binary.kind),
        size=pair(lambda each: each.anatomy.binary.size),
        role=pair(lambda each: role(each.anatomy.binary)),
        world=pair(lambda each: target_world(each.anatomy.binary)),
        wasi=pair(lambda each: str(wasi_level(each.anatomy.binary))),
        gained=gained(old, new),
        lost=gained(new, old),
        changes=changes,
        memories=pair(_memories),
        features=pair(lambda each: each.features),
        producers=pair(lambda each: each.producers),
        sections=_sections(old.anatomy, new.anatomy),
        functions=tuple(sorted(functions, key=_movement)[:most]),
        functions_changed=len(functions),
    )


def gained(than: Facts, of: Facts) -> tuple[Asked, ...]:
    """What one file asks for and another, older one does not; of foreign imports, those that it has not."""
    theirs = asked(than.anatomy.binary)
    names = {each.capability for each in theirs if each.capability is not None}
    foreign = {str(wanted) for each in theirs if each.capability is None for wanted in each.imports}
    found = []
    for each in asked(of.anatomy.binary):
        if each.capability is not None and each.capability not in names:
            found.append(each)
        elif each.capability is None:
            wanted = tuple(wanted for wanted in each.imports if str(wanted) not in foreign)
            found += [Asked(None, wanted)] if wanted else []
    return tuple(found)


def _memories(facts: Facts) -> tuple[str, ...]:
    return tuple(_limits(part, each) for part in facts.anatomy.modules() for each in part.memories)


def _limits(part: Part, limits: Limits) -> str:
    """A memory in words: its pages, and whose it is where the file has several modules."""
    most = "no maximum" if limits.maximum is None else f"at most {limits.maximum}"
    wide = " of 64 bit" if limits.index_bits != 32 else ""
    whose = f"{'.'.join(map(str, part.path))}: " if part.path else ""
    return (
        f"{whose}{limits.minimum} page{'s' * (limits.minimum != 1)}, {most}{wide}{', shared' if limits.shared else ''}"
    )


def _sections(old: Anatomy, new: Anatomy) -> tuple[Moved, ...]:
    before, after = ({each.name: each.size for each in section_sizes(anatomy)} for anatomy in (old, new))
    every = (Moved(name, before.get(name, 0), after.get(name, 0)) for name in before.keys() | after.keys())
    return tuple(sorted((each for each in every if each.by), key=_movement))


def _movement(each: Moved) -> tuple[int, str]:
    return (-abs(each.by), each.name)
