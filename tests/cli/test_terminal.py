"""What happens on a terminal: a password is asked for, progress is alive, colours can be switched off."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.client.scripted import scripted
from tests.client.test_auth import basic_only

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


def test_passwords_that_differ_are_asked_for_again(tmp_path):
    with Terminal("keys", "generate", cwd=tmp_path) as terminal:
        terminal.expect("Password of the key: ")
        terminal.type("one\n")
        terminal.expect("Repeat for confirmation: ")
        terminal.type("two\n")
        terminal.expect("do not match")
        terminal.type("\x03")
        assert terminal.end() == 130
        assert list(tmp_path.iterdir()) == []


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
        terminal.type("\x03")
        assert terminal.end() == 130


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
