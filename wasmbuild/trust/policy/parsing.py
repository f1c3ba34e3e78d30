"""Read a trust policy: TOML to ``model``, strictly. ``docs/policy.md`` describes the file.

What nobody would read, what can never hold and what would demand nothing are errors. Not here: whether an
artifact fulfils it (``judging``).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar, cast

from registry.errors import InvalidReference
from registry.reference import Reference
from registry.words import printable
from wasmbuild.errors import UsageFailed
from wasmbuild.tables import Table, closest, parse_table, read_table
from wasmbuild.trust.policy.conditions import Condition, Scalar, builder_is, source_is
from wasmbuild.trust.policy.model import AttestationRule, Party, Policy, Scope
from wasmbuild.trust.policy.parties import read_parties
from wasmbuild.trust.predicates import CAPABILITIES_V1, CYCLONEDX, PROVENANCE, SPDX, parse_predicate_type
from wasmbuild.wasm.capabilities import parse_capabilities

__all__ = ["FORMAT_VERSION", "parse_trust_policy", "read_trust_policy"]

FORMAT_VERSION = 1
"""The version of the file's schema."""

_MAX_SCOPES = 1000
_MAX_RULES = 100
_UNSAFE = "unsafe-accept-anything"
_SCOPE_KEYS = (
    "repositories", "signed-by", "threshold", "signed-name", "attestation", "max-age", "age-of",
    "no-rollback", "pin-tags", "new-capabilities", _UNSAFE,
)  # fmt: skip
_RULE_KEYS = ("type", "by", "threshold", "condition", "builder", "source", "capabilities", "licences")
_AGE = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_T = TypeVar("_T", bound=str)


def read_trust_policy(path: Path) -> Policy:
    """Read a policy file. Raises UsageFailed when there is none, InvalidProject when it is none, InvalidKey."""
    try:
        root = read_table(path, str(path))
    except FileNotFoundError:
        raise UsageFailed(f"there is no trust policy {path}", hint="docs/policy.md shows how one is written") from None
    return _read(root, path.parent)


def parse_trust_policy(file: str, data: bytes, folder: Path) -> Policy:
    """Read the bytes of a policy; its paths are relative to ``folder``. Raises InvalidProject, InvalidKey."""
    return _read(parse_table(file, data), folder)


def _read(root: Table, folder: Path) -> Policy:
    if not root.values:
        raise root.invalid(None, "is empty, and an empty policy says nothing of whom to trust")
    root.only(("version", "state", "authorities", "scope"))
    if root.integer("version") != FORMAT_VERSION:
        raise root.invalid("version", f"must be {FORMAT_VERSION}", f"version = {FORMAT_VERSION}")
    parties = read_parties(root.table("authorities"), folder)
    tables = root.tables("scope")
    if not 1 <= len(tables) <= _MAX_SCOPES:
        raise root.invalid("scope", f"must be there 1 to {_MAX_SCOPES} times", '[[scope]]\nrepositories = ["*"]')
    scopes = tuple(_scope(table, parties) for table in tables)
    _check_patterns(tables, scopes)
    state = folder / root.required_text("state") if "state" in root.values else None
    return Policy(root.file, tuple(parties.values()), scopes, state)


def _check_patterns(tables: Iterable[Table], scopes: Iterable[Scope]) -> None:
    seen: set[str] = set()
    for table, scope in zip(tables, scopes, strict=True):
        for pattern in scope.patterns:
            if pattern in seen:
                raise table.invalid("repositories", f"has {pattern}, which is there already")
            seen.add(pattern)


def _scope(table: Table, parties: Mapping[str, Party]) -> Scope:
    table.only(_SCOPE_KEYS)
    patterns = tuple(_pattern(table, text) for text in table.texts("repositories"))
    if not patterns:
        raise table.invalid("repositories", "names none", 'repositories = ["ghcr.io/acme/*"]')
    if table.flag(_UNSAFE):
        beside = [key for key in table.values if key not in {"repositories", _UNSAFE}]
        if beside:
            raise table.invalid(_UNSAFE, f"accepts anything, and {beside[0]} demands something")
        return Scope(patterns, accepts_anything=True)
    signed_by = _parties(table, "signed-by", parties)
    rules = table.tables("attestation")
    if len(rules) > _MAX_RULES:
        raise table.invalid("attestation", f"is there more than {_MAX_RULES} times")
    scope = Scope(
        patterns,
        signed_by,
        _threshold(table, signed_by),
        _one_of(table, "signed-name", ("any", "repository", "tag")),
        tuple(_rule(rule, parties) for rule in rules),
        _age(table),
        _one_of(table, "age-of", ("signature", "provenance")),
        no_rollback=table.flag("no-rollback"),
        pin_tags=table.flag("pin-tags"),
        approve_capabilities=_one_of(table, "new-capabilities", ("accept", "approve")) == "approve",
    )
    _check_scope(table, scope)
    return scope


def _check_scope(table: Table, scope: Scope) -> None:
    """Refuse what demands nothing, and rules about what another rule does not ask for."""
    if not scope.signed_by and not scope.attestations:
        raise table.invalid(None, "demands neither a signature nor an attestation", 'signed-by = ["…"]')
    types = {rule.predicate_type for rule in scope.attestations}
    if scope.signed_name != "any" and not scope.signed_by:
        raise table.invalid("signed-name", "is of a signature, and signed-by asks for none")
    if "age-of" in table.values and scope.max_age is None:
        raise table.invalid("age-of", "says nothing without max-age")
    if scope.max_age is not None and scope.age_of == "signature" and not scope.signed_by:
        raise table.invalid("max-age", "is of a signature, and signed-by asks for none", 'age-of = "provenance"')
    if scope.max_age is not None and scope.age_of == "provenance" and PROVENANCE not in types:
        raise table.invalid("age-of", "needs an attestation that is asked for", 'type = "provenance"')
    if scope.approve_capabilities and CAPABILITIES_V1 not in types:
        raise table.invalid("new-capabilities", "needs an attestation that is asked for", 'type = "capabilities"')


def _rule(table: Table, parties: Mapping[str, Party]) -> AttestationRule:
    table.only(_RULE_KEYS)
    try:
        kind = parse_predicate_type(table.required_text("type"))
    except UsageFailed as failure:
        raise table.invalid("type", f"cannot be: {failure}") from None
    by = _parties(table, "by", parties)
    if not by:
        raise table.invalid("by", "names nobody, and what nobody has signed anybody can write")
    conditions = [_condition(each) for each in table.tables("condition")]
    for key, made in (("builder", builder_is), ("source", source_is)):
        if key in table.values:
            _only_for(table, key, kind, PROVENANCE)
            conditions.append(made(*_some(table, key)))
    rule = AttestationRule(kind, by, _threshold(table, by), tuple(conditions))
    if "capabilities" in table.values:
        _only_for(table, "capabilities", kind, CAPABILITIES_V1)
        rule = replace(rule, capabilities=parse_capabilities(table.table("capabilities")))
    if "licences" in table.values:
        _only_for(table, "licences", kind, CYCLONEDX, SPDX)
        rule = replace(rule, licences=frozenset(_some(table, "licences")))
    return rule


def _condition(table: Table) -> Condition:
    table.only(("path", "equals", "one-of", "prefix"))
    path = tuple(table.required_text("path").split("."))
    tests = [key for key in ("equals", "one-of", "prefix") if key in table.values]
    if not all(path) or len(tests) != 1:
        raise table.invalid("path", "needs names between its dots, and one of equals, one-of and prefix")
    key = tests[0]
    if key == "prefix":
        return Condition(path, "prefix", _some(table, key))
    value = table.values[key]
    values = value if key == "one-of" else [value]
    if not isinstance(values, list) or not values or not all(isinstance(each, str | int | bool) for each in values):
        listed = "a list of texts, whole numbers, or true or false"
        raise table.invalid(key, f"must be {listed if key == 'one-of' else listed.removeprefix('a list of ')}")
    return Condition(path, "is", tuple(cast("list[Scalar]", values)))


def _only_for(table: Table, key: str, kind: str, *kinds: str) -> None:
    if kind not in kinds:
        raise table.invalid(key, f"is for attestations of {' or '.join(kinds)}")


def _some(table: Table, key: str) -> tuple[str, ...]:
    """A text, or a list of texts, none of them empty."""
    found = (table.required_text(key),) if isinstance(table.values.get(key), str) else table.texts(key)
    if not found or not all(found):
        raise table.invalid(key, "has nothing in it")
    return found


def _parties(table: Table, key: str, parties: Mapping[str, Party]) -> tuple[Party, ...]:
    names = table.texts(key)
    if key in table.values and not names:
        raise table.invalid(key, "names nobody")
    for name in names:
        if name not in parties:
            guess = closest(name, parties)
            hint = f"did you mean {guess}?" if guess else f"[authorities.{name[:60]}]"
            raise table.invalid(key, f"names {name[:60]!r}, who is not in [authorities]", hint)
        if names.count(name) > 1:
            raise table.invalid(key, f"names {name} twice, and a person counts once")
    return tuple(parties[name] for name in names)


def _threshold(table: Table, parties: tuple[Party, ...]) -> int:
    value = table.integer("threshold")
    if value is None:
        return 1
    if not 1 <= value <= len(parties):
        raise table.invalid("threshold", f"must be 1 to {len(parties)}, as many as are named, and is {value}")
    return value


def _age(table: Table) -> timedelta | None:
    text = table.text("max-age")
    if text is None:
        return None
    found = _AGE.fullmatch(text)
    if found is None:
        raise table.invalid("max-age", "must be minutes, hours or days", 'max-age = "90d"')
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _one_of(table: Table, key: str, known: tuple[_T, ...]) -> _T:
    """One of some words, the first when the key is not there."""
    text = table.text(key)
    for word in known:
        if text in {None, word}:
            return word
    raise table.invalid(key, f"must be one of {', '.join(known)}")


def _pattern(table: Table, text: str) -> str:
    if text == "*":
        return text
    prefix = text.endswith("/*")
    try:
        reference = Reference.parse(f"{text[:-1]}x/y" if prefix else text)  # "x" alone is Docker Hub's "library/x"
    except InvalidReference as error:
        raise table.invalid("repositories", f"has {printable(text, 120)!r}: {error.cause or error}") from None
    if reference.tag or reference.digest:
        raise table.invalid("repositories", f"has {printable(text, 120)!r}", "host/repository, host/prefix/*, or *")
    return f"{reference.name[:-3]}*" if prefix else reference.name
