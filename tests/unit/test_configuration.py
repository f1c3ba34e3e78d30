"""What a person may say about registries in a file, and what is said when it cannot be read."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.client.registries import Registries
from registry.client.settings import HostSettings, Mirror, Settings
from registry.reference import Reference
from wasmbuild.cli.main import run
from wasmbuild.configuration import CONFIG_VARIABLE, configuration_path, read_settings
from wasmbuild.errors import InvalidProject

DOCS = Path(__file__).parents[2] / "docs" / "registries.md"


def read(tmp_path, text):
    file = tmp_path / "config.toml"
    file.write_text(text)
    return read_settings(file)


def refused(tmp_path, text):
    with pytest.raises(InvalidProject) as caught:
        read(tmp_path, text)
    return f"{caught.value.what} {caught.value.cause or ''} {caught.value.hint or ''}"


def test_nothing_said_is_the_defaults(tmp_path):
    assert read_settings(tmp_path / "none.toml") == read(tmp_path, "") == read(tmp_path, "[registry]") == Settings()


def test_all_that_can_be_said(tmp_path):
    settings = read(
        tmp_path,
        """
        [registry]
        concurrency = 8
        retry-for = 0

        [registry.hosts."Registry.Example.com:5000"]
        ca-file = "ca.pem"
        client-certificate = "/etc/certificate.pem"
        client-key = "~/key.pem"
        realms = ["auth.example.org"]
        chunk-size = 4194304

        [registry.hosts.localhost]
        plain-http = true

        [[registry.mirrors."docker.io"]]
        location = "Mirror.example.com/hub"
        resolve = true

        [[registry.mirrors."docker.io"]]
        location = "127.0.0.1:5000"
        """,
    )
    assert settings == Settings(
        concurrency=8,
        retry_for=0,
        hosts={
            "registry.example.com:5000": HostSettings(
                ca_file=tmp_path / "ca.pem",
                client_certificate=Path("/etc/certificate.pem"),
                client_key=Path("~/key.pem").expanduser(),
                realms=("auth.example.org",),
                chunk_size=4194304,
            ),
            "localhost": HostSettings(plain_http=True),
            "docker.io": HostSettings(
                mirrors=(Mirror("mirror.example.com/hub", resolve=True), Mirror("127.0.0.1:5000"))
            ),
        },
    )


def test_a_host_may_have_settings_and_mirrors(tmp_path):
    text = '[registry.hosts."r.io"]\nca-file = "/x"\n[[registry.mirrors."r.io"]]\nlocation = "m.io"\n'
    assert read(tmp_path, text).of("r.io") == HostSettings(ca_file=Path("/x"), mirrors=(Mirror("m.io"),))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[registri]", "did you mean registry?"),
        ("[registry]\nconcurency = 1", "did you mean concurrency?"),
        (
            '[registry]\n\n[registry.hosts."r.io"]\nplain_http = true',
            "config.toml, line 4, column 1: .*did you mean plain-http?",
        ),
        ('[[registry.mirrors."r.io"]]\nlocation = "m.io"\nresolv = true', "line 3, column 1: .*did you mean resolve?"),
        (
            '[[registry.mirrors."r.io"]]\nlocation = "m.io"\n[[registry.mirrors."r.io"]]\nlocation = ""',
            "line 4, column 1: ",
        ),
        ("[registry]\nconcurrency = 0", "must be from 1 to 64"),
        ("[registry]\nconcurrency = 65", "must be from 1 to 64"),
        ("[registry]\nconcurrency = true", "must be a whole number, not true or false"),
        ('[registry]\nretry-for = "10"', "must be a whole number, not a string"),
        ("[registry]\nretry-for = -1", "must be from 0 to 3600"),
        ("registry = 1", "must be a table"),
        ("[registry]\nhosts = []", "must be a table"),
        ('[registry.hosts]\n"r.io" = 1', "must be a table"),
        ('[registry.hosts."r.io"]\nplain-http = "yes"', "must be true or false"),
        ('[registry.hosts."r.io"]\nrealms = "a"', "must be a list of strings"),
        ('[registry.hosts."r.io"]\nrealms = [1]', "must be a string"),
        ('[registry.hosts."r.io"]\nca-file = ["x"]', "must be a string"),
        ('[registry.hosts."r.io"]\nca-file = "a\\u0000b"', "control character"),
        ('[registry.hosts."r.io"]\nca-file = "~nobody-here-has-this-name/x"', "nobody's home"),
        ('[registry.hosts."r.io"]\nchunk-size = 1', "must be from 65536"),
        ('[registry.hosts."r.io"]\nclient-key = "x"', "without client-certificate"),
        ('[registry.hosts."r.io"]\nplain-http = true\nca-file = "x"', "leaves no TLS, which ca-file"),
        ('[registry.hosts."r.io"]\nplain-http = true\ninsecure-skip-tls-verify = true', "leaves no TLS"),
        ('[registry.hosts."r.io/a"]', "not the host of a registry"),
        ("[registry.hosts.hello]", "not the host of a registry"),
        ('[registry.hosts."https://r.io"]', "a reference has no scheme"),
        ('[registry.hosts."r.io:99999"]', "99999 is not a port"),
        ('[registry.hosts."r.io"]\n[registry.hosts."R.io"]', "is there already, as r.io"),
        ('[registry.hosts."docker.io"]\n[registry.hosts."index.docker.io"]', "is there already, as docker.io"),
        ('[registry.mirrors]\n"r.io" = ["m.io"]', "must be tables"),
        ('[registry.mirrors."r.io"]\nlocation = "m.io"', "must be tables"),
        ('[[registry.mirrors."r.io"]]', "is missing"),
        *[
            (f'[[registry.mirrors."r.io"]]\nlocation = "{location}"', "must be a host, or host/prefix")
            for location in ("m", "m.io/", "m.io/A", "m.io/a:1", "https://m.io", "m.io:x", f"m.io/a@sha256:{'0' * 64}")
        ],
        ("[registry", "is not valid TOML"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, said):
    assert re.search(said.replace("?", r"\?"), refused(tmp_path, text)), refused(tmp_path, text)


@given(st.text(max_size=40))
def test_any_name_of_a_host_is_one_or_is_refused(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("config")
    quoted = "".join(rf"\U{ord(character):08x}" for character in text if not 0xD800 <= ord(character) < 0xE000)
    for document in (f'[registry.hosts."{quoted}"]', f'[[registry.mirrors."r.io"]]\nlocation = "{quoted}"'):
        try:
            settings = read(folder, document)
        except InvalidProject:
            continue
        assert all(Reference.parse(f"{host}/any").host == host for host in settings.hosts)


def test_where_the_file_is(tmp_path):
    file = tmp_path / "x.toml"
    with pytest.raises(InvalidProject, match="names a file that is not there"):
        configuration_path({CONFIG_VARIABLE: str(file)})
    file.write_text("[registry]\nconcurrency = 2\n")
    assert read_settings(configuration_path({CONFIG_VARIABLE: str(file)})).concurrency == 2
    assert read_settings(configuration_path({CONFIG_VARIABLE: "/dev/null"})) == Settings()
    assert configuration_path({}).parts[-2:] == ("wasmbuild", "config.toml")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InvalidProject, match="is not a file"):
        read_settings(tmp_path)


def test_a_command_reads_it(tmp_path, monkeypatch, capsys):
    file = tmp_path / "config.toml"
    file.write_text('[registry.hosts."127.0.0.1:1"]\nca-fil = "x"\n')
    monkeypatch.setenv(CONFIG_VARIABLE, str(file))
    assert run(["tags", "127.0.0.1:1/a/b"]) == 2
    err = capsys.readouterr().err
    assert f"error[WB112]: {file}, line 2, column 1: " in err
    assert "did you mean ca-file?" in err


def test_a_mirror_is_asked_first(tmp_path, registry_address, repository_name):
    from tests.contract.making import blob, push_manifest

    there = Registries().repository(Reference.parse(f"{registry_address}/{repository_name}/hub/library/x"))
    document = push_manifest(there, blob(b"x"))
    there.tag(document, "1")
    mirror = (
        f'[[registry.mirrors."docker.io"]]\nlocation = "{registry_address}/{repository_name}/hub"\nresolve = true\n'
    )
    heard = []
    settings = read(tmp_path, mirror).heard_by(heard.append)
    assert Registries(settings).repository(Reference.parse("x:1")).resolve("1") == document
    assert heard == []


SHOWN = re.compile(r"^```toml[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = SHOWN.findall(DOCS.read_text()) if DOCS.exists() else []


@pytest.mark.parametrize("example", EXAMPLES)
def test_what_the_documentation_shows_can_be_read(tmp_path, example):
    assert read(tmp_path, example) != Settings()


def test_the_documentation_has_an_example_of_every_key():
    from wasmbuild.configuration import _HOST_KEYS

    keys = {"location", "resolve", "concurrency", "retry-for", *_HOST_KEYS}
    assert not [key for key in keys if not re.search(rf"^{key} = ", "\n".join(EXAMPLES), re.MULTILINE)]
