import itertools
import shlex
from pathlib import Path

import pytest
from wasmtime import wat2wasm

from wasmbuild.errors import CapabilityDenied, EngineUnable
from wasmbuild.run.deciding.decision import Decision, decide
from wasmbuild.run.deciding.grants import Folder, Grants
from wasmbuild.run.deciding.policy import RunPolicy, parse_policy
from wasmbuild.run.deciding.wishes import Wish, parse_allowed, parse_wish
from wasmbuild.wasm.binary import read
from wasmbuild.wasm.model import WasmBinary

PREVIEW1 = "wasi_snapshot_preview1"


def module(*imports: str) -> WasmBinary:
    """A module that imports functions by ``module::name``."""
    pairs = (each.rpartition("::") for each in imports)
    asked = "".join(f'(import "{each[0]}" "{each[2]}" (func))' for each in pairs)
    return read(bytes(wat2wasm(f"(module {asked})")))


def component(*imports: str, more: str = "") -> WasmBinary:
    """A component that imports interfaces."""
    asked = "".join(f'(import "{name}" (instance))' for name in imports)
    return read(bytes(wat2wasm(f"(component {asked} {more})")))


def policy(text: str, folder: Path = Path("/")) -> RunPolicy:
    return parse_policy("p.toml", f"version = 1\n{text}".encode(), folder, {})


ASKING = {
    "arguments": module(f"{PREVIEW1}::args_get"),
    "clocks": component("wasi:clocks/wall-clock@0.2.0"),
    "environment": module(f"{PREVIEW1}::environ_get"),
    "exit": component("wasi:cli/exit@0.2.3"),
    "filesystem": component("wasi:filesystem/preopens@0.2.3"),
    "http": component("wasi:http/types@0.2.3", "wasi:http/outgoing-handler@0.2.3"),
    "name-lookup": component("wasi:sockets/ip-name-lookup@0.2.99"),
    "poll": module(f"{PREVIEW1}::poll_oneoff"),
    "random": module(f"{PREVIEW1}::random_get"),
    "sockets": module(f"{PREVIEW1}::sock_accept"),
    "stdio": component("wasi:cli/terminal-stdout@0.2.0"),
    "streams": component("wasi:io/streams@0.2.0"),
}
FREE = {"exit", "poll", "streams"}
USUAL = {"arguments", "clocks", "random", "stdio"}


def verdict(decision: Decision, name: str) -> str:
    (found,) = {row.verdict for row in decision.rows if row.capability and row.capability.name == name}
    return found


def granting(name: str) -> Grants:
    """Grants with something in them for a capability."""
    return Grants(
        folders=(Folder(Path("/tmp"), "/tmp"),) if name == "filesystem" else (),
        environment=(("A", "1"),) if name == "environment" else (),
        http=name == "http",
    )


def wish(name: str = "", *allow: str):
    asked = parse_wish(allow=allow)
    return type(asked)(granting(name), asked.allowed)


@pytest.mark.parametrize("name", ASKING)
class TestTable:
    def test_with_nothing(self, name):
        expected = "granted" if name in FREE | USUAL else "powerless"
        decision = decide(ASKING[name], None, wish())
        assert verdict(decision, name) == expected
        assert decision.failure("x") is None
        assert decision.grants == Grants()

    def test_with_a_grant(self, name):
        decision = decide(ASKING[name], None, wish(name))
        grantable = name in {"filesystem", "environment", "http"}
        assert verdict(decision, name) == ("granted" if grantable or name in FREE | USUAL else "powerless")
        assert decision.grants == granting(name)

    def test_strictly(self, name):
        decision = decide(ASKING[name], None, wish(), strict=True)
        if name in FREE | USUAL:
            decision.check("x")
            return
        assert verdict(decision, name) == "refused"
        with pytest.raises(CapabilityDenied) as denied:
            decision.check("my app.wasm")
        assert denied.value.hint == f"wasmbuild run --strict --allow {name} 'my app.wasm'"
        assert ASKING[name].import_names[0] in (denied.value.cause or "")
        assert "it " + decision.refused[0].words in (denied.value.cause or "")

    def test_strictly_with_the_flag_of_the_hint(self, name):
        decision = decide(ASKING[name], None, parse_wish(allow=(name,)), strict=True)
        decision.check("x")
        assert decision.grants == (Grants(http=True) if name == "http" else Grants())

    def test_below_a_policy_that_allows_it(self, name):
        ceiling = policy(f'[capabilities]\nallow = ["{name}"]')
        for strict in (False, True):
            assert verdict(decide(ASKING[name], ceiling, wish(), strict=strict), name) != "refused"

    def test_below_a_policy_that_denies_it(self, name):
        ceiling = policy("[capabilities]\nallow = []")
        decision = decide(ASKING[name], ceiling, wish())
        if name in FREE:
            decision.check("x")
            return
        assert verdict(decision, name) == "refused"
        with pytest.raises(CapabilityDenied) as denied:
            decision.check("x")
        assert "p.toml, line 3 does not allow" in (denied.value.cause or "")
        assert f'allow = ["{name}"]' in (denied.value.hint or "")

    def test_a_flag_beyond_the_policy(self, name):
        ceiling = policy("[capabilities]\nallow = []")
        if name in FREE:
            return
        with pytest.raises(CapabilityDenied, match=f"--allow {name} asks for more"):
            decide(ASKING[name], ceiling, parse_wish(allow=(name,)))


def test_a_program_that_imports_nothing_gets_nothing_and_says_so():
    given = parse_wish(environment=("A=1",), allow=("sockets", "env::abort"), hosts=("*",))
    decision = decide(module(), None, given, strict=True)
    decision.check("x")
    assert decision.rows == ()
    assert decision.grants == Grants()
    said = " ".join(note.text for note in decision.notes)
    for flag in ("--env", "--allow sockets", "--allow env::abort", "--net"):
        assert f"{flag} gives nothing" in said
    assert "1" not in said


def test_what_is_used_is_no_note():
    given = wish("filesystem")
    assert decide(ASKING["filesystem"], None, given).notes == ()


def test_a_variable_that_a_policy_passes_and_nobody_sets_is_a_note():
    ceiling = policy("[grants]\npass = ['TOKEN']")
    (note,) = decide(ASKING["environment"], ceiling, wish()).notes
    assert note.text == "p.toml, line 3 passes what is not set here: TOKEN"
    assert decide(ASKING["environment"], ceiling, parse_wish(environment=("TOKEN=1",))).notes == ()
    assert decide(module(), ceiling, wish()).notes == ()


def test_sockets_that_are_allowed_stay_powerless_and_that_is_said():
    (note,) = decide(ASKING["sockets"], None, parse_wish(allow=("sockets",))).notes
    assert "the engine gives no guest TCP" in note.text


def test_outgoing_http_is_a_stub_until_it_is_granted():
    names = frozenset(ASKING["http"].import_names)
    assert decide(ASKING["http"], None, wish()).stubs == names
    assert decide(ASKING["http"], None, wish("http")).stubs == frozenset()


class TestForeign:
    def test_is_refused_by_name_with_the_flag(self):
        decision = decide(module("env::abort", f"{PREVIEW1}::fd_write"), None, wish())
        with pytest.raises(CapabilityDenied) as denied:
            decision.check("x")
        assert "env::abort" in (denied.value.cause or "")
        assert "fd_write" not in (denied.value.cause or "")
        assert denied.value.hint == "wasmbuild run --allow env::abort x"

    @pytest.mark.parametrize("allowed", ["env::abort", "env::*"])
    def test_is_a_stub_where_it_is_allowed(self, allowed):
        decision = decide(module("env::abort"), None, parse_wish(allow=(allowed,)), strict=True)
        decision.check("x")
        assert decision.stubs == {"env::abort"}
        assert decision.notes == ()

    def test_by_a_policy(self):
        ceiling = policy('[capabilities]\nimports = ["acme:kv/store"]')
        decision = decide(component("acme:kv/store@1.2.3"), ceiling, wish())
        decision.check("x")
        assert decision.stubs == {"acme:kv/store@1.2.3"}
        decide(module(), ceiling, parse_wish(allow=("acme:kv/store@1.0.0",)))
        with pytest.raises(CapabilityDenied, match="--allow acme:kv/other"):
            decide(module(), ceiling, parse_wish(allow=("acme:kv/other",)))

    def test_is_denied_by_a_policy(self):
        decision = decide(module("env::abort"), policy('[capabilities]\nimports = ["env::other"]'), wish())
        with pytest.raises(CapabilityDenied) as denied:
            decision.check("x")
        assert 'imports = ["env::abort"]' in (denied.value.hint or "")

    def test_some_of_one_group(self):
        decision = decide(module("env::a", "env::b"), None, parse_wish(allow=("env::a",)))
        assert {row.imports: row.verdict for row in decision.rows} == {("env::a",): "powerless", ("env::b",): "refused"}

    def test_a_memory_cannot_be_made_up(self):
        binary = read(bytes(wat2wasm('(module (import "env" "memory" (memory 1)))')))
        with pytest.raises(EngineUnable, match="cannot be run"):
            decide(binary, None, parse_wish(allow=("env::memory",))).check("x")

    @pytest.mark.parametrize(
        "binary",
        [
            read(bytes(wat2wasm('(component (import "log" (func)) (import "ns:p/i" (instance)))'))),
            module("env::a", "env::b::c", "env::d e"),
            module(*(f"env::f{number}" for number in range(30))),
            module(*(f"env{number}::f" for number in range(30))),
            component(*(f"ns:p{number}/i@1.0.0" for number in range(30))),
        ],
    )
    def test_the_flags_of_the_hint_allow_it(self, binary):
        failure = decide(binary, None, wish()).failure("x")
        assert failure is not None
        words = shlex.split(failure.hint or "")
        allowed = [each for before, each in itertools.pairwise(words) if before == "--allow"]
        decide(binary, None, parse_wish(allow=allowed)).check("x")

    def test_its_name_is_not_shown_raw(self):
        binary = module("env::\\1b[31m\\e2\\80\\ae'; rm -rf")
        with pytest.raises(CapabilityDenied) as denied:
            decide(binary, None, wish()).check("x")
        shown = f"{denied.value.what}{denied.value.cause}{denied.value.hint}"
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "\\x1b[31m" in shown

    def test_thousands_of_them_are_a_short_message(self):
        binary = module(*(f"env::f{number}" for number in range(3000)))
        failure = decide(binary, None, wish()).failure("x")
        assert failure is not None
        assert len(failure.cause or "") < 1000
        assert len(failure.hint or "") < 1000


class TestEngine:
    @pytest.mark.parametrize(
        ("binary", "said"),
        [
            (module("wasi_unstable::fd_write"), "wasi_unstable"),
            (module("wasi::thread-spawn"), "threads"),
            (module("wasi:cli/environment@0.2.0::get-arguments"), "core module"),
            (component("wasi:cli/stdout@0.3.0"), "WASI 0.3"),
            (component("wasi:cli/stdout@0.9.0"), "WASI 0.9"),
            (component("wasi:cli/stdout@7.0.1"), "WASI 7.0"),
            (component("wasi:cli/stdout@0.2.0-rc-2023-11-10"), "draft"),
            (component("wasi:cli/stdout"), "no version"),
            (component("wasi:clocks/timezone@0.2.0"), "wasi:clocks/timezone"),
            (component("wasi:http/incoming-handler@0.2.0"), "wasi:http/incoming-handler"),
            (component("wasi:cli/run@0.2.0"), "composed"),
            (component(more='(instance $i) (export "wasi:cli/run@0.3.0" (instance $i))'), "WASI 0.3"),
            (component(more='(instance $i) (export "wasi:http/handler@0.3.0" (instance $i))'), "WASI 0.3"),
        ],
    )
    def test_what_it_cannot_run_names_its_limit(self, binary, said):
        for strict in (False, True):
            with pytest.raises(EngineUnable) as unable:
                decide(binary, None, wish(), strict=strict).check("x")
            assert said in (unable.value.cause or "")

    def test_no_flag_helps_it(self):
        decision = decide(component("wasi:cli/stdout@0.3.0"), None, parse_wish(allow=("stdio",)))
        assert [row.flag for row in decision.refused] == [None]

    def test_an_export_of_both_levels_can_be_called(self):
        runs = '(instance $i) (export "wasi:cli/run@0.3.0" (instance $i)) (export "wasi:cli/run@0.2.0" (instance $i))'
        decide(component(more=runs), None, wish()).check("x")

    @pytest.mark.parametrize("binary", [module(), ASKING["http"]])
    def test_a_host_of_its_own_is_more_than_it_can(self, binary):
        with pytest.raises(EngineUnable) as unable:
            decide(binary, None, parse_wish(hosts=("api.example.com",)))
        assert "cannot tell hosts apart" in (unable.value.cause or "")

    def test_who_tells_hosts_apart_gets_them(self):
        given = parse_wish(hosts=("api.example.com",))
        decision = decide(ASKING["http"], None, given, filters_hosts=True)
        assert decision.grants == Grants(hosts=("api.example.com",))
        assert decision.stubs == frozenset()

    def test_hosts_of_a_policy_matter_only_where_http_is_imported(self):
        ceiling = policy('[grants]\nhttp = ["api.example.com"]')
        decide(module(), ceiling, wish()).check("x")
        with pytest.raises(EngineUnable):
            decide(ASKING["http"], ceiling, wish())


def test_every_capability_has_a_row_in_the_table():
    from wasmbuild.wasm.capabilities import CAPABILITIES

    assert set(ASKING) | {"command", "threads"} == set(CAPABILITIES)
    assert parse_allowed(list(ASKING)).allow == set(ASKING)


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        ([("/srv", "/srv", True), ("/srv/keep", "/keep", False)], "/keep is given to be read, and can be written as a"),
        ([("/srv", "/a", False), ("/srv", "/b", True)], "/a is given to be read, and can be written as a part of /b"),
        ([("/", "/all", False)], "/all shows the guest /proc: variables and memory"),
        ([("/proc/1", "/one", False)], "/one shows the guest /proc"),
        ([("/srv", "/a", False), ("/srv/out", "/b", True)], None),
        ([("/srv", "/a", False), ("/procedures", "/b", True)], None),
    ],
)
def test_folders_that_give_more_than_they_seem_to(folders, said):
    grants = Grants(folders=tuple(Folder(Path(host), guest, writable) for host, guest, writable in folders))
    notes = [note.text for note in decide(ASKING["filesystem"], None, Wish(grants)).notes]
    assert [said in note for note in notes] == ([True] if said else [])


def test_the_command_to_paste_has_the_policy():
    decision = decide(ASKING["environment"], policy(""), Wish(), strict=True)
    failure = decision.failure("a.wasm")
    assert failure
    assert failure.hint == "wasmbuild run --policy p.toml --strict --allow environment a.wasm"


def test_the_hint_does_not_lose_what_was_given():
    asking = module(f"{PREVIEW1}::environ_get", f"{PREVIEW1}::path_open")
    failure = decide(asking, None, parse_wish(environment=("A=1",)), strict=True).failure("a.wasm")
    assert failure is not None
    assert failure.hint == "to allow it, give as well: --allow filesystem"
    given = parse_wish(environment=("A=1",), allow=("filesystem",))
    assert decide(asking, None, given, strict=True).failure("a.wasm") is None


def test_the_hint_for_a_name_with_escapes_allows_it():
    asking = module(r"env::\1b[31mabort")
    failure = decide(asking, None, parse_wish()).failure("a.wasm")
    assert failure is not None
    words = shlex.split(failure.hint or "")
    assert words == ["wasmbuild", "run", "--allow", "env::*[31mabort", "a.wasm"]
    assert decide(asking, None, parse_wish(allow=(words[3],))).failure("a.wasm") is None


def test_hosts_of_a_policy_are_mended_in_the_policy():
    ceiling = policy('[grants]\nhttp = ["api.example.com"]')
    with pytest.raises(EngineUnable) as unable:
        decide(ASKING["http"], ceiling, parse_wish())
    assert unable.value.hint == "[grants] http = true"
