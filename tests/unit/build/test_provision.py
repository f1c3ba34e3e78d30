import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.build.wheels import build_wheel, only_index, pinned_wheel
from wasmbuild.build.provision import provision
from wasmbuild.build.tool import Tool, Wheels
from wasmbuild.build.toolfolders import tool_folder
from wasmbuild.caches import Caches
from wasmbuild.errors import ToolchainMissing
from wasmbuild.events import Event, Note, Step, ToolOutput, ignore


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place that pip may take packages from."""
    return only_index(tmp_path / "index", monkeypatch)


@pytest.fixture
def caches(tmp_path: Path) -> Caches:
    return Caches(tmp_path / "cache")


def kept(caches: Caches) -> list[str]:
    return [path.name for path in caches.tools.iterdir() if path.suffix != ".lock"]


def test_a_tool_arrives_whole_and_once(index: Path, caches: Caches, monkeypatch: pytest.MonkeyPatch) -> None:
    pin, events = pinned_wheel(build_wheel(index)), list[Event]()
    tool = provision(pin, caches, events.append)
    assert tool == Tool("tiny", "1.0", pin.digest, tool_folder(pin, caches))
    assert subprocess.run([tool.root / "tinytool" / "tool"], capture_output=True, check=True).stdout == b"tiny\n"
    assert kept(caches) == [tool.root.name]
    assert Step("provision", "tiny 1.0") in events
    assert any(isinstance(event, ToolOutput) and event.tool == "pip" for event in events)

    monkeypatch.setattr("wasmbuild.build.fetching.run", None)  # a second process would fail
    events.clear()
    assert provision(pin, caches, events.append) == tool
    assert events == []


def test_the_users_own_habits_for_pip_do_not_get_in_the_way(
    index: Path, caches: Caches, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {"USER": "1", "REQUIRE_VIRTUALENV": "1", "TARGET": str(tmp_path / "no"), "DRY_RUN": "1"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    tool = provision(pinned_wheel(build_wheel(index)), caches, ignore)
    assert (tool.root / "tinytool" / "tool").exists()
    assert not (tmp_path / "no").exists()


def test_a_file_called_pip_in_this_folder_is_not_run(
    index: Path, caches: Caches, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pip.py").write_text("raise SystemExit('mine')")
    monkeypatch.chdir(tmp_path)
    assert provision(pinned_wheel(build_wheel(index)), caches, ignore).root.is_dir()


def test_another_hash_is_refused(index: Path, caches: Caches) -> None:
    build_wheel(index)
    with pytest.raises(ToolchainMissing, match="what the package index gave has another hash") as caught:
        provision(pinned_wheel("a" * 64), caches, ignore)
    assert "a" * 64 in str(caught.value.cause)
    assert caught.value.hint is not None
    assert kept(caches) == []


def test_an_index_without_it_says_what_was_tried_and_what_to_do(index: Path, caches: Caches) -> None:
    with pytest.raises(ToolchainMissing, match=r"tried pip install tinytool==1\.0") as caught:
        provision(pinned_wheel("a" * 64), caches, ignore)
    assert "No matching distribution found for tinytool==1.0" in str(caught.value.cause)
    assert "PIP_INDEX_URL" in str(caught.value.hint)
    assert kept(caches) == []


def test_no_network_is_said_without_the_password_of_the_index(
    index: Path, caches: Caches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_RETRIES", "0")
    # Port 9 is "discard": nobody listens on it.
    monkeypatch.setenv("PIP_INDEX_URL", "http://ada:hunter2@127.0.0.1:9/simple")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    events = list[Event]()
    with pytest.raises(ToolchainMissing) as caught:
        provision(pinned_wheel("a" * 64), caches, events.append)
    assert "127.0.0.1:9" in repr(events)
    assert "hunter2" not in f"{caught.value!r} {caught.value.cause} {caught.value.hint} {events}"


def test_pip_that_cannot_start(index: Path, caches: Caches, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ToolchainMissing) as caught:
        provision(pinned_wheel(build_wheel(index)), caches, ignore)
    assert "pip could not be started" in str(caught.value.cause)
    assert kept(caches) == []


def test_a_cache_that_cannot_be_written(index: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolchainMissing, match="cannot be kept") as caught:
        provision(pinned_wheel(build_wheel(index)), Caches(tmp_path / "file"), ignore)
    assert "WASMBUILD_CACHE_DIR" in str(caught.value.hint)


def test_an_interrupt_leaves_no_half_tool(index: Path, caches: Caches) -> None:
    pin = pinned_wheel(build_wheel(index))

    def interrupt(event: Event) -> None:
        if isinstance(event, ToolOutput):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        provision(pin, caches, interrupt)
    assert kept(caches) == []
    assert provision(pin, caches, ignore).root.is_dir()


def test_what_a_killed_run_left_is_removed(index: Path, caches: Caches) -> None:
    pin = pinned_wheel(build_wheel(index))
    leftover = caches.folder(f"tools/.{tool_folder(pin, caches).name}-dead/unpacked")
    (leftover / "half").write_text("")
    of_another = caches.folder("tools/.other-1.0-000000000000-busy")
    tool = provision(pin, caches, ignore)
    assert sorted(kept(caches)) == sorted([tool.root.name, of_another.name])


def test_two_at_once_fetch_once(index: Path, caches: Caches) -> None:
    pin = pinned_wheel(build_wheel(index))
    program = (
        "import sys; from pathlib import Path\n"
        "from wasmbuild.build.provision import provision; from wasmbuild.caches import Caches\n"
        "from wasmbuild.build.tool import Artifact, ToolPin, Wheels\n"
        f"pin = {pin!r}\n"
        "print(provision(pin, Caches(Path(sys.argv[1])), lambda event: print(event)).root)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(caches.root)], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert {output.splitlines()[-1] for output in outputs} == {str(tool_folder(pin, caches))}
    assert sum(output.count("Successfully installed") for output in outputs) == 1


def test_who_waits_is_told(index: Path, caches: Caches) -> None:
    from filelock import FileLock

    pin, events = pinned_wheel(build_wheel(index)), list[Event]()
    caches.tools.mkdir(parents=True)
    lock = FileLock(f"{tool_folder(pin, caches)}.lock")
    lock.acquire()

    def release(event: Event) -> None:
        events.append(event)
        lock.release()

    provision(pin, caches, release)
    assert events[0] == Note("info", "waiting for another wasmbuild, which is fetching tiny 1.0")


def test_offline_nothing_is_tried(index: Path, caches: Caches, monkeypatch: pytest.MonkeyPatch) -> None:
    pin = pinned_wheel(build_wheel(index))
    with pytest.raises(
        ToolchainMissing, match=r"tiny 1\.0 is not on this machine, and it may not be fetched"
    ) as caught:
        provision(pin, caches, ignore, offline=True)
    assert caught.value.hint == "where there is a network: wasmbuild toolchain install tiny"
    assert not caches.tools.exists()
    tool = provision(pin, caches, ignore)
    assert provision(pin, caches, ignore, offline=True) == tool


def test_a_killed_installer_leaves_nothing_under_the_final_name(index: Path, caches: Caches) -> None:
    pin = pinned_wheel(build_wheel(index))
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from wasmbuild.build.provision import provision; from wasmbuild.caches import Caches\n"
        "from wasmbuild.build.tool import Artifact, ToolPin, Wheels; from wasmbuild.events import ToolOutput\n"
        f"pin = {pin!r}\n"
        "def die(event):\n"
        "    if isinstance(event, ToolOutput): os.kill(os.getpid(), signal.SIGKILL)\n"
        "provision(pin, Caches(Path(sys.argv[1])), die)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    ended = subprocess.run([sys.executable, "-c", program, str(caches.root)], env=environment, timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert not tool_folder(pin, caches).exists()
    assert [name for name in kept(caches) if name.startswith(".")]
    tool = provision(pin, caches, ignore)
    assert kept(caches) == [tool.root.name]


def test_another_pin_is_another_folder(caches: Caches) -> None:
    pin = pinned_wheel("a" * 64)
    assert isinstance(pin.source, Wheels)
    fewer = replace(pin, source=Wheels(pin.source.artifacts[:1]))
    assert tool_folder(pin, caches) != tool_folder(fewer, caches)
    assert tool_folder(pin, caches).name.startswith("tinytool-1.0-")
