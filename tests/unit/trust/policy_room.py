"""What the tests of trust policies share: people with keys, an artifact, and what they sign about it."""

from datetime import UTC, datetime
from pathlib import Path

from registry.model import EMPTY, OCI_MANIFEST, Manifest, describe
from wasmbuild.trust.bundle import BUNDLE
from wasmbuild.trust.candidate import Candidate, SignatureKind
from wasmbuild.trust.capability import CapabilityClaim
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.policy.judging import judge
from wasmbuild.trust.policy.parsing import parse_trust_policy
from wasmbuild.trust.policy.verdict import Situation
from wasmbuild.trust.predicates import CYCLONEDX, PROVENANCE
from wasmbuild.trust.signer import sign_statement
from wasmbuild.trust.statement import Statement, Subject

KEYS = {name: PrivateKey.generate() for name in ("ann", "ben", "cleo", "eve")}
SUBJECT = describe(OCI_MANIFEST, Manifest(EMPTY, ()).encode())
OTHER = describe(OCI_MANIFEST, b"another artifact")
NAME = "r.io/acme/hello"
SOURCE = "git+https://example.org/acme/hello"
NOW = datetime(2026, 6, 1, tzinfo=UTC)

PEOPLE = "".join(
    f"[authorities.{name}]\npem = '''\n{KEYS[name].public.pem.decode()}'''\n" for name in ("ann", "ben", "cleo")
)


def policy(scope, *, head="version = 1\n", people=PEOPLE):
    """A policy of one scope."""
    text = f'{head}{people}[[scope]]\nrepositories = ["r.io/acme/*"]\n{scope}\n'
    return parse_trust_policy("policy.toml", text.encode(), Path("/nowhere"))


def candidate(statement, who):
    return Candidate(SignatureKind.BUNDLE, BUNDLE, sign_statement(statement, KEYS[who]))


def signature(who, name=NAME, annotations=None, subject=SUBJECT):
    return candidate(Statement.signature_of(subject.digest, name, annotations), who)


def attestation(who, kind, predicate, subject=SUBJECT):
    return candidate(Statement((Subject({"sha256": subject.digest.encoded}),), kind, predicate), who)


def provenance(
    who,
    *,
    builder="https://ci.example/1",
    source=SOURCE,
    finished=None,
    commit="gitCommit",
    more=(),
    build_type="t",
    **parameters,
):
    metadata = {"finishedOn": finished} if finished else {}
    dependencies = [
        {"uri": "pkg:pypi/ziglang@1", "digest": {"sha256": "00"}},
        {"uri": f"{source}@refs/heads/main", "digest": {commit: "ab" * 20}},
        *more,
    ]
    predicate = {
        "buildDefinition": {
            "buildType": build_type,
            "externalParameters": {"target": "x", **parameters},
            "resolvedDependencies": dependencies,
        },
        "runDetails": {"builder": {"id": builder}, "metadata": metadata},
    }
    return attestation(who, PROVENANCE, predicate)


def capabilities(who, *imports):
    claim = CapabilityClaim(SUBJECT.digest, "module", tuple(sorted(imports)), (), (), ())
    predicate = claim.to_predicate()
    return attestation(who, predicate.type, predicate.content)


def sbom(who, *licences):
    components = [{"name": f"part-{number}", "licenses": [each]} for number, each in enumerate(licences)]
    return attestation(who, CYCLONEDX, {"bomFormat": "CycloneDX", "components": components})


def verdict(scope, *candidates, **more):
    """What a policy of one scope says of the artifact with these candidates."""
    situation = {"name": NAME, "tag": "1.0.0", "now": NOW, **more}
    return judge(policy(scope), Situation(SUBJECT, candidates=candidates, **situation))


def failed(found):
    return [rule.rule for rule in found.rules if not rule.holds]
