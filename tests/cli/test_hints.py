"""Hints that are pasted: each leads on from where it was given, and none back to it."""

import re
import shlex
import shutil
import subprocess

import pytest
import wasmtime
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.client.scripted import Answer, scripted
from wasmbuild.cli.main import run

UNKNOWN = b'{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}'


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch, private_cache):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WASMBUILD_KEY_PASSWORD", "ours")
    return tmp_path


@pytest.fixture
def said(capfd):
    def tell(*arguments):
        code = run(list(arguments))
        return code, capfd.readouterr().err

    return tell


def test_a_rule_is_for_the_registry_that_the_user_is_in(said, place):
    (place / "the settings.toml").write_text('data = "team data"\n')
    for named in (["--data", "team data"], ["--config", "the settings.toml"]):
        _, err = said("registry", "user", "add", f"ada{len(named[0])}", "--no-password", *named)
        pasted = shlex.split(re.search(r"for example: wasmbuild (.*)", err)[1])
        assert pasted[-2:] == named
    assert run(pasted) == 0
    code, err = said("registry", "user", "groups", "nobody", *named)
    assert (code, "wasmbuild registry user list --config 'the settings.toml'" in err) == (2, True)


def test_a_password_in_a_database_is_not_said_again(said):
    database = "postgresql://ada:secret@127.0.0.1:9/x"
    code, err = said("registry", "yank", "a:1", "--data", "d", "--database", database)
    assert (code, "secret" in err) == (2, False)
    assert "wasmbuild registry yank a:1 --reason '…' --data d --database URL" in err


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="there is no ssh-keygen")
def test_a_key_of_openssh_is_converted_and_imported(said, place):
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    (place / "COPY").write_bytes(key)
    (place / "COPY").chmod(0o600)
    code, err = said("keys", "import", "COPY", "-o", "NAME")
    assert code != 0
    convert, bring = re.search(r"import that: (.*); wasmbuild (.*)", err).groups()
    subprocess.run([*shlex.split(convert), "-P", "", "-N", ""], check=True, capture_output=True, timeout=60)
    assert said(*shlex.split(bring)) == (0, "")


def test_an_ed25519_key_of_openssh_is_not_sent_to_a_tool_that_leaves_it(said, place):
    key = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    (place / "key").write_bytes(key)
    assert "wasmbuild keys generate" in said("keys", "import", "key")[1]


def test_what_is_compiled_ahead_is_named(said, place):
    endless = wasmtime.wat2wasm('(module (memory (export "memory") 1) (func (export "_start") (loop (br 0))))')
    (place / "slow one.wasm").write_bytes(endless)
    code, err = said("run", "--timeout", "0.1s", "slow one.wasm")
    assert code == 124
    assert err.count("wasmbuild compile --timeout 0.1s 'slow one.wasm'") == 1


@pytest.mark.parametrize("word", ["/dev/zero", "./folder", "/"])
def test_what_is_there_and_no_file_is_not_guessed_at(said, place, word):
    (place / "folder").mkdir()
    code, err = said("inspect", word)
    assert (code, f"{word} is not a file" in err, "hint" in err) == (2, True, False)


def test_a_repository_that_is_not_there(said, registry_address):
    code, err = said("tags", f"{registry_address}/none/none")
    assert (code, f"wasmbuild ls {registry_address}\n" in err) == (6, True)
    assert run(["ls", registry_address]) == 0
    with scripted(lambda asked: Answer(404, UNKNOWN)) as server:
        code, err = said("run", f"{server.address}/none/none:1")
    assert (code, f"wasmbuild ls {server.address}\n" in err, "wasmbuild tags" in err) == (6, True, False)


def test_a_language_that_an_option_names(said, place):
    (place / "main.c").write_text("int main(void) { return 0; }\n")
    for command in ("build", "plan", "init"):
        code, err = said(command, "--language", "banana")
        assert (code, "--language 'banana' is not one" in err, "wasmbuild.toml" in err) == (2, True, False)


def test_a_project_in_place_of_a_target(said, place):
    (place / "main.wat").write_text('(module (func (export "_start")))')
    (place / "hello").mkdir()
    code, err = said("cache", "explain", "hello")
    assert (code, "wasmbuild cache explain --project hello" in err) == (2, True)
    assert "--project" not in said("cache", "explain", "elsewhere")[1]


def test_what_stays_for_an_hour_is_said(said):
    assert "the last hour stays" in said("cache", "prune", "--older-than", "1s")[1]
    assert "hour" not in said("cache", "prune", "--all")[1]


LOCAL = {
    "copy lay 127.0.0.1:9/x": "oci:lay",
    "copy 127.0.0.1:9/x lay": "oci:lay",
    "copy lay:1 127.0.0.1:9/x": "oci:lay:1",
    "copy a.tar 127.0.0.1:9/x": "oci-archive:a.tar",
    "copy a.wasm 127.0.0.1:9/x": "wasmbuild push HOST/REPOSITORY:TAG a.wasm",
    "tags lay": "oci:lay",
    "pull lay": "wasmbuild copy oci:lay HOST/REPOSITORY:TAG",
    "diff lay lay": "wasmbuild copy oci:lay HOST/REPOSITORY:TAG",
    "verify --key x lay": "wasmbuild verify --offline oci:lay",
    "push hello": "wasmbuild push HOST/REPOSITORY:TAG --project hello",
}


@pytest.mark.parametrize("command", LOCAL)
def test_what_is_here_is_not_looked_for_in_a_registry_that_nobody_named(said, place, command):
    for name in ("lay/oci-layout", "hello/wasmbuild.toml", "a.tar", "a.wasm"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).touch()
    code, err = said(*command.split())
    assert (code, LOCAL[command] in err) == (2, True), err
