"""Builds on real Dask clusters: one in processes of its own that can be killed, and one that Dask starts."""

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from registry.client.settings import Settings
from registry.digest import Digest
from registry.errors import InvalidDocument
from wasmbuild.build.action import Action, ActionKey, InputFile, Output
from wasmbuild.build.cache.folder import FolderStore
from wasmbuild.build.cache.layered import Layered
from wasmbuild.build.cache.store import ActionCache
from wasmbuild.build.chain import Chain
from wasmbuild.build.engine import Engine, Performed
from wasmbuild.build.guard import Abort
from wasmbuild.build.parcel import contents
from wasmbuild.build.sandbox import choose_sandbox
from wasmbuild.build.statcache import StatCache, digest_inputs
from wasmbuild.caches import CACHE_VARIABLE, Caches
from wasmbuild.errors import CompilationFailed, ToolFailed, UsageFailed
from wasmbuild.events import Event, Note, Sink, Step, ToolOutput
from wasmbuild.toolchains import custom
from wasmbuild.workflows import cluster as under_test
from wasmbuild.workflows.build import Built, Setting, build
from wasmbuild.workflows.caching import local_cache
from wasmbuild.workflows.cluster import transport_address
from wasmbuild.workflows.dispatch import Dispatcher, Orders, Sender
from wasmbuild.workflows.jobs import PARCEL, JobDone, perform_job
from wasmbuild.workflows.options import BuildOptions
from wasmbuild.workflows.toolroom import Installer

pytest.importorskip("distributed")

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("cluster")]

COMPILE = """#!/bin/sh -eu
{before}
printf '\\000asm\\001\\000\\000\\000' > "$1"
cat src/* | head -c 100 > text
printf '\\000\\146\\001x' >> "$1"
{{ cat text; head -c 100 /dev/zero; }} | head -c 100 >> "$1"
"""
"""Compiles by putting its sources into a section of a module."""


def prepared(root: Path) -> Caches:
    """A cache that has nothing but the compilers."""
    shared, caches = Caches.of_user(), Caches(root)
    caches.root.mkdir(parents=True)
    for name in ("tools", "warm", "zig"):
        (caches.root / name).symlink_to(shared.folder(name))
    return caches


@dataclass
class Workers:
    """A scheduler and its workers, each a process."""

    root: Path
    address: str = ""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def launch(self, name: str, program: str, *arguments: str) -> None:
        env = {**os.environ, CACHE_VARIABLE: str(self.root / name), "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error"}
        with (self.root / f"{name}.log").open("wb") as log:
            command = [sys.executable, "-m", f"distributed.cli.dask_{program}", *arguments, "--no-dashboard"]
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, env=env, cwd=self.root)

    def schedule(self) -> None:
        file = self.root / "scheduler.json"
        self.launch("scheduler", "scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        import json

        wait_for(file.exists)
        self.address = json.loads(file.read_text())["address"].replace("tcp://", "dask://")

    def work(self, *names: str) -> None:
        for name in names:
            if not (self.root / name).exists():
                prepared(self.root / name)
            options = ("--nthreads", "1", "--no-nanny", "--name", name, "--host", "127.0.0.1")
            folder = str(self.root / f"{name}-dask")
            self.launch(
                name, "worker", self.address.replace("dask://", "tcp://"), *options, "--local-directory", folder
            )

    def complete(self) -> "Workers":
        """Wait until all are there."""
        from distributed import Client

        with Client(self.address.replace("dask", "tcp"), set_as_default=False) as client:
            wait_for(lambda: len(client.nthreads()) == len(self.processes) - 1)
        return self

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        process = self.processes.pop(name)
        process.send_signal(number)
        process.wait(timeout=30)

    def end(self) -> None:
        for name in sorted(self.processes, reverse=True):
            self.kill(name)


@contextlib.contextmanager
def cluster(root: Path, *names: str) -> Iterator[Workers]:
    root.mkdir(exist_ok=True)
    workers = Workers(root)
    try:
        workers.schedule()
        workers.work(*names)
        yield workers.complete()
    finally:
        workers.end()


AS_IF_PINNED = """
from wasmbuild.toolchains import custom
needs, program = custom.CustomToolchain.needs, custom._program
own = lambda target: target.command[0].startswith("./")
custom.CustomToolchain.needs = lambda self, target: () if own(target) else needs(self, target)
custom._program = lambda target, tools: (target.command[0],) if own(target) else program(target, tools)
"""
"""Scripts stand for compilers here. What they make would stay on this machine: they run its shell."""


@pytest.fixture(autouse=True)
def as_if_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custom, "_program", custom._program)
    monkeypatch.setattr(custom.CustomToolchain, "needs", custom.CustomToolchain.needs)
    exec(AS_IF_PINNED, {})


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    with cluster(tmp_path_factory.mktemp("workers"), "one", "two") as running:
        yield running


def wait_for(what: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


@dataclass
class Bench:
    """A project, a cache of one's own and one that is shared, and what was said."""

    root: Path
    caches: Caches
    shared: Path
    said: list[Event] = field(default_factory=list)

    def write(self, targets: dict[str, str], before: str = "", toml: str = "") -> None:
        """Targets by name, and what more their tables say."""
        (self.root / "src").mkdir(parents=True, exist_ok=True)
        (self.root / "src" / "text").write_text("hello")
        (self.root / "compile.sh").write_text(COMPILE.format(before=before))
        (self.root / "compile.sh").chmod(0o755)
        command = 'language = "custom"\ncommand = ["./compile.sh", "{output}", "{name}"]\nsources = ["src/*"]\n'
        tables = "".join(f"[target.{name}]\n{command}{more}\n" for name, more in targets.items())
        (self.root / "wasmbuild.toml").write_text(f'[project]\nname = "a"\nversion = "1.0.0"\n{toml}\n{tables}')

    def build(self, address: str | None, sink: Sink | None = None, **options: Any) -> dict[str, Built]:
        given = {"cache_to": (f"folder:{self.shared}",), **options} if address else options
        setting = Setting(self.caches, os.environ, sink or self.said.append)
        built = build(self.root, BuildOptions(executor=address, **given), setting)
        return {each.label: each for each in built}

    def notes(self, level: str = "warning") -> list[str]:
        return [event.text for event in self.said if isinstance(event, Note) and event.level == level]

    def steps(self) -> list[str]:
        sent = [event for event in self.said if isinstance(event, Step) and event.verb == "compile on the cluster"]
        return sorted(event.subject for event in sent if event.seconds is not None)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv(CACHE_VARIABLE, str(prepared(tmp_path / "worker").root))
    return Bench(tmp_path / "project", prepared(tmp_path / "mine"), tmp_path / "shared")


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def open_sockets() -> set[str]:
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add(str(path.readlink()))
    return {name for name in found if name.startswith("socket:")}


def sleeping(seconds: int) -> str:
    return f"sleep {seconds}.{os.getpid()}"


def running(seconds: int) -> list[str]:
    """The processes that sleep so long because this process wanted it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes() == sleeping(seconds).replace(" ", "\0").encode() + b"\0":
                found.append(path.parent.name)
    return found


def test_a_workspace_is_spread_over_the_workers(bench: Bench, workers: Workers, capfd) -> None:
    bench.write(
        {**{f"t{n}": "" for n in range(5)}, "last": 'depends = ["t0", "t1"]\n'},
        before='sleep 0.2; test "$2" != last || test -s deps/t0.wasm',
    )
    before = {name: len(entries(workers.root / name / "actions" / "ac")) for name in ("one", "two")}
    built = bench.build(workers.address)
    assert sorted(built) == ["last", "t0", "t1", "t2", "t3", "t4"] == bench.steps()
    assert all(each.compiled.source is None for each in built.values())
    made = {n: len(entries(workers.root / n / "actions" / "ac")) - before[n] for n in ("one", "two")}
    assert sum(made.values()) == 6
    assert min(made.values()) >= 1
    assert len(entries(bench.shared / "ac")) == 6 + 2, "inputs of five targets, once, and those of the last"
    assert bench.notes() == []
    assert [entries(root / "work") for root in (bench.caches.root, workers.root / "one", workers.root / "two")] == [
        []
    ] * 3
    assert capfd.readouterr() == ("", "")


def test_nothing_of_it_stays(bench: Bench, workers: Workers) -> None:
    bench.write({"a": ""})
    handlers = {name: logging.getLogger(name).handlers[:] for name in ("distributed", "distributed.client", "tornado")}
    before = set(threading.enumerate())
    sockets = open_sockets()
    bench.build(workers.address)
    left = [thread.name for thread in set(threading.enumerate()) - before]
    assert [name for name in left if not name.startswith("Dask-Offload")] == []
    assert {name: logging.getLogger(name).handlers for name in handlers} == handlers
    assert open_sockets() <= sockets


def test_what_a_cache_has_is_not_sent(bench: Bench, workers: Workers) -> None:
    bench.write({"a": ""})
    first = bench.build(workers.address)["a"]
    assert bench.build(workers.address)["a"].compiled.source == "local"
    bench.said.clear()
    shutil.rmtree(bench.root / "dist")
    assert bench.build(workers.address)["a"].compiled.source == "local"
    shutil.rmtree(bench.root / "dist")
    shutil.rmtree(bench.caches.root)
    last = bench.build(workers.address)["a"]
    assert (last.compiled.source, last.manifest) == (f"folder:{bench.shared}", first.manifest)
    assert bench.steps() == []


def test_no_cache_is_no_cache_of_the_workers_either(bench: Bench, workers: Workers) -> None:
    bench.write({"a": ""}, before="cat /proc/sys/kernel/random/uuid > src/random")
    first = bench.build(workers.address)["a"]
    again = bench.build(workers.address, no_cache=True)["a"]
    assert again.compiled.source is None
    assert again.action_key == first.action_key
    assert again.manifest != first.manifest, "it was compiled again"


def test_what_the_compiler_says_arrives_once(bench: Bench, workers: Workers) -> None:
    bench.write({"a": "", "b": ""}, before='echo "src/text:1: error: no $2"; test $2 = a || exit 3')
    with pytest.raises(CompilationFailed) as caught:
        bench.build(workers.address, keep_going=True, jobs=2)
    assert caught.value.cause == "src/text:1: error: no b"
    lines = [event.line for event in bench.said if isinstance(event, ToolOutput)]
    assert sorted(lines) == ["src/text:1: error: no a", "src/text:1: error: no b"]
    assert entries(bench.root / "dist") == ["a.wasm", "oci"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_ends_gives_its_work_to_the_other(bench: Bench, tmp_path: Path, capfd, number: int) -> None:
    bench.write({"a": ""}, before=sleeping(2))
    with cluster(tmp_path / "workers", "one", "two") as own, ThreadPoolExecutor(1) as pool:
        done = pool.submit(bench.build, own.address)
        wait_for(lambda: running(2))
        compiling = running(2)
        (busy,) = [name for name in ("one", "two") if entries(own.root / name / "work")]
        own.kill(busy, number)
        wait_for(lambda: not set(running(2)) & set(compiling), seconds=1.8)
        built = done.result(timeout=60)["a"]
        (other,) = {"one", "two"} - {busy}
        assert len(entries(own.root / other / "actions" / "ac")) == 1
        assert entries(own.root / busy / "actions" / "ac") == []
        assert built.wasm_path.read_bytes().startswith(b"\0asm")
        assert running(2) == []
    assert capfd.readouterr() == ("", "")


NOISE = ("distributed", "Traceback", "tornado", "asyncio", "Exception ignored")


def started(bench: Bench, address: str) -> subprocess.Popen[str]:
    """A build from the command line."""
    arguments = ["build", "--executor", address, "--cache-to", f"folder:{bench.shared}", str(bench.root)]
    command = [sys.executable, "-c", f"{AS_IF_PINNED}\nfrom wasmbuild.cli.entry import main; main()", *arguments]
    env = {**os.environ, CACHE_VARIABLE: str(bench.caches.root)}
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_scheduler_that_is_killed_ends_the_build(bench: Bench, tmp_path: Path) -> None:
    bench.write({"a": ""}, before=sleeping(60))
    with cluster(tmp_path / "workers", "one") as own, started(bench, own.address) as process:
        wait_for(lambda: running(60))
        own.kill("scheduler")
        out, err = process.communicate(timeout=30)
        wait_for(lambda: not running(60))
    assert (process.returncode, out) == (1, "")
    assert "a could not be compiled on the cluster" in err
    assert "cause: the scheduler ended" in err
    assert [word for word in NOISE if word in err] == [], err


@pytest.fixture
def heard() -> Iterator[None]:
    """Ctrl-C interrupts, also where whoever began the tests has it ignored, as shells do in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("jobs", [None, 1])
def test_an_interruption_ends_what_runs_there(bench: Bench, workers: Workers, jobs: int | None, heard: None) -> None:
    bench.write({f"t{n}": "" for n in range(4)}, before=sleeping(61))

    def interrupt() -> None:
        wait_for(lambda: len(running(61)) == (jobs or 2))
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        bench.build(workers.address, jobs=jobs)
    thread.join()
    wait_for(lambda: not running(61), seconds=10)
    assert entries(bench.root / "dist") == []
    bench.write({"t0": ""})
    assert list(bench.build(workers.address)) == ["t0"], "both are free again"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_build_that_is_ended_ends_what_it_began(bench: Bench, workers: Workers, number: int, code: int) -> None:
    bench.write({"a": "", "b": "", "c": ""}, before=sleeping(62))
    with started(bench, workers.address) as process:
        wait_for(lambda: len(running(62)) == 2)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    wait_for(lambda: not running(62), seconds=10)
    assert (process.returncode, out) == (code, "")
    assert [word for word in NOISE if word in err] == [], err


def test_a_cache_that_workers_do_not_reach(bench: Bench, workers: Workers, monkeypatch) -> None:
    bench.write({"a": ""})
    monkeypatch.chdir(bench.shared.parent)
    with pytest.raises(ToolFailed, match="does not find what it is to compile") as caught:
        bench.build(workers.address, cache_to=("folder:/proc/self/cwd/mine-alone",))
    assert "--cache-to" in str(caught.value.hint)


def test_a_folder_is_the_same_for_workers_wherever_they_are(bench: Bench, workers: Workers, monkeypatch) -> None:
    bench.write({"a": ""})
    monkeypatch.chdir(bench.shared.parent)
    assert list(bench.build(workers.address, cache_to=("folder:near",))) == ["a"]
    assert len(entries(bench.shared.parent / "near" / "ac")) == 2


def test_a_cache_that_takes_nothing(bench: Bench, workers: Workers) -> None:
    bench.write({"a": ""})
    with pytest.raises(ToolFailed, match="no cache has taken them"):
        bench.build(workers.address, cache_to=("folder:/proc/version/cache",))


def test_a_tool_of_this_machine_stays_here(bench: Bench, workers: Workers) -> None:
    bench.write({"a": ""})
    text = (bench.root / "wasmbuild.toml").read_text()
    (bench.root / "wasmbuild.toml").write_text(
        text.replace('"./compile.sh"', '"sh", "compile.sh"').replace("src/*", "**")
    )
    bench.build(workers.address)
    assert "a is compiled here: sh is a tool of this machine" in bench.notes("info")
    assert bench.steps() == []


@pytest.mark.parametrize(
    "address",
    [
        *("", "dask://", "dask://host", "dask://host:", "dask://host:0", "dask://host:65536", "dask://host:80/x"),
        *("tcp://host:80", "host:80", "dask://[::1:80", "dask://host:80 ", "dask://h\n:80", "dask://u:p@host:80"),
    ],
)
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(UsageFailed, match="is no executor"):
        transport_address(address)


def test_addresses() -> None:
    assert transport_address("dask://10.0.0.1:8786") == "tcp://10.0.0.1:8786"
    assert transport_address("dask+tls://farm.example.com:8786/") == "tls://farm.example.com:8786"
    assert transport_address("dask://[::1]:8786") == "tcp://[::1]:8786"


def test_a_scheduler_that_is_not_there(bench: Bench, registry_address: str, monkeypatch, capfd) -> None:
    monkeypatch.setattr(under_test, "_PATIENCE", 1)
    bench.write({"a": "", "b": ""})
    for address in ("dask://127.0.0.1:9", f"dask://{registry_address}", "dask+tls://127.0.0.1:9"):
        began = time.monotonic()
        with pytest.raises(ToolFailed, match="cannot be reached"):
            bench.build(address, keep_going=True)
        assert time.monotonic() - began < 6
    assert capfd.readouterr().err == ""


def test_something_else_that_answers(bench: Bench, registry_address: str) -> None:
    bench.write({"a": ""})
    with started(bench, f"dask://{registry_address}") as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"the cluster dask://{registry_address} cannot be reached" in err
    assert [word for word in NOISE if word in err.partition("hint:")[0]] == [], err


def test_the_same_inputs_are_sent_once(bench: Bench) -> None:
    bench.write({"a": ""})
    inputs = digest_inputs(bench.root, ["src/text", "compile.sh"], StatCache(bench.caches.root / "digests"))
    sink = bench.said.append
    engine = Engine(bench.caches, Layered([], sink), choose_sandbox(), lambda tool: None, {}, sink)
    shared = ActionCache(FolderStore(bench.shared), name="shared")
    sender = Sender(Layered([shared], sink), engine)
    read: list[str] = []

    def place(file: InputFile) -> Path:
        read.append(file.path)
        time.sleep(0.05)
        return bench.root / file.path

    with ThreadPoolExecutor(4) as pool:
        keys = set(pool.map(lambda _: sender.send(inputs, place), range(8)))
    assert len(keys) == 1
    assert sorted(read) == ["compile.sh", "src/text"]


def test_what_a_cluster_needs(bench: Bench) -> None:
    bench.write({"a": ""})
    with pytest.raises(UsageFailed, match="a cache that it shares"):
        bench.build("dask://127.0.0.1:9", cache_to=())


def test_nobody_there_to_work_is_said(bench: Bench, tmp_path: Path) -> None:
    bench.write({"a": ""})
    with cluster(tmp_path / "workers") as own, ThreadPoolExecutor(1) as pool:
        done = pool.submit(bench.build, own.address)
        wait_for(bench.notes)
        own.work("late")
        assert list(done.result(timeout=60)) == ["a"]
    assert bench.notes() == [f"the cluster {own.address} has no workers yet: they are waited for"]


def test_a_cluster_that_dask_starts_with_tls_a_registry_and_a_real_compiler(
    bench: Bench, tmp_path: Path, registry_address: str, repository_name: str
) -> None:
    import dask
    from distributed import LocalCluster, Security

    for name in ("one", "two"):
        (bench.root / "src").mkdir(parents=True, exist_ok=True)
        (bench.root / "src" / f"{name}.c").write_text(f"int main(void) {{ return {len(name)}; }}\n")
    targets = "".join(f'[target.{name}]\nsources = ["src/{name}.c"]\n' for name in ("one", "two"))
    (bench.root / "wasmbuild.toml").write_text(f'[project]\nname = "a"\nversion = "1.0.0"\n{targets}')
    security = Security.temporary()
    tls = {f"distributed.comm.tls.{name}": text for name, text in _configured(security).items()}
    options = {"cache_to": (f"{registry_address}/{repository_name}",)}
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", security=security, protocol="tls"
    ) as local:
        address = local.scheduler_address.replace("tls://", "dask+tls://")
        with dask.config.set(tls):
            there = bench.build(address, **options)
        assert (bench.steps(), bench.notes()) == (["one", "two"], [])
        with pytest.raises(ToolFailed, match="cannot be reached") as caught:
            bench.build(address, no_cache=True, **options)
        assert "docs/cluster.md" in str(caught.value.hint)
    clone = Bench(tmp_path / "clone", prepared(tmp_path / "other"), tmp_path / "unused")
    shutil.copytree(bench.root, clone.root, ignore=shutil.ignore_patterns("dist"))
    here = clone.build(None, no_cache=True)
    assert {name: each.manifest for name, each in here.items()} == {name: each.manifest for name, each in there.items()}
    shutil.rmtree(clone.root / "dist")
    clone = Bench(clone.root, Caches(tmp_path / "nothing"), clone.shared)
    cached = clone.build(None, cache_from=options["cache_to"], offline=True)
    assert {each.compiled.source for each in cached.values()} == set(options["cache_to"])


def _configured(security: Any) -> dict[str, str]:
    return {
        "ca-file": security.tls_ca_file,
        "client.cert": security.tls_client_cert,
        "client.key": security.tls_client_key,
    }


class Hands:
    """Something around a job, in another thread."""

    def __init__(self, bench: Bench, work: Callable[[str, bytes], JobDone]) -> None:
        self.bench, self.work = bench, work

    def perform(self, *actions: Action, **given: Any) -> Performed:
        bench, sink = self.bench, self.bench.said.append
        chain = Chain("hello", actions, {}, timeout=60, memory=2**30)
        cache = Layered(local_cache(bench.caches, sink), sink)
        engine = Engine(bench.caches, cache, choose_sandbox(), lambda tool: None, {}, sink)
        orders = Orders((f"folder:{bench.shared}",), Settings())
        with ThreadPoolExecutor(1) as pool:
            dispatcher = Dispatcher(engine, pool, orders, Installer(bench.caches, {}, sink), self.work)
            inputs = digest_inputs(bench.root, chain.inputs, StatCache(bench.caches.root / "digests"))
            return dispatcher.perform(chain, bench.root, inputs, {}, bench.root / "out.wasm")


def shell(script: str, **rest: Any) -> Action:
    return Action("compile", "sh", ("/bin/sh", "-euc", script, "sh", Output()), ("a.wasm",), **rest)


def test_any_executor_will_do(bench: Bench) -> None:
    bench.write({"a": ""})
    made = Hands(bench, perform_job).perform(shell("cat src/text > $1/a.wasm", inputs=("src/text",)))
    assert (made.source, (bench.root / "out.wasm").read_text()) == (None, "hello")
    assert Hands(bench, perform_job).perform(shell("cat src/text > $1/a.wasm", inputs=("src/text",))).source == "local"
    Hands(bench, perform_job).perform(shell("echo none > $1/a.wasm"))
    assert (bench.root / "out.wasm").read_text() == "none\n"


def test_a_worker_without_wasmbuild(bench: Bench) -> None:
    def work(version: str, encoded: bytes) -> JobDone:
        raise ModuleNotFoundError("No module named 'wasmbuild'")

    with pytest.raises(ToolFailed, match="hello could not be compiled on the cluster: ModuleNotFoundError: No module"):
        Hands(bench, work).perform(shell("echo > $1/a.wasm"))


def test_a_result_that_does_not_come(bench: Bench) -> None:
    def work(version: str, encoded: bytes) -> JobDone:
        done = perform_job(version, encoded)
        shutil.rmtree(bench.shared)
        return done

    with pytest.raises(ToolFailed, match="the result is not in the cache"):
        Hands(bench, work).perform(shell("echo > $1/a.wasm"))


def test_a_worker_that_keeps_results_under_other_keys(bench: Bench) -> None:
    def work(version: str, encoded: bytes) -> JobDone:
        done = perform_job(version, encoded)
        assert done.performed is not None
        return replace(done, performed=replace(done.performed, key=ActionKey(Digest.of(b"other"))))

    with pytest.raises(ToolFailed, match="hello has another key on the worker"):
        Hands(bench, work).perform(shell("echo > $1/a.wasm"))


def test_inputs_that_somebody_else_has_put_there_are_not_compiled(bench: Bench) -> None:
    bench.write({"a": ""})
    action = shell("cat src/text > $1/a.wasm", inputs=("src/text",))
    inputs = digest_inputs(bench.root, action.inputs, StatCache(bench.caches.root / "digests"))
    (bench.root / "evil").write_text("evil!")
    description = contents(inputs)
    evil = ActionCache(FolderStore(bench.shared), name="evil")
    evil.put(ActionKey.of(description), description, {PARCEL: bench.root / "evil"})
    with pytest.raises(InvalidDocument, match="did not come as it was sent"):
        Hands(bench, perform_job).perform(action)
    assert not (bench.root / "out.wasm").exists()


def test_a_job_that_was_given_up_is_no_answer(bench: Bench) -> None:
    def work(version: str, encoded: bytes) -> JobDone:
        abort = Abort()
        abort.set()
        return perform_job(version, encoded, abort)

    with pytest.raises(ToolFailed, match="Stopped"):
        Hands(bench, work).perform(shell("echo > $1/a.wasm"))


def test_what_is_sent_has_no_listener_and_no_environment(bench: Bench, monkeypatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://me:hunter2@index.example.com")
    seen: list[bytes] = []

    def work(version: str, encoded: bytes) -> JobDone:
        seen.append(encoded)
        return perform_job(version, encoded)

    Hands(bench, work).perform(shell("echo > $1/a.wasm", network=True, user_environment=("PIP_*",)))
    assert b"hunter2" not in seen[0]


def test_a_worker_of_another_version_touches_nothing() -> None:
    done = perform_job("0.0.0", b"not to be looked at")
    assert isinstance(done.failure, ToolFailed)
    assert "was sent work of 0.0.0" in str(done.failure)
