"""How rules decide: the gate of a registry with users.

The rules whose glob says most about a repository decide, all others are silent; only admin, once
given by a shorter glob, holds below it as well. A publisher's grants belong to its workloads alone and
are theirs besides. Rules are cached under the version of the policy, which is read in the
transaction that asks; who is in which group, and whether an account still stands, is read each time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, select

from registry.errors import InvalidConfiguration
from registry.server.access.accounts import has_users, standing_of
from registry.server.access.api_tokens import token_grants
from registry.server.access.challenges import challenge, scope_of
from registry.server.access.gate import Caller
from registry.server.access.globs import Glob, parse_glob
from registry.server.access.htpasswd import Htpasswd
from registry.server.access.principals import ANONYMOUS, EVERYTHING, Action, Grant, Principal
from registry.server.access.rules import POLICY, Rule, list_rules, parse_actions, parse_repositories, parse_rule
from registry.server.config.access import AccessConfig
from registry.server.database.statements import Statement
from registry.server.schema import facts

__all__ = ["Explanation", "Mode", "Policy", "RuleGate"]

_NOTHING: frozenset[Action] = frozenset()
_REMEMBERED = 4096
_VERSION = Statement(select(facts.c.value).where(facts.c.name == bindparam("name")))


@dataclass(slots=True)
class Mode:
    """``open``: no users are set up, so that whoever reaches the server may do everything."""

    open: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """What somebody may do, the rules that say so, and the groups that were asked about."""

    actions: frozenset[Action]
    rules: tuple[Rule, ...]
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Deciding:
    rules: tuple[Rule, ...]
    admins: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules at one moment; ``users``: the database has some."""

    version: str
    rules: tuple[Rule, ...]
    users: bool
    _deciding: dict[str, _Deciding] = field(default_factory=dict)

    def granted(self, principal: Principal, groups: Iterable[str], repository: str) -> frozenset[Action]:
        """What the rules give to a principal who is in these groups."""
        deciding = self._deciding.get(repository) or self._decide(repository)
        if any(rule.concerns(principal, groups) for rule in deciding.admins):
            return EVERYTHING
        return _NOTHING.union(*(rule.actions for rule in deciding.rules if rule.concerns(principal, groups)))

    def applied(self, principal: Principal, groups: Iterable[str], repository: str) -> tuple[Rule, ...]:
        """The rules that ``granted`` comes of."""
        deciding = self._deciding.get(repository) or self._decide(repository)
        admins = tuple(rule for rule in deciding.admins if rule.concerns(principal, groups))
        return admins or tuple(rule for rule in deciding.rules if rule.concerns(principal, groups))

    def _decide(self, repository: str) -> _Deciding:
        matching = [rule for rule in self.rules if rule.glob.matches(repository)]
        best = max((rule.glob.weight for rule in matching), default=None)
        found = _Deciding(
            tuple(rule for rule in matching if rule.glob.weight == best),
            tuple(rule for rule in matching if Action.ADMIN in rule.actions),
        )
        if len(self._deciding) >= _REMEMBERED:
            self._deciding.clear()
        self._deciding[repository] = found
        return found


class RuleGate:
    """Decides by rules; while ``mode`` is open, whoever is let in may do everything."""

    def __init__(self, config: AccessConfig, mode: Mode, htpasswd: Htpasswd | None) -> None:
        self._config = config
        self._mode = mode
        self._htpasswd = htpasswd
        self._fixed = tuple(parse_rule(rule.repositories, rule.subject, rule.actions) for rule in config.rules)
        self._groups = _groups_by_member(config.groups)
        self._publishers = {
            each.name: Grant(parse_repositories(each.repositories), parse_actions(each.actions))
            for each in config.publishers
        }
        self._immutable = tuple(map(_parse_immutable, config.immutable))
        self._policy: Policy | None = None

    def allowed(self, connection: Connection, principal: Principal, repository: str) -> frozenset[Action]:
        """What a principal may do to a repository at this moment."""
        if principal.kind == "system":
            return EVERYTHING
        if principal.kind == "local":
            return EVERYTHING if self._mode.open else _NOTHING
        groups: frozenset[str] = frozenset()
        if principal.kind == "user":
            found = self._standing(connection, principal)
            if found is None:
                return _NOTHING
            groups = found
        allowed = self.policy(connection).granted(principal, groups, repository)
        if principal.kind == "workload":
            grants = [self._publishers[name] for name in principal.groups if name in self._publishers]
            allowed |= _given(grants, repository)
        return _narrowed(connection, allowed, principal, repository)

    def explain(self, connection: Connection, name: str, repository: str) -> Explanation | None:
        """What a user, or ``anonymous``, may do to a repository, and why; None: there is no such user."""
        principal = ANONYMOUS if name == ANONYMOUS.name else Principal("user", name)
        groups = frozenset[str]() if principal.anonymous else self._standing(connection, principal)
        if groups is None:
            return None
        policy = self.policy(connection)
        return Explanation(
            policy.granted(principal, groups, repository), policy.applied(principal, groups, repository), groups
        )

    def immutable(self, connection: Connection, repository: str, tag: str) -> bool:  # noqa: ARG002
        """Whether the configuration says so."""
        return any(names.matches(repository) and tags.matches(tag) for names, tags in self._immutable)

    def challenge(
        self, caller: Caller, repository: str, actions: tuple[Action, ...], error: str | None = None
    ) -> Mapping[str, str]:
        """Where to get a token, and for what."""
        scopes = [scope_of(repository, actions)] if repository else []
        if caller.source is not None:
            scopes.append(scope_of(caller.source, (Action.PULL,)))
        return challenge(caller.origin, self._config, " ".join(scopes), error)

    def policy(self, connection: Connection) -> Policy:
        """The rules as the connection sees them."""
        while True:
            version = _version(connection)
            known = self._policy
            if known is not None and known.version == version:
                return known
            loaded = Policy(version, (*self._fixed, *list_rules(connection)), has_users(connection))
            # Unless the version is still the same, rules may be of two moments.
            if _version(connection) == version:
                self._policy = loaded

    def _standing(self, connection: Connection, principal: Principal) -> frozenset[str] | None:
        """The groups of a user; None: there is no such account any more."""
        account = standing_of(connection, principal.name)
        if account is None and (self._htpasswd is None or principal.name not in self._htpasswd.entries()):
            return None
        if account is not None and account.disabled:
            return None
        stored = account.groups if account is not None else frozenset()
        return stored | self._groups.get(principal.name, frozenset())


def _version(connection: Connection) -> str:
    row = _VERSION.first(connection, name=POLICY)
    return row[0] if row else ""


def _narrowed(
    connection: Connection, allowed: frozenset[Action], principal: Principal, repository: str
) -> frozenset[Action]:
    """Less what the token, and the API token that it may have come of, leave out."""
    if principal.grants is not None:
        allowed &= _given(principal.grants, repository)
    if principal.credential is not None and allowed:
        grants = token_grants(connection, principal.credential)
        if grants is not None:
            allowed &= _given(grants, repository)
    return allowed


def _given(grants: Iterable[Grant], repository: str) -> frozenset[Action]:
    given = (grant.actions for grant in grants if parse_glob(grant.repositories).matches(repository))
    actions = _NOTHING.union(*given)
    return EVERYTHING if Action.ADMIN in actions else actions


def _groups_by_member(groups: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    members = {member for names in groups.values() for member in names}
    return {member: frozenset(group for group, names in groups.items() if member in names) for member in members}


def _parse_immutable(text: str) -> tuple[Glob, Glob]:
    repositories, colon, tags = text.rpartition(":")
    if not colon or not tags:
        raise InvalidConfiguration(
            f"{text[:80]!r} names no tags", hint="write REPOSITORIES:TAGS, for example team/*:v*"
        )
    return parse_glob(parse_repositories(repositories)), parse_glob(tags)
