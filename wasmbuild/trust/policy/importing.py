"""Import what others call a trust policy, where ours can say the same: a text in our own form, to be read and kept.

Two forms: ``trustpolicy.json`` of the Notary Project (specs/trust-store-trust-policy.md) and ``policy.json``
of containers (containers-policy.json(5)). What cannot be said as it was meant is refused, never loosened; what
only differs is in a comment, and so is the one thing that nobody does here: asking whether a certificate was revoked.
Not here: reading the files that they name.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from registry.errors import InvalidReference
from registry.reference import Reference
from registry.strictjson import load_json
from registry.words import printable
from wasmbuild.errors import UsageFailed

__all__ = ["MAX_IMPORTED", "import_policy"]

MAX_IMPORTED = 1024 * 1024
"""Bytes of a policy that is imported."""

_MOST = 1000
_STRICT = "strict"
_NOT_ASKED = "looser than there: nobody is asked here whether a certificate has been revoked"
_LEVELS = {
    "permissive": "a certificate that has expired would be accepted",
    "audit": "what nobody who is trusted has signed would be accepted",
    "skip": "anything would be accepted",
}


@dataclass(slots=True)
class _Written:
    """Our policy, as it is put together; ``authorities`` are lines of tables by name."""

    origin: str
    authorities: dict[str, list[str]] = field(default_factory=dict)
    scopes: list[list[str]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The whole document."""
        head = [f"# imported from {self.origin}; wasmbuild policy explain says what it means"]
        head += [*(f"# {comment}" for comment in self.comments), "version = 1"]
        tables = [["", f"[authorities.{name}]", *lines] for name, lines in self.authorities.items()]
        scopes = [["", "[[scope]]", *lines] for lines in self.scopes]
        return "\n".join([*head, *(line for part in (*tables, *scopes) for line in part), ""])

    def party(self, lines: list[str]) -> str:
        """The name of an authority that is described by these lines; the same for the same ones."""
        for name, known in self.authorities.items():
            if known == lines:
                return name
        name = f"imported-{len(self.authorities) + 1}"
        self.authorities[name] = lines
        return name


def import_policy(data: bytes, origin: str) -> str:
    """Our TOML for a policy of notation or of containers; ``origin`` is what its file is called.

    Raises UsageFailed for what cannot be said, InvalidDocument for what is no JSON.
    """
    value = load_json(data, origin)
    if isinstance(value, dict) and "trustPolicies" in value:
        return _notation(value, _Written(printable(origin, 200)))
    if isinstance(value, dict) and "default" in value:
        return _containers(value, _Written(printable(origin, 200)))
    raise UsageFailed(
        f"{origin} is no policy that can be imported",
        cause="it has neither trustPolicies, as notation's, nor default, as that of containers",
    )


def _notation(value: Mapping[str, Any], written: _Written) -> str:
    _only(value, {"version", "trustPolicies"})
    if value.get("version", "1.0") != "1.0":
        raise _cannot(f"it is of version {printable(str(value['version']), 40)}", "1.0 is known")
    written.comments.append(_NOT_ASKED)
    policies = _list(value["trustPolicies"], "trustPolicies")
    if not policies:
        raise _cannot("it has no trust policies", "an empty policy says nothing of whom to trust")
    for policy in policies:
        _only(policy, {"name", "registryScopes", "signatureVerification", "trustStores", "trustedIdentities"})
        where = f"the trust policy {printable(str(policy.get('name')), 60)}"
        _check_level(policy.get("signatureVerification"), where)
        stores = _texts(policy.get("trustStores"), f"trustStores of {where}")
        scopes = _texts(policy.get("registryScopes"), f"registryScopes of {where}")
        other = [store for store in stores if not store.startswith("ca:")]
        if other:
            raise _cannot(
                f"{where} has the trust store {printable(other[0], 80)}", "only stores of the kind ca: can be"
            )
        files = [f"truststore/x509/ca/{store.removeprefix('ca:')}.pem" for store in stores]
        lines = [
            "# the certificates of each trust store, put into one file",
            f"certificate-authorities = {_toml(files)}",
        ]
        identities = _texts(policy.get("trustedIdentities"), f"trustedIdentities of {where}")
        if identities != ["*"]:
            lines.append(f"subjects = {_toml([_subject(each, where) for each in identities])}")
        party = written.party(lines)
        written.scopes.append([f"repositories = {_toml([_scope(each, where) for each in scopes])}", _by(party)])
    return written.text()


def _check_level(value: object, where: str) -> None:
    verification = value if isinstance(value, dict) else {}
    _only(verification, {"level", "override", "verifyTimestamp"})
    level = verification.get("level")
    if level != _STRICT:
        why = _LEVELS.get(str(level), "only strict is known")
        raise _cannot(f"{where} has the level {printable(str(level), 40)}", why)
    if verification.get("override"):
        raise _cannot(f"{where} overrides its level", "each check is made here, or none")


def _subject(text: str, where: str) -> str:
    if not text.startswith("x509.subject:"):
        raise _cannot(f"{where} trusts {printable(text, 80)}", "only x509.subject can be")
    return text.removeprefix("x509.subject:").strip()


def _containers(value: Mapping[str, Any], written: _Written) -> str:
    _only(value, {"default", "transports"})
    transports = value.get("transports", {})
    for transport, scopes in _object(transports, "transports").items():
        if transport != "docker":
            written.comments.append(f"left out: the transport {printable(transport, 60)}, which is no registry")
            continue
        for scope, requirements in _object(scopes, "docker").items():
            patterns = ["*"] if scope == "" else _docker_scope(scope)
            _requirements(requirements, patterns, written, scope)
    if "" not in transports.get("docker", {}):
        _requirements(value["default"], ["*"], written, "default")
    if not written.scopes:
        raise _cannot("it rejects everything", "a policy of ours has a scope; what none is for is rejected already")
    return written.text()


def _docker_scope(text: str) -> list[str]:
    """Ours for a scope of the docker transport: a repository also stands for what is below it."""
    if text.startswith("*."):
        raise _cannot(f"it has the scope {printable(text, 80)}", "a scope here begins with one host")
    if "/" not in text:
        return [_scope(f"{text}/*", "it")]
    reference = _reference(text, "it")
    if reference.tag or reference.digest:
        raise _cannot(f"it has the scope {printable(text, 80)}", "a scope here is a repository, and has no tag")
    return [reference.name, f"{reference.name}/*"]


def _requirements(value: object, patterns: Sequence[str], written: _Written, where: str) -> None:
    """One scope: all of its requirements have to hold, as they do there."""
    requirements = _list(value, f"the scope {where!r}")
    if not requirements:
        raise _cannot(f"it demands nothing of {printable(where, 80)}", "what demands nothing accepts anything")
    kinds = [each.get("type") for each in requirements]
    if kinds == ["reject"]:
        if patterns != ["*"]:
            raise _cannot(f"it rejects {printable(where, 80)}", "a scope here demands something that can be fulfilled")
        return  # what no scope is for is rejected
    if kinds == ["insecureAcceptAnything"]:
        written.scopes.append([f"repositories = {_toml(patterns)}", "unsafe-accept-anything = true"])
        return
    parties = list(dict.fromkeys(_signed(each, written) for each in requirements))
    if len(parties) > 1:
        parties_line = [f"signed-by = {_toml(parties)}", f"threshold = {len(parties)}"]
    else:
        parties_line = [f"signed-by = {_toml(parties)}"]
    identities = [each.get("signedIdentity", {"type": "matchRepoDigestOrExact"}) for each in requirements]
    name = _signed_name(identities)
    written.scopes.append([f"repositories = {_toml(patterns)}", *parties_line, f'signed-name = "{name}"'])


def _signed(requirement: Mapping[str, Any], written: _Written) -> str:
    if requirement.get("type") != "sigstoreSigned":
        kind = printable(str(requirement.get("type")), 60)
        raise _cannot(f"it has a requirement of the type {kind}", "only sigstoreSigned with keys can be")
    _only(requirement, {"type", "keyPath", "keyPaths", "keyData", "keyDatas", "signedIdentity"})
    given = [key for key in ("keyPath", "keyPaths", "keyData", "keyDatas") if key in requirement]
    readers: dict[str, Callable[[Any], list[str]]] = {
        "keyPath": lambda value: [f"keys = {_toml([_text(value)])}"],
        "keyPaths": lambda value: [f"keys = {_toml(_texts(value, 'keyPaths'))}"],
        "keyData": lambda value: [f"pem = {_toml(_pem(value))}"],
    }
    if len(given) != 1 or given[0] not in readers:
        raise _cannot("a requirement does not have one of keyPath, keyPaths and keyData", "keys are needed")
    return written.party(readers[given[0]](requirement[given[0]]))


def _signed_name(identities: Sequence[Any]) -> str:
    kinds = {each.get("type") if isinstance(each, dict) else None for each in identities}
    if kinds == {"matchRepository"}:
        return "repository"
    if kinds <= {"matchRepoDigestOrExact", "matchRepository"}:
        return "tag"
    if "matchExact" in kinds:
        raise _cannot(
            "it has the signedIdentity matchExact", "that refuses what is asked for by digest, and no rule does"
        )
    raise _cannot("it has a signedIdentity of another kind", "matchRepository and matchRepoDigestOrExact can be")


def _pem(value: object) -> str:
    import base64  # noqa: PLC0415  (a policy is imported once)
    import binascii  # noqa: PLC0415

    try:
        return base64.b64decode(_text(value), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _cannot("keyData is malformed", "it is not base64 of a PEM file") from error


def _scope(text: str, where: str) -> str:
    if text == "*":
        return text
    prefix = text.endswith("/*")
    reference = _reference(f"{text[:-1]}x/y" if prefix else text, where)
    if reference.tag or reference.digest:
        raise _cannot(f"{where} has the scope {printable(text, 80)}", "a scope is a repository, and has no tag")
    return text


def _reference(text: str, where: str) -> Reference:
    try:
        return Reference.parse(text)
    except InvalidReference as error:
        raise _cannot(f"{where} has the scope {printable(text, 80)}", str(error)) from error


def _by(party: str) -> str:
    return f"signed-by = {_toml([party])}"


def _toml(value: str | Sequence[str]) -> str:
    """A TOML string, or list of them, in ASCII: JSON's escapes of that are TOML's."""
    if isinstance(value, str):
        escaped = json.dumps(value, ensure_ascii=False)
        return "".join(mark if " " <= mark <= "~" else f"\\U{ord(mark):08x}" for mark in escaped)
    return f"[{', '.join(_toml(each) for each in value)}]"


def _list(value: object, what: str) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or len(value) > _MOST or not all(isinstance(each, dict) for each in value):
        raise _cannot(f"{printable(what, 120)} is not a list of objects", f"or it is longer than {_MOST}")
    return value


def _object(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or len(value) > _MOST:
        raise _cannot(f"{what} is not an object", f"or it is larger than {_MOST}")
    return value


def _texts(value: object, what: str) -> list[str]:
    if not isinstance(value, list) or not 1 <= len(value) <= _MOST or not all(isinstance(each, str) for each in value):
        raise _cannot(f"{what} is not a list of texts", f"or it is empty, or longer than {_MOST}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _cannot("a key is not a text", "keyPath is a path, and keyData base64")
    return value


def _only(value: Mapping[str, Any], known: set[str]) -> None:
    odd = sorted(set(value) - known)
    if odd:
        raise _cannot(f"it has {printable(odd[0], 60)}", "that is not known, and so cannot be left out")


def _cannot(what: str, why: str) -> UsageFailed:
    return UsageFailed(f"the policy cannot be imported: {what}", cause=why, hint="docs/policy.md#importing")
