"""``verify-plugin`` as containerd starts it: arguments with one dash, a descriptor on stdin, the reason on stdout."""

import io
import json
import os
import socket
import subprocess
import sys
from contextlib import suppress

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from registry.client.registries import Registries
from registry.errors import Failure
from registry.reference import Reference
from wasmbuild.artifact import pack
from wasmbuild.cli.main import run
from wasmbuild.events import ignore
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.workflows.push import Destination, push
from wasmbuild.workflows.verify_plugin import Asked

KIND = "application/vnd.oci.descriptor.v1+json"


RELEASE = PrivateKey.generate()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugin")
    for name, key in (("release", RELEASE), ("other", PrivateKey.generate())):
        (folder / f"{name}.pub").write_bytes(key.public.pem)
    return folder


@pytest.fixture(scope="session")
def signed(registry_address):
    """A reference with a tag, and the descriptor of what is signed there."""
    name, packed = f"{registry_address}/plugin/hello:v1", pack(bytes(wasmtime.wat2wasm("(module)")), "hello")
    place = Destination.open(Reference.parse(name), (), Registries())
    push(packed, place, key=RELEASE, sink=ignore, environment={})
    return name, packed.manifest.to_json()


@pytest.fixture
def ask(folder, monkeypatch, capsys):
    def asked(name, described, *more, digest=None, kind=KIND, key="release.pub"):
        data = described if isinstance(described, bytes) else json.dumps(described).encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        monkeypatch.setenv("WASMBUILD_VERIFY_PLUGIN_KEY", str(folder / key) if key else "")
        wanted = digest or described["digest"]
        arguments = ["-name", name, "-digest", wanted, "-stdin-media-type", kind]
        code = run(["verify-plugin", *arguments, "--progress", "quiet", *more])
        return code, capsys.readouterr().out

    return asked


def test_what_is_signed_may_be_pulled(ask, signed):
    code, reason = ask(*signed)
    assert code == 0, reason
    assert reason.startswith("signed by SHA256:")


def test_by_digest_and_by_a_tag_that_is_not_there(ask, signed):
    name, described = signed
    for other in (f"{name}@{described['digest']}", f"{name.removesuffix(':v1')}:gone", name.removesuffix(":v1")):
        assert ask(other, described)[0] == 0


def test_a_name_without_a_tag_says_nothing_of_a_tag(ask, signed, folder, tmp_path, monkeypatch):
    """Who pulls by digest has not asked for "latest", and a policy keeps nothing of it."""
    name, described = signed
    monkeypatch.setenv("WASMBUILD_STATE_DIR", str(tmp_path))
    scope = '[[scope]]\nrepositories = ["*"]\nsigned-by = ["release"]\npin-tags = true'
    (folder / "pins.toml").write_text(f'version = 1\n[authorities.release]\nkeys = ["release.pub"]\n{scope}\n')
    policy = ("--policy", str(folder / "pins.toml"))
    bare = name.removesuffix(":v1")
    assert ask(f"{bare}@{described['digest']}", described, *policy, key="")[0] == 0
    assert not (tmp_path / "trust.json").exists()
    assert ask(f"{name}@{described['digest']}", described, *policy, key="")[0] == 0
    kept = json.loads((tmp_path / "trust.json").read_text())["repositories"]
    assert kept == {bare: {"tags": {"v1": described["digest"]}}}


def test_the_signature_of_somebody_else(ask, signed):
    code, reason = ask(*signed, key="other.pub")
    assert code == 4
    assert "no signature of" in reason
    assert len(reason.splitlines()) == 1


def test_nobody_is_trusted_by_default(ask, signed):
    code, reason = ask(*signed, key=None)
    assert code == 2
    assert "WASMBUILD_VERIFY_PLUGIN_KEY" in reason


@pytest.mark.parametrize(
    "change",
    [
        lambda described: {**described, "size": described["size"] + 1},
        lambda described: {**described, "mediaType": "application/vnd.oci.image.index.v1+json"},
        lambda described: {"digest": described["digest"]},
        lambda described: [],
    ],
)
def test_a_descriptor_that_does_not_fit(ask, signed, change):
    name, described = signed
    code, reason = ask(name, json.dumps(change(described)).encode(), digest=described["digest"])
    assert code != 0
    assert reason.strip()


def test_digests_that_differ(ask, signed):
    name, described = signed
    other = f"sha256:{'0' * 64}"
    assert ask(name, described, digest=other)[0] == 2
    assert ask(f"{name}@{other}", described)[0] == 2
    assert ask(name, {**described, "digest": other}, digest=other)[0] == 6
    assert ask(name, described, digest="sha256:short")[0] == 2


@pytest.mark.parametrize(
    ("data", "kind"),
    [(b"", KIND), (b"{", KIND), (b'{"digest":"a","digest":"b"}', KIND), (b" " * 70_000, KIND), (b"{}", "text/plain")],
)
def test_rubbish_on_stdin(ask, signed, data, kind):
    name, described = signed
    code, reason = ask(name, data, digest=described["digest"], kind=kind)
    assert code != 0
    assert reason.strip()


def test_a_descriptor_of_another_kind_or_length(ask, signed):
    name, described = signed
    assert ask(name, described, kind="text/plain")[0] == 2
    data = json.dumps(described).encode()
    assert ask(name, data + b" " * 100, digest=described["digest"])[0] == 0
    assert ask(name, data + b" " * 70_000, digest=described["digest"])[0] == 2


def test_a_registry_that_is_silent_is_not_waited_for(signed, folder):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        name = f"127.0.0.1:{silent.getsockname()[1]}/a/b:v1"
        program = "from wasmbuild.cli.verify_plugin import main; main()"
        arguments = ["-name", name, "-digest", signed[1]["digest"], "-stdin-media-type", KIND, "--timeout", "0.5"]
        environment = {**os.environ, "WASMBUILD_VERIFY_PLUGIN_KEY": str(folder / "release.pub")}
        ended = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            input=json.dumps(signed[1]),
            capture_output=True,
            text=True,
            timeout=30,
            env=environment,
            check=False,
        )
    assert (ended.returncode, ended.stdout) == (6, "there was no answer in 0.5 seconds\n")


@given(st.binary(max_size=300), st.text(max_size=60), st.text(max_size=80))
def test_no_words_are_more_than_refused(data, name, digest):
    with suppress(Failure):
        Asked.parse(name, digest, KIND, data)
