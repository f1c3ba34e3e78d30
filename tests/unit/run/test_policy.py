import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wasmbuild.errors import CapabilityDenied, InvalidProject, UsageFailed
from wasmbuild.run.deciding.ceiling import limited, within
from wasmbuild.run.deciding.decision import decide
from wasmbuild.run.deciding.grants import Folder, Grants
from wasmbuild.run.deciding.policy import RunPolicy, parse_policy, read_policy
from wasmbuild.run.deciding.record import NO_TRACE, policy_text
from wasmbuild.run.deciding.wishes import Wish, parse_wish
from wasmbuild.run.limits import GuestLimits
from wasmbuild.wasm.capabilities import CAPABILITIES
from wasmbuild.wasm.model import Import, WasmBinary

WHOLE = """\
version = 1

[capabilities]
allow = ["filesystem", "environment", "http"]
imports = ["env::abort"]

[grants]
folders = [
    { host = "data", guest = "/data" },
    { host = "out", guest = "/out", writable = true },
]
environment = { MODE = "fast" }
pass = ["HOME", "TOKEN"]
http = true

[limits]
memory = "64 MiB"
timeout = "1.5s"
fuel = 1000
tables = 1000

[signature]
keys = ["one.pub", "/abs/two.pub"]
"""
OURS = {"HOME": "/home/ada", "OTHER": "secret"}


@pytest.fixture
def here(tmp_path: Path) -> Path:
    for name in ("data/sub", "out"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path.resolve()


@pytest.fixture
def whole(here: Path) -> RunPolicy:
    return parse_policy("p.toml", WHOLE.encode(), here, OURS)


def parsed(text: str, folder: Path = Path("/")) -> RunPolicy:
    return parse_policy("p.toml", f"version = 1\n{text}".encode(), folder, OURS)


def test_everything_in_one(whole, here):
    assert whole.capabilities is not None
    assert whole.capabilities.allow == {"filesystem", "environment", "http"}
    assert whole.grants == Grants(
        folders=(Folder(here / "data", "/data", writable=False), Folder(here / "out", "/out", writable=True)),
        environment=(("MODE", "fast"), ("HOME", "/home/ada")),
        http=True,
    )
    assert whole.unset == ("TOKEN",)
    assert {limit.key: limit.value for limit in whole.limits} == {
        "memory": 64 * 1024**2,
        "timeout": 1.5,
        "fuel": 1000,
        "tables": 1000,
    }
    assert whole.keys == (here / "one.pub", Path("/abs/two.pub"))
    assert "fast" not in repr(whole)
    assert "ada" not in repr(whole)


def test_a_policy_without_a_table_of_capabilities_limits_no_imports():
    assert parsed("").capabilities is None
    assert parsed("[capabilities]").capabilities is not None


def test_a_file(here):
    (here / "p.toml").write_text(WHOLE)
    assert read_policy(here / "p.toml", OURS).file == "p.toml"
    with pytest.raises(UsageFailed, match="there is no policy"):
        read_policy(here / "q.toml")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[grant]", 2, "not a key"),
        ("[grants]\nfolder = []", 3, "not a key"),
        ("[capabilities]\nallow = ['filesytem']", 3, "not a capability"),
        ("[capabilities]\nimports = ['wasi:cli/stdin']", 3, "is of WASI"),
        ("[grants]\nfolders = [{ host = '/', guest = '/', writeable = true }]", 3, "not a key"),
        ("[grants]\nfolders = [{ host = '/' }]", 3, "is missing"),
        ("[grants]\nfolders = [{ host = '/nowhere/at/all', guest = '/' }]", 3, "no such folder"),
        ("[grants]\nfolders = [{ host = '/etc/passwd', guest = '/' }]", 3, "not a folder"),
        ("[grants]\nfolders = [{ host = '/', guest = 'in' }]", 3, "begin with /"),
        ("[grants]\nfolders = [{ host = '/', guest = '/../x' }]", 3, "plain path"),
        ("[grants]\nfolders = [{ host = '/', guest = '/' }, { host = '/etc', guest = '.' }]", 3, "has two"),
        ("[[grants.folders]]\nhost = '/'\nguest = 'in'", 4, "begin with /"),
        ("[grants]\nenvironment = { 'A=B' = '1' }", 3, "not the name"),
        ("[grants]\nenvironment = { A = 1 }", 3, "must be a string"),
        ("[grants]\nenvironment = { A = '1' }\npass = ['A']", 3, "is in pass, too"),
        ("[grants]\npass = ['']", 3, "has no name"),
        ("[grants]\nhttp = 'yes'", 3, "must be true or false"),
        ("[grants]\nhttp = ['a b']", 3, "not the name of a host"),
        ("[limits]\nmemory = 64", 3, "must be a string"),
        ("[limits]\nmemory = '64 elephants'", 3, "not understood"),
        ("[limits]\ntimeout = '0s'", 3, "no time"),
        ("[limits]\nfuel = -1", 3, "outside"),
        ("[limits]\nfuel = true", 3, "whole number"),
        ("[limits]\nthreads = 1", 3, "not a key"),
        ("[signature]\nkeys = []", 3, "names no key"),
        ("[signature]", 2, "names no key"),
        ("[capabilities]\nallow = []\n[grants]\nhttp = true", 5, "does not allow: http"),
        ("[capabilities]\nallow = []\n[grants]\npass = ['A']", 5, "does not allow: environment"),
        ("[capabilities]\nallow = []\n[grants]\nfolders = [{ host = '/', guest = '/' }]", 5, "allow: filesystem"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text, line, said):
    with pytest.raises(InvalidProject) as invalid:
        parsed(text)
    assert f"p.toml, line {line}," in invalid.value.what
    assert said in invalid.value.what


def test_a_version_that_nobody_knows():
    for text in ("", "version = 2", "version = '1'"):
        with pytest.raises(InvalidProject, match="version must be"):
            parse_policy("p.toml", text.encode(), Path("/"), {})


def test_a_typo_is_guessed():
    with pytest.raises(InvalidProject) as invalid:
        parsed("[limits]\nmemori = '1'")
    assert invalid.value.hint == "did you mean memory?"


VALUES = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["/", "data", "http", "*", "64MiB"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["host", "guest", "A"]), inner),
    max_leaves=6,
)
KEYS = ("allow", "imports", "folders", "environment", "pass", "http", "memory", "fuel", "timeout", "keys", "x")


@settings(max_examples=150)
@given(st.sampled_from(["capabilities", "grants", "limits", "signature", "x"]), st.sampled_from(KEYS), VALUES)
def test_any_value_is_a_policy_or_a_failure(table, key, value):
    tomlkit = pytest.importorskip("tomlkit")
    try:
        text = tomlkit.dumps({"version": 1, table: {key: value}})
        tomllib.loads(text)
    except Exception:  # not what is tested
        return
    try:
        parse_policy("p.toml", text.encode(), Path("/tmp"), OURS)
    except InvalidProject as failure:
        assert failure.what.startswith("p.toml")


class TestCeiling:
    def test_without_flags_it_is_the_policy(self, whole):
        assert within(whole, Wish()) == whole.grants

    def test_flags_choose(self, whole, here):
        given = parse_wish(
            (f"{here}/data/sub:/sub:ro", f"{here}/out:/out:ro"), ("TOKEN=t", "HOME=/h", "MODE=fast"), allow=("http",)
        )
        grants = within(whole, given)
        assert grants.folders == (
            Folder(here / "data", "/data", writable=False),
            Folder(here / "out", "/out", writable=False),
            Folder(here / "data/sub", "/sub", writable=False),
        )
        assert dict(grants.environment) == {"MODE": "fast", "HOME": "/h", "TOKEN": "t"}

    @pytest.mark.parametrize(
        ("flags", "line"),
        [
            ({"folders": ("/:/root:ro",)}, 8),
            ({"folders": ("HERE/data:/data",)}, 8),
            ({"folders": ("HERE/data/../../:/up:ro",)}, 8),
            ({"environment": ("OTHER=1",)}, 13),
            ({"environment": ("MODE=slow",)}, 12),
            ({"allow": ("sockets",)}, 4),
            ({"allow": ("env::other",)}, 5),
            ({"allow": ("env::*",)}, 5),
        ],
    )
    def test_a_flag_that_asks_for_more(self, whole, here, flags, line):
        flags = {name: tuple(each.replace("HERE", str(here)) for each in texts) for name, texts in flags.items()}
        with pytest.raises(CapabilityDenied) as denied:
            within(whole, parse_wish(**flags))
        assert f"p.toml, line {line}" in (denied.value.cause or "")
        assert "fast" not in str(denied.value)

    def test_what_a_policy_does_not_mention_is_not_given(self, here):
        empty = parsed("")
        for flags in ({"folders": (f"{here}:/x",)}, {"environment": ("A=1",)}, {"allow": ("http",)}):
            with pytest.raises(CapabilityDenied, match="more than the policy allows"):
                within(empty, parse_wish(**flags))

    def test_hosts(self):
        ceiling = parsed("[grants]\nhttp = ['a.example', 'b.example']")
        assert within(ceiling, Wish()).hosts == ("a.example", "b.example")
        assert within(ceiling, parse_wish(hosts=("a.example",))).hosts == ("a.example",)
        for more in ("c.example", "*"):
            with pytest.raises(CapabilityDenied) as denied:
                within(ceiling, parse_wish(hosts=(more,)))
            assert "p.toml, line 3" in (denied.value.cause or "")

    def test_limits_are_the_lower_ones(self, whole):
        assert limited(whole, GuestLimits()) == GuestLimits(
            memory_bytes=64 * 1024**2, seconds=1.5, fuel=1000, tables=1000
        )
        less = GuestLimits(memory_bytes=1024**2, seconds=1, fuel=1, tables=1, stack_bytes=1024**2)
        assert limited(whole, less) == less
        for more in (GuestLimits(memory_bytes=65 * 1024**2), GuestLimits(seconds=2), GuestLimits(tables=1001)):
            with pytest.raises(CapabilityDenied, match="asks for more") as denied:
                limited(whole, more)
            assert "p.toml, line" in (denied.value.cause or "")


IMPORTS = (
    Import("wasi_snapshot_preview1", "path_open", "function"),
    Import("wasi_snapshot_preview1", "environ_get", "function"),
    Import("wasi_snapshot_preview1", "proc_exit", "function"),
    Import("env", 'odd "name"\x7f\x1b', "function"),
)


class TestRecord:
    def record(self, here: Path, **flags: object) -> str:
        decision = decide(WasmBinary("module", 1, 0, (), IMPORTS, ()), None, parse_wish(**flags))
        limits = GuestLimits(memory_bytes=1000, seconds=0.25, fuel=7, stack_bytes=1024**2, instances=3)
        return policy_text(decision, limits, (here / "wasmbuild.pub",), here)

    def test_says_that_it_is_no_trace(self, here):
        assert NO_TRACE in self.record(here).splitlines()[0]

    def test_can_be_read_and_gives_what_was_given(self, here):
        flags = {
            "folders": (f"{here}/data:/d:ro", "/etc:/etc:ro"),
            "environment": ("TOKEN=hidden",),
            "allow": ("env::*",),
        }
        text = self.record(here, **flags)
        assert "hidden" not in text
        assert 'host = "data"' in text
        again = parse_policy("p.toml", text.encode(), here, {"TOKEN": "hidden"})
        assert again.grants == parse_wish(flags["folders"], flags["environment"]).grants
        assert again.capabilities is not None
        assert again.capabilities.allow == {"filesystem", "environment"}
        assert again.capabilities.imports == ('env::odd "name"**',)
        decide(WasmBinary("module", 1, 0, (), IMPORTS, ()), again, Wish()).check("x")
        assert again.keys == (here / "wasmbuild.pub",)
        assert limited(again, GuestLimits()) == GuestLimits(
            memory_bytes=1000, seconds=0.25, fuel=7, stack_bytes=1024**2, instances=3
        )

    def test_has_nothing_that_is_not_imported_or_refused(self, here):
        document = tomllib.loads(self.record(here, hosts=("*",)))
        assert document["grants"]["http"] is False
        assert document["capabilities"]["imports"] == []


def test_the_words_of_every_capability_are_there():
    assert all(parsed(f"[capabilities]\nallow = ['{name}']").capabilities for name in CAPABILITIES)
