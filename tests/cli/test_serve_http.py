"""``serve-http`` as a process: its address, its answers, what it tells, and its end."""

import json
import signal
import subprocess
import sys
import urllib.request

import pytest
import wasmtime

from tests.unit.run import http_guest
from wasmbuild.cli.main import run

CODE = "import sys; from wasmbuild.cli.entry import main; sys.exit(main())"


@pytest.fixture
def component(tmp_path, monkeypatch):
    monkeypatch.setenv("WASMBUILD_CACHE_DIR", str(tmp_path / "cache"))
    file = tmp_path / "guest.wasm"
    file.write_bytes(http_guest.proxy())
    return file


def test_it_answers_until_it_is_interrupted(component):
    words = ["serve-http", str(component), "--listen", "127.0.0.1:0", "--progress", "json", "--format", "json"]
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        said = json.loads(process.stdout.readline())
        assert (said["schemaVersion"], said["command"]) == (1, "serve-http")
        body = b"some data" * 20_000
        with urllib.request.urlopen(f"http://{said['address']}/echo", data=body, timeout=10) as answer:
            assert (answer.status, answer.read()) == (200, body)
        with pytest.raises(Exception, match="500"):
            urllib.request.urlopen(f"http://{said['address']}/t", timeout=10)
        with pytest.raises(Exception, match="IncompleteRead"):
            urllib.request.urlopen(f"http://{said['address']}/p", timeout=10).read()
        process.send_signal(signal.SIGINT)
        out, log = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    told = [json.loads(line) for line in log.splitlines()]
    answered = [each for each in told if each["event"] == "Answered"]
    assert [(each["target"], each["status"], each["complete"]) for each in answered] == [
        ("/echo", 200, True),
        ("/t", 500, True),
        ("/p", 200, False),
    ]
    assert [each["code"] for each in told if each["event"] == "Troubled"] == ["WB703", "WB703"]
    assert (process.returncode, out) == (0, "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--allow", "nonsense"], "is not a capability"),
        (["--listen", "8080"], "is not an address to listen on"),
        (["--body", "much"], "--body 'much' is not understood"),
    ],
)
def test_what_it_cannot_do_is_said_before_it_listens(component, capsys, options, words):
    assert run(["serve-http", str(component), *options]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("interface", "options", "words"),
    [
        ("wasi:http/outgoing-handler", ["--net", "*"], "sends none from here"),
        ("wasi:http/outgoing-handler", ["--net", "example.com"], "cannot be held to example.com"),
        ("wasi:filesystem/preopens", ["--dir", "{folder}:/data"], "gets no folders here"),
    ],
)
def test_what_cannot_be_given_is_refused(tmp_path, capsys, interface, options, words):
    file = tmp_path / "asks.wasm"
    exported = '(instance $i) (export "wasi:http/incoming-handler@0.2.0" (instance $i))'
    file.write_bytes(wasmtime.wat2wasm(f'(component (import "{interface}@0.2.0" (instance)) {exported})'))
    given = [each.format(folder=tmp_path) for each in options]
    assert run(["serve-http", str(file), *given, "--listen", "127.0.0.1:0"]) == 1
    assert words in capsys.readouterr().err


def test_a_command_is_not_served(tmp_path, capsys):
    file = tmp_path / "command.wasm"
    file.write_bytes(wasmtime.wat2wasm('(module (func (export "_start")))'))
    assert run(["serve-http", str(file), "--listen", "127.0.0.1:0"]) == 1
    assert "does not export wasi:http/incoming-handler@0.2" in capsys.readouterr().err


def test_its_help_tells_of_its_own_limits(capsys):
    assert run(["serve-http", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "in even shares. [default: 512MiB]" in said
    assert "beyond it is a 504. [default: 30s]" in said
    assert "4GiB" not in said


def test_help_offers_only_what_it_can_give():
    command = [sys.executable, "-c", CODE, "serve-http", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "--env NAME" in shown
    assert "--dir" not in shown
    assert "--net" not in shown
