"""Exit codes stay true whatever becomes of stdout and stderr, and of a signal at a bad moment."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

WASMBUILD = str(Path(sys.executable).parent / "wasmbuild")


def run(command, **settings):
    return subprocess.run(
        ["sh", "-c", command.replace("wasmbuild", WASMBUILD, 1)],
        capture_output=True, text=True, check=False, timeout=60, **settings,
    )  # fmt: skip


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-"])
@pytest.mark.parametrize(("command", "code"), [("wasmbuild version", 0), ("wasmbuild pull a//b -o x", 2)])
def test_a_stderr_that_cannot_be_written(tmp_path, redirection, command, code):
    finished = run(f"{command} {redirection}", cwd=tmp_path)
    assert finished.returncode == code
    assert "error" not in finished.stdout


@pytest.mark.parametrize("command", ["wasmbuild version", "wasmbuild --help"])
def test_a_full_stdout_is_an_error_of_storage(command):
    finished = run(f"{command} >/dev/full")
    assert finished.returncode == 1
    assert finished.stderr.startswith("error[WB207]: the output could not be written")
    assert "Exception" not in finished.stderr


@pytest.mark.parametrize(("columns", "widest"), [("60", 60), ("100", 100), ("500", 120)])
def test_help_is_as_wide_as_the_terminal(columns, widest):
    finished = run("wasmbuild push --help", env=os.environ | {"COLUMNS": columns})
    assert widest - 12 < max(len(line) for line in finished.stdout.splitlines()) <= widest


def test_a_closed_stdout_is_nobody():
    finished = run("wasmbuild version >&-")
    assert (finished.returncode, finished.stderr) == (0, "")


def test_progress_never_goes_to_stdout(tmp_path, registry_address, repository_name, private_cache):
    subprocess.run([WASMBUILD, "new", "-t", "c-cli", "hello"], cwd=tmp_path, check=True)
    finished = run(f"wasmbuild push {registry_address}/{repository_name}:1 -C hello 2>&-", cwd=tmp_path)
    assert finished.returncode == 0
    assert finished.stdout.startswith(f"{registry_address}/{repository_name}@sha256:")
    assert len(finished.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    "variables", [{"LC_ALL": "C.UTF-8"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_a_name_need_not_be_text(tmp_path, variables):
    name = os.fsencode(tmp_path) + b"/\xff\xc3\xbc.wasm"
    Path(os.fsdecode(name)).write_bytes(b"\0asm\1\0\0\0")
    finished = subprocess.run(
        [WASMBUILD.encode(), b"inspect", name], capture_output=True, check=False, env=os.environ | variables
    )
    assert finished.returncode == 0, finished.stderr
    assert b"module" in finished.stdout


def test_a_password_need_not_be_text(tmp_path):
    environment = {**os.environb, b"WASMBUILD_KEY_PASSWORD": b"\xff\xfe"}
    subprocess.run([WASMBUILD, "keys", "generate"], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "wasmbuild.key").exists()


@pytest.mark.parametrize("milliseconds", range(0, 100, 10))
def test_ctrl_c_at_the_start(milliseconds):
    process = subprocess.Popen([WASMBUILD, "version"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not catches(process.pid, signal.SIGHUP):
        time.sleep(0.001)  # until then it is Python that starts, and how it ends is Python's
    time.sleep(milliseconds / 1000)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode in (0, 130)
    assert "Traceback" not in err


AMID_A_CLASS = """
import signal, sys

class Met:
    def __set_name__(self, *_):
        signal.raise_signal(int(sys.argv.pop()))

class Finder:
    def find_spec(self, name, *_):
        if name == sys.argv[-2]:
            sys.argv.pop(-2)
            type("Made", (), {"met": Met()})

sys.meta_path.insert(0, Finder())
from wasmbuild.cli.entry import main
main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("module", ["wasmbuild.cli.main", "wasmbuild.cli.version"])
def test_a_signal_that_comes_while_a_class_is_made_ends_as_any_other(module, number, code):
    command = [sys.executable, "-c", AMID_A_CLASS, "version", module, str(int(number))]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (finished.returncode, finished.stdout) == (code, "")
    assert "Traceback" not in finished.stderr
    assert "WB999" not in finished.stderr


WARNING = """
import sys, warnings

class Finder:
    def find_spec(self, name, *_):
        if name == "wasmbuild.cli.version":
            warnings.warn("a library's advice to programmers", UserWarning)

sys.meta_path.insert(0, Finder())
from wasmbuild.cli.entry import main
main()
"""


@pytest.mark.parametrize(("options", "shown"), [((), False), (("-W", "default"), True)])
def test_what_libraries_warn_of_is_not_shown(options, shown):
    command = [sys.executable, *options, "-c", WARNING, "version"]
    finished = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert ("advice" in finished.stderr) is shown


def catches(pid, number):
    """Whether a process has a handler for a signal (proc(5), ``SigCgt``)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    return bool(int(re.search(r"^SigCgt:\s*(\w+)", status, re.MULTILINE)[1], 16) >> (number - 1) & 1)


def test_a_terminal_that_closes_takes_the_compiler_along(tmp_path):
    """SIGHUP, which the kernel sends then, leaves through the same door as SIGTERM."""
    functions = "".join(f"int f{n}(int x) {{ return x * {n} + f{n - 1}(x); }}\n" for n in range(1, 20_000))
    (tmp_path / "main.c").write_text(
        f"int f0(int x) {{ return x; }}\n{functions}int main(void) {{ return f19999(1); }}\n"
    )
    process = subprocess.Popen([WASMBUILD, "build"], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("dist/.building-*"))) == 0:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=30)
    assert process.returncode == 129
    assert not list(tmp_path.glob("dist/.building-*"))
    assert not [entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and works_in(entry, tmp_path)]


def works_in(entry, folder):
    try:
        return str((entry / "cwd").readlink()).startswith(str(folder))
    except OSError:
        return False


@pytest.mark.parametrize("target", ["fifo", "folder"])
def test_what_is_no_file_is_not_replaced(tmp_path, target, registry_address, repository_name, private_cache):
    subprocess.run([WASMBUILD, "new", "-t", "c-cli", "hello"], cwd=tmp_path, check=True)
    reference = f"{registry_address}/{repository_name}:1"
    subprocess.run([WASMBUILD, "push", reference, "-C", "hello"], cwd=tmp_path, check=True)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    finished = run(f"wasmbuild pull {reference} -o {target}", cwd=tmp_path)
    assert finished.returncode == 2
    assert not (tmp_path / target).is_file()


def test_a_symbolic_link_is_followed(tmp_path, registry_address, repository_name, private_cache):
    subprocess.run([WASMBUILD, "new", "-t", "c-cli", "hello"], cwd=tmp_path, check=True)
    reference = f"{registry_address}/{repository_name}:1"
    subprocess.run([WASMBUILD, "push", reference, "-C", "hello"], cwd=tmp_path, check=True)
    (tmp_path / "link.wasm").symlink_to("real.wasm")
    subprocess.run([WASMBUILD, "pull", reference, "-o", "link.wasm"], cwd=tmp_path, check=True)
    assert (tmp_path / "link.wasm").is_symlink()
    assert (tmp_path / "real.wasm").read_bytes() == (tmp_path / "hello/dist/hello.wasm").read_bytes()


def test_a_cache_that_cannot_be_used_is_a_warning(tmp_path, registry_address, repository_name, private_cache):
    subprocess.run([WASMBUILD, "new", "-t", "c-cli", "hello"], cwd=tmp_path, check=True)
    reference = f"{registry_address}/{repository_name}:1"
    subprocess.run([WASMBUILD, "push", reference, "-C", "hello"], cwd=tmp_path, check=True)
    environment = os.environ | {"WASMBUILD_CACHE_DIR": "/dev/null", "TMPDIR": str(tmp_path)}
    finished = run(f"wasmbuild pull {reference} -o hello.wasm", cwd=tmp_path, env=environment)
    assert (finished.returncode, "cache" in finished.stderr) == (0, False)  # it needs none
    finished = run(f"wasmbuild inspect --deep {reference}", cwd=tmp_path, env=environment)
    assert finished.returncode == 0
    assert "warning: the cache cannot be used" in finished.stderr
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("private")) == [
        "hello",
        "hello.wasm",
    ]


LISTENING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
LOST = """
import os, sys, time, weakref
import wasmbuild.cli.entry, wasmbuild.cli.main

class Thing:
    pass

def run(arguments, own_process):
    thing = Thing()
    watching = weakref.ref(thing, lambda _: os.kill(os.getpid(), int(sys.argv[1])))
    del thing
    time.sleep(20)
    return 0

wasmbuild.cli.main.run = run
wasmbuild.cli.entry.main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_where_python_raises_nothing_is_not_lost(number, code):
    began = time.monotonic()
    finished = subprocess.run(
        [sys.executable, "-c", LISTENING + LOST, str(int(number))],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (finished.returncode, finished.stderr) == (code, "")
    assert time.monotonic() - began < 15
