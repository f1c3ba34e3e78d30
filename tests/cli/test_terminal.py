"""What happens on a terminal: a password is asked for, progress is alive, colours can be switched off."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from registry.stores.layout import LayoutStore
from tests.client.scripted import scripted
from tests.client.test_auth import basic_only
from tests.contract.making import blob, push_manifest

WASMBUILD = str(Path(sys.executable).parent / "wasmbuild")

TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)
"""Makes the pseudo terminal the controlling one, so that ^C is a signal."""


class Terminal:
    """A command on a pseudo terminal."""

    def __init__(self, *arguments, cwd, **environment):
        self.master, slave = pty.openpty()
        self.shown = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, WASMBUILD, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env={**os.environ, "TERM": "xterm", **environment},
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        os.close(self.master)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)

    def expect(self, text, seconds=30.0):
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            if not self._read():
                break
        assert text in self.shown, self.shown

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self):
        deadline = time.monotonic() + 60
        while self._read():
            assert time.monotonic() < deadline, self.shown
        return self.process.wait(30)

    def interrupt(self):
        """Press ^C until it is heard: between a question and the wait for its answer, Python only notes it."""
        for _ in range(10):
            self.type("\x03")
            deadline = time.monotonic() + 1
            while time.monotonic() < deadline and self._read():
                pass
            if self.process.poll() is not None:
                break
        return self.process.wait(30)

    def _read(self):
        try:
            if select.select([self.master], [], [], 0.1)[0]:
                data = os.read(self.master, 65536)
                self.shown += data.decode()
                return bool(data)
        except OSError:  # the other end has gone
            return False
        return self.process.poll() is None


def test_a_password_is_asked_for_twice_and_not_shown(tmp_path):
    with Terminal("keys", "generate", cwd=tmp_path) as terminal:
        terminal.expect("Password of the key: ")
        terminal.type("s3cret\n")
        terminal.expect("Repeat for confirmation: ")
        terminal.type("s3cret\n")
        terminal.expect("wasmbuild.pub")
        assert terminal.end() == 0
        assert "s3cret" not in terminal.shown
        assert (tmp_path / "wasmbuild.key").stat().st_mode & 0o777 == 0o600


def test_an_empty_password_may_be_a_slip(tmp_path):
    with Terminal("keys", "generate", cwd=tmp_path) as terminal:
        terminal.expect("Password of the key: ")
        terminal.type("\n")
        terminal.expect("Repeat for confirmation: ")
        terminal.type("\n")
        assert terminal.end() == 0
        terminal.expect("wasmbuild.key has an empty password: whoever reads it can sign")


def test_passwords_that_differ_are_asked_for_again(tmp_path):
    with Terminal("keys", "generate", cwd=tmp_path) as terminal:
        terminal.expect("Password of the key: ")
        terminal.type("one\n")
        terminal.expect("Repeat for confirmation: ")
        terminal.type("two\n")
        terminal.expect("do not match")
        assert terminal.interrupt() == 130
        assert list(tmp_path.iterdir()) == []


def test_a_users_password_is_asked_for_twice_and_not_shown(tmp_path):
    with Terminal("registry", "user", "add", "ada", "--data", "data", cwd=tmp_path) as terminal:
        terminal.expect("Password: ")
        terminal.type("correct horse\n")
        terminal.expect("Repeat for confirmation: ")
        terminal.type("correct horse\n")
        assert terminal.end() == 0
        assert "correct horse" not in terminal.shown
    assert b"correct horse" not in (tmp_path / "data" / "registry.db").read_bytes()


@pytest.mark.parametrize("colour", [True, False])
def test_progress_is_alive(tmp_path, colour, registry_address, repository_name, private_cache):
    subprocess.run([WASMBUILD, "new", "-t", "c-cli", "hello"], cwd=tmp_path, check=True)
    variables = {"NO_COLOR": "" if colour else "1", "WASMBUILD_CACHE_DIR": str(private_cache)}
    target = f"{registry_address}/{repository_name}:1"
    with Terminal("push", target, "--project", "hello", cwd=tmp_path, **variables) as terminal:
        terminal.expect(f"{registry_address}/{repository_name}@sha256:")
        assert terminal.end() == 0
        assert "compile" in terminal.shown
        assert "hello.wasm" in terminal.shown


@pytest.mark.parametrize("threads", ["1", "4"])
def test_many_transfers_at_once(tmp_path, threads, registry_address, repository_name):
    """Each has a bar while it runs, one line when it is over, and nothing stays behind."""
    layout = LayoutStore.create(tmp_path / "layout")
    blobs = [blob(os.urandom(100_000)) for _ in range(50)]
    layout.tag(push_manifest(layout, *blobs), "1")
    there, nearby = f"{registry_address}/{repository_name}:1", f"{registry_address}/{repository_name}/nearby:1"
    for source, destination, word, count in (
        ("oci:layout:1", there, "copied", 52),
        (there, nearby, "mounted", 51),
        ("oci:layout:1", there, "exists", 1),
    ):
        with Terminal("copy", source, destination, "--concurrency", threads, cwd=tmp_path, COLUMNS="100") as terminal:
            assert terminal.end() == 0, terminal.shown
        shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\n", terminal.shown).splitlines()
        lines = [line for line in shown if line.startswith(f"{word} ")]
        assert len(lines) == len(set(lines)) == count, terminal.shown
        assert "Traceback" not in terminal.shown
        assert terminal.shown.count("\x1b[?25h") == terminal.shown.count("\x1b[?25l")  # the cursor is back
        assert shown[-1].startswith(f"{destination[:-2]}@sha256:")
        assert ("/100.0 kB" in terminal.shown) == (word == "copied")


def test_an_error_on_a_terminal(tmp_path):
    for variables, begins in (({"NO_COLOR": "1"}, "error[WB111]"), ({"NO_COLOR": ""}, "\x1b[1;31merror[WB111]")):
        with Terminal("build", cwd=tmp_path, **variables) as terminal:
            assert terminal.end() == 2
            assert terminal.shown.startswith(begins)


def test_interrupting_a_guest(tmp_path):
    (tmp_path / "loop.wat").write_text('(module (memory (export "memory") 1) (func (export "_start") (loop (br 0))))')
    import wasmtime

    (tmp_path / "loop.wasm").write_bytes(wasmtime.wat2wasm((tmp_path / "loop.wat").read_text()))
    with Terminal("run", "loop.wasm", cwd=tmp_path) as terminal:
        time.sleep(1)
        assert terminal.interrupt() == 130


def test_a_login_asks_for_user_and_password(tmp_path):
    variables = {"DOCKER_CONFIG": str(tmp_path)}
    with scripted(basic_only) as server, Terminal("login", server.address, cwd=tmp_path, **variables) as t:
        t.expect("User: ")
        t.type("ada\n")
        t.expect("Password: ")
        t.type("s3cret\n")
        assert t.end() == 0
        assert "s3cret" not in t.shown
    assert (tmp_path / "config.json").stat().st_mode & 0o777 == 0o600
