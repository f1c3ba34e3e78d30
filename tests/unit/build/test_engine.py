"""Chains performed for real, with the shell as the compiler: what is run, what is found, and what is left."""

import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from registry.digest import Digest
from wasmbuild.build.action import Action, Argument, CacheFolder, Output, Produced, ToolFile
from wasmbuild.build.cache.folder import FolderStore
from wasmbuild.build.cache.layered import Layered
from wasmbuild.build.cache.store import ActionCache
from wasmbuild.build.chain import Chain
from wasmbuild.build.engine import EPOCH, Engine, Performed
from wasmbuild.build.sandbox import choose_sandbox
from wasmbuild.build.stages import kept_stage
from wasmbuild.build.statcache import StatCache, digest_inputs
from wasmbuild.build.tool import Tool
from wasmbuild.caches import Caches
from wasmbuild.errors import CompilationFailed, Failure, InvalidProject, ToolFailed
from wasmbuild.events import Event, Note


def shell(script: str, *more: Argument, name: str = "compile", outputs: Sequence[str] = ("a.wasm",), **rest) -> Action:
    return Action(name, "sh", ("/bin/sh", "-euc", script, "sh", Output(), *more), tuple(outputs), **rest)


@dataclass
class Bench:
    """A project, an engine, and what was said."""

    root: Path
    caches: Caches
    environment: Mapping[str, str] = field(default_factory=dict)
    others: list[ActionCache] = field(default_factory=list)
    said: list[Event] = field(default_factory=list)
    sandbox: str = "auto"

    @property
    def engine(self) -> Engine:
        own = ActionCache(FolderStore(self.caches.root / "actions", private=True), name="local", shared=False)
        layered = Layered([own, *self.others], self.said.append)
        sandbox = choose_sandbox(self.sandbox)
        return Engine(self.caches, layered, sandbox, lambda tool: None, self.environment, self.said.append)

    def perform(self, *actions: Action, tools=None, depended=None, destination="out.wasm", **limits) -> Performed:
        chain = Chain("hello", actions, tools or {}, **{"timeout": 60, "memory": 2**30, **limits})
        elsewhere = depended or {}
        own = [path for path in chain.inputs if path not in elsewhere]
        inputs = list(digest_inputs(self.root, own, StatCache(self.caches.root / "digests")))
        for path, file in elsewhere.items():
            (found,) = digest_inputs(file.parent, [file.name], StatCache(self.caches.root / "digests"))
            inputs.append(replace(found, path=path))
        return self.engine.perform(chain, self.root, inputs, elsewhere, self.root / destination)

    def output(self, name: str = "out.wasm") -> str:
        return (self.root / name).read_text()

    def left(self) -> list[str]:
        work = self.caches.root / "work"
        return sorted(path.name for path in work.iterdir()) if work.is_dir() else []


@pytest.fixture(params=["auto", "none"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    (tmp_path / "project").mkdir()
    (tmp_path / "cache").mkdir()
    return Bench(tmp_path / "project", Caches(tmp_path / "cache"), sandbox=request.param)


def test_an_action_sees_its_inputs_and_no_other_file(bench: Bench) -> None:
    (bench.root / "src").mkdir()
    (bench.root / "src" / "a.txt").write_text("a")
    (bench.root / "secret.txt").write_text("secret")
    done = bench.perform(
        shell(
            "find . -type f | sort > $1/a.wasm; cat src/a.txt made/b.txt >> $1/a.wasm",
            inputs=("src/a.txt",),
            files=(("made/b.txt", "b\n"),),
        )
    )
    assert bench.output() == "./made/b.txt\n./src/a.txt\nab\n"
    assert (done.digest, done.size, done.source) == (Digest.of(bench.output().encode()), 28, None)
    assert (bench.root / "out.wasm").stat().st_mode & 0o777 == 0o644
    assert bench.left() == []


def test_everything_about_a_command_is_fixed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.setenv("SECRET", "hunter2")
    (bench.root / "a.txt").write_text("a")
    bench.perform(
        shell(
            "{ stat -c %Y a.txt; umask; env | grep -vE '^(OLDPWD|PWD|HOME|TMPDIR|_)=' | sort; } > $1/a.wasm",
            inputs=("a.txt",),
            env=(("MINE", ("x", "y")),),
        )
    )
    stamp, mask, *variables = bench.output().splitlines()
    assert (int(stamp), mask) == (EPOCH, "0022")
    assert dict(line.split("=", 1) for line in variables if not line.startswith("SHLVL")) == {
        "LC_ALL": "C.UTF-8",
        "MINE": "xy",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "SOURCE_DATE_EPOCH": str(EPOCH),
        "TZ": "UTC",
    }


def test_what_was_done_is_found(bench: Bench) -> None:
    unstable = shell("cat /proc/sys/kernel/random/uuid > $1/a.wasm")
    first = bench.perform(unstable)
    again = bench.perform(unstable, destination="again.wasm")
    assert bench.output("again.wasm") == bench.output()
    assert (first.source, again.source) == (None, "local")
    assert again == replace(first, source="local")
    other = bench.perform(replace(unstable, env=(("A", "1"),)), destination="other.wasm")
    assert (other.source, bench.output("other.wasm") == bench.output()) == (None, False)


def test_a_later_action_reads_what_an_earlier_one_made(bench: Bench) -> None:
    first = shell("echo one > $1/part; date +%s%N > $1/when", name="first", outputs=("part", "when"))
    second = shell("cat $2 $3 > $1/a.wasm", Produced("first", "part"), Produced("first", "when"))
    bench.perform(first, second)
    before = bench.output()
    assert before.startswith("one\n")
    bench.perform(first, replace(second, env=(("A", "1"),)))
    assert bench.output() == before, "the first was not done again"


def test_the_last_result_is_enough(bench: Bench) -> None:
    ran = bench.caches.root / "ran"
    bench.sandbox = "none"
    first = shell(f"echo x >> {ran}; echo one > $1/part", name="first", outputs=("part",))
    second = shell("cat $2 > $1/a.wasm", Produced("first", "part"))
    for _ in range(3):
        bench.perform(first, second)
    assert ran.read_text() == "x\n"


def test_a_kept_folder_is_made_once_whole_and_read_only(bench: Bench) -> None:
    fetch = shell("mkdir $1/deep; date +%s%N > $1/deep/when", name="fetch", outputs=(), keep="folder", network=True)
    use = shell("cat $2/deep/when > $1/a.wasm; ! touch $2/deep/more 2> /dev/null || test -w /", Produced("fetch"))
    bench.perform(fetch, use)
    before = bench.output()
    bench.perform(fetch, replace(use, env=(("A", "1"),)))
    assert bench.output() == before
    (kept,) = [path for path in (bench.caches.root / "kept").iterdir() if path.is_dir()]
    assert kept.stat().st_mode & 0o222 == 0
    assert (kept / "deep").stat().st_mode & 0o222 == 0


def test_a_folder_that_could_not_be_made_is_not_there(bench: Bench) -> None:
    fetch = shell("echo half > $1/half; exit 1", name="fetch", outputs=(), keep="folder")
    with pytest.raises(CompilationFailed):
        bench.perform(fetch, shell("cp $2/half $1/a.wasm", Produced("fetch")))
    assert [path for path in (bench.caches.root / "kept").iterdir() if path.is_dir()] == []


def test_threads_make_a_kept_folder_once(bench: Bench) -> None:
    fetch = shell("sleep 0.2; cat /proc/sys/kernel/random/uuid > $1/id", name="fetch", outputs=(), keep="folder")

    def one(number: int) -> None:
        use = shell("cat $2/id > $1/a.wasm", Produced("fetch"), env=(("N", str(number)),))
        bench.perform(fetch, use, destination=f"{number}.wasm")

    threads = [threading.Thread(target=one, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({bench.output(f"{number}.wasm") for number in range(3)}) == 1


def test_only_what_fetches_sees_the_users_variables_that_it_names(bench: Bench) -> None:
    bench.environment = {"NPM_CONFIG_REGISTRY": "x", "HTTPS_PROXY": "y", "SECRET": "z", "HOME": "/root"}
    fetch = shell(
        "env > $1/a.wasm", network=True, user_environment=("NPM_CONFIG_*", "HTTPS_PROXY", "HOME"), name="fetch"
    )
    bench.perform(fetch)
    seen = dict(line.split("=", 1) for line in bench.output().splitlines())
    assert (seen["NPM_CONFIG_REGISTRY"], seen["HTTPS_PROXY"]) == ("x", "y")
    assert "SECRET" not in seen
    assert seen["HOME"] != "/root"
    bench.perform(replace(fetch, network=False))
    assert "NPM_CONFIG_REGISTRY" not in bench.output()


def test_files_of_other_targets_are_put_beside_the_inputs(bench: Bench) -> None:
    (bench.root / "a.txt").write_text("a")
    other = bench.root.parent / "other.wasm"
    other.write_text("other")
    use = shell("cat a.txt deps/other.wasm > $1/a.wasm", inputs=("a.txt", "deps/other.wasm"))
    bench.perform(use, depended={"deps/other.wasm": other})
    assert bench.output() == "aother"
    other.write_text("else")
    bench.perform(use, depended={"deps/other.wasm": other})
    assert bench.output() == "aelse"


def test_a_compilers_own_cache_stays_and_does_not_count(bench: Bench) -> None:
    script = 'test -e "$OWN/was" && echo warm > $1/a.wasm || { echo cold > $1/a.wasm; touch "$OWN/was"; }'
    own = shell(script, env=(("OWN", CacheFolder("sh")),))
    first = bench.perform(own)
    assert bench.output() == "cold\n"
    second = bench.perform(replace(own, files=(("n", ""),)))
    assert bench.output() == "warm\n"
    assert first.key != second.key
    apart = "unconfined" if bench.sandbox == "none" else "."
    assert (bench.caches.root / apart / "sh" / "was").exists()


LIST = 'stat -c "%n %i %Y.%y" *.txt > $1/a.wasm; echo left > rest.txt; rm -f b.txt'
REMEMBERS = {"env": (("OWN", CacheFolder("sh")),)}


def settled(bench: Bench, **more: Any) -> list[str]:
    """What the command finds in its work folder, with number and time of each file."""
    chain = Chain("hello", (shell(LIST, **{"inputs": ("a.txt", "b.txt"), **more}),), {}, 60, 2**30)
    inputs = digest_inputs(bench.root, ["a.txt", "b.txt"], StatCache(bench.caches.root / "digests"))
    engine = replace(bench.engine, stays=True, cache=Layered([], bench.said.append))
    engine.perform(chain, bench.root, inputs, {}, bench.root / "out.wasm")
    return bench.output().splitlines()


def test_a_compiler_that_remembers_finds_the_same_files_again(bench: Bench) -> None:
    for name in ("a.txt", "b.txt"):
        (bench.root / name).write_text(name)
    first = settled(bench, **REMEMBERS)
    second = settled(bench, **REMEMBERS)
    assert second[0] == first[0], "the same file, of the same time"
    assert second[1].startswith("b.txt "), "what the command removed is there again"
    assert len(second) == len(first) == 2, "what it left is gone"
    (bench.root / "a.txt").write_text("A.txt")
    assert settled(bench, **REMEMBERS)[0] != first[0]
    assert bench.left() == []
    with pytest.raises(ToolFailed):
        settled(bench, outputs=("none",), **REMEMBERS)
    assert len(settled(bench, **REMEMBERS)) == 2, "a failure does no harm"


@pytest.mark.parametrize("more", [{}, {**REMEMBERS, "fresh": True}], ids=["remembers nothing", "compares times"])
def test_other_compilers_get_a_fresh_folder(bench: Bench, more: dict[str, Any]) -> None:
    for name in ("a.txt", "b.txt"):
        (bench.root / name).write_text(name)
    settled(bench, **more)
    settled(bench, **more)
    assert not (bench.caches.root / "stages").exists()


def test_a_stage_that_somebody_else_has_is_not_waited_for(bench: Bench) -> None:
    for name in ("a.txt", "b.txt"):
        (bench.root / name).write_text(name)
    first = settled(bench, **REMEMBERS)
    with kept_stage(bench.caches, (str(bench.root), "hello", "compile")) as held:
        assert held is not None
        other = settled(bench, **REMEMBERS)
    assert (len(other), other[0] == first[0]) == (2, False)
    assert settled(bench, **REMEMBERS)[0] == first[0]


def test_a_cache_on_another_disk(tmp_path: Path) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        bench = Bench(tmp_path, Caches(Path(folder)))
        bench.perform(shell("echo far > $1/a.wasm; chmod 700 $1/a.wasm"))
        assert bench.output() == "far\n"
        assert (tmp_path / "out.wasm").stat().st_mode & 0o777 == 0o644
        assert [path.name for path in tmp_path.iterdir()] == ["out.wasm"]


@pytest.mark.parametrize("why", [{"fresh": True}, {"env": (("OWN", CacheFolder("sh")),)}], ids=["asked", "remembers"])
def test_files_of_now_for_a_compiler_that_compares_times(bench: Bench, why: dict[str, Any]) -> None:
    (bench.root / "a.txt").write_text("a")
    bench.perform(shell("stat -c %Y a.txt > $1/a.wasm", inputs=("a.txt",), **why))
    assert abs(int(bench.output()) - time.time()) < 60


FAILING = [
    ("echo 'a.c:1: wrong'; exit 1", CompilationFailed, "a.c:1: wrong"),
    ("echo here; kill -9 $$", ToolFailed, "here"),
    ("echo half > $1/b.wasm", ToolFailed, ""),
    ("ln -s /etc/passwd $1/a.wasm", ToolFailed, ""),
    ("mkdir $1/a.wasm", ToolFailed, ""),
    ("sleep 60", ToolFailed, ""),
]


@pytest.mark.parametrize(("script", "kind", "said"), FAILING, ids=[script for script, _, _ in FAILING])
def test_a_failure_leaves_what_was_there(bench: Bench, script: str, kind: type[Failure], said: str) -> None:
    (bench.root / "out.wasm").write_text("before")
    with pytest.raises(kind) as caught:
        bench.perform(shell(script), timeout=1.5 if "sleep" in script else 30)
    assert said in (caught.value.cause or "")
    assert bench.output() == "before"
    assert bench.left() == []


def test_a_file_that_changes_during_the_build_is_noticed(bench: Bench) -> None:
    (bench.root / "a.txt").write_text("a")
    chain = Chain("hello", (shell("cat a.txt > $1/a.wasm", inputs=("a.txt",)),), {}, 60, 2**30)
    inputs = digest_inputs(bench.root, ["a.txt"], StatCache(bench.caches.root / "digests"))
    (bench.root / "a.txt").write_text("b")
    with pytest.raises(InvalidProject, match=r"a\.txt changed during the build"):
        bench.engine.perform(chain, bench.root, inputs, {}, bench.root / "out.wasm")
    assert not (bench.root / "out.wasm").exists()


def test_a_damaged_result_is_made_again_and_reported(bench: Bench) -> None:
    action = shell("echo good > $1/a.wasm")
    done = bench.perform(action)
    (blob,) = (bench.caches.root / "actions").rglob(done.digest.encoded)
    blob.chmod(0o600)
    blob.write_text("evil\n")
    again = bench.perform(action, destination="again.wasm")
    assert (bench.output("again.wasm"), again.source) == ("good\n", None)
    assert any(isinstance(event, Note) and event.level == "warning" for event in bench.said)
    assert bench.perform(action).source == "local"


def test_a_cache_folder_that_cannot_be_used_does_not_stop_a_build(bench: Bench) -> None:
    for name in ("work", "actions", "sh", "unconfined"):
        (bench.caches.root / name).write_text("in the way")
    bench.perform(shell("echo fine > $1/a.wasm", env=(("OWN", CacheFolder("sh/deep")),)))
    assert bench.output() == "fine\n"
    assert any(isinstance(event, Note) and "the cache is not used" in event.text for event in bench.said)


def test_what_a_tool_of_this_machine_made_stays_on_it(bench: Bench, tmp_path: Path) -> None:
    shared = FolderStore(tmp_path / "shared")
    bench.others = [ActionCache(shared, name="shared")]
    for pinned, expected in ((False, 0), (True, 1)):
        tool = Tool("sh", "1", Digest.of(str(pinned).encode()), Path("/bin"), pinned=pinned)
        bench.perform(shell("echo x > $1/a.wasm", ToolFile("sh", "sh")), tools={"sh": tool})
        assert len(list((tmp_path / "shared").glob("ac/*"))) == expected
