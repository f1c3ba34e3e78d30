import json
import os
from pathlib import Path

import pytest
import wasmtime

from registry.client.registries import Registries
from registry.errors import InvalidReference, StorageFailed
from wasmbuild.caches import Caches
from wasmbuild.errors import (
    CapabilityDenied,
    EngineUnable,
    GuestFailed,
    GuestTrapped,
    TargetExists,
    Unsigned,
    UsageFailed,
)
from wasmbuild.events import Event, Note
from wasmbuild.run.deciding.policy import read_policy
from wasmbuild.run.deciding.wishes import Wish, parse_wish
from wasmbuild.workflows.locals import local_file
from wasmbuild.workflows.run import Prepared, RunRequest, prepare
from wasmbuild.workflows.run_report import report_json, report_text

EMPTY = bytes(wasmtime.wat2wasm('(module (func (export "_start")))'))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


WASI = "wasi_snapshot_preview1"


def make(name: str, wat: str = "") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(wasmtime.wat2wasm(wat)) if wat else EMPTY)
    return path


def opens(path: str, *, create: bool = False) -> str:
    """A command that opens a file in its first folder, and ends with what WASI says: 0, or an errno."""
    rights = 64 if create else 2
    return f"""(module
      (import "{WASI}" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
      (import "{WASI}" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (data (i32.const 100) "{path}")
      (func (export "_start")
        (call $exit (call $open (i32.const 3) (i32.const 1) (i32.const 100) (i32.const {len(path)})
          (i32.const {1 if create else 0}) (i64.const {rights}) (i64.const 0) (i32.const 0) (i32.const 0)))))"""


# Ends with the number of its environment variables.
COUNTS_VARIABLES = f"""(module
  (import "{WASI}" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "{WASI}" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (drop (call $sizes (i32.const 0) (i32.const 4))) (call $exit (i32.load (i32.const 0)))))"""

ABORTS = '(module (import "env" "abort" (func $abort)) (func (export "_start") {}))'

SUCCESS, BADF, PERMISSION = 0, 8, {2, 63, 76}
"""Errnos of WASI 0.1: acces, perm and notcapable all say that it may not."""


@pytest.mark.parametrize("name", ["127.0.0.1:5000/demo/hello:1", "ghcr.io/acme/hello", "localhost/hello"])
def test_a_file_does_not_pass_for_a_reference_with_a_host(name: str) -> None:
    make(name)
    assert local_file(name) is None
    assert local_file(f"./{name}") == Path(name)
    assert local_file(str(Path(name).absolute())) == Path(name).absolute()


@pytest.mark.parametrize(
    "name", ["hello", "dist/hello.wasm", "ghcr.io/acme/hello.wasm", "out.d/Hello", "a:1", "demo/hello"]
)
def test_other_names_of_files_are_files(name: str) -> None:
    assert local_file(str(make(name))) == Path(name)


@pytest.mark.parametrize("name", ["ghcr.io/acme/hello:1", "hello", "demo/hello", "x" * 300, "a/" * 3000 + "b"])
def test_what_is_not_there_is_meant_as_a_reference(name: str) -> None:
    assert local_file(name) is None


@pytest.mark.parametrize("name", ["hello.wasm", "./hello", "/nowhere/hello", "x" * 300 + ".wasm", "./" + "x" * 300])
def test_what_can_only_be_a_file_must_be_there(name: str) -> None:
    with pytest.raises(UsageFailed, match="there is no file"):
        local_file(name)


def test_a_file_that_is_called_nearly_so_is_offered() -> None:
    make("dist/hello.wasm")
    with pytest.raises(UsageFailed) as caught:
        local_file("dist/helo.wasm")
    assert caught.value.hint == "did you mean dist/hello.wasm"


def test_the_folder_of_a_project_is_not_asked_of_a_registry() -> None:
    make("hello/wasmbuild.toml")
    with pytest.raises(UsageFailed, match="folder of a project") as caught:
        local_file("hello")
    assert caught.value.hint == "wasmbuild build hello"
    make("hello/dist/hello.wasm")
    with pytest.raises(UsageFailed) as caught:
        local_file("hello")
    assert caught.value.hint == "give the file hello/dist/hello.wasm"


@pytest.mark.timeout(10)
def test_a_pipe_is_no_file_to_run(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wasm")
    with pytest.raises(UsageFailed):
        local_file("pipe.wasm")


def prepared(artifact: str, tmp_path: Path, events: list[Event] | None = None, **asked: object) -> Prepared:
    request = RunRequest(**asked)  # type: ignore[arg-type]
    sink = (events if events is not None else []).append
    return prepare(artifact, request, caches=Caches(tmp_path / "cache"), registries=Registries(), sink=sink)


def run(artifact: str, tmp_path: Path, events: list[Event] | None = None, **asked: object) -> int:
    sink = (events if events is not None else []).append
    return prepared(artifact, tmp_path, events, **asked).run([], caches=Caches(tmp_path / "cache"), sink=sink)


def test_a_long_text_is_a_malformed_reference(tmp_path: Path) -> None:
    with pytest.raises(InvalidReference):
        run("x" * 300, tmp_path)


def test_a_cache_of_compiled_code_that_fails_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "aot").write_text("in the way")
    make("hello.wasm")
    events: list[Event] = []
    assert run("hello.wasm", tmp_path, events) == 0
    (event,) = events
    assert isinstance(event, Note)
    assert event.level == "warning"
    assert "cache of compiled code" in event.text


class TestFolders:
    @pytest.fixture(autouse=True)
    def _folders(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "file").touch()
        (tmp_path / "outside").touch()
        (tmp_path / "data" / "link").symlink_to("../outside")
        (tmp_path / "data" / "absolute").symlink_to(tmp_path / "outside")

    def code(self, tmp_path: Path, program: str, *folders: str) -> int:
        make("opens.wasm", program)
        return run("opens.wasm", tmp_path, wish=parse_wish(folders))

    def test_without_one_there_is_none(self, tmp_path: Path) -> None:
        assert self.code(tmp_path, opens("file")) == BADF

    def test_that_is_given_is_read_and_written(self, tmp_path: Path) -> None:
        assert self.code(tmp_path, opens("file"), "data") == SUCCESS
        assert self.code(tmp_path, opens("new", create=True), "data:/in") == SUCCESS
        assert (tmp_path / "data" / "new").exists()

    def test_to_be_read_is_not_written(self, tmp_path: Path) -> None:
        assert self.code(tmp_path, opens("file"), "data:ro") == SUCCESS
        assert self.code(tmp_path, opens("new", create=True), "data:ro") in PERMISSION
        assert not (tmp_path / "data" / "new").exists()

    @pytest.mark.parametrize(
        "path", ["link", "absolute", "../outside", "./../outside", "/etc/passwd", "../../../../etc"]
    )
    def test_has_no_way_out(self, path: str, tmp_path: Path) -> None:
        assert self.code(tmp_path, opens(path), "data") in PERMISSION

    def test_that_was_a_link_stays_what_it_was(self, tmp_path: Path) -> None:
        (tmp_path / "way").symlink_to("data")
        make("opens.wasm", opens("file"))
        ready = prepared("opens.wasm", tmp_path, wish=parse_wish(("way:/in",)))
        (tmp_path / "way").unlink()
        (tmp_path / "way").symlink_to("/etc")
        assert ready.run([], caches=Caches(tmp_path / "cache"), sink=lambda _: None) == SUCCESS


def test_the_environment_is_what_is_given(tmp_path: Path) -> None:
    make("counts.wasm", COUNTS_VARIABLES)
    assert run("counts.wasm", tmp_path) == 0
    assert run("counts.wasm", tmp_path, wish=parse_wish(environment=("A=1", "PATH"))) == 2


def test_what_is_refused_is_not_even_compiled(tmp_path: Path) -> None:
    make("aborts.wasm", ABORTS.format(""))
    with pytest.raises(CapabilityDenied):
        run("aborts.wasm", tmp_path)
    assert not (tmp_path / "cache").exists()


def test_a_foreign_import_that_is_allowed_ends_the_program_when_it_is_called(tmp_path: Path) -> None:
    wish = parse_wish(allow=("env::abort",))
    make("aborts.wasm", ABORTS.format(""))
    assert run("aborts.wasm", tmp_path, wish=wish) == 0
    make("aborts.wasm", ABORTS.format("call $abort"))
    with pytest.raises(GuestTrapped, match=r"env::abort|abort"):
        run("aborts.wasm", tmp_path, wish=wish)


def test_what_was_decided_on_is_what_runs(tmp_path: Path) -> None:
    make("program.wasm")
    ready = prepared("program.wasm", tmp_path)
    make("program.wasm", ABORTS.format("call $abort"))
    assert ready.run([], caches=Caches(tmp_path / "cache"), sink=lambda _: None) == 0


def test_a_program_for_another_host_is_shown_the_way(tmp_path: Path) -> None:
    make("proxy.wasm", '(component (instance $i) (export "wasi:http/incoming-handler@0.2.0" (instance $i)))')
    with pytest.raises(GuestFailed) as failed:
        run("proxy.wasm", tmp_path)
    assert failed.value.hint == "wasmbuild serve-http proxy.wasm"
    make("new.wasm", '(component (instance $i) (export "wasi:cli/run@0.3.0" (instance $i)))')
    with pytest.raises(EngineUnable):
        run("new.wasm", tmp_path)


def test_a_file_is_not_what_a_signature_is_asked_for(tmp_path: Path) -> None:
    make("program.wasm")
    (tmp_path / "p.toml").write_text('version = 1\n[signature]\nkeys = ["k.pub"]\n')
    with pytest.raises(Unsigned) as unsigned:
        run("program.wasm", tmp_path, policy=Path("p.toml"))
    assert "p.toml, line 3" in (unsigned.value.cause or "")
    with pytest.raises(UsageFailed):
        run("program.wasm", tmp_path, key=Path("k.pub"))


class TestRecord:
    def test_is_a_policy_that_gives_the_same(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        make("opens.wasm", opens("file"))
        events: list[Event] = []
        first = prepared("opens.wasm", tmp_path, wish=parse_wish(("data:/in:ro",)))
        first.record(Path("p.toml"), events.append)
        again = prepared("opens.wasm", tmp_path, policy=Path("p.toml"), strict=True)
        assert again.decision.grants == first.decision.grants
        assert again.failure() is None
        assert "no trace" in str(events)
        assert read_policy(Path("p.toml")).capabilities is not None

    def test_overwrites_nothing(self, tmp_path: Path) -> None:
        make("program.wasm")
        for name in ("there", "link"):
            (tmp_path / name).write_text("mine") if name == "there" else (tmp_path / name).symlink_to("nowhere")
            with pytest.raises(TargetExists):
                prepared("program.wasm", tmp_path).record(Path(name), lambda _: None)
        assert (tmp_path / "there").read_text() == "mine"

    def test_without_its_folder_fails_in_words(self, tmp_path: Path) -> None:
        make("program.wasm")
        with pytest.raises(StorageFailed):
            prepared("program.wasm", tmp_path).record(Path("nowhere/p.toml"), lambda _: None)


def test_a_report_shows_names_and_no_values(tmp_path: Path) -> None:
    make("counts.wasm", COUNTS_VARIABLES)
    ready = prepared("counts.wasm", tmp_path, wish=parse_wish(environment=("TOKEN=hidden",)))
    text, document = report_text(ready), json.dumps(report_json(ready))
    assert "TOKEN" in text
    assert "TOKEN" in document
    assert "hidden" not in text + document


def test_a_report_shows_no_foreign_name_raw(tmp_path: Path) -> None:
    make("odd.wasm", '(module (import "env" "\\1b[31m" (func)) (func (export "_start")))')
    assert "\x1b" not in report_text(prepared("odd.wasm", tmp_path, wish=Wish()))
