"""The engine: performs the actions of a chain, each at most once, and puts the last one's file into its place.

What was done before is found by its key. What is done runs in a folder of its own, in a sandbox.
Not here: which actions there are (``wasmbuild.toolchains``), what starts a process (``runner``), what
is stored how (``cache``), and in which order targets are built (``wasmbuild.workflows``).
"""

import contextlib
import errno
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from registry.digest import Digest
from registry.errors import StorageFailed
from registry.files import open_regular
from wasmbuild.build.action import Action, ActionKey, CacheFolder, InputFile
from wasmbuild.build.cache.arriving import arriving
from wasmbuild.build.cache.layered import Layered
from wasmbuild.build.chain import Chain, Described, described
from wasmbuild.build.drafts import draft_folder
from wasmbuild.build.guard import Abort
from wasmbuild.build.installed import holding
from wasmbuild.build.kept import KeptFolders
from wasmbuild.build.limits import Limits
from wasmbuild.build.places import Layout, Room, expand
from wasmbuild.build.runner import run
from wasmbuild.build.sandbox import Sandbox
from wasmbuild.build.stages import kept_stage, settle
from wasmbuild.build.staging import OutputFile, collect, stage, written
from wasmbuild.build.tool import Tool
from wasmbuild.build.warmth import Warmth
from wasmbuild.caches import Caches
from wasmbuild.errors import CompilationFailed, ToolFailed
from wasmbuild.events import Note, Sink, step

__all__ = ["EPOCH", "Engine", "Performed"]

EPOCH = 315_532_800
"""Seconds: what every command takes for the present (SOURCE_DATE_EPOCH), and the time of its files.

1 January 1980, before which a zip archive cannot date anything.
"""

UNCONFINED = "unconfined"
"""Where compilers keep their caches when they run without a sandbox."""

_LINES_SHOWN = 20
_LITTLE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Performed:
    """What became of a chain: the key of its last action, the file's digest and size, and how it came about.

    ``source`` names the cache that had it, or is None when it was made.
    """

    key: ActionKey
    digest: Digest
    size: int
    source: str | None


@dataclass(frozen=True, slots=True)
class Engine:
    """Everything that actions are performed with.

    ``install`` makes sure that a tool is there, and raises ToolchainMissing; ``user_environment`` is what
    actions that use the network may see a part of. ``abort`` ends what runs, from any thread.
    """

    caches: Caches
    cache: Layered
    sandbox: Sandbox
    install: Callable[[Tool], None]
    user_environment: Mapping[str, str]
    sink: Sink
    abort: Abort = field(default_factory=Abort)
    stays: bool = False
    """Whether projects will be where they are the next time, so that work folders are worth keeping."""

    def perform(
        self, chain: Chain, root: Path, inputs: Sequence[InputFile], depended: Mapping[str, Path], destination: Path
    ) -> Performed:
        """Have the file of a chain at ``destination``, made from the project in ``root``.

        ``inputs`` are all files that it reads; those in ``depended`` are elsewhere, at these paths.

        Raises CompilationFailed with the compiler's own lines, ToolFailed, ToolchainMissing,
        InvalidProject when an input changes meanwhile, and OSError; then ``destination`` is as before.
        """
        steps = described(chain, inputs)
        last = steps[chain.last.name]
        found = self.cache.find(last.key, chain.last.outputs, shared=chain.shared(chain.last))
        if found is not None:
            output = found.output(chain.output)
            if self.cache.fetch(found, output, destination):
                return Performed(last.key, output.digest, output.size, found.source)
        with contextlib.ExitStack() as held:
            work = _Work(self, chain, root, {file.path: file for file in inputs}, depended, steps, held)
            made = work.files(chain.last.name)[chain.output]
            _hand_over(made.path, destination)
            return Performed(last.key, made.digest, made.size, None)


@dataclass(frozen=True, slots=True)
class _Work:
    """The actions of one chain that have to be performed, with the folders that live as long as this."""

    engine: Engine
    chain: Chain
    root: Path
    inputs: Mapping[str, InputFile]
    depended: Mapping[str, Path]
    steps: Mapping[str, Described]
    held: contextlib.ExitStack

    def folder(self, name: str) -> Path:
        """The folder of outputs of an action, performed now unless it was before."""
        action, key = self.steps[name].action, self.steps[name].key
        if action.keep == "folder":
            kept = KeptFolders(self.engine.caches)
            return self.held.enter_context(
                kept.folder(action.name, key, lambda made: self._perform(action, made, ()), self.engine.sink)
            )
        found = self.engine.cache.find(key, action.outputs, shared=self.chain.shared(action))
        folder = self.held.enter_context(draft_folder(self.engine.caches.scratch()))
        if found is not None and all(
            self.engine.cache.fetch(found, found.output(each), folder / each) for each in action.outputs
        ):
            return folder
        return next(iter(self.files(name).values())).path.parent

    def files(self, name: str) -> dict[str, OutputFile]:
        """Perform an action, and store what it made."""
        step_ = self.steps[name]
        made = self.held.enter_context(draft_folder(self.engine.caches.scratch()))
        outputs = {file.name: file for file in self._perform(step_.action, made, step_.action.outputs)}
        paths = {each: file.path for each, file in outputs.items()}
        shared = self.chain.shared(step_.action)
        self.engine.cache.put(step_.key, step_.description, paths, shared=shared)
        return outputs

    def _perform(self, action: Action, made: Path, outputs: Sequence[str]) -> tuple[OutputFile, ...]:
        """Run a command, whose outputs end up in the folder ``made``."""
        used = [self.chain.tools[name] for name in action.tools if name != "python"]
        for tool in used:
            self.engine.install(tool)
        self.held.enter_context(holding([tool for tool in used if tool.pinned]))
        earlier = {name: self.folder(name) for name in action.after}
        with draft_folder(self.engine.caches.scratch()) as draft, step(self.engine.sink, action.name, self.chain.label):
            room = self._staged(action, draft, made)
            warmth = Warmth(action, self.chain.tools, self.engine.caches, self.engine.sink)
            warmth.announce()
            self._run(action, room, earlier)
            collected = collect(made, outputs)
            warmth.mark()
            return collected

    def _staged(self, action: Action, draft: Path, made: Path) -> Room:
        # A compiler that remembers files by size, time and number of the inode would take one for another.
        remembers = any(isinstance(place, CacheFolder) for place in action.places)
        modified = time.time() if action.fresh or remembers else EPOCH
        own = [self.inputs[path] for path in action.inputs]
        kept, there = self._kept(action, own) if remembers and not action.fresh else (None, frozenset[str]())
        room = Room.make(draft, made, kept)
        stage(self.root, own, action.files, room.work, modified=modified, elsewhere=self.depended, there=there)
        return room

    def _kept(self, action: Action, own: Sequence[InputFile]) -> tuple[Path | None, frozenset[str]]:
        """A work folder of an earlier build, and what is in it already; None where there can be none."""
        if not self.engine.stays or action.keep == "folder":
            return None, frozenset()
        identity = (str(self.root), self.chain.label, action.name)
        work = self.held.enter_context(kept_stage(self.engine.caches, identity))
        with contextlib.suppress(OSError):
            if work is not None:
                return work, settle(work, (*own, *written(action.files)))
        return None, frozenset()

    def _run(self, action: Action, room: Room, earlier: Mapping[str, Path]) -> None:
        engine = self.engine
        caches = _cache_folders(action, room, engine, (str(self.root), self.chain.label))
        layout = Layout(room, self.chain.tools, earlier, caches, engine.sandbox)
        given = {name: expand(value, layout) for name, value in action.env}
        env = {**room.environment(engine.sandbox), "SOURCE_DATE_EPOCH": str(EPOCH), **given}
        if action.network:
            env = {**_allowed(engine.user_environment, action.user_environment), **env}
        completed = run(
            engine.sandbox.command(
                [expand(word, layout) for word in action.argv],
                cwd=engine.sandbox.seen(room.work_mount),
                env=env,
                mounts=layout.mounts(action),
                network=action.network,
            ),
            cwd=room.work,
            sink=engine.sink,
            timeout_seconds=self.chain.timeout,
            tool=action.tool,
            limits=Limits(memory=self.chain.memory),
            abort=engine.abort,
        )
        if completed.exit_code != 0:
            _check_room(room.draft)
        _check(completed.exit_code, completed.tail, action, self.root)


def _cache_folders(action: Action, room: Room, engine: Engine, identity: Sequence[str]) -> dict[str, Path]:
    """Where the command keeps what makes it faster: in the user's cache, or for this once in the draft.

    ``identity`` is of the project and its target.
    """
    folders: dict[str, Path] = {}
    # Where paths are those of this machine, they get into what a compiler keeps, such as zig's own libc.
    apart = f"{UNCONFINED}/" if engine.sandbox.name == "none" else ""
    for each in sorted({each for each in action.places if isinstance(each, CacheFolder)}, key=lambda each: each.place):
        below = f"/{hashlib.sha256(repr(identity).encode()).hexdigest()[:32]}" if each.own else ""
        folders[each.place] = room.draft / "cache" / each.place
        if each.own and not room.stays:
            folders[each.place].mkdir(parents=True)  # somebody else may be using the other one
            continue
        try:
            folders[each.place] = engine.caches.writable(f"{apart}{each.place}{below}")
        except OSError as error:
            engine.sink(Note("warning", f"the cache is not used: {error.filename}: {error.strerror}"))
            folders[each.place].mkdir(parents=True)
    return folders


def _hand_over(made: Path, destination: Path) -> None:
    """Give away what was made, also to another file system; who publishes it syncs it. Raises OSError."""
    made.chmod(0o644)  # a module is data, whatever the linker thinks
    try:
        made.replace(destination)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with open_regular(made) as file, arriving(destination, mode=0o644) as copy:
            shutil.copyfileobj(file, copy)


def _allowed(environment: Mapping[str, str], wanted: Sequence[str]) -> dict[str, str]:
    exact = {name for name in wanted if not name.endswith("*")}
    prefixes = tuple(name[:-1] for name in wanted if name.endswith("*"))
    return {
        name: value
        for name, value in environment.items()
        if name in exact or name.upper() in exact or (prefixes and name.startswith(prefixes))
    }


def _check_room(folder: Path) -> None:
    """Say that a disk is full, and not that the sources are wrong, when that is why a command failed."""
    left = os.statvfs(folder)
    if left.f_bavail * left.f_frsize < _LITTLE or (left.f_files and left.f_favail == 0):
        raise StorageFailed(
            f"there is no room left where {folder} is",
            cause=os.strerror(errno.ENOSPC),
            hint="make room: wasmbuild cache prune --max-size 1GB, or set WASMBUILD_CACHE_DIR to another disk",
        )


def _check(exit_code: int, tail: Sequence[str], action: Action, root: Path) -> None:
    shown = "\n".join(tail[-_LINES_SHOWN:]) or None
    if exit_code < 0:
        raise ToolFailed(f"{action.tool} was ended by signal {-exit_code}", cause=shown)
    if exit_code != 0:
        what = "the sources do not compile" if not action.network else f"{action.tool} could not fetch what is needed"
        raise CompilationFailed(what, cause=shown, folder=root)
