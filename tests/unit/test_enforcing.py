"""Trust policies in force, on a real registry: what is accepted is what arrives, and nothing else does."""

import json
import threading
from functools import partial
from pathlib import Path

import pytest
from wasmtime import wat2wasm

from registry.client.registries import Registries
from registry.digest import Digest
from registry.errors import InvalidConfiguration, StorageFailed
from registry.graph import push_bytes
from registry.model import EMPTY_BYTES, OCI_INDEX, OCI_MANIFEST, Descriptor, Index, Manifest, describe
from registry.reference import Reference
from registry.stores.layout import LayoutStore
from registry.stores.memory import MemoryStore
from tests.unit.trust.policy_room import KEYS, PEOPLE
from wasmbuild.artifact import WASM_LAYER
from wasmbuild.caches import Caches
from wasmbuild.cli.main import run
from wasmbuild.errors import InvalidAttestation, InvalidProject, PolicyDenied
from wasmbuild.events import Note, Step, ignore
from wasmbuild.lock import locked_pins
from wasmbuild.trust.companion import add_layer
from wasmbuild.trust.policy.parsing import parse_trust_policy
from wasmbuild.trust.policy.verdict import Accepted
from wasmbuild.trust.referrer import attach
from wasmbuild.trust.signer import sign, sign_payload, sign_statement
from wasmbuild.trust.simplesigning import Payload
from wasmbuild.trust.statement import Statement, Subject
from wasmbuild.workflows import accepted
from wasmbuild.workflows.accepted import JsonMemory, memory_at, user_state
from wasmbuild.workflows.capability_claim import capability_predicate
from wasmbuild.workflows.enforcing import PolicyDemand
from wasmbuild.workflows.enforcing import Subject as Asked
from wasmbuild.workflows.policies import ChosenPolicy, user_policy
from wasmbuild.workflows.pull import pull
from wasmbuild.workflows.remote import Remote
from wasmbuild.workflows.run import RunRequest, prepare
from wasmbuild.workflows.versions import version_named

CREATED = "1970-01-01T00:00:00Z"
GOOD = bytes(wat2wasm('(module (func (export "_start")))'))
EVIL = bytes(wat2wasm('(module (func (export "_start")) (func (export "evil")))'))
CURIOUS = bytes(wat2wasm('(module (import "wasi_snapshot_preview1" "fd_write" (func)) (func (export "_start")))'))
ANN = 'signed-by = ["ann"]\n'
CAPABLE = 'new-capabilities = "approve"\n[[scope.attestation]]\ntype = "capabilities"\nby = ["ann"]\n'


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("WASMBUILD_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("WASMBUILD_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "state" / "trust.json"


@pytest.fixture
def repository(registry_address, repository_name):
    return Registries().repository(Reference.parse(f"{registry_address}/{repository_name}"))


def publish(store, data=GOOD, tag="1.0.0", version=None):
    annotations = {"org.opencontainers.image.version": version} if version else {}
    layer, config = (
        Descriptor(WASM_LAYER, Digest.of(data), len(data)),
        describe("application/x.config+json", EMPTY_BYTES),
    )
    document = Manifest(config=config, layers=(layer,), annotations=annotations).encode()
    manifest = describe(OCI_MANIFEST, document)
    for each, content in ((config, EMPTY_BYTES), (layer, data), (manifest, document)):
        push_bytes(store, each, content)
    store.tag(manifest, tag)
    return manifest


def signed(store, manifest, who="ann", name="r.io/x"):
    sign(manifest, name, KEYS[who], CREATED).push_to(store)
    return manifest


def attested(store, manifest, wasm, who="ann"):
    made = capability_predicate(wasm)
    statement = Statement((Subject({"sha256": manifest.digest.encoded}),), made.type, made.content)
    attach(sign_statement(statement, KEYS[who]), manifest, made.type, CREATED).push_to(store)
    return manifest


def policy_text(scope, patterns='["*"]', head=""):
    return f"version = 1\n{head}{PEOPLE}[[scope]]\nrepositories = {patterns}\n{scope}\n"


def policy_file(scope, patterns='["*"]', head="", path="policy.toml"):
    Path(path).write_text(policy_text(scope, patterns, head))
    return Path(path)


def demand(scope, **more):
    return PolicyDemand(parse_trust_policy("policy.toml", policy_text(scope, **more).encode(), Path.cwd()))


def check(repository, scope, tag="1.0.0", sink=ignore):
    asked = Reference.parse(f"{repository}:{tag}")
    return demand(scope).check(Remote.resolve(asked, Registries()), sink)


VERBS = {
    "pull": lambda ref, flags: ["pull", ref, "-o", "out.wasm", *flags],
    "run": lambda ref, flags: ["run", *flags, ref],
    "copy": lambda ref, flags: ["copy", ref, "oci:out:1", *flags],
    "verify": lambda ref, flags: ["verify", ref, *flags],
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_policy_is_enforced_by_each_verb(repository, verb, capfd):
    ref, flags = f"{repository}:1.0.0", ["--trust-policy", str(policy_file(ANN))]
    manifest = signed(repository, publish(repository), "eve")
    assert run(VERBS[verb](ref, flags)) == 4
    assert "WB405" in capfd.readouterr().err
    assert not Path("out.wasm").exists()
    assert not Path("out").exists()
    signed(repository, manifest)
    assert run(VERBS[verb](ref, flags)) == 0
    if verb == "pull":
        assert Path("out.wasm").read_bytes() == GOOD
    if verb == "copy":
        assert LayoutStore(Path("out")).resolve("1").digest == manifest.digest


@pytest.mark.parametrize("verb", ["pull", "run", "copy"])
def test_the_users_own_policy_is_in_force_without_a_flag(repository, verb, monkeypatch, capfd):
    publish(repository)
    Path("config.toml").write_text("")
    monkeypatch.setenv("WASMBUILD_CONFIG", str(Path("config.toml").absolute()))
    assert run(VERBS[verb](f"{repository}:1.0.0", [])) == 0
    policy_file(ANN, path="trust-policy.toml")
    assert run(VERBS[verb](f"{repository}:1.0.0", [])) == 4
    capfd.readouterr()
    assert run(VERBS[verb](f"{repository}:1.0.0", ["--no-trust-policy"])) == 0
    assert "is not applied" in capfd.readouterr().err
    Path("trust-policy.toml").write_text("")
    assert run(VERBS[verb](f"{repository}:1.0.0", [])) == 2  # an empty one is an error, and not none


def test_a_policy_of_the_environment_and_a_key_must_both_hold(repository, monkeypatch, capfd):
    monkeypatch.setenv("WASMBUILD_TRUST_POLICY", str(policy_file(ANN)))
    ref = f"{repository}:1.0.0"
    Path("ben.pub").write_bytes(KEYS["ben"].public.pem)
    manifest = signed(repository, publish(repository))
    assert run(["pull", ref, "-o", "out.wasm"]) == 0
    assert run(["pull", ref, "-o", "out.wasm", "--key", "ben.pub"]) == 4
    assert run(["run", "--key", "ben.pub", ref]) == 4
    signed(repository, manifest, "ben")
    assert run(["pull", ref, "-o", "out.wasm", "--key", "ben.pub"]) == 0
    assert run(["run", "--key", "ben.pub", ref]) == 0
    Path("hello.wasm").write_bytes(GOOD)
    assert run(["run", "hello.wasm"]) == 0  # what is in no registry is not judged
    assert run(["run", "--trust-policy", "policy.toml", "hello.wasm"]) == 2
    capfd.readouterr()


def moving(repository, to):
    """A sink that moves the tag when verifying begins."""

    def sink(event):
        if isinstance(event, Step) and event.verb == "verify" and event.seconds is None:
            repository.tag(to, "1.0.0")

    return sink


def test_what_was_verified_is_what_is_written_when_the_tag_moves_meanwhile(repository, tmp_path):
    evil = publish(repository, EVIL)
    good = signed(repository, publish(repository))
    asked, caches = Reference.parse(f"{repository}:1.0.0"), Caches(tmp_path / "cache")
    settings = {"caches": caches, "registries": Registries(), "sink": moving(repository, evil)}
    pulled = pull(asked, Path("out.wasm"), demand=demand(ANN), platform=None, **settings)
    assert pulled.reference.digest == good.digest
    assert Path("out.wasm").read_bytes() == GOOD
    assert repository.resolve("1.0.0").digest == evil.digest  # it did move
    repository.tag(good, "1.0.0")
    trust = ChosenPolicy(policy_file(ANN))
    assert prepare(str(asked), RunRequest(trust=trust), **settings).program.wasm == GOOD
    repository.tag(evil, "1.0.0")
    settings["sink"] = moving(repository, good)
    with pytest.raises(PolicyDenied):
        pull(asked, Path("evil.wasm"), demand=demand(ANN), platform=None, **settings)
    assert not Path("evil.wasm").exists()


def test_a_copy_is_of_what_was_verified(repository, capfd):
    from wasmbuild.workflows.copy import Along, copy_artifact

    evil, good = publish(repository, EVIL), signed(repository, publish(repository))
    settings = {"tags": (), "along": Along(), "registries": Registries(), "sink": moving(repository, evil)}
    copied = copy_artifact(f"{repository}:1.0.0", "oci:there:1", demand=demand(ANN), **settings)
    assert copied.descriptor.digest == good.digest
    assert LayoutStore(Path("there")).resolve("1").digest == good.digest


def test_what_comes_from_a_layout_is_judged_as_what_it_becomes(repository, registry_address, repository_name, capfd):
    store = LayoutStore.create(Path("layout"))
    signed(store, publish(store), name="r.io/x")
    near = policy_file(ANN, patterns=f'["{registry_address}/{repository_name}"]')
    assert run(["copy", "oci:layout:1.0.0", str(repository), "--trust-policy", str(near)]) == 0
    assert run(["copy", "oci:layout:1.0.0", f"{registry_address}/other", "--trust-policy", str(near)]) == 4
    capfd.readouterr()
    assert run(["copy", "oci:layout:1.0.0", "oci:other", "--trust-policy", str(near)]) == 4
    assert "policy test" not in capfd.readouterr().err  # which is for registries
    assert run(["copy", "oci:layout:1.0.0", "oci:other", "--trust-policy", str(policy_file(ANN))]) == 0


@pytest.mark.parametrize(
    ("tags", "code"),
    [(["-t", "2.0.0"], 4), (["-t", "1.0.0", "-t", "2.0.0"], 4), (["-t", "1.0.0"], 0), ([], 0)],
)
def test_what_comes_from_a_layout_is_judged_as_each_tag_that_it_gets(repository, tags, code, capfd):
    store = LayoutStore.create(Path("layout"))
    signed(store, publish(store), name=f"{repository}:1.0.0")
    flags = ["--trust-policy", str(policy_file(f'{ANN}signed-name = "tag"'))]
    assert run(["copy", "oci:layout:1.0.0", str(repository), *tags, *flags]) == code
    assert "2.0.0" not in (repository.tags() if code == 0 else [])


def test_what_comes_from_a_registry_is_judged_as_what_was_asked_for(repository):
    manifest = signed(repository, publish(repository), name=f"{repository}:1.0.0")
    repository.tag(manifest, "latest")
    flags = ["--trust-policy", str(policy_file(f'{ANN}signed-name = "tag"'))]
    for name, code in ((":1.0.0", 0), (f"@{manifest.digest}", 0), (":latest", 4), ("", 4)):
        assert run(["copy", f"{repository}{name}", "oci:out:1", *flags]) == code


def test_each_tag_of_an_archive_is_judged(state):
    store = LayoutStore.create(Path("layout"))
    manifest = signed(store, publish(store), name="r.io/x:1.0.0")
    verify = ["verify", "--offline", "oci:layout", "--policy", str(policy_file(f'{ANN}signed-name = "tag"'))]
    assert run([*verify, "--as", "r.io/x"]) == 0
    store.tag(manifest, "2.0.0")
    assert run([*verify, "--as", "r.io/x"]) == 4
    assert run([*verify, "--as", "r.io/x:1.0.0"]) == 0


def test_what_calls_itself_a_list_or_has_no_tag_is_verified_offline_too():
    for name in (f"sha256-{'0' * 64}", None):
        store = LayoutStore.create(Path(name or "untagged"))
        signed(store, publish(store))
        inner = publish(store, EVIL, "inner")
        data = Index((inner,)).encode()
        evil = describe(OCI_INDEX, data)
        push_bytes(store, evil, data)
        entries = [each for each in store.entries() if each.digest != inner.digest]
        store.replace_entries(entries if name else [*entries, evil])
        if name:
            store.tag(evil, name)
        verify = ["verify", "--offline", f"oci:{name or 'untagged'}", "--policy", str(policy_file(ANN))]
        assert run(verify) == 4
        store.replace_entries(entries)
        assert run(verify) == 0


@pytest.mark.parametrize("trusted", [["--policy", "policy.toml"], ["--key", "ann.pub", "--type", "capabilities"]])
def test_what_is_attested_is_compared_offline_too(trusted):
    policy_file('[[scope.attestation]]\ntype = "capabilities"\nby = ["ann"]')
    Path("ann.pub").write_bytes(KEYS["ann"].public.pem)
    for said, code in ((CURIOUS, 0), (GOOD, 4)):
        store = LayoutStore.create(Path(f"layout{code}"))
        attested(store, publish(store, CURIOUS), said)
        assert run(["verify", "--offline", f"oci:layout{code}", *trusted]) == code


def test_no_older_version_is_accepted_after_a_newer_one(repository, state):
    old, new = publish(repository, GOOD, "old", "1.9.0"), publish(repository, EVIL, "new", "1.10.0")
    for manifest in (old, new):
        signed(repository, manifest)
    rule = f"{ANN}no-rollback = true"
    for tag in ("old", "new", "new"):
        check(repository, rule, tag)
    with pytest.raises(PolicyDenied) as caught:
        check(repository, rule, "old")
    assert "it is 1.9.0, and 1.10.0 was accepted before" in caught.value.cause
    check(repository, ANN, "old")  # where nothing is asked of versions
    assert json.loads(state.read_text())["repositories"][str(repository)] == {"version": "1.10.0"}
    assert state.stat().st_mode & 0o077 == 0


class Slow(PolicyDemand):
    """A demand that is overtaken by another process between judging and remembering."""

    def _remember(self, situation, subject):
        self.memory().change(subject.name, lambda _: Accepted(version_named("9.0.0")))
        super()._remember(situation, subject)


def test_what_another_process_accepted_meanwhile_counts(repository, state):
    signed(repository, publish(repository, version="1.0.0"))
    remote = Remote.resolve(Reference.parse(f"{repository}:1.0.0"), Registries())
    with pytest.raises(PolicyDenied, match="does not fulfil"):
        Slow(demand(f"{ANN}no-rollback = true").policy).check(remote, ignore)
    assert JsonMemory(state).recall(str(repository)).version == version_named("9.0.0")


def test_a_tag_names_a_version_only_where_it_is_signed(repository):
    manifest = signed(repository, publish(repository, tag="2.0.0"), name=f"{repository}:2.0.0")
    with pytest.raises(PolicyDenied) as caught:
        check(repository, f"{ANN}no-rollback = true", "2.0.0")
    assert "names no version" in caught.value.cause
    check(repository, f'{ANN}no-rollback = true\nsigned-name = "tag"', "2.0.0")
    repository.tag(manifest, "3.0.0")
    with pytest.raises(PolicyDenied):
        check(repository, f'{ANN}signed-name = "tag"', "3.0.0")


def test_a_tag_that_has_changed_needs_approval(repository, capfd):
    rule, ref = f"{ANN}pin-tags = true", f"{repository}:1.0.0"
    flags = ["--trust-policy", str(policy_file(rule))]
    signed(repository, publish(repository))
    check(repository, rule)
    other = signed(repository, publish(repository, EVIL))
    for _ in range(2):  # a refusal is not remembered
        with pytest.raises(PolicyDenied, match="does not fulfil"):
            check(repository, rule)
    assert (
        run(["pull", f"{repository}@{other.digest}", "-o", "out.wasm", *flags]) == 0
    )  # by digest, no tag is asked for
    assert run(["policy", "approve", ref, *flags]) == 0
    assert capfd.readouterr().out.splitlines()[-1] == f"{repository}@{other.digest}"
    check(repository, rule)


def test_a_new_capability_needs_approval_and_approval_needs_the_rest(repository, state):
    rule, ref = CAPABLE, f"{repository}:1.0.0"
    flags = ["--trust-policy", str(policy_file(rule))]
    manifest = publish(repository, CURIOUS)
    assert run(["policy", "approve", ref, *flags]) == 4  # nobody attests it
    attested(repository, manifest, CURIOUS)
    with pytest.raises(PolicyDenied) as caught:
        check(repository, rule)
    assert "not approved: stdio" in caught.value.cause
    assert not state.exists()
    assert run(["policy", "approve", ref, *flags]) == 0
    check(repository, rule)
    assert JsonMemory(state).recall(str(repository)).capabilities == {"stdio"}


def test_a_policy_keeps_what_was_accepted_where_it_says(repository, state):
    signed(repository, publish(repository, version="1.0.0"))
    file = policy_file(f"{ANN}no-rollback = true", head='state = "kept.json"\n')
    assert run(["pull", f"{repository}:1.0.0", "-o", "out.wasm", "--trust-policy", str(file)]) == 0
    assert JsonMemory(Path("kept.json")).recall(str(repository)).version == version_named("1.0.0")
    assert not state.exists()


def test_what_is_attested_of_capabilities_is_compared_with_the_bytes(repository):
    manifest = attested(repository, publish(repository, CURIOUS), GOOD)  # signed by Ann, and not so
    with pytest.raises(InvalidAttestation):
        check(repository, '[[scope.attestation]]\ntype = "capabilities"\nby = ["ann"]')
    signed(repository, manifest)
    check(repository, ANN)


def test_testing_a_policy_says_each_rule_and_remembers_nothing(repository, state, capfd):
    ref = f"{repository}:1.0.0"
    rules = f"{ANN}no-rollback = true\npin-tags = true"
    flags = ["--trust-policy", str(policy_file(rules)), "--format", "json"]
    signed(repository, publish(repository, version="1.0.0"), "eve")
    assert run(["policy", "test", ref, *flags]) == 4
    found = json.loads(capfd.readouterr().out)
    assert [rule["holds"] for rule in found["rules"]] == [False, True, True]
    assert found["holds"] is False
    assert [finding["holds"] for finding in found["findings"]] == [False]
    assert run(["pull", ref, "-o", "out.wasm", *flags]) == 4
    assert json.loads(capfd.readouterr().out)["policy"]["rules"] == found["rules"]
    signed(repository, repository.resolve("1.0.0"))
    assert run(["policy", "test", ref, "--trust-policy", "policy.toml"]) == 0
    assert "holds  signed by 1 of ann: ann" in capfd.readouterr().out
    assert not state.exists()
    assert run(["policy", "test", ref]) == 2  # no policy at all


def test_accepting_anything_warns_each_time(repository):
    publish(repository)
    for _ in range(2):
        heard = []
        check(repository, "unsafe-accept-anything = true", sink=heard.append)
        assert [event for event in heard if isinstance(event, Note) and event.level == "warning"]


class Counting(MemoryStore):
    """A store that counts what it is asked."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def referrers(self, subject, artifact_type=None, /):
        self.asked.append("referrers")
        return super().referrers(subject, artifact_type)

    def fetch(self, descriptor, /):
        self.asked.append(str(descriptor.digest))
        return super().fetch(descriptor)


def test_what_is_signed_is_fetched_once_for_all_rules():
    store = Counting()
    manifest = attested(store, signed(store, signed(store, publish(store)), "ben"), GOOD)
    store.asked.clear()
    scope = 'signed-by = ["ann", "ben", "cleo"]\nthreshold = 2\n' + 3 * CAPABLE.partition("\n")[2]
    assert demand(scope).verdict(Asked.of(store, manifest, Reference.parse("r.io/x:1.0.0"))).holds
    assert store.asked.count("referrers") == 1
    assert len(store.asked) == len(set(store.asked))
    store.asked.clear()
    demand(ANN, patterns='["r.io/y"]').verdict(Asked.of(store, manifest, Reference.parse("r.io/x:1.0.0")))
    assert store.asked == []  # what no scope is for is not looked at


LOCK = """# ours, with a comment
version = 1

[[tool]]
name = "zig"  # pinned
package = "ziglang"
version = "0.16.0"

[tool.artifacts]
"ziglang-0.16.0-py3-none-any.whl" = "HASH"
""".replace("HASH", "ab" * 32)


def test_the_lock_of_a_project_keeps_what_was_accepted_and_all_else(repository):
    rule = f"{ANN}no-rollback = true\npin-tags = true\n{CAPABLE}"
    flags = ["--trust-policy", str(policy_file(rule, head='state = "wasmbuild.lock"\n'))]
    lock, ref = Path("wasmbuild.lock"), f"{repository}:1.0.0"
    lock.write_text(LOCK)
    pins = locked_pins(Path.cwd())
    attested(repository, signed(repository, publish(repository, CURIOUS, version="1.0.0")), CURIOUS)
    assert run(["pull", ref, "-o", "out.wasm", *flags]) == 4
    assert lock.read_text() == LOCK
    assert run(["policy", "approve", ref, *flags]) == 0
    assert run(["pull", ref, "-o", "out.wasm", *flags]) == 0
    assert lock.read_text().startswith(LOCK)
    known = memory_at(lock.absolute()).recall(str(repository))
    digest = repository.resolve("1.0.0").digest
    assert known == Accepted(version_named("1.0.0"), {"1.0.0": digest}, frozenset({"stdio"}))
    assert locked_pins(Path.cwd()) == pins
    attested(repository, signed(repository, publish(repository, CURIOUS, version="0.9.0")), CURIOUS)
    assert run(["pull", ref, "-o", "out.wasm", *flags]) == 4


@pytest.mark.parametrize(
    "more",
    [
        '[[accepted]]\nversion = "1.0.0"',
        '[[accepted]]\nrepository = "a"\nversion = "new"',
        '[[accepted]]\nrepository = "a"\n[[accepted]]\nrepository = "a"',
        '[[accepted]]\nrepository = "a"\nodd = 1',
        "accepted = 1",
        "[",
    ],
)
def test_a_lock_that_is_malformed_forgets_nothing(more):
    lock = Path("wasmbuild.lock")
    lock.write_text(f"version = 1\n{more}\n")
    for act in (
        lambda it: it.recall("r.io/a"),
        lambda it: it.change("r.io/a", lambda _: Accepted(version_named("1.0.0"))),
    ):
        with pytest.raises(InvalidConfiguration, match="cannot be read"):
            act(memory_at(lock))
    assert lock.read_text() == f"version = 1\n{more}\n"


def test_a_lock_begins_with_what_was_accepted():
    memory = memory_at(Path("wasmbuild.lock").absolute())
    for version in ("1.0.0", "2.0.0"):
        memory.change("r.io/a", lambda _, it=version: Accepted(version_named(it)))
    assert memory.recall("r.io/a") == Accepted(version_named("2.0.0"))
    assert locked_pins(Path.cwd()) == {}


def test_two_at_once_lose_nothing_of_what_was_accepted(state):
    memory = JsonMemory(state)

    def work(number):
        for each in range(4):
            version = version_named(f"1.{each}.{number}")
            newest = partial(lambda it, before: Accepted(max(before.version or it, it)), version)
            memory.change(f"r.io/{number % 2}/{each}", newest)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [str(memory.recall(f"r.io/{half}/3").version) for half in (0, 1)] == ["1.3.2", "1.3.3"]
    assert len(json.loads(state.read_text())["repositories"]) == 8


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"schemaVersion":1}',
        '{"schemaVersion":2,"repositories":{}}',
        '{"schemaVersion":1,"repositories":{"r.io/a":[]}}',
        '{"schemaVersion":1,"repositories":{"r.io/a":{"version":"new"}}}',
        '{"schemaVersion":1,"repositories":{"r.io/a":{"version":1}}}',
        '{"schemaVersion":1,"repositories":{"r.io/a":{"tags":{"1":"sha256:x"}}}}',
        '{"schemaVersion":1,"repositories":{"r.io/a":{"tags":[]}}}',
        '{"schemaVersion":1,"repositories":{"r.io/a":{"capabilities":"http"}}}',
        '{"schemaVersion":1,"repositories":{"r.io/a":{"odd":1}}}',
    ],
)
def test_what_was_accepted_is_never_forgotten_by_a_mistake(state, content):
    state.parent.mkdir()
    state.write_text(content)
    with pytest.raises(InvalidConfiguration, match="cannot be read"):
        JsonMemory(state).recall("r.io/a")
    with pytest.raises(InvalidConfiguration):
        JsonMemory(state).change("r.io/a", lambda _: Accepted(version_named("1.0.0")))
    assert state.read_text() == content


def test_an_approval_is_of_what_the_bytes_say(repository, state):
    attested(repository, publish(repository, CURIOUS), GOOD)
    flags = ["--trust-policy", str(policy_file(f"pin-tags = true\n{CAPABLE}"))]
    assert run(["policy", "approve", f"{repository}:1.0.0", *flags]) == 4
    assert not state.exists()


def test_of_an_index_what_is_attested_of_one_file_is_not_said_of_another(repository):
    files = publish(repository, GOOD, "a"), publish(repository, CURIOUS, "b")
    data = Index(files).encode()
    index = describe(OCI_INDEX, data)
    push_bytes(repository, index, data)
    repository.tag(index, "1.0.0")
    rule = '[[scope.attestation]]\ntype = "capabilities"\nby = ["ann"]\n[scope.attestation.capabilities]\nallow = []'
    attested(repository, index, GOOD)
    with pytest.raises(InvalidAttestation, match="nothing is attested of the capabilities of a file"):
        check(repository, rule)
    attested(repository, index, CURIOUS)
    with pytest.raises(PolicyDenied) as caught:
        check(repository, rule)
    assert "imports wasi_snapshot_preview1::fd_write (stdio), which is not allowed" in caught.value.cause
    check(repository, rule.replace("[]", '["stdio"]'))


@pytest.mark.parametrize("text", ["accepted = []", 'accepted = [{ repository = "r.io/a" }]'])
def test_a_lock_of_another_shape_is_left_alone(text):
    lock = Path("wasmbuild.lock").absolute()
    lock.write_text(f'version = 1\n{text}\n[[tool]]\nname = "zig"\n')
    before = lock.read_text()
    with pytest.raises(InvalidConfiguration, match="a shape that cannot be edited"):
        memory_at(lock).change("r.io/b", lambda _: Accepted(version_named("1.0.0")))
    assert lock.read_text() == before


@pytest.mark.parametrize(("scope", "outcome"), [(ANN, "verified"), ("unsafe-accept-anything = true", "unsigned")])
def test_what_is_accepted_unseen_is_not_called_verified(scope, outcome, capfd):
    store = LayoutStore.create(Path("layout"))
    signed(store, publish(store))
    verify = ["verify", "--offline", "oci:layout", "--policy", str(policy_file(scope)), "--format", "json"]
    assert run(verify) == 0
    assert json.loads(capfd.readouterr().out)["outcome"] == outcome


def test_nothing_is_not_verified_offline(capfd):
    """Signatures without what they sign: a demand that holds of all artifacts would hold of none."""
    store = LayoutStore.create(Path("layout"))
    manifest = publish(store)
    add_layer(store, manifest.digest, *sign_payload(Payload(manifest.digest, "r.io/x"), KEYS["ann"]))
    assert run(["verify", "--offline", "oci:layout", "--policy", str(policy_file(ANN))]) == 0
    store.replace_entries([each for each in store.entries() if each.digest != manifest.digest])
    assert store.tags() == [f"sha256-{manifest.digest.encoded}.sig"]
    assert run(["verify", "--offline", "oci:layout", "--policy", str(policy_file(ANN))]) == 1
    assert "has no artifacts" in capfd.readouterr().err


def test_what_needs_no_approval_is_not_approved(repository, state, capfd):
    attested(repository, signed(repository, publish(repository, CURIOUS)), CURIOUS)
    asks = CAPABLE.partition("\n")[2]
    approve = ["policy", "approve", f"{repository}:1.0.0", "--trust-policy"]
    assert run([*approve, str(policy_file(f"{ANN}{asks}"))]) == 2
    assert "has neither new-capabilities nor pin-tags" in capfd.readouterr().err.replace("\n", " ")
    assert run([*approve, str(policy_file(f"{ANN}pin-tags = true\n{asks}"))]) == 0
    assert JsonMemory(state).recall(str(repository)).capabilities == frozenset()


def test_two_policies_are_not_one(repository, capfd, monkeypatch):
    signed(repository, publish(repository))
    strict, lax = policy_file(ANN), policy_file("unsafe-accept-anything = true", path="a:b.toml")
    pull = ["pull", f"{repository}:1.0.0", "-o", "out.wasm"]
    assert run([*pull, "--trust-policy", str(strict), "--policy", str(lax)]) == 2
    assert "is given twice" in capfd.readouterr().err
    assert run(["policy", "explain", "--policy", str(strict), "--policy", str(strict)]) == 2
    monkeypatch.setenv("WASMBUILD_TRUST_POLICY", str(lax))  # one path, although it has a colon
    assert run(pull) == 0
    assert "accepts anything" in capfd.readouterr().err
    assert run([*pull, "--trust-policy", str(strict)]) == 0
    assert "accepts anything" not in capfd.readouterr().err


def test_a_policy_that_anybody_can_change_is_warned_of(repository, capfd):
    signed(repository, publish(repository))
    pull = ["pull", f"{repository}:1.0.0", "-o", "out.wasm", "--trust-policy", str(policy_file(ANN))]
    assert run(pull) == 0
    assert "can change the trust policy" not in capfd.readouterr().err
    Path("policy.toml").chmod(0o666)
    assert run(pull) == 0
    assert "can change the trust policy" in " ".join(capfd.readouterr().err.split())


def test_what_was_accepted_stays_readable(state, monkeypatch):
    monkeypatch.setattr(accepted, "_MOST_BYTES", 200)
    memory = JsonMemory(state)
    memory.change("r.io/a", lambda _: Accepted(version_named("1.0.0")))
    with pytest.raises(InvalidConfiguration, match="cannot keep more"):
        memory.change("r.io/b", lambda _: Accepted(capabilities=frozenset({"x" * 200})))
    assert memory.recall("r.io/a").version == version_named("1.0.0")


def test_what_cannot_be_remembered_is_not_accepted(repository, state):
    signed(repository, publish(repository, version="1.0.0"))
    state.parent.write_text("a file where a folder should be")
    with pytest.raises((StorageFailed, InvalidConfiguration)):
        check(repository, f"{ANN}no-rollback = true")


def test_where_state_and_policy_of_a_user_are(tmp_path, monkeypatch):
    assert user_state({"XDG_STATE_HOME": "/s"}) == Path("/s/wasmbuild/trust.json")
    assert user_state({"WASMBUILD_STATE_DIR": "/t"}) == Path("/t/trust.json")
    with monkeypatch.context() as patch:
        patch.delenv("HOME")
        patch.setattr("os.getuid", lambda: 2**31 - 7)
        with pytest.raises(InvalidConfiguration, match="no home folder"):
            user_state({})
    assert user_policy() is None
    (tmp_path / "config.toml").write_text("")
    monkeypatch.setenv("WASMBUILD_CONFIG", str(tmp_path / "config.toml"))
    assert user_policy() is None
    (tmp_path / "trust-policy.toml").symlink_to("gone")
    assert user_policy() == tmp_path / "trust-policy.toml"  # a dangling link is not no policy
    assert run(["policy", "explain"]) == 2
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.delenv("WASMBUILD_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "loop"))
    with pytest.raises(InvalidProject, match="cannot be read"):  # what nobody can look at is not no policy
        user_policy()


def test_words_and_files_of_policies(capfd):
    file = policy_file(ANN, patterns='["r.io/acme/*"]')
    assert run(["policy", "check", str(file)]) == 0
    assert run(["policy", "explain", str(file)]) == 0
    assert "is signed by ann" in capfd.readouterr().out
    assert run(["policy", "explain", "r.io/other:1", "--trust-policy", str(file)]) == 0
    assert "nothing is accepted" in capfd.readouterr().out
    Path("theirs.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    assert run(["policy", "import", "theirs.json", "-o", "ours.toml"]) == 0
    assert "accepts anything somewhere" in capfd.readouterr().err
    assert run(["policy", "check", "ours.toml"]) == 0
    assert "warning: anything is accepted" in capfd.readouterr().err
    assert run(["policy", "import", "theirs.json", "-o", "ours.toml"]) != 0  # never overwritten
