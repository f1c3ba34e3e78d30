"""Keys that are not files: a command that signs with ``openssl``, and a signer that a package brings."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from wasmbuild.cli.main import run
from wasmbuild.errors import InvalidKey, PasswordMissing, SigningFailed, UsageFailed
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.workflows.signatories import check_signatory, open_signatory

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl command")

SIGNER = """#!/bin/sh
test "$1" = key.pem || { echo "no such key: $1" >&2; exit 3; }
echo "a word for people" >&2
case "$2" in
public-key) openssl pkey -in "$1" -pubout ;;
sign) openssl dgst -sha256 -sign "$1" | base64 ;;
esac
"""


def no_password():
    raise AssertionError("a password was asked for")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.wasm").write_bytes(b"\0asm\1\0\0\0")
    return tmp_path


def script(text, name="signer"):
    path = Path(name)
    path.write_text(text)
    path.chmod(0o755)
    return f"command:./{name}"


@pytest.fixture
def signer():
    made = subprocess.run(
        ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "key.pem"],
        check=False,
        capture_output=True,
    )
    assert made.returncode == 0
    return script(SIGNER) + " key.pem"


def test_a_command_signs_what_verify_accepts(signer, registry_address, repository_name, private_cache, capsys):
    name = f"{registry_address}/{repository_name}:1"
    subprocess.run(["openssl", "pkey", "-in", "key.pem", "-pubout", "-out", "key.pub"], check=True)
    assert run(["push", name, "a.wasm", "--sign", "--key", signer]) == 0
    assert run(["verify", name, "--key", "key.pub"]) == 0
    capsys.readouterr()
    assert run(["sign", name, "--key", signer]) == 0
    assert "signed by this key already" in capsys.readouterr().err  # although openssl never signs the same way twice


def test_the_program_that_the_documentation_shows_signs(signer):
    page = Path(__file__).parents[2] / "docs" / "signers.md"
    (shown,) = re.findall(r'```sh title="signer"\n(.*?)```', page.read_text(), re.DOTALL)
    Path("release.pem").write_bytes(Path("key.pem").read_bytes())
    (words,) = re.findall(r'--key "command:\./signer ([^"]*)"', page.read_text())
    key = open_signatory(f"{script(shown, 'shown')} {words}", no_password)
    assert key.public.verify(key.sign(b"a message"), b"a message")


def test_a_rehearsal_looks_for_the_command_and_asks_it_nothing(place):
    check_signatory(script("#!/bin/sh\ntouch was-asked\n"))
    assert not (place / "was-asked").exists()
    with pytest.raises(UsageFailed, match="nowhere, is not there"):
        check_signatory("command:./nowhere")


@pytest.mark.parametrize(
    ("words", "said"),
    [("command: ", "no command"), ("command:./nowhere", "not there"), ("command:'", "malformed")],
)
def test_what_is_no_command_is_refused(words, said):
    with pytest.raises(UsageFailed, match=said):
        open_signatory(words, no_password)


def test_the_words_of_a_command_are_the_cause(signer):
    with pytest.raises(SigningFailed) as caught:
        open_signatory(signer.replace("key.pem", "other.pem"), no_password)
    assert caught.value.what == "signer public-key ended with 3"
    assert caught.value.cause == "no such key: other.pem"


def test_no_word_is_a_shells(place):
    program = script("#!/bin/sh\nprintf '%s\\n' \"$@\" >&2\nexit 1\n")
    with pytest.raises(SigningFailed) as caught:
        open_signatory(f"{program} '$(touch made)' '; touch made' \"a b\"", no_password)
    assert caught.value.cause.splitlines() == ["$(touch made)", "; touch made", "a b", "public-key"]
    assert not (place / "made").exists()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("echo no sense", "base64"),
        ("echo AAAA", "does not hold"),
        ("echo another | openssl dgst -sha256 -sign key.pem | base64", "does not hold"),
        ("exit 7", "ended with 7"),
        ("head -c 100000 /dev/zero", "more than 65536"),
    ],
)
def test_what_a_command_answers_is_checked(signer, answer, said):
    text = SIGNER.replace('openssl dgst -sha256 -sign "$1" | base64', answer)
    key = open_signatory(script(text, "other") + " key.pem", no_password)
    with pytest.raises(SigningFailed, match=said):
        key.sign(b"a message")


def test_a_command_that_prints_no_key_does_not_sign(place):
    with pytest.raises(SigningFailed, match="did not print a public key"):
        open_signatory(script("#!/bin/sh\necho hello\n"), no_password)


def test_a_wrong_signature_is_not_pushed(signer, registry_address, repository_name, private_cache, capsys):
    name = f"{registry_address}/{repository_name}:1"
    bad = script(SIGNER.replace("| base64", "| head -c 8 | base64"), "bad") + " key.pem"
    assert run(["push", name, "a.wasm"]) == 0
    assert run(["sign", name, "--key", bad]) == 1
    assert "WB408" in capsys.readouterr().err
    assert run(["discover", name, "--format", "json"]) == 0
    assert '"referrers": []' in capsys.readouterr().out


MODULE = """
from wasmbuild.trust.keys import PrivateKey
def opened(rest):
    key = PrivateKey.generate()
    if rest == "breaks":
        raise RuntimeError("no such slot")
    if rest == "lies":
        class Liar:
            public = PrivateKey.generate().public
            sign = staticmethod(key.sign)
        return Liar()
    if rest == "nothing":
        return key.public
    if rest == "text":
        class Odd:
            public = "a key"
        return Odd()
    return key
"""


@pytest.fixture
def packages(place, monkeypatch):
    (place / "our_signers.py").write_text(MODULE)
    for number, scheme in enumerate(("ours", "twice", "twice")):
        info = place / f"ours{number}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: ours{number}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[wasmbuild.signers]\n{scheme} = our_signers:opened\n")
    monkeypatch.syspath_prepend(place)
    yield
    sys.modules.pop("our_signers", None)


@pytest.mark.usefixtures("packages")
def test_a_package_brings_a_signer():
    for text in ("ours:slot=1", "ours:///alias/release"):
        key = open_signatory(text, no_password)
        assert key.public.verify(key.sign(b"a message"), b"a message")
    check_signatory("ours:slot=1")
    with pytest.raises(SigningFailed, match="the signer ours does not work") as caught:
        open_signatory("ours:breaks", no_password)
    assert caught.value.cause == "RuntimeError: no such slot"
    with pytest.raises(SigningFailed, match="does not hold"):
        open_signatory("ours:lies", no_password).sign(b"a message")
    for odd in ("ours:nothing", "ours:text"):
        with pytest.raises(SigningFailed, match="does not work"):
            open_signatory(odd, no_password)
    with pytest.raises(UsageFailed, match="several packages bring a signer twice"):
        open_signatory("twice:x", no_password)
    with pytest.raises(UsageFailed, match="no signer for theirs:") as caught:
        check_signatory("theirs:x")
    assert "command:, ours:, twice:" in caught.value.cause
    assert caught.value.hint.startswith("docs/signers.md")


def test_a_file_with_a_colon_in_its_name_is_a_file(place):
    (place / "pkcs11:1").write_bytes(PrivateKey.generate().encrypt(b""))
    assert open_signatory("pkcs11:1", bytes).public.algorithm
    with pytest.raises(InvalidKey):
        open_signatory("env://NOT_SET", bytes)
    for text in ("awskms:///alias/release", f"pkcs11:{'x' * 5000}"):
        with pytest.raises(UsageFailed, match="no signer for"):
            open_signatory(text, no_password)


def test_a_file_asks_for_its_password(place):
    (place / "a.key").write_bytes(PrivateKey.generate().encrypt(b""))

    def asked():
        raise PasswordMissing("asked")

    with pytest.raises(PasswordMissing):
        open_signatory("a.key", asked)
