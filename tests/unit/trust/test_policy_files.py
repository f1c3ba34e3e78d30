"""Trust policies as files: what is read, what is refused, what is said in words, and what is imported."""

import base64
import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.certified import NOW as SIGNED_AT
from tests.certified import chain_of_three, headers, jws, pem, target_of
from tests.keyless import IDENTITY, ISSUER, Signing, World
from tests.keyless import NOW as AT
from tests.unit.trust.policy_room import KEYS, NAME, NOW, PEOPLE, SUBJECT, attestation, policy, sbom, verdict
from wasmbuild.errors import InvalidKey, InvalidProject, UsageFailed
from wasmbuild.tables import Table
from wasmbuild.trust.bundle import BUNDLE
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.notation.envelope import JWS
from wasmbuild.trust.policy.explaining import explain
from wasmbuild.trust.policy.importing import import_policy
from wasmbuild.trust.policy.judging import judge
from wasmbuild.trust.policy.licences import outside
from wasmbuild.trust.policy.model import Policy
from wasmbuild.trust.policy.parsing import parse_trust_policy, read_trust_policy
from wasmbuild.trust.policy.subjects import parse_subject
from wasmbuild.trust.policy.times import parse_time
from wasmbuild.trust.policy.verdict import Situation
from wasmbuild.trust.predicates import CYCLONEDX, SPDX
from wasmbuild.trust.statement import NOTARY_SIGN, Statement

ANN = 'signed-by = ["ann"]\n'
HERE = Path("/nowhere")
SCOPE = '[[scope]]\nrepositories = ["*"]\nsigned-by = ["ann"]\n'
ATTESTED = '[[scope.attestation]]\nby = ["ann"]\n'


def read(text):
    return parse_trust_policy("policy.toml", text.encode(), HERE)


WRONG = {
    "empty": ("", "column 1: the file is empty, and an empty policy"),
    "no version": (PEOPLE + SCOPE, "version"),
    "another version": (f"version = 2\n{PEOPLE}{SCOPE}", "version"),
    "an unknown key": (f"version = 1\nmode = 'warn'\n{PEOPLE}{SCOPE}", "mode"),
    "no scope": (f"version = 1\n{PEOPLE}", "scope"),
    "an unknown key of a scope": (f"version = 1\n{PEOPLE}{SCOPE}signed_by = ['ann']", "signed_by"),
    "no TOML": ("version = ", "not valid TOML"),
}
WRONG_SCOPES = {
    "nobody": ("", "demands neither"),
    "an empty list": ("signed-by = []", "names nobody"),
    "a stranger": ('signed-by = ["an"]', "not in [authorities]"),
    "one twice": ('signed-by = ["ann", "ann"]', "twice"),
    "a threshold of none": (f"{ANN}threshold = 0", "threshold"),
    "a threshold below": (f"{ANN}threshold = -1", "threshold"),
    "a threshold that nobody reaches": (f"{ANN}threshold = 2", "threshold"),
    "a threshold that is no number": (f"{ANN}threshold = true", "threshold"),
    "only what was before": ("no-rollback = true", "demands neither"),
    "an odd name": (f'{ANN}signed-name = "all"', "signed-name"),
    "an odd age": (f'{ANN}max-age = "1 year"', "max-age"),
    "no age": (f'{ANN}max-age = "0d"', "max-age"),
    "an age of nothing": (f'{ANN}age-of = "provenance"', "age-of"),
    "an age of what is not asked for": (f'{ANN}max-age = "1d"\nage-of = "provenance"', "age-of"),
    "a name of what is not asked for": (f'signed-name = "repository"\n{ATTESTED}type = "provenance"', "signed-name"),
    "an age of a signature that is not asked for": (f'max-age = "1d"\n{ATTESTED}type = "provenance"', "max-age"),
    "a threshold of what is not asked for": (f'threshold = 1\n{ATTESTED}type = "provenance"', "threshold"),
    "capabilities of what is not asked for": (f'{ANN}new-capabilities = "approve"', "new-capabilities"),
    "anything, and something": (f"{ANN}unsafe-accept-anything = true", "accepts anything"),
    "an attestation of nobody": ('[[scope.attestation]]\ntype = "provenance"', "names nobody"),
    "an attestation without a type": (ATTESTED, "type"),
    "a type that is none": (f'{ATTESTED}type = "sbomb"', "type"),
    "a signature as attestation": (f'{ATTESTED}type = "https://sigstore.dev/cosign/sign/v1"', "type"),
    "a builder of an SBOM": (f'{ATTESTED}type = "cyclonedx"\nbuilder = "x"', "builder"),
    "licences of a build": (f'{ATTESTED}type = "provenance"\nlicences = ["MIT"]', "licences"),
    "no licences": (f'{ATTESTED}type = "cyclonedx"\nlicences = []', "licences"),
    "a condition without a test": (
        f'{ATTESTED}type = "provenance"\n[[scope.attestation.condition]]\npath = "a"', "path",
    ),
    "a condition with two": (
        f'{ATTESTED}type = "provenance"\n[[scope.attestation.condition]]\npath = "a"\nequals = 1\nprefix = "x"', "path",
    ),
    "an empty prefix": (
        f'{ATTESTED}type = "provenance"\n[[scope.attestation.condition]]\npath = "a"\nprefix = ""', "prefix",
    ),
    "one of nothing": (
        f'{ATTESTED}type = "provenance"\n[[scope.attestation.condition]]\npath = "a"\none-of = []', "one-of",
    ),
    "a pattern within": ('signed-by = ["ann"]\n[[scope]]\nrepositories = ["r.io/*/x"]\n' + ANN, "r.io/*/x"),
    "a tag": ('signed-by = ["ann"]\n[[scope]]\nrepositories = ["r.io/x:1"]\n' + ANN, "r.io/x:1"),
    "a pattern twice": ('signed-by = ["ann"]\n[[scope]]\nrepositories = ["r.io/acme/*"]\n' + ANN, "already"),
    "no pattern": ('signed-by = ["ann"]\n[[scope]]\nrepositories = []\n' + ANN, "repositories"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
def test_a_file_that_is_no_policy_is_refused(text, said):
    with pytest.raises(InvalidProject, match=r"policy\.toml") as caught:
        read(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(("scope", "said"), WRONG_SCOPES.values(), ids=WRONG_SCOPES)
def test_a_scope_that_cannot_be_meant_is_refused(scope, said):
    with pytest.raises(InvalidProject) as caught:
        policy(scope)
    assert said in f"{caught.value} {caught.value.cause}"


@pytest.mark.parametrize(
    ("authority", "said"),
    [
        ("", "must have one of"),
        ('keys = ["a.pub"]\npem = "x"', "must have one of"),
        ("keys = []", "must list"),
        ('keys = [""]', "must list"),
        ('keys = ["a.pub"]\nissuer = "x"', "issuer"),
        ('identities = ["me"]\ntrusted-root = "x"', "issuer"),
        ('identities = ["me"]\nissuer = "x"\ntrusted-root = "gone.json"', "trusted-root"),
        (f"pem = '''{KEYS['ann'].public.pem.decode()}'''", "has a key that"),
    ],
)
def test_an_authority_that_cannot_be_meant_is_refused(authority, said):
    with pytest.raises(InvalidProject) as caught:
        read(f"version = 1\n{PEOPLE}[authorities.new]\n{authority}\n{SCOPE}")
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["gone.pem", "key.pub"])
def test_a_certificate_authority_that_is_none_is_named(tmp_path, name):
    (tmp_path / "key.pub").write_bytes(KEYS["ann"].public.pem)
    text = f'version = 1\n[authorities.ann]\ncertificate-authorities = ["{name}"]\n{SCOPE}'
    with pytest.raises(InvalidKey) as caught:
        parse_trust_policy("policy.toml", text.encode(), tmp_path)
    assert caught.value.what.count(name) == 1
    assert caught.value.what.startswith("the certificates") is (name == "gone.pem")


def test_keys_are_beside_the_policy(tmp_path):
    (tmp_path / "a.pub").write_bytes(KEYS["ann"].public.pem)
    file = tmp_path / "policy.toml"
    file.write_text(f'version = 1\nstate = "state.json"\n[authorities.ann]\nkeys = ["a.pub"]\n{SCOPE}')
    made = read_trust_policy(file)
    assert made.parties[0].words == (f"key {KEYS['ann'].public.fingerprint}",)
    assert made.state == tmp_path / "state.json"
    (tmp_path / "a.pub").unlink()
    with pytest.raises(InvalidKey, match=r"a\.pub"):
        read_trust_policy(file)
    with pytest.raises(UsageFailed, match="there is no trust policy"):
        read_trust_policy(tmp_path / "gone.toml")


# fmt: off
WORDS = st.sampled_from([
    "version", "authorities", "scope", "repositories", "signed-by", "threshold", "attestation",
    "type", "by", "ann", "condition", "path", "equals", "one-of",
    "prefix", "max-age", "age-of", "capabilities", "allow", "licences", "signed-name",
    "pin-tags", "no-rollback", "unsafe-accept-anything", "pem", "keys", "new-capabilities", "state",
])
# fmt: on
VALUES = st.recursive(
    st.one_of(
        st.booleans(), st.integers(-2, 3), st.floats(), st.text(max_size=8), WORDS, st.sampled_from(["*", "r.io/*"])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=6)),
    max_leaves=20,
)


@settings(max_examples=150)
@given(st.dictionaries(WORDS, VALUES, max_size=5), st.booleans())
def test_any_document_is_a_policy_or_is_refused(values, helped):
    """Nothing is accepted that demands nothing, and nothing else is raised than that it is refused."""
    from wasmbuild.trust.policy import parsing

    if helped:
        values = {**values, "version": 1, "authorities": {"ann": {"pem": KEYS["ann"].public.pem.decode()}}}
    try:
        made = parsing._read(Table("policy.toml", "", values), HERE)
    except (InvalidProject, InvalidKey):
        return
    assert isinstance(made, Policy)
    for scope in made.scopes:
        assert scope.accepts_anything or scope.signed_by or scope.attestations
        assert 1 <= scope.threshold <= max(1, len(scope.signed_by))


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ({"license": {"id": "MIT"}}, True),
        ({"license": {"name": "My own"}}, False),
        ({"expression": "MIT AND Apache-2.0"}, True),
        ({"expression": "MIT AND GPL-2.0-only"}, False),
        ({"expression": "GPL-2.0-only OR (MIT AND (Apache-2.0 OR X))"}, True),
        ({"expression": "MIT OR GPL-2.0-only AND GPL-2.0-only"}, True),
        ({"expression": "(MIT OR GPL-2.0-only) AND GPL-2.0-only"}, False),
        ({"expression": "GPL-2.0-only WITH Classpath-exception-2.0"}, True),
        ({"expression": "MIT WITH Classpath-exception-2.0"}, False),
        ({"expression": "MIT OR"}, False),
        ({"expression": "(MIT"}, False),
        ({"expression": "MIT MIT"}, False),
        ({"expression": "MIT; GPL"}, False),
        ({"expression": "(" * 5000 + "MIT"}, False),
        ({"expression": "(" * 900 + "MIT" + ")" * 900}, False),
        ({}, False),
        ("MIT", False),
    ],
)
def test_an_expression_of_licences(licence, allowed):
    known = frozenset({"MIT", "Apache-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"})
    found = outside({"components": [{"name": "part", "licenses": [licence]}]}, known)
    assert (found is None) is allowed


def test_components_within_components_and_packages_are_looked_at():
    nested = {"components": [{"licenses": [{"license": {"id": "MIT"}}], "components": [{"name": "in"}]}]}
    assert outside(nested, frozenset({"MIT"})) == "in has the licence NOASSERTION"
    assert outside(nested, frozenset({"MIT", "NOASSERTION"})) is None
    concluded = {"packages": [{"name": "p", "licenseConcluded": "NOASSERTION", "licenseDeclared": "MIT"}]}
    assert outside(concluded, frozenset({"MIT"})) is None
    assert outside({"packages": [{"name": "p", "licenseDeclared": "X"}]}, frozenset({"MIT"})) == "p has the licence X"
    assert outside({"components": []}, frozenset({"MIT"})) is None
    for odd in ({}, {"components": {}}, {"components": "MIT"}):
        assert outside(odd, frozenset({"MIT"})) == "it lists no components"


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["components", "licenses", "license", "id", "expression", "packages"]), inner),
    ),
    max_leaves=12,
)


CONDITION = '[[scope.attestation.condition]]\npath = "x.*.0"\nequals = 1'


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(["components", "packages", "x"]), JSON))
def test_no_verified_predicate_makes_judging_fail(predicate):
    for kind in (CYCLONEDX, SPDX):
        scope = f'{ATTESTED}type = "{kind}"\nlicences = ["MIT"]\n{CONDITION}'
        assert not verdict(scope, attestation("ann", kind, predicate)).holds


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("2026-01-01T00:00:00Z", True),
        ("2026-01-01T00:00:00.5+02:00", True),
        ("2026-01-01T00:00:00", False),
        ("2026-13-01T00:00:00Z", False),
        ("0001-01-01T00:00:00+23:59", False),
        ("today", False),
        (5, False),
        (None, False),
    ],
)
def test_a_time_has_a_zone(text, known):
    assert (parse_time(text) is not None) is known


def test_a_policy_in_words():
    made = policy(
        'signed-by = ["ann", "ben", "cleo"]\nthreshold = 2\nsigned-name = "tag"\nmax-age = "90d"\nno-rollback = true\n'
        'pin-tags = true\nnew-capabilities = "approve"\n'
        f'{ATTESTED}type = "provenance"\nbuilder = "https://ci.example"\nsource = "https://example.org/a"\n'
        f'{ATTESTED}type = "cyclonedx"\nlicences = ["MIT", "Apache-2.0"]\n'
        f'{ATTESTED}type = "capabilities"\n[scope.attestation.capabilities]\nallow = ["stdio"]\n'
        '[[scope]]\nrepositories = ["r.io/toys/*"]\nunsafe-accept-anything = true'
    )
    text = "\n".join(explain(made))
    for words in (
        "at least 2 of ann, ben, cleo", "the tag that was asked for", "at most 90 days old", "not older", "meant",
        "approved by a person", "runDetails.builder.id is 'https://ci.example'", "git repository 'https://example.org/a'",
        "a licence of Apache-2.0, MIT", "nothing but stdio", "r.io/toys/*: ANYTHING", "what no scope is for is refused",
    ):  # fmt: skip
        assert words in text


NOTATION = {
    "version": "1.0",
    "trustPolicies": [
        {
            "name": "p",
            "registryScopes": ["r.io/acme/app"],
            "signatureVerification": {"level": "strict"},
            "trustStores": ["ca:acme"],
            "trustedIdentities": ["x509.subject: C=US, ST=WA, O=acme"],
        }
    ],
}
KEY_DATA = base64.b64encode(KEYS["ann"].public.pem).decode()
SIGNED = {"type": "sigstoreSigned", "keyData": KEY_DATA, "signedIdentity": {"type": "matchRepository"}}
CONTAINERS = {"default": [{"type": "reject"}], "transports": {"docker": {"r.io/acme": [SIGNED]}}}


def imported(value):
    return import_policy(json.dumps(value).encode(), "theirs.json")


def test_a_policy_of_notation_is_imported():
    text = imported(NOTATION)
    assert 'certificate-authorities = ["truststore/x509/ca/acme.pem"]' in text
    assert 'subjects = ["C=US, ST=WA, O=acme"]' in text
    assert 'repositories = ["r.io/acme/app"]' in text
    assert "# looser than there: nobody is asked here whether a certificate has been revoked" in text
    assert len(list(parse_subject("C=US, ST=WA, O=acme"))) == 3
    with pytest.raises(ValueError, match="too long"):
        parse_subject(f"O={'a' * 1000}")


def test_a_policy_of_containers_is_imported_and_means_the_same():
    made = read(imported(CONTAINERS))
    assert [scope.patterns for scope in made.scopes] == [("r.io/acme", "r.io/acme/*")]
    assert made.scopes[0].signed_name == "repository"
    assert made.parties[0].words == (f"key {KEYS['ann'].public.fingerprint}",)
    assert made.scope_for("r.io/other") is None
    by_tag = {key: value for key, value in SIGNED.items() if key != "signedIdentity"}
    assert read(imported({"default": [by_tag]})).scopes[0].signed_name == "tag"
    assert read(imported({"default": [by_tag, SIGNED]})).scopes[0].signed_name == "tag"


def test_what_containers_accept_is_accepted_and_says_so():
    made = read(imported({"default": [{"type": "insecureAcceptAnything"}], "transports": {"docker-daemon": {"": []}}}))
    assert made.scopes[0].accepts_anything
    assert made.scopes[0].patterns == ("*",)


def test_all_requirements_of_containers_have_to_hold():
    other = {**SIGNED, "keyData": base64.b64encode(KEYS["ben"].public.pem).decode()}
    made = read(imported({"default": [SIGNED, other, SIGNED]}))
    assert (len(made.scopes[0].signed_by), made.scopes[0].threshold) == (2, 2)


def notation(**changed):
    return {"trustPolicies": [{**NOTATION["trustPolicies"][0], **changed}]}


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"trustPolicies": []},
        {**NOTATION, "odd": 1},
        {**NOTATION, "version": "2.0"},
        {"default": []},
        {"default": [SIGNED], "transports": {"docker": {"r.io/x": []}}},
        notation(signatureVerification={"level": "audit"}),
        notation(signatureVerification={"level": "skip"}),
        notation(signatureVerification={"level": "permissive"}),
        notation(signatureVerification={"level": "strict", "override": {"expiry": "skip"}}),
        notation(trustStores=["tsa:x"]),
        notation(trustStores=[]),
        notation(trustedIdentities=["did:web:x"]),
        notation(registryScopes=["r.io/x:1"]),
        notation(odd=1),
        {"default": [{"type": "reject"}]},
        {"default": [{"type": "signedBy", "keyPath": "x"}]},
        {"default": [{"type": "sigstoreSigned", "fulcio": {}}]},
        {"default": [{**SIGNED, "rekorPublicKeyPath": "x"}]},
        {"default": [{**SIGNED, "signedIdentity": {"type": "remapIdentity"}}]},
        {"default": [{**SIGNED, "signedIdentity": {"type": "matchExact"}}]},
        {"default": [SIGNED, {**SIGNED, "signedIdentity": {"type": "matchExact"}}]},
        {"default": [{**SIGNED, "keyData": "!"}]},
        {"default": [{"type": "reject"}], "transports": {"docker": {"*.r.io": [SIGNED]}}},
        {"default": [{"type": "reject"}], "transports": {"docker": {"r.io/x:1": [SIGNED]}}},
        {"default": [SIGNED], "transports": {"docker": {"r.io/x": [{"type": "reject"}]}}},
        {"default": [SIGNED], "odd": 1},
    ],
)
def test_what_cannot_be_said_is_refused_and_never_loosened(value):
    with pytest.raises(UsageFailed):
        imported(value)


@given(st.text(max_size=30))
def test_no_name_in_an_imported_policy_leaves_its_string(text):
    value = {"default": [{**SIGNED, "keyData": None, "keyPath": text}]}
    del value["default"][0]["keyData"]
    import tomllib

    made = tomllib.loads(imported(value))
    assert set(made) == {"version", "authorities", "scope"}
    assert made["authorities"]["imported-1"]["keys"] == [text]


def test_the_sbom_room_is_what_it_says():
    assert verdict(f'{ATTESTED}type = "cyclonedx"', sbom("ann"), name=NAME).holds


def certified(tmp_path, subjects):
    """The verdict on an artifact that Notation signed, by a policy that trusts the root of its chain."""
    chain = chain_of_three()
    (tmp_path / "root.pem").write_bytes(pem(chain[-1]))
    authority = f'[authorities.acme]\ncertificate-authorities = ["root.pem"]\n{subjects}\n'
    text = f'version = 1\n{authority}[[scope]]\nrepositories = ["*"]\nsigned-by = ["acme"]\n'
    made = parse_trust_policy("policy.toml", text.encode(), tmp_path)
    envelope = jws(target_of(SUBJECT), headers(SIGNED_AT.strftime("%Y-%m-%dT%H:%M:%SZ")), chain)
    signed = Candidate(SignatureKind.NOTATION, JWS, envelope, declared=NOTARY_SIGN)
    return judge(made, Situation(SUBJECT, NAME, None, [signed], NOW))


@pytest.mark.parametrize(
    ("subjects", "holds"),
    [
        ("", True),
        ('subjects = ["O=acme, C=US"]', True),
        ('subjects = ["O=other", "CN=leaf"]', True),
        ('subjects = ["O=acme, CN=other"]', False),
        ('subjects = ["O=acm"]', False),
    ],
)
def test_certificates_count_by_their_root_and_their_subject(tmp_path, subjects, holds):
    found = certified(tmp_path, subjects)
    assert found.holds is holds
    if not holds:
        assert "who is not asked for" in found.rules[0].why


@pytest.mark.parametrize(
    "subjects", ["subjects = []", 'subjects = [""]', 'subjects = ["acme"]', 'subjects = ["O=a, "]']
)
def test_subjects_that_would_be_anybody_are_refused(tmp_path, subjects):
    with pytest.raises(InvalidProject, match="subjects"):
        certified(tmp_path, subjects)


@pytest.mark.parametrize(
    ("identity", "issuer", "holds"),
    [(IDENTITY, ISSUER, True), (f"{IDENTITY}x", ISSUER, False), (IDENTITY, f"{ISSUER}/", False), (".*", ISSUER, False)],
)
def test_an_identity_counts_exactly(tmp_path, identity, issuer, holds):
    world = World()
    signing = Signing.of(world, Statement.signature_of(SUBJECT.digest, NAME).encode())
    (tmp_path / "root.json").write_bytes(world.trusted_root())
    entry = world.entry1("dsse", "0.0.1", signing.spec("dsse", "0.0.1"), AT)
    signed = Candidate(SignatureKind.BUNDLE, BUNDLE, json.dumps(signing.bundle([entry])).encode())
    authority = f'[authorities.ci]\nidentities = ["{identity}"]\nissuer = "{issuer}"\ntrusted-root = "root.json"\n'
    text = f'version = 1\n{authority}[[scope]]\nrepositories = ["*"]\nsigned-by = ["ci"]\nmax-age = "1h"\n'
    made = parse_trust_policy("policy.toml", text.encode(), tmp_path)
    assert judge(made, Situation(SUBJECT, NAME, None, [signed], AT)).holds is holds
    later = AT + timedelta(hours=2)
    assert not judge(made, Situation(SUBJECT, NAME, None, [signed], later)).holds
