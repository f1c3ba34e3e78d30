"""Trust policies against situations: each rule is shown to hold, and to refuse by itself."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from semver import Version

from tests.unit.trust.policy_room import (
    KEYS,
    NAME,
    NOW,
    OTHER,
    PEOPLE,
    SOURCE,
    SUBJECT,
    attestation,
    capabilities,
    failed,
    policy,
    provenance,
    sbom,
    signature,
    verdict,
)
from wasmbuild.errors import PolicyDenied
from wasmbuild.trust.authority import KeyAuthority, Signer
from wasmbuild.trust.candidate import SignatureKind
from wasmbuild.trust.evidence import Claim, Finding
from wasmbuild.trust.opened import open_candidate
from wasmbuild.trust.policy import judging
from wasmbuild.trust.policy.counting import Held, count
from wasmbuild.trust.policy.judging import judge
from wasmbuild.trust.policy.model import Party
from wasmbuild.trust.policy.naming import Wanted, fits_name
from wasmbuild.trust.policy.verdict import Accepted, Situation, Verdict, require_policy
from wasmbuild.trust.predicates import CYCLONEDX, PROVENANCE
from wasmbuild.trust.provenance import BUILD_TYPE

ANN = 'signed-by = ["ann"]\n'
TWO = 'signed-by = ["ann", "ben", "cleo"]\nthreshold = 2\n'
PROVEN = '[[scope.attestation]]\ntype = "provenance"\nby = ["ann"]\n'
TWICE_PROVEN = '[[scope.attestation]]\ntype = "provenance"\nby = ["ann", "ben"]\nthreshold = 2'
LISTED = '[[scope.attestation]]\ntype = "cyclonedx"\nby = ["ann"]\n'
CAPABLE = '[[scope.attestation]]\ntype = "capabilities"\nby = ["ann"]\n'
STDIO, HTTP = "wasi_snapshot_preview1::fd_write", "wasi_snapshot_preview1::sock_send"
MIT, GPL = {"license": {"id": "MIT"}}, {"license": {"id": "GPL-2.0-only"}}
LICENCES = f'{LISTED}licences = ["MIT", "Apache-2.0"]'
LIMITED = f'{CAPABLE}[scope.attestation.capabilities]\nallow = ["stdio"]\nimports = ["env::log"]'


def git(uri, **more):
    return {"uri": uri, "digest": {"gitCommit": "cd" * 20}, **more}


ROWS = {
    # name: (policy, what fulfils it, what does not, and the one rule that says so)
    "signed": (ANN, [signature("ann")], [signature("eve")], "signed by 1 of ann"),
    "signed at all": (ANN, [signature("ann")], [], "signed by 1 of ann"),
    "signed by whom the scope names": (ANN, [signature("ann")], [signature("ben")], "signed by 1 of ann"),
    "signed for this artifact": (
        ANN, [signature("ann")], [signature("ann", subject=OTHER)], "signed by 1 of ann",
    ),
    "an attestation is no signature": (ANN, [signature("ann")], [provenance("ann")], "signed by 1 of ann"),
    "two": (TWO, [signature("ann"), signature("cleo")], [signature("ann")], "signed by 2 of ann, ben, cleo"),
    "two people, not two signatures": (
        TWO, [signature("ann"), signature("ben")],
        [signature("ann"), signature("ann", annotations={"a": "b"})], "signed by 2 of ann, ben, cleo",
    ),
    "repository": (
        f'{ANN}signed-name = "repository"', [signature("ann")], [signature("ann", name="r.io/acme/other")],
        f"signed as {NAME}",
    ),
    "tag": (
        f'{ANN}signed-name = "tag"', [signature("ann", name=f"{NAME}:1.0.0")],
        [signature("ann", name=f"{NAME}:0.9.0")], f"signed as {NAME}:1.0.0",
    ),
    "tag in an annotation": (
        f'{ANN}signed-name = "tag"', [signature("ann", annotations={"org.opencontainers.image.ref.name": "1.0.0"})],
        [signature("ann")], f"signed as {NAME}:1.0.0",
    ),
    "two with the name": (
        f'{TWO}signed-name = "repository"', [signature("ann"), signature("ben")],
        [signature("ann"), signature("ben", name="r.io/b")], f"signed as {NAME}",
    ),
    "attested": (PROVEN, [provenance("ann")], [provenance("eve")], "slsaprovenance1"),
    "attested at all": (PROVEN, [provenance("ann")], [signature("ann")], "slsaprovenance1"),
    "attested as that type": (
        PROVEN, [provenance("ann")], [attestation("ann", "https://example.org/x", {})], "slsaprovenance1",
    ),
    "attested by two": (
        TWICE_PROVEN,
        [provenance("ann"), provenance("ben")], [provenance("ann"), provenance("ann", builder="x")], "slsaprovenance1",
    ),
    "builder": (
        f'{PROVEN}builder = ["https://ci.example/1", "https://ci.example/2"]', [provenance("ann")],
        [provenance("ann", builder="https://ci.example/11")], "slsaprovenance1",
    ),
    "source": (
        f'{PROVEN}source = "https://example.org/acme/hello"', [provenance("ann")],
        [provenance("ann", source="git+https://example.org/acme/hello-evil")], "slsaprovenance1",
    ),
    "source by its commit": (
        f'{PROVEN}source = ["https://example.org/x", "git+https://example.org/acme/hello"]', [provenance("ann")],
        [provenance("ann", commit="sha256")], "slsaprovenance1",
    ),
    "source, and not what it needs": (
        f'{PROVEN}source = "{SOURCE}"', [provenance("ann", more=[git("https://example.org/x")])],
        [provenance("ann", source="git+https://example.org/evil", more=[git(SOURCE)])], "slsaprovenance1",
    ),
    "source by its name": (
        f'{PROVEN}source = "{SOURCE}"', [provenance("ann", source="git+https://x", more=[git(SOURCE, name="source")])],
        [provenance("ann", more=[git("https://example.org/evil", name="source")])], "slsaprovenance1",
    ),
    "source, one": (
        f'{PROVEN}source = "{SOURCE}"', [provenance("ann", more=[git(SOURCE, name="source")])],
        [provenance("ann", more=2 * [git(SOURCE, name="source")])], "slsaprovenance1",
    ),
    "source as it was committed": (
        f'{PROVEN}source = "{SOURCE}"',
        [provenance("ann", more=[git(SOURCE, name="source", annotations={"dirty": False})])],
        [provenance("ann", more=[git(SOURCE, name="source", annotations={"dirty": True})])], "slsaprovenance1",
    ),
    "equals": (
        f'{PROVEN}[[scope.attestation.condition]]\npath = "buildDefinition.externalParameters.target"\nequals = "x"',
        [provenance("ann")], [attestation("ann", "https://slsa.dev/provenance/v1", {"buildDefinition": {}})],
        "slsaprovenance1",
    ),
    "prefix": (
        f'{PROVEN}[[scope.attestation.condition]]\npath = "runDetails.builder.id"\nprefix = "https://ci.example/"',
        [provenance("ann")], [provenance("ann", builder="https://ci.example.evil/")], "slsaprovenance1",
    ),
    "a build type of ours": (
        PROVEN, [provenance("ann", build_type=BUILD_TYPE), provenance("ann", build_type=BUILD_TYPE, later="x")],
        [provenance("ann", build_type=BUILD_TYPE, later="x")], "slsaprovenance1",
    ),
    "the age of a build type of ours": (
        f'max-age = "30d"\nage-of = "provenance"\n{PROVEN}',
        [provenance("ann", build_type="of another", later="x", finished="2026-05-20T00:00:00Z")],
        [
            provenance("ann", finished="2025-05-20T00:00:00Z"),
            provenance("ann", build_type=BUILD_TYPE, later="x", finished="2026-05-20T00:00:00Z"),
        ],
        "built at most 30 days ago",
    ),
    "licences": (LICENCES, [sbom("ann", MIT)], [sbom("ann", MIT, GPL)], "cyclonedx"),
    "licences that nobody states": (
        LICENCES, [sbom("ann", {"expression": "MIT OR GPL-2.0-only"})], [sbom("ann", {})], "cyclonedx",
    ),
    "capabilities": (
        LIMITED, [capabilities("ann", STDIO, "env::log")], [capabilities("ann", STDIO, HTTP)], "capabilities",
    ),
    "capabilities of each file": (
        LIMITED, [capabilities("ann", STDIO), capabilities("ann")],
        [capabilities("ann", STDIO), capabilities("ann", HTTP)], "capabilities",
    ),
    "capabilities, whoever attests them": (
        f'{ANN.replace("ann", "ben")}{LIMITED}', [signature("ben"), capabilities("ann"), capabilities("eve", HTTP)],
        [signature("ben"), capabilities("ann"), capabilities("ben", HTTP)], "capabilities",
    ),
    "foreign capabilities": (LIMITED, [capabilities("ann")], [capabilities("ann", "env::other")], "capabilities"),
    "age of a build": (
        f'max-age = "30d"\nage-of = "provenance"\n{PROVEN}', [provenance("ann", finished="2026-05-20T00:00:00Z")],
        [provenance("ann", finished="2026-05-01T23:59:59Z")], "built at most 30 days ago",
    ),
    "age of a build in the future": (
        f'max-age = "1h"\nage-of = "provenance"\n{PROVEN}', [provenance("ann", finished="2026-06-01T00:04:00Z")],
        [provenance("ann", finished="2026-06-01T00:06:00Z")], "built at most 1 hour ago",
    ),
    "age of as many builds as are asked for": (
        f'max-age = "30d"\nage-of = "provenance"\n{TWICE_PROVEN}',
        [provenance(who, finished="2026-05-20T00:00:00Z") for who in ("ann", "ben")],
        [provenance("ann", finished="2026-05-20T00:00:00Z"), provenance("ben", finished="2025-05-20T00:00:00Z")],
        "built at most 30 days ago",
    ),
    "age of a build that says none": (
        f'max-age = "1d"\nage-of = "provenance"\n{PROVEN}', [provenance("ann", finished="2026-05-31T12:00:00+01:00")],
        [provenance("ann")], "built at most 1 day ago",
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_each_rule_holds_and_refuses_by_itself(row):
    scope, good, bad, rule = row
    fulfilled, denied = verdict(scope, *good), verdict(scope, *bad)
    assert fulfilled.holds, fulfilled.rules
    require_policy(fulfilled, "it")
    assert not denied.holds
    (only,) = failed(denied)
    assert only.startswith(rule)
    with pytest.raises(PolicyDenied) as caught:
        require_policy(denied, "r.io/acme/hello@sha256:1")
    assert only in caught.value.cause


def test_a_provenance_that_cannot_be_understood_is_refused_with_the_reason():
    (only,) = verdict(PROVEN, provenance("ann", build_type=BUILD_TYPE, later="x")).rules
    assert "an external parameter that is not known: 'later'" in only.why


def test_what_is_bad_does_not_spoil_what_is_good():
    found = verdict(f"{ANN}{PROVEN}", signature("eve"), signature("ann"), provenance("eve"), provenance("ann"))
    assert found.holds
    assert len(found.evidence.findings) == 4
    assert [finding.holds for finding in found.evidence.findings] == [False, True, False, True]


def test_the_same_signatures_fulfil_all_that_is_asked_of_them():
    """Ann's has the name and Ben's has not: neither makes up for the other."""
    found = verdict(
        'signed-by = ["ann", "ben"]\nthreshold = 2\nsigned-name = "repository"',
        signature("ann"), signature("ben", name="r.io/x"), signature("eve"),
    )  # fmt: skip
    assert failed(found) == [f"signed as {NAME}"]
    assert "1 of 2: a signature is for r.io/x" in found.rules[1].why


def test_each_rule_is_judged_whatever_became_of_the_others():
    found = verdict(f"no-rollback = true\n{ANN}{PROVEN}{CAPABLE}")
    assert len(failed(found)) == 4


def named(name, *signers):
    finding = Finding(SignatureKind.BUNDLE, None, None, None, Claim(None))
    party = Party(name, (), ())
    return [Held(party, replace(finding, signer=Signer(signer))) for signer in signers]


@pytest.mark.parametrize(
    ("held", "number"),
    [
        ([], 0),
        (named("a", "1", "2"), 1),
        (named("a", "1") + named("b", "1"), 1),
        (named("a", "1", "2") + named("b", "1"), 2),
        (named("a", "1") + named("b", "1", "2") + named("c", "2"), 2),
        (named("a", "1", "2") + named("b", "1", "3") + named("c", "1"), 3),
    ],
)
def test_people_are_counted_and_one_key_under_two_names_is_one(held, number):
    assert count(held) == number


def test_one_key_behind_several_certificates_is_one_signer():
    """Ann's key, and certificates that two authorities gave out for the same key, to whomever."""
    ann = Signer("SHA256:1", key="SHA256:1")
    first, second = Signer("CN=a", "CN=root", key="SHA256:1"), Signer("CN=b", "CN=other", key="SHA256:1")
    again = Signer("CN=b", "CN=other", key="SHA256:2")
    finding = named("", "1")[0].finding

    def held(*signers):
        return [Held(Party(str(n), (), ()), replace(finding, signer=each)) for n, each in enumerate(signers)]

    assert [count(held(ann, first)), count(held(first, second)), count(held(ann, again))] == [1, 1, 2]
    assert count(held(ann, again, second)) == 1  # what the third has ties the first two together
    assert count(held(second, ann, again)) == 1


class Stamped(KeyAuthority):
    """A key whose signatures somebody has stamped with a time."""

    def check(self, proof):
        return replace(KeyAuthority.check(self, proof), signed_at=STAMP)


STAMP = datetime(2026, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize(("age", "holds"), [("3d", True), ("1d", False)])
def test_an_age_is_counted_from_a_time_that_somebody_else_confirmed(age, holds):
    made = policy(f'{ANN}max-age = "{age}"')
    stamped = Party("ann", (Stamped(KEYS["ann"].public),), ("ann",))
    made = replace(made, scopes=(replace(made.scopes[0], signed_by=(stamped,)),))
    assert judge(made, Situation(SUBJECT, NAME, "1", [signature("ann")], NOW)).holds is holds


def test_a_signature_that_nobody_stamped_has_no_age():
    found = verdict(f'{ANN}max-age = "9999d"', signature("ann"))
    assert failed(found) == ["signed at most 9999 days ago"]
    assert "nobody has confirmed when" in found.rules[1].why


V1, V2 = Version.parse("1.9.0"), Version.parse("1.10.0")


@pytest.mark.parametrize(
    ("version", "before", "holds"),
    [(V2, V1, True), (V1, V1, True), (V1, V2, False), (V1, None, True), (None, None, False)],
)
def test_no_version_is_older_than_before(version, before, holds):
    found = verdict(f"{ANN}no-rollback = true", signature("ann"), version=version, before=Accepted(before))
    assert found.holds is holds


@pytest.mark.parametrize(
    ("tag", "tags", "holds"),
    [
        ("1.0.0", {}, True),
        ("1.0.0", {"1.0.0": SUBJECT.digest}, True),
        ("1.0.0", {"1.0.0": OTHER.digest}, False),
        ("1.0.0", {"2.0.0": OTHER.digest}, True),
        (None, {"1.0.0": OTHER.digest}, True),
    ],
)
def test_a_tag_means_what_it_meant(tag, tags, holds):
    found = verdict(f"{ANN}pin-tags = true", signature("ann"), tag=tag, before=Accepted(tags=tags))
    assert found.holds is holds


@pytest.mark.parametrize(
    ("imports", "approved", "holds"),
    [
        ([], [], True),
        ([STDIO], [], False),
        ([STDIO], ["stdio"], True),
        ([STDIO, HTTP], ["stdio"], False),
        ([STDIO, HTTP], ["sockets", "stdio"], True),
        (["env::log"], ["stdio"], False),
        (["env::log"], ["env::log"], True),
        (["wasi_snapshot_preview1::proc_exit"], [], True),  # without a risk
    ],
)
def test_a_new_capability_needs_approval(imports, approved, holds):
    scope = f'new-capabilities = "approve"\n{CAPABLE}'
    found = verdict(scope, capabilities("ann", *imports), before=Accepted(capabilities=frozenset(approved)))
    assert found.holds is holds


def test_all_that_is_attested_needs_approval():
    scope = f'new-capabilities = "approve"\n{CAPABLE}'
    found = verdict(scope, capabilities("ann"), capabilities("ann", STDIO), before=Accepted())
    assert failed(found) == ["each capability is approved"]
    assert found.capabilities == {"stdio"}


@pytest.mark.parametrize(
    "licence",
    ["MIT~", "MIT & more", "MIT WITH", "(MIT", "MIT)", "MIT OR", "AND MIT", "", "MIT MIT", "MIT" * 2000],
)
def test_what_is_no_expression_of_allowed_licences_is_not_allowed(licence):
    assert verdict(LICENCES, sbom("ann", MIT)).holds
    assert not verdict(LICENCES, sbom("ann", {"license": {"name": licence}})).holds
    assert not verdict(LICENCES, sbom("ann", {"expression": f"{licence} OR MIT"} if licence else {})).holds


def test_many_components_and_values_are_bounded(monkeypatch):
    from wasmbuild.trust.policy import conditions, licences

    monkeypatch.setattr(licences, "_MOST", 2)
    assert verdict(LICENCES, sbom("ann", MIT, MIT)).holds
    assert "more than 2 components" in verdict(LICENCES, sbom("ann", MIT, MIT, MIT)).rules[0].why
    monkeypatch.setattr(conditions, "_MOST", 2)
    rule = f'{LISTED}[[scope.attestation.condition]]\npath = "components.*.name"\nequals = "part-NUMBER"'
    listed = sbom("ann", MIT, MIT, MIT)
    monkeypatch.setattr(licences, "_MOST", 3)
    assert verdict(rule.replace("NUMBER", "1"), listed).holds
    assert "more than 2 values" in verdict(rule.replace("NUMBER", "2"), listed).rules[0].why


@pytest.mark.parametrize(
    ("wanted", "said", "holds"),
    [
        ("1", 1, True),
        ("1", True, False),
        ("1", 1.0, False),
        ("1", "1", False),
        ("true", True, True),
        ("true", 1, False),
        ('"1"', 1, False),
        ('""', None, False),
        ('"a"', ["a"], False),
        ('"a"', {"a": "a"}, False),
    ],
)
def test_a_value_of_another_type_is_another_value(wanted, said, holds):
    rule = f'{LISTED}[[scope.attestation.condition]]\npath = "level"\nequals = {wanted}'
    assert verdict(rule, attestation("ann", "https://cyclonedx.org/bom", {"level": said})).holds is holds


def test_a_source_that_is_another_is_named():
    found = verdict(f'{PROVEN}source = "https://x"', provenance("ann", more=[git(SOURCE, name="source")]))
    assert f"'{SOURCE}'" in found.rules[0].why
    notes = {"annotations": {"dirty": True}}
    found = verdict(f'{PROVEN}source = "{SOURCE}"', provenance("ann", more=[git(SOURCE, name="source", **notes)]))
    assert f"'{SOURCE}', dirty" in found.rules[0].why


def test_only_verified_attestations_say_what_is_asked_for():
    found = verdict(f'new-capabilities = "approve"\n{CAPABLE}', capabilities("eve"))
    assert len(failed(found)) == 2
    assert found.capabilities == frozenset()


SCOPES = """
[[scope]]
repositories = ["*"]
signed-by = ["cleo"]
[[scope]]
repositories = ["r.io/acme/deep/*", "r.io/exact", "r.io/acme/x"]
signed-by = ["ben"]
[[scope]]
repositories = ["r.io/acme/hello", "docker.io/*"]
signed-by = ["eve"]
""".replace('"eve"', '"ann", "cleo"')


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("r.io/acme/hello", "r.io/acme/hello"),
        ("r.io/acme/hello2", "r.io/acme/*"),
        ("r.io/acme/hello/x", "r.io/acme/*"),
        ("r.io/acme/deep/er/still", "r.io/acme/deep/*"),
        ("r.io/acme/deep", "r.io/acme/*"),
        ("r.io/acme", "*"),
        ("r.io/exact", "r.io/exact"),
        ("r.io/acme/x", "r.io/acme/x"),  # as long as the prefix
        ("r.io/acme/y", "r.io/acme/*"),
        ("r.io/exact/not", "*"),
        ("docker.io/library/hello", "docker.io/*"),
        (None, "*"),
    ],
)
def test_the_closest_scope_counts(name, pattern):
    found = policy(f'signed-by = ["ann"]\n{SCOPES}').scope_for(name)
    assert found is not None
    assert found[0] == pattern


def test_what_no_scope_is_for_is_refused():
    for name in ("r.io/other", "r.io/acme", "r.io.evil/acme/hello", None):
        found = verdict(ANN, signature("ann"), name=name)
        assert not found.holds
        assert failed(found) == ["a scope for the repository"]


def test_accepting_anything_says_so():
    found = verdict("unsafe-accept-anything = true")
    assert found.holds
    assert found.unsafe
    assert found.rules == ()


def test_no_rules_are_not_fulfilled():
    evidence = verdict(ANN).evidence
    assert not Verdict("policy.toml", "*", (), evidence).holds


def test_what_comes_from_outside_is_made_safe_to_show():
    found = verdict(f'{ANN}signed-name = "repository"', signature("ann", name="r.io/\x1b[31mred"))
    assert "\x1b" not in "".join(rule.why for rule in found.rules)


API = """
import sys
from pathlib import Path
from wasmbuild.trust import Evidence, KeyAuthority, Policy, PublicKey, Situation, Verifier, judge, parse_trust_policy
from wasmbuild.trust.bundle import BUNDLE
from wasmbuild.trust.candidate import Candidate, SignatureKind
from datetime import datetime, UTC
from registry.model import Descriptor
from registry.digest import Digest

subject = Descriptor("application/vnd.oci.image.manifest.v1+json", Digest.parse(sys.argv[1]), int(sys.argv[2]))
candidates = [Candidate(SignatureKind.BUNDLE, BUNDLE, bytes.fromhex(sys.argv[3]))]
key = PublicKey.load(sys.argv[4].encode())
evidence = Verifier([KeyAuthority(key)]).verify(subject, candidates)
assert isinstance(evidence, Evidence) and evidence.outcome.value == "verified"
policy = parse_trust_policy("p", sys.argv[5].encode(), Path("/"))
assert isinstance(policy, Policy)
assert judge(policy, Situation(subject, "r.io/acme/hello", None, candidates, datetime.now(UTC))).holds
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_the_interface_needs_nothing_of_others_but_cryptography():
    text = f'version = 1\n{PEOPLE}[[scope]]\nrepositories = ["*"]\nsigned-by = ["ann"]'
    given = [
        str(SUBJECT.digest),
        str(SUBJECT.size),
        signature("ann").content.hex(),
        KEYS["ann"].public.pem.decode(),
        text,
    ]
    finished = subprocess.run([sys.executable, "-c", API, *given], capture_output=True, text=True, check=True)
    others = set(finished.stdout.split()) - set(sys.stdlib_module_names) - {"__main__", "registry", "wasmbuild"}
    # What cryptography brings along, and what an editable installation starts every interpreter with.
    brought = {"_cffi_backend", "_openssl", "bcrypt", "_distutils_hack", "__editable___wasmbuild_finder"}
    assert "cryptography" in others
    assert {name for name in others if not name.startswith("_")} <= {"cryptography", *brought}


def test_an_age_is_in_words():
    from wasmbuild.trust.policy.times import age_words

    words = [age_words(timedelta(minutes=minutes)) for minutes in (1, 90, 60, 1440, 43200)]
    assert words == ["1 minute", "90 minutes", "1 hour", "1 day", "30 days"]


@pytest.mark.parametrize(
    ("signed", "name", "holds"),
    [
        ("index.docker.io/library/hello", "docker.io/library/hello", True),
        ("hello", "docker.io/library/hello", True),
        ("registry-1.docker.io/acme/hello", "docker.io/acme/hello", True),
        ("index.docker.io.evil/acme/hello", "docker.io/acme/hello", False),
        ("", "docker.io/acme/hello", False),
        (None, "docker.io/acme/hello", False),
        ("docker.io/acme/hello", None, False),
    ],
)
def test_docker_hub_has_several_names(signed, name, holds):
    finding = Finding(SignatureKind.BUNDLE, None, None, None, Claim(signed))
    assert fits_name(finding, Wanted(name, None)) is holds


@pytest.mark.parametrize(
    ("about", "holds"),
    [
        ({"name": "app"}, True),
        ({"name": "app", "licenses": []}, True),
        ({"name": "app", "licenses": [MIT]}, True),
        ({"name": "app", "licenses": [GPL]}, False),
        ({"name": "app", "licenses": {"odd": 1}}, False),
        ({"name": "app", "components": [{"name": "part", "licenses": [MIT]}]}, True),
        ({"name": "app", "components": [{"name": "part", "licenses": [GPL]}]}, False),
        ({"name": "app", "components": [{"name": "part"}]}, False),
        ([], True),
    ],
)
def test_the_licence_of_what_an_sbom_is_about_counts_where_it_is_stated(about, holds):
    predicate = {"bomFormat": "CycloneDX", "metadata": {"component": about}, "components": []}
    assert verdict(LICENCES, attestation("ann", CYCLONEDX, predicate)).holds is holds
    del predicate["components"]
    assert not verdict(LICENCES, attestation("ann", CYCLONEDX, predicate)).holds


@pytest.mark.parametrize("value", [7, True, None, ["https://ci.example"], {"https://ci.example": 1}])
def test_what_is_no_text_begins_with_nothing(value):
    scope = f'{PROVEN}[[scope.attestation.condition]]\npath = "where"\nprefix = "https://ci.example"'
    assert verdict(scope, attestation("ann", PROVENANCE, {"where": "https://ci.example/1"})).holds
    assert not verdict(scope, attestation("ann", PROVENANCE, {"where": value})).holds


def test_a_candidate_is_parsed_once_however_many_are_asked_for(monkeypatch):
    parsed = []

    def counted(one):
        parsed.append(one)
        return open_candidate(one)

    monkeypatch.setattr(judging, "open_candidate", counted)
    broken = replace(signature("ann"), content=b"{}")
    assert verdict(TWO, broken, signature("ann"), signature("ben")).holds
    assert len(parsed) == 3
    said = [broken, signature("ann", name=f"{NAME}:1.0.0"), signature("ann", name=f"{NAME}:2.0.0")]
    situation = Situation(SUBJECT, NAME, None, said, NOW)
    verdicts = judging.judge_tags(policy(f'{ANN}signed-name = "tag"'), situation, ("1.0.0", "1.1.0", "2.0.0"))
    assert [each.holds for each in verdicts] == [True, False, True]
    assert len(parsed) == 6
    nowhere = judging.judge_tags(policy(ANN), replace(situation, name="r.io/other"), ("1.0.0", "1.1.0"))
    assert [each.holds for each in nowhere] == [False, False]
