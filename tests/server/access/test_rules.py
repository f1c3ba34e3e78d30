import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine

from registry.errors import InvalidConfiguration
from registry.server.access.accounts import add_user, disable_user, join_group, leave_group, remove_user
from registry.server.access.policy import Mode, Policy, RuleGate
from registry.server.access.principals import ANONYMOUS, ANYONE_HERE, EVERYTHING, SYSTEM, Action, Grant, Principal
from registry.server.access.rules import (
    add_rule,
    grants_from_json,
    grants_to_json,
    list_rules,
    parse_grant,
    parse_rule,
    remove_rule,
)
from registry.server.config.access import AccessConfig, PublisherConfig, RuleConfig
from registry.server.upgrade import upgrade_schema

ADA = Principal("user", "ada")


def policy(*rules: tuple[str, str, str]) -> Policy:
    return Policy("1", tuple(parse_rule(where, who, what.split(",")) for where, who, what in rules), users=True)


def test_the_rule_that_says_most_decides_alone() -> None:
    rules = policy(("**", "users", "pull,push"), ("team/**", "users", "pull"), ("team/app", "user:bob", "push"))
    assert rules.granted(ADA, (), "other") == {Action.PULL, Action.PUSH}
    assert rules.granted(ADA, (), "team/x/y") == {Action.PULL}
    assert rules.granted(ADA, (), "team/app") == set()


def test_rules_that_say_the_same_add_up() -> None:
    rules = policy(("team/*", "users", "pull"), ("team/*", "group:dev", "push"), ("team/*", "everyone", "delete"))
    assert rules.granted(ADA, ("dev",), "team/app") == {Action.PULL, Action.PUSH, Action.DELETE}
    assert rules.granted(ANONYMOUS, (), "team/app") == {Action.DELETE}


def test_admin_holds_below_other_rules() -> None:
    rules = policy(("team/**", "group:lead", "admin"), ("team/app", "everyone", "pull"))
    assert rules.granted(ADA, ("lead",), "team/app") == EVERYTHING
    assert rules.granted(ADA, (), "team/app") == {Action.PULL}
    assert rules.granted(ADA, ("lead",), "other/app") == set()


def test_nothing_without_a_rule() -> None:
    assert policy().granted(ADA, ("dev",), "team/app") == set()


@pytest.mark.parametrize("kind", ["workload", "anonymous", "local"])
def test_a_name_alone_is_no_user(kind: Any) -> None:
    rules = policy(("**", "user:ada", "pull"), ("**", "users", "push"), ("**", "group:dev", "delete"))
    assert rules.granted(Principal(kind, "ada", frozenset({"dev"})), ("dev",), "x") == set()


@pytest.mark.parametrize(
    ("repositories", "subject", "actions"),
    [
        ("team", "ada", "pull"),
        ("team", "user:", "pull"),
        ("team", "user:a b", "pull"),
        ("team", "robots", "pull"),
        ("Team", "users", "pull"),
        ("", "users", "pull"),
        ("team\n", "users", "pull"),
        ("team", "users", "read"),
        ("team", "users", ""),
    ],
)
def test_no_rules(repositories: str, subject: str, actions: str) -> None:
    with pytest.raises(InvalidConfiguration):
        parse_rule(repositories, subject, filter(None, actions.split(",")))


def test_grants_survive_being_kept() -> None:
    grants = (parse_grant("team/*:pull,push"), parse_grant("**:pull"))
    assert grants_from_json(grants_to_json(grants)) == grants
    assert grants_from_json(grants_to_json(None)) is None
    assert grants_from_json(grants_to_json(())) == ()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rules") / "empty.db"
    engine = create_engine(f"sqlite:///{path}")
    upgrade_schema(engine)
    engine.dispose()
    return path


@pytest.fixture
def connection(empty: Path, tmp_path: Path) -> Iterator[Connection]:
    copy = tmp_path / "rows.db"
    shutil.copy(empty, copy)
    engine = create_engine(f"sqlite:///{copy}")
    with engine.connect() as opened:
        opened.exec_driver_sql("PRAGMA foreign_keys=ON")
        yield opened
    engine.dispose()


def gate(*, users_open: bool = False, **access: Any) -> RuleGate:
    return RuleGate(AccessConfig(**access), Mode(open=users_open), None)


def test_a_change_is_seen_at_once(connection: Any) -> None:
    decides = gate()
    add_user(connection, "ada", None)
    assert decides.allowed(connection, ADA, "team/app") == set()
    key = add_rule(connection, parse_rule("team/*", "group:dev", ["push"]))
    assert decides.allowed(connection, ADA, "team/app") == set()
    join_group(connection, "ada", "dev")
    assert decides.allowed(connection, ADA, "team/app") == {Action.PUSH}
    leave_group(connection, "ada", "dev")
    assert decides.allowed(connection, ADA, "team/app") == set()
    join_group(connection, "ada", "dev")
    disable_user(connection, "ada")
    assert decides.allowed(connection, ADA, "team/app") == set()
    disable_user(connection, "ada", disabled=False)
    assert remove_rule(connection, key)
    assert decides.allowed(connection, ADA, "team/app") == set()
    assert list_rules(connection) == []
    assert not remove_rule(connection, key)


def test_what_was_undone_decides_nothing(connection: Any) -> None:
    decides = gate()
    add_user(connection, "ada", None)
    connection.commit()
    add_rule(connection, parse_rule("**", "user:ada", ["admin"]))
    assert decides.allowed(connection, ADA, "x") == EVERYTHING
    connection.rollback()
    assert decides.allowed(connection, ADA, "x") == set()
    add_rule(connection, parse_rule("**", "user:bob", ["pull"]))
    assert decides.allowed(connection, ADA, "x") == set()


def test_users_that_are_gone_or_never_were(connection: Any) -> None:
    decides = gate(rules=(RuleConfig("**", "users", ("pull",)),))
    assert decides.allowed(connection, ADA, "x") == set()
    add_user(connection, "ada", None, ["dev"])
    assert decides.allowed(connection, ADA, "x") == {Action.PULL}
    remove_user(connection, "ada")
    assert decides.allowed(connection, ADA, "x") == set()


def test_groups_of_the_settings_and_of_the_database(connection: Any) -> None:
    rules = (RuleConfig("a", "group:dev", ("pull",)), RuleConfig("b", "group:ops", ("push",)))
    decides = gate(rules=rules, groups={"ops": ("ada", "bob")})
    add_user(connection, "ada", None, ["dev"])
    assert decides.allowed(connection, ADA, "a") == {Action.PULL}
    assert decides.allowed(connection, ADA, "b") == {Action.PUSH}


def test_grants_narrow_and_never_widen(connection: Any) -> None:
    decides = gate(rules=(RuleConfig("**", "users", ("pull", "push")),))
    add_user(connection, "ada", None)

    def narrowed(*grants: Grant) -> frozenset[Action]:
        return decides.allowed(connection, Principal("user", "ada", grants=grants), "team/app")

    assert narrowed() == set()
    assert narrowed(Grant("team/*", frozenset({Action.PULL, Action.DELETE}))) == {Action.PULL}
    assert narrowed(Grant("other/*", EVERYTHING)) == set()
    assert narrowed(Grant("**", frozenset({Action.ADMIN}))) == {Action.PULL, Action.PUSH}


def test_publishers_of_the_moment(connection: Any) -> None:
    publisher = PublisherConfig("ci", "https://issuer", {"sub": "a"}, "team/*", ("push",))
    decides = gate(publishers=(publisher,), rules=(RuleConfig("team/app", "everyone", ("pull",)),))
    workload = Principal("workload", "w", frozenset({"ci"}))
    assert decides.allowed(connection, workload, "team/app") == {Action.PULL, Action.PUSH}
    assert decides.allowed(connection, workload, "other") == set()
    assert gate().allowed(connection, workload, "team/app") == set()


def test_the_registry_itself_and_whoever_is_here(connection: Any) -> None:
    assert gate().allowed(connection, SYSTEM, "x") == EVERYTHING
    assert gate(users_open=True).allowed(connection, ANYONE_HERE, "x") == EVERYTHING
    assert gate().allowed(connection, ANYONE_HERE, "x") == set()
    assert gate(users_open=True).allowed(connection, ANONYMOUS, "x") == set()


@pytest.mark.parametrize("text", ["team/*", "team/*:", ":v*", "Team:v1"])
def test_no_immutable_tags(text: str) -> None:
    with pytest.raises(InvalidConfiguration):
        gate(immutable=(text,))


@pytest.mark.parametrize(
    "name", ["anonymous", "local", "system", "", "a:b", "-a", "a b", "a\0", "https://x#y", "x" * 129]
)
def test_names_that_no_user_has(connection: Any, name: str) -> None:
    with pytest.raises(InvalidConfiguration):
        add_user(connection, name, None)


def test_a_user_is_added_once(connection: Any) -> None:
    add_user(connection, "ada", None)
    with pytest.raises(InvalidConfiguration, match="already"):
        add_user(connection, "ada", None)
    for change in (disable_user, remove_user):
        with pytest.raises(InvalidConfiguration, match="no user"):
            change(connection, "bob")
