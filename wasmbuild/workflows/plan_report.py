"""``plan``: what a build would do with each target, and why; nothing is written, fetched or started for it.

Tools of the machine are asked for their version, and caches that a person names are asked what they have.
Not here: how it is decided (``planning``), and how it is shown (``wasmbuild.cli.plan``).
"""

import shlex
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from registry.digest import Digest
from wasmbuild.build.action import Action, ActionKey, Argument, CacheFolder, InputFile, Output, Place, Produced
from wasmbuild.build.cache.folder import FolderStore, fault_of
from wasmbuild.build.cache.layered import Layered
from wasmbuild.build.cache.parts import ACTIONS
from wasmbuild.build.cache.store import ActionCache
from wasmbuild.build.chain import described
from wasmbuild.build.statcache import StatCache, digest_inputs
from wasmbuild.build.tool import Tool
from wasmbuild.workflows.build import Setting
from wasmbuild.workflows.caching import LOCAL, CacheName, Keys
from wasmbuild.workflows.changes import Change, changes, reasons
from wasmbuild.workflows.compile import OUTPUT_FOLDER, said
from wasmbuild.workflows.options import BuildOptions
from wasmbuild.workflows.planning import DEPENDENCIES, Planned, plan
from wasmbuild.workflows.records import Records

__all__ = ["MASK", "Report", "State", "Step", "command_words", "report"]

MASK = "***"
"""Instead of a value that is not shown."""

State = Literal["unchanged", "cached", "to build"]


@dataclass(frozen=True, slots=True)
class Step:
    """One action; its key is None when it depends on a file that is not built yet."""

    action: Action
    key: ActionKey | None


@dataclass(frozen=True, slots=True)
class Report:
    """What a build would do with a target.

    ``source`` is the cache that has it, ``why`` says why the file that is there will not do, and ``changes``
    are those since the last build.
    """

    planned: Planned
    steps: tuple[Step, ...]
    state: State
    source: str | None = None
    why: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()

    @property
    def key(self) -> ActionKey | None:
        """The key of the last action, which decides the file."""
        return self.steps[-1].key

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools of the chain, by name."""
        return tuple(sorted(self.planned.chain.tools.values(), key=lambda tool: tool.name))

    @property
    def private(self) -> frozenset[str]:
        """The variables that the project gives a command: their values are nobody's business."""
        return _private(self.planned)


@dataclass(frozen=True, slots=True)
class _Outlook:
    """What is known while reports are made: caches, records, and the files that targets have or would have."""

    cache: Layered
    records: Records
    digests: StatCache
    files: dict[str, tuple[Digest, int]] = field(default_factory=dict)


def report(folder: Path, options: BuildOptions, setting: Setting) -> tuple[Report, ...]:
    """What ``build`` would do with the same options, in its order. Raises what planning raises."""
    planned = plan(
        folder, options, caches=setting.caches, environment=setting.environment, sink=setting.sink, looking=True
    )
    outlook = _Outlook(_caches(options, setting), Records(setting.caches), planned.digests)
    return tuple(_report(each, planned.workspace.needs[each.label], outlook) for each in planned.planned)


def _caches(options: BuildOptions, setting: Setting) -> Layered:
    """The caches that a build would read; nothing is put into them."""
    trusted = (options.cache_keys or Keys()).verifier
    root, readable = setting.caches.root / ACTIONS, not options.no_cache
    found = []
    if fault_of(root) is None:
        store = FolderStore(root, private=True)
        found.append(ActionCache(store, name=LOCAL, shared=False, readable=readable, writable=False, trusted=trusted))
    for name in map(CacheName.parse, options.cache_from):
        remote = name.open(setting.registries)
        found.append(ActionCache(remote, name=name.text, readable=readable, writable=False, trusted=trusted))
    return Layered(found, setting.sink)


def _report(planned: Planned, needs: tuple[str, ...], outlook: _Outlook) -> Report:
    unknown = [label for label in needs if label not in outlook.files]
    if unknown:
        steps = tuple(Step(action, None) for action in planned.chain.actions)
        return Report(planned, steps, "to build", why=tuple(f"{label} is built first" for label in unknown))
    described_ = described(planned.chain, tuple(_inputs(planned, needs, outlook)))
    steps = tuple(Step(each.action, each.key) for each in described_.values())
    key = described_[planned.chain.last.name].key
    record, file = outlook.records.of(planned), _file(planned)
    if record is not None and record.holds(key, said(planned.part.project), file):
        outlook.files[planned.label] = (record.digest, file.stat().st_size)
        return Report(planned, steps, "unchanged")
    found_changes = changes(outlook.records.descriptions(planned) or {}, described_) if record else ()
    found_changes = tuple(_masked(change, planned) for change in found_changes)
    why = _why(planned, key, found_changes, outlook)
    found = outlook.cache.find(key, planned.chain.last.outputs, shared=planned.chain.shared(planned.chain.last))
    if found is None:
        return Report(planned, steps, "to build", why=why, changes=found_changes)
    if not said(planned.part.project):
        output = found.output(planned.chain.output)
        outlook.files[planned.label] = (output.digest, output.size)
    return Report(planned, steps, "cached", source=found.source, why=why, changes=found_changes)


def _inputs(planned: Planned, needs: tuple[str, ...], outlook: _Outlook) -> Iterator[InputFile]:
    depended = {f"{DEPENDENCIES}/{label.rpartition(':')[2]}.wasm": outlook.files[label] for label in needs}
    own = [path for path in planned.chain.inputs if path not in depended]
    yield from digest_inputs(planned.root, own, outlook.digests)
    yield from (InputFile(path, digest, size) for path, (digest, size) in depended.items())


def _why(planned: Planned, key: ActionKey, found: tuple[Change, ...], outlook: _Outlook) -> tuple[str, ...]:
    """Why the file that is there will not do."""
    record, file = outlook.records.of(planned), _file(planned)
    if record is None:
        return ("it was not built before",)
    if record.key != str(key):
        return reasons(found) or ("it was built by another version of wasmbuild",)
    shown = f"{OUTPUT_FOLDER}/{file.name}"
    if not file.exists():
        return (f"{shown} is gone",)
    if record.about != said(planned.part.project):
        return ("what [project] says about itself has changed",)
    return (f"{shown} is not as it was built",)


def _file(planned: Planned) -> Path:
    return planned.root / OUTPUT_FOLDER / f"{planned.part.target.name}.wasm"


def _private(planned: Planned) -> frozenset[str]:
    return frozenset(name for name, _ in planned.part.target.environment)


def _masked(change: Change, planned: Planned) -> Change:
    """A change without values of variables, but for those that the language's adapter sets itself."""
    own = {name for action in planned.chain.actions for name, _ in action.env} - _private(planned)
    return replace(
        change,
        differences=tuple(
            replace(each, before=each.before and MASK, after=each.after and MASK)
            if each.path[0] == "env" and own.isdisjoint(each.path[1:2])
            else each
            for each in change.differences
        ),
    )


def command_words(action: Action, private: Collection[str] = ()) -> str:
    """A command as it is seen inside a sandbox, to be read; of ``private`` variables, the names alone."""
    variables = [f"{name}={MASK if name in private else shlex.quote(_word(value))}" for name, value in action.env]
    return " ".join([*variables, shlex.join(_word(word) for word in action.argv)])


def _word(word: Argument) -> str:
    parts = word if isinstance(word, tuple) else (word,)
    return "".join(part if isinstance(part, str) else _place(part) for part in parts)


def _place(place: Place) -> str:
    match place:
        case Output(name=name):
            root, below = "/out", name
        case Produced(action=action, name=name):
            root, below = f"/kept/{action}", name
        case CacheFolder(place=name):
            root, below = f"/cache/{name}", ""
        case _:
            root, below = (place.tool if place.tool == "python" else f"/tools/{place.tool}"), place.path
    return f"{root}/{below}" if below else root
