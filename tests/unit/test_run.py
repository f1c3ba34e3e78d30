import os
from pathlib import Path

import pytest
import wasmtime

from registry.client.registries import Registries
from registry.errors import InvalidReference
from wasmbuild.caches import Caches
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Event, Note
from wasmbuild.workflows.run import local_file, run_artifact

EMPTY = bytes(wasmtime.wat2wasm('(module (func (export "_start")))'))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def make(name: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(EMPTY)
    return path


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


@pytest.mark.timeout(10)
def test_a_pipe_is_no_file_to_run(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wasm")
    with pytest.raises(UsageFailed):
        local_file("pipe.wasm")


def run(artifact: str, tmp_path: Path, events: list[Event]) -> int:
    return run_artifact(
        artifact,
        [],
        key=None,
        caches=Caches(tmp_path / "cache"),
        registries=Registries(),
        sink=events.append,
        ready=lambda: None,
    )


def test_a_long_text_is_a_malformed_reference(tmp_path: Path) -> None:
    with pytest.raises(InvalidReference):
        run("x" * 300, tmp_path, [])


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
