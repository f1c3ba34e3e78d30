"""What a command sees of this machine, and what becomes of it; real sandboxes throughout."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from wasmbuild.build.limits import Limits
from wasmbuild.build.runner import Completed, run
from wasmbuild.build.sandbox import SANDBOXES, Mount, Sandbox, choose_sandbox
from wasmbuild.build.sandbox.choose import _trouble
from wasmbuild.errors import ToolFailed, UsageFailed
from wasmbuild.events import ignore

CHECKOUT = Path(__file__).parents[3]
HOLDING = ("bubblewrap", "namespaces")


def usable(name: str) -> Sandbox:
    try:
        return choose_sandbox(name)
    except UsageFailed as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"{error}: {error.cause}")


@pytest.fixture(params=HOLDING)
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    return usable(request.param)


@pytest.fixture(params=[*HOLDING, "none"])
def any_sandbox(request: pytest.FixtureRequest) -> Sandbox:
    return usable(request.param)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "draft" / "work"
    folder.mkdir(parents=True)
    return folder


def inside(
    sandbox: Sandbox,
    work: Path,
    argv: str | Sequence[str],
    *mounts: Mount,
    env: dict[str, str] | None = None,
    network: bool = False,
    seconds: float = 30,
    limits: Limits | None = None,
) -> Completed:
    here = Mount(work, "/work", writable=True)
    command = sandbox.command(
        ["sh", "-c", argv] if isinstance(argv, str) else argv,
        cwd=sandbox.seen(here),
        env=env or {},
        mounts=(here, *mounts),
        network=network,
    )
    return run(command, cwd=work, sink=ignore, timeout_seconds=seconds, tool="tool", limits=limits)


def processes(marker: str) -> list[int]:
    """Those that have a word in their command line; in a sandbox they have other numbers."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if marker.encode() in words.split(b"\0"):
                found.append(int(entry.name))
    return found


def eventually_none(marker: str) -> bool:
    deadline = time.monotonic() + 5
    while processes(marker) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not processes(marker)


@pytest.fixture
def marker() -> str:
    """A time to sleep that no other process sleeps."""
    return f"77.{time.monotonic_ns()}"


def test_inputs_are_read_and_outputs_written(any_sandbox: Sandbox, work: Path, tmp_path: Path) -> None:
    (work / "main.c").write_text("source")
    out = Mount(tmp_path, "/out", writable=True)
    completed = inside(any_sandbox, work, f"cat main.c; cp main.c {any_sandbox.seen(out)}/result", out)
    assert completed == Completed(0, ("source",))
    assert (tmp_path / "result").read_text() == "source"


def test_a_tool_is_read_only_and_others_are_not_there(sandbox: Sandbox, work: Path, tmp_path: Path) -> None:
    for name in ("zig", "go"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "version").write_text(name)
    script = "cat /tools/zig/version; echo; echo x > /tools/zig/version; touch /tools/zig/new; ls /tools; ls /tools/go"
    completed = inside(sandbox, work, script, Mount(tmp_path / "zig", "/tools/zig"))
    assert completed.tail[0] == "zig"
    assert [line for line in completed.tail if "Read-only file system" in line] == list(completed.tail[1:3])
    assert completed.tail[3] == "zig"
    assert "No such file" in completed.tail[4]
    assert (tmp_path / "zig" / "version").read_text() == "zig"


def test_nothing_of_the_users_is_seen(sandbox: Sandbox, work: Path, tmp_path: Path) -> None:
    secret = tmp_path / "id_ed25519"
    secret.write_text("secret")
    (work / "link").symlink_to(secret)
    script = (
        f"cat {secret} link ../../id_ed25519; ls -A {Path.home()} {CHECKOUT}/docs /root /home /home/build /tmp /var"
    )
    completed = inside(sandbox, work, script)
    assert not [line for line in completed.tail if line == "secret"]
    seen = [line for line in completed.tail if line and "No such file" not in line and not line.endswith(":")]
    assert seen == ["build"]


def test_what_is_outside_cannot_be_written(sandbox: Sandbox, work: Path) -> None:
    places = "/ /usr /usr/bin /etc /dev /proc /proc/sys /home /tools"
    script = f"for place in {places}; do touch $place/wasmbuild-test 2>/dev/null && echo $place; done; echo end"
    assert inside(sandbox, work, script).tail == ("end",)
    setting = "/proc/sys/kernel/printk_ratelimit"
    assert inside(sandbox, work, f"cat {setting} > now && cat now > {setting}").exit_code != 0


def test_devices_cannot_be_changed(work: Path) -> None:
    """To the kernel root is root, inside too, and owns them."""
    script = "chmod 666 /dev/null; chmod 666 /dev/zero; chmod 666 /proc/self/fd/0; echo x > /dev/null && echo written"
    completed = inside(usable("namespaces"), work, script)
    assert len(completed.tail) == 4
    assert completed.tail[-1] == "written"


def test_no_rights_are_gained(sandbox: Sandbox, work: Path) -> None:
    for script in ("unshare -U true", "unshare -Urm true", "mount -t tmpfs none /tmp", "hostname other"):
        assert inside(sandbox, work, script).exit_code > 0, script
    status = inside(sandbox, work, ["cat", "/proc/self/status"]).tail
    assert {"CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "NoNewPrivs:\t1"} <= set(status)


def test_what_started_the_command_cannot_be_looked_into(work: Path) -> None:
    for path in ("environ", "root/", "exe", "fd/"):
        assert inside(usable("namespaces"), work, f"ls /proc/1/{path} && cat /proc/1/{path}").exit_code > 0


def test_home_and_temporary_folder_are_empty_and_can_be_written(sandbox: Sandbox, work: Path) -> None:
    script = "ls -A ~ /tmp /dev/shm; for place in ~ /tmp /dev/shm .; do echo x > $place/file && cat $place/file; done"
    completed = inside(sandbox, work, script, env={"HOME": "/home/build"})
    assert [line for line in completed.tail if line and not line.endswith(":")] == ["x"] * 4
    assert [file.name for file in work.iterdir()] == ["file"]


def test_a_mount_goes_before_the_empty_folder(sandbox: Sandbox, work: Path, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    inside(sandbox, work, "echo x > /tmp/file", Mount(tmp_path / "tmp", "/tmp", writable=True))
    assert (tmp_path / "tmp" / "file").read_text() == "x\n"


def test_there_is_no_network(sandbox: Sandbox, work: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        program = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2); print('connected')"
        offline = inside(sandbox, work, [sys.executable, "-c", program])
        assert offline.exit_code == 1
        assert "refused" in offline.tail[-1]
        assert inside(sandbox, work, [sys.executable, "-c", program], network=True).tail == ("connected",)


def test_both_show_the_same(work: Path) -> None:
    script = (
        "id; hostname; pwd; umask; env | sort; ls -A / /dev /etc /home; ls -l /dev | cut -c1-10;"
        " ls /proc | grep -c '^[0-9]'; cat /etc/passwd /etc/hosts /etc/nsswitch.conf; readlink /dev/fd /bin; ulimit -a;"
        " ls -Ad /sys /run /var /root /opt"
    )
    first, second = (inside(usable(name), work, script, env={"MINE": "ü"}) for name in HOLDING)
    assert first == second
    assert first.tail[:4] == ("uid=1000(build) gid=1000(build) groups=1000(build)", "wasmbuild", "/work", "0022")
    assert "MINE=ü" in first.tail
    assert not {"sys", "run", "var", "root", "opt"} & set(first.tail)


def test_only_what_it_was_given_is_in_the_environment(
    any_sandbox: Sandbox, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    names = {line.partition("=")[0] for line in inside(any_sandbox, work, ["env"], env={"MINE": "1"}).tail}
    assert names == {"PATH", "LC_ALL", "TZ", "MINE", "PWD"}


def test_a_given_secret_stands_in_no_list_of_processes(any_sandbox: Sandbox, work: Path) -> None:
    env = {"TOKEN": "hunter2hunter2"}
    here = Mount(work, "/work", writable=True)
    command = any_sandbox.command(["true"], cwd=any_sandbox.seen(here), env=env, mounts=(here,), network=True)
    assert "hunter2" not in repr(command)
    assert not any("hunter2" in word for word in (*command.before, *command.after))
    assert inside(any_sandbox, work, "echo $TOKEN", env=env).tail == ("hunter2hunter2",)


def test_what_starts_the_sandbox_takes_nothing_from_the_environment(any_sandbox: Sandbox, work: Path) -> None:
    """The project file may set variables: what they load must be loaded inside."""
    completed = inside(any_sandbox, work, ["true"], env={"LD_PRELOAD": "/nowhere.so", "PYTHONHOME": "/nowhere"})
    assert len(completed.tail) == 1
    assert "/nowhere.so" in completed.tail[0]


def test_our_own_modules_run_in_it(any_sandbox: Sandbox, work: Path) -> None:
    program = "import registry, wasmbuild.build.action, wasmtime, os; print(wasmbuild.__file__, os.getcwd())"
    completed = inside(any_sandbox, work, [sys.executable, "-P", "-c", program])
    here = "/work" if any_sandbox.name != "none" else str(work.resolve())
    assert completed == Completed(0, (f"{CHECKOUT / 'wasmbuild' / '__init__.py'} {here}",))


def test_the_interpreter_is_there_for_those_who_start_it_only(sandbox: Sandbox, work: Path) -> None:
    folder = Path(sys.prefix)
    if folder.is_relative_to("/usr"):
        pytest.skip("the interpreter is one of the system's programs")
    assert inside(sandbox, work, ["ls", str(folder)]).exit_code != 0
    assert inside(sandbox, work, ["sh", "-c", f"ls {folder}; : {sys.executable}"]).exit_code == 0


@pytest.mark.parametrize("name", ["with spaces and ü €", "new\nline", "-dash:=,"])
def test_any_path(any_sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    work, tool = tmp_path / name / "work", tmp_path / name / "the tool"
    for folder in (work, tool):
        folder.mkdir(parents=True)
    shutil.copy("/bin/cat", tool / "cat ü")
    (work / name).write_text("read\n")
    mount = Mount(tool, "/tools/the tool")
    program = f"{any_sandbox.seen(mount)}/cat ü"
    assert inside(any_sandbox, work, [program, f"./{name}"], mount) == Completed(0, ("read",))


def test_a_link_to_a_folder_can_be_mounted(any_sandbox: Sandbox, work: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("x")
    (tmp_path / "alias").symlink_to(tmp_path / "real")
    mount = Mount(tmp_path / "alias", "/tools/alias")
    assert inside(any_sandbox, work, ["ls", any_sandbox.seen(mount)], mount).tail == ("file",)


@pytest.mark.parametrize("script", ["exit 7", "kill -9 $$", "kill -TERM $$", "kill -SEGV $$"])
def test_the_end_of_a_command(any_sandbox: Sandbox, work: Path, script: str) -> None:
    expected = {"exit 7": 7, "kill -9 $$": -9, "kill -TERM $$": -15, "kill -SEGV $$": -11}[script]
    assert inside(any_sandbox, work, script).exit_code == expected


def test_a_command_that_cannot_be_started(any_sandbox: Sandbox, work: Path) -> None:
    for argv in (["tinygo", "build"], ["/nowhere/tool"], ["/"]):
        with pytest.raises(ToolFailed, match="tool could not be started"):
            inside(any_sandbox, work, argv)
    with pytest.raises(ToolFailed, match="could not be started"):
        inside(any_sandbox, work, ["a\0b"])


def test_a_mount_of_what_is_not_there(sandbox: Sandbox, work: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match="could not be started") as caught:
        inside(sandbox, work, ["true"], Mount(tmp_path / "gone", "/tools/gone"))
    assert "gone" in str(caught.value.cause)


def test_a_command_that_hangs_is_ended(any_sandbox: Sandbox, work: Path, marker: str) -> None:
    began = time.monotonic()
    with pytest.raises(ToolFailed, match=r"took longer than 0\.7 seconds"):
        inside(any_sandbox, work, f"trap '' TERM; sleep {marker} & wait; sleep {marker}", seconds=0.7)
    assert time.monotonic() - began < 8
    assert not processes(marker)


def test_children_in_other_sessions_are_ended(any_sandbox: Sandbox, work: Path, marker: str) -> None:
    script = f"setsid sh -c 'trap \"\" TERM; setsid sleep {marker} > /dev/null 2>&1 & sleep {marker}' & sleep 0.2"
    began = time.monotonic()
    assert inside(any_sandbox, work, script).exit_code == 0
    assert not processes(marker)
    assert time.monotonic() - began < 5


def test_a_hundred_megabytes_of_output(sandbox: Sandbox, work: Path) -> None:
    began = time.monotonic()
    completed = inside(sandbox, work, "head -c 100000000 /dev/zero; echo; echo the error; exit 1")
    assert completed.exit_code == 1
    assert completed.tail[-1] == "the error"
    assert time.monotonic() - began < 10


def test_who_eats_memory_is_ended(sandbox: Sandbox, work: Path, marker: str) -> None:
    eater = "data = []\nwhile True: data.append(bytearray(b'x' * (1 << 20)))"
    script = f'sleep {marker} & exec setsid -w {sys.executable} -I -S -c "{eater}"'
    with pytest.raises(ToolFailed, match="used more than 64 MiB of memory"):
        inside(sandbox, work, script, limits=Limits(memory=64 * 1024**2))
    assert not processes(marker)


def test_who_fills_a_file_is_ended(any_sandbox: Sandbox, work: Path) -> None:
    with pytest.raises(ToolFailed, match="wrote a file of more than 1 MiB"):
        inside(
            any_sandbox, work, ["dd", "if=/dev/zero", "of=big", "bs=1M", "count=5"], limits=Limits(file_size=1024**2)
        )


BUILDING = """
import signal, sys
from pathlib import Path
from wasmbuild.build.runner import run
from wasmbuild.build.sandbox import Mount, choose_sandbox
from wasmbuild.events import ignore

def end(number, frame):
    raise SystemExit(128 + number)

signal.signal(signal.SIGTERM, end)
name, marker = sys.argv[1:]
sandbox, here = choose_sandbox(name), Mount(Path.cwd(), "/work", writable=True)
script = f"setsid sleep {marker} & echo > ready; sleep {marker}"
command = sandbox.command(["sh", "-c", script], cwd=sandbox.seen(here), env={}, mounts=[here], network=False)
run(command, cwd=Path.cwd(), sink=ignore, timeout_seconds=60, tool="sh")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_in_the_middle_leaves_no_process_and_no_mount(
    any_sandbox: Sandbox, work: Path, marker: str, number: int
) -> None:
    before = Path("/proc/self/mountinfo").read_text()
    argv = [sys.executable, "-c", BUILDING, any_sandbox.name, marker]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    with subprocess.Popen(argv, cwd=work, env=environment, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 20
        while not (work / "ready").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(number)
        process.communicate(timeout=20)
    assert (work / "ready").exists()
    assert eventually_none(marker)
    assert Path("/proc/self/mountinfo").read_text() == before


AS_NOBODY = """
import os, sys
from pathlib import Path
from wasmbuild.build.limits import Limits
from wasmbuild.build.runner import run
from wasmbuild.build.sandbox import Mount, choose_sandbox
from wasmbuild.events import ignore

assert os.getuid() == 65534
sandbox, here = choose_sandbox(sys.argv[1]), Mount(Path.cwd(), "/work", writable=True)
assert sandbox.hides is None or sandbox.name == "none"
script = "echo made > made; id -u; touch /usr/x 2>/dev/null || echo held; setsid sleep 60 & ulimit -c"
command = sandbox.command(["sh", "-c", script], cwd=sandbox.seen(here), env={}, mounts=[here], network=False)
limits = Limits(memory=1 << 30, file_size=4096)
done = run(command, cwd=Path.cwd(), sink=ignore, timeout_seconds=20, tool="sh", limits=limits)
print(done.exit_code, *done.tail)
"""


def test_a_user_who_is_not_root(any_sandbox: Sandbox) -> None:
    """By the system's interpreter, since ours may be in a folder of root's."""
    interpreter = Path("/usr/bin/python3")
    question = [interpreter, "-c", "import sys; print(sys.version_info >= (3, 11))"]
    recent = interpreter.exists() and subprocess.check_output(question).strip() == b"True"
    if os.geteuid() != 0 or not shutil.which("setpriv") or not recent:
        pytest.skip("needs root, setpriv, and an interpreter that everybody may read")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for package in ("wasmbuild", "registry"):  # the checkout may be out of reach, too
            shutil.copytree(CHECKOUT / package, folder / "code" / package, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "work").mkdir()
        for path in (folder, folder / "code", folder / "work"):
            path.chmod(0o755)
        os.chown(folder / "work", 65534, 65534)
        argv = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", str(interpreter), "-P", "-B", "-c"]
        finished = subprocess.run(
            [*argv, AS_NOBODY, any_sandbox.name],
            cwd=folder / "work",
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(folder / "code")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        user = "65534" if any_sandbox.name == "none" else "1000"
        assert (finished.stdout.split(), finished.stderr) == (["0", user, "held", "0"], "")
        assert (folder / "work" / "made").stat().st_uid == 65534


def test_the_best_that_works_is_chosen() -> None:
    working = [name for name in HOLDING if _trouble(name) is None]
    assert choose_sandbox().name in (working or ["none"])
    assert choose_sandbox().hides is None or choose_sandbox().name != "namespaces"


def test_without_bwrap_it_is_not_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    _trouble.cache_clear()
    try:
        assert choose_sandbox().name != "bubblewrap"
        with pytest.raises(UsageFailed, match="bubblewrap does not work here") as caught:
            choose_sandbox("bubblewrap")
        assert caught.value.cause == "bwrap is not on PATH"
    finally:
        _trouble.cache_clear()


def test_a_bwrap_that_fails_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; exit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    _trouble.cache_clear()
    try:
        with pytest.raises(UsageFailed) as caught:
            choose_sandbox("bubblewrap")
        assert caught.value.cause == "No permissions to create new namespace"
    finally:
        _trouble.cache_clear()


def test_a_sandbox_that_nobody_knows() -> None:
    with pytest.raises(UsageFailed) as caught:
        choose_sandbox("docker")
    assert all(name in str(caught.value.hint) for name in SANDBOXES)


def test_no_sandbox_says_what_that_means() -> None:
    assert "files" in str(choose_sandbox("none").hides)
