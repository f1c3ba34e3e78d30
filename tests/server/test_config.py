import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import ExitCode, InvalidConfiguration
from registry.server.config import ObservingConfig, ServerConfig, TlsConfig
from registry.server.config.effective import effective
from registry.server.config.observing import WebhookConfig
from registry.server.config.toml import Loaded, load_config
from registry.server.config.values import InvalidValue, decode, duration, encode, size
from registry.server.runtime import serve

DATA = Path("data")


def test_a_slip_is_named_before_what_is_missing_for_it(tmp_path: Path) -> None:
    file = tmp_path / "registry.toml"
    file.write_text('dat = "x"\n')
    with pytest.raises(InvalidConfiguration, match="line 1: dat is not a setting"):
        load_config(file, {})


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [("127.0.0.1:0", "127.0.0.1", 0), ("127.8.9.1:65535", "127.8.9.1", 65535), ("[::1]:5000", "::1", 5000)],
)
def test_loopback_addresses(listen: str, host: str, port: int) -> None:
    config = ServerConfig.at(DATA, listen)
    assert (config.host, config.port) == (host, port)


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0"])
def test_other_addresses_are_refused_with_the_reason(tmp_path: Path, listen: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        serve(ServerConfig.at(tmp_path / "data", listen), print, print)
    assert "not a loopback address" in caught.value.what
    assert caught.value.cause is not None
    assert "users" in caught.value.cause
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    "listen",
    ["", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "host:1", "127.0.0.1:-1", "127.0.0.1:٣"],
)
def test_malformed_addresses(listen: str) -> None:
    with pytest.raises(InvalidConfiguration):
        ServerConfig.at(DATA, listen)


def load(tmp_path: Path, text: str = "", environment: dict[str, str] | None = None, **flags: Any) -> Loaded:
    file = tmp_path / "registry.toml"
    file.write_text(text)
    given = {name.replace("__", "."): (value, f"--{name}") for name, value in flags.items()}
    return load_config(file, environment or {}, {"data": (str(tmp_path), "--data"), **given})


def test_every_kind_of_value(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """
        listen = "[::1]:7000"
        max_blob = "2GiB"
        patience = 30
        upload_lifetime = "1.5h"
        durable = false
        trusted_proxies = ["10.0.0.0/8", "192.168.0.0/16"]

        [storage]
        url = "s3://bucket/prefix"

        [collection]
        grace = "7d"

        [tls]
        certificate = "/etc/certificate.pem"
        key = "/etc/key.pem"
        minimum = "1.3"

        [[observing.webhooks]]
        url = "https://example.com/hook"
        actions = ["push", "delete"]

        [[observing.webhooks]]
        url = "https://example.org/hook"
        name = "other"
        """,
    ).config
    assert (config.host, config.port) == ("::1", 7000)
    assert (config.max_blob, config.patience, config.upload_lifetime) == (2 * 1024**3, 30.0, 5400.0)
    assert config.durable is False
    assert config.trusted_proxies == ("10.0.0.0/8", "192.168.0.0/16")
    assert config.storage.url == "s3://bucket/prefix"
    assert config.collection.grace == 7 * 86400
    assert config.tls.certificate == Path("/etc/certificate.pem")
    assert config.tls.minimum == "1.3"
    assert [hook.name for hook in config.observing.webhooks] == ["https://example.com/hook", "other"]
    assert config.observing.webhooks[0].actions == ("push", "delete")


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("patince = 3", "line 1: patince is not a setting", "did you mean patience?"),
        ("\n[colection]\ngrace = 1", "line 2: colection is not a setting", "did you mean collection?"),
        ("[collection]\n\ngrase = 1", "line 3: collection.grase is not a setting", "did you mean grace?"),
        ("patience = 'soon'", "line 1: patience is not a number", "for example 90s"),
        ("max_blob = '3 parsec'", "line 1: max_blob is not a number", "64GiB"),
        ("patience = -1", "line 1: patience is negative", None),
        ("port = true", "line 1: port is not a whole number", None),
        ("port = 1.5", "line 1: port is not a whole number", None),
        ("durable = 'yes'", "line 1: durable is not true or false", None),
        ("storage = 3", "line 1: storage is not a table", None),
        ("trusted_proxies = 'all'", "line 1: trusted_proxies is not a list", None),
        ("trusted_proxies = [1]", "line 1: trusted_proxies[0] is not a text", None),
        ("[tls]\nminimum = '1.4'", "line 2: tls.minimum is not one of 1.2, 1.3", "did you mean"),
        ("[[observing.webhooks]]\nname = 'x'", "line 1: observing.webhooks[0].url is missing", None),
        ("listen = 3", "listen is not a text", "127.0.0.1:5000"),
        ("listen = '127.0.0.1:1'\nhost = '127.0.0.1'", "both listen and its parts", None),
        ("= 3", "is not TOML", None),
        ("external_url = { env = 'NOT_THERE' }", "line 1: external_url names the variable NOT_THERE", None),
        ("external_url = { file = 'missing' }", "line 1: external_url names", None),
        ("external_url = { files = 'x' }", "line 1: external_url is not a text", None),
        ('external_url = "a\\u0007b"', "line 1: external_url holds a control character", None),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, said: str, hint: str | None) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        load(tmp_path, text)
    assert said in str(caught.value)
    assert str(tmp_path / "registry.toml") in str(caught.value) or "listen" in said
    if hint is not None:
        assert caught.value.hint is not None
        assert hint in caught.value.hint


def test_a_flag_goes_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    text = "patience = 1\ngrace = 1\ndrain = 1\n"
    environment = {"WASMBUILD_REGISTRY_PATIENCE": "2s", "WASMBUILD_REGISTRY_GRACE": "2s"}
    loaded = load(tmp_path, text, environment, patience=3)
    assert (loaded.config.patience, loaded.config.grace, loaded.config.drain) == (3.0, 2.0, 1.0)
    origins = {setting.key: setting.origin for setting in effective(loaded)}
    assert origins["patience"] == "--patience"
    assert origins["grace"] == "WASMBUILD_REGISTRY_GRACE"
    assert origins["drain"] == f"{tmp_path / 'registry.toml'}, line 3"
    assert origins["max_blob"] == "default"


def test_the_environment_reaches_every_section(tmp_path: Path) -> None:
    environment = {
        "WASMBUILD_REGISTRY_LISTEN": "127.0.0.1:7",
        "WASMBUILD_REGISTRY_DURABLE": "off",
        "WASMBUILD_REGISTRY_STORAGE_URL": "s3://bucket/p",
        "WASMBUILD_REGISTRY_TRUSTED_PROXIES": "10.0.0.0/8, 10.1.0.0/16",
        "WASMBUILD_REGISTRY_OBSERVING_METRICS_PUBLIC": "true",
        "WASMBUILD_REGISTRY_BACKUP_TO": "another command's",
    }
    config = load(tmp_path, "", environment).config
    assert (config.port, config.durable, config.storage.url) == (7, False, "s3://bucket/p")
    assert config.trusted_proxies == ("10.0.0.0/8", "10.1.0.0/16")
    assert config.observing.metrics_public is True


def test_a_slip_in_the_environment(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        load(tmp_path, "", {"WASMBUILD_REGISTRY_PATIENC": "3"})
    assert caught.value.hint == "did you mean WASMBUILD_REGISTRY_PATIENCE?"
    with pytest.raises(InvalidConfiguration, match="WASMBUILD_REGISTRY_DURABLE is neither"):
        load(tmp_path, "", {"WASMBUILD_REGISTRY_DURABLE": "perhaps"})


def test_secrets_come_from_elsewhere_and_are_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-a-file\n")
    loaded = load(
        tmp_path,
        """
        database = { env = "DB" }
        [[observing.webhooks]]
        url = "https://example.com/a"
        secret = { file = "secret" }
        """,
        {"DB": "postgresql://user:from-the-environment@host/name"},
    )
    assert loaded.config.database == "postgresql://user:from-the-environment@host/name"
    assert loaded.config.observing.webhooks[0].secret == "from-a-file"
    shown = {setting.key: setting.value for setting in effective(loaded)}
    assert shown["database"] == "postgresql://user:***@host/name"
    assert shown["observing.webhooks[0].secret"] == "(secret)"
    assert "from-a-file" not in repr(loaded.config)
    assert not [value for value in shown.values() if "from-" in value]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://user:hunter2@host/name", "postgresql://user:***@host/name"),
        ("postgresql://user:hunt@er2/x@host/name", "postgresql://user:***@host/name"),
        ("postgresql://user@host/name?password=hunter2&sslmode=require", None),
        ("postgresql://user@host/name", "postgresql://user@host/name"),
    ],
)
def test_the_password_of_a_database_is_not_shown(tmp_path: Path, url: str, shown: str | None) -> None:
    loaded = load(tmp_path, "", {}, database=url)
    found = next(setting.value for setting in effective(loaded) if setting.key == "database")
    assert found == (shown or "postgresql://user@host/name?password=***&sslmode=require")


def test_times_and_sizes_are_shown_as_they_are_written(tmp_path: Path) -> None:
    text = "max_blob = 1500\npatience = 1.25\n[observing]\nlog_bytes = '10MB'"
    shown = {setting.key: setting.value for setting in effective(load(tmp_path, text))}
    defaults = {setting.key: setting.value for setting in effective(load(tmp_path, ""))}
    assert (shown["max_blob"], shown["patience"], shown["observing.log_bytes"]) == ("1500", "1250ms", "10MB")
    assert (defaults["max_blob"], defaults["upload_lifetime"], defaults["patience"]) == ("64GiB", "24h", "60s")
    assert (defaults["access.refresh_lifetime"], defaults["access.fail_delay"]) == ("30d", "500ms")
    assert (defaults["access.failures_per_minute"], defaults["access.burst"]) == ("30", "100")
    assert (defaults["drain"], defaults["port"], defaults["observing.log_files"]) == ("0s", "5000", "5")


@given(st.floats(0, 1e9) | st.integers(0, 10**10).map(lambda count: count / 1000), st.integers(0, 10**18 - 1))
def test_what_is_shown_is_what_was_said(seconds: float, octets: int) -> None:
    config = ServerConfig(DATA, patience=seconds, max_blob=octets)
    shown = {setting.key: setting.value for setting in effective(Loaded(config, {}))}
    written = shown["patience"]
    assert (duration(written) if written[-1].isalpha() else float(written)) == seconds
    assert decode(int, shown["max_blob"], "") == octets


def test_the_defaults_of_the_docs_are_those_that_are_shown(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "server-access.md").read_text()
    shown = {setting.key: setting.value for setting in effective(load(tmp_path, ""))}
    told = dict(re.findall(r'^\| `(\w+_\w+|burst|service)` \| `?"?(\w+)"?`?.*?\|', text, re.MULTILINE))
    assert len(told) == 8
    assert {name: value.replace("none", "") for name, value in told.items()} == {
        name: shown[f"access.{name}"] for name in told
    }


@pytest.mark.parametrize("listen", [":5000", ":0"])
def test_a_port_alone_is_answered_with_what_to_write(listen: str) -> None:
    with pytest.raises(InvalidConfiguration, match="names no address") as caught:
        ServerConfig.at(DATA, listen)
    assert f"127.0.0.1{listen} " in str(caught.value.hint)
    assert f"0.0.0.0{listen} " in str(caught.value.hint)


def test_no_value_is_repeated_by_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        load(tmp_path, "[[observing.webhooks]]\nurl = 'https://user:hunter2@example.com/'")
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


def test_what_is_effective_can_be_read_again(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "[access.groups]\nteam = ['a', 'b']\n[[observing.webhooks]]\nurl = 'https://example.com'\nsecret = 's'",
    ).config
    assert decode(ServerConfig, json.loads(json.dumps(encode(config))), "") == config


def test_a_file_that_is_not_there_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match="cannot read the settings"):
        load_config(tmp_path / "missing.toml", {})
    with pytest.raises(InvalidConfiguration, match="no folder for its data") as caught:
        load_config(None, {})
    assert "--data FOLDER" in (caught.value.hint or "")
    with pytest.raises(InvalidConfiguration, match="larger than"):
        load(tmp_path, "#" * (1024 * 1024 + 1))


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("1.5h", 5400), ("7d", 604800), ("250ms", 0.25), ("2w", 1209600), ("5 m", 300)]
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(("text", "octets"), [("1", 1), ("10KB", 10_000), ("1.5 KiB", 1536), ("64GiB", 64 * 1024**3)])
def test_sizes(text: str, octets: int) -> None:
    assert size(text) == octets


@given(st.text(max_size=12))
def test_quantities_are_numbers_or_refused(text: str) -> None:
    for read in (duration, size):
        try:
            assert read(text) == read(text.strip())
        except ValueError:
            continue


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = [field.name for field in fields(ServerConfig)]


@given(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=6), VALUES, max_size=4))
def test_whatever_it_is_told_it_makes_settings_or_says_what_is_wrong(values: dict[str, Any]) -> None:
    try:
        decode(ServerConfig, {"data": "d", **values}, "")
    except InvalidValue as error:
        assert error.problem
    except InvalidConfiguration as error:
        assert error.what


@pytest.mark.parametrize(
    "hook",
    [
        {"url": "ftp://x/"},
        {"url": "https://"},
        {"url": "https://u:p@x/"},
        {"url": "https://x", "actions": ("pull",)},
        {"url": "https://x", "repositories": ("team/***",)},
    ],
)
def test_webhooks_that_cannot_be(hook: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfiguration):
        WebhookConfig(**hook)


def test_two_webhooks_of_one_name() -> None:
    with pytest.raises(InvalidConfiguration, match="same name"):
        ObservingConfig(webhooks=(WebhookConfig("https://x/"), WebhookConfig("https://x/")))


@pytest.mark.parametrize("half", [{"certificate": DATA}, {"key": DATA}, {"client_ca": DATA}])
def test_half_of_tls(half: dict[str, Path]) -> None:
    with pytest.raises(InvalidConfiguration):
        TlsConfig(**half)
