from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.server.access.challenges import scope_of, scope_of_request
from registry.server.access.gate import OpenGate
from registry.server.access.principals import ANONYMOUS, EVERYTHING, Action
from registry.server.access.scopes import CATALOG_GRANT, Scope, granted, grants_of, parse_scopes
from registry.server.refusal import Refusal

WORD = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("repository:team/app:pull", Scope("repository", "team/app", ("pull",))),
        ("repository:team/app:pull,push,pull", Scope("repository", "team/app", ("pull", "push"))),
        ("repository(plugin):team/app:pull", Scope("repository", "team/app", ("pull",))),
        ("repository:host:5000/team/app:pull", Scope("repository", "host:5000/team/app", ("pull",))),
        ("registry:catalog:*", Scope("registry", "catalog", ("*",))),
        ("repository:team/app:", Scope("repository", "team/app", ())),
    ],
)
def test_scopes(text: str, scope: Scope) -> None:
    assert parse_scopes([text]) == (scope,)


@pytest.mark.parametrize("text", ["repository", "repository:a", ":a:pull", "repository::pull", "a:b:PULL", "x" * 500])
def test_no_scopes(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse_scopes([text])
    assert caught.value.status_code == 400


def test_many_in_one_text_and_in_many() -> None:
    assert len(parse_scopes(["repository:a:pull repository:b:pull", "", "repository:a:pull"])) == 2
    with pytest.raises(Refusal):
        parse_scopes([" ".join(f"repository:r{number}:pull" for number in range(101))])


@given(st.lists(st.text(max_size=60), max_size=4))
def test_any_text_is_scopes_or_refused(texts: list[str]) -> None:
    try:
        scopes = parse_scopes(texts)
    except Refusal as refusal:
        assert refusal.status_code == 400
        return
    connection: Any = None
    for scope in granted(connection, OpenGate(), ANONYMOUS, scopes):
        assert scope.kind in {"repository", "registry"}
    assert all("*" not in grant.repositories for grant in grants_of(scopes))


@given(WORD, st.lists(WORD, min_size=1, max_size=4), st.lists(WORD, max_size=4, unique=True))
def test_parsing_is_the_opposite_of_writing(kind: str, path: list[str], actions: list[str]) -> None:
    scope = Scope(kind, ":".join(path), tuple(actions))
    assert parse_scopes([f"{kind}:{':'.join(path)}:{','.join(actions)}"]) == (scope,)


class Fixed:
    def __init__(self, *actions: Action) -> None:
        self.actions = frozenset(actions)

    def allowed(self, connection: Any, principal: Any, repository: str) -> frozenset[Action]:
        return self.actions


@pytest.mark.parametrize(
    ("may", "asked", "given_"),
    [
        ((Action.PULL,), ("pull", "push"), ("pull",)),
        ((Action.PULL, Action.PUSH), ("push", "pull"), ("push", "pull")),
        ((Action.PULL, Action.PUSH, Action.DELETE), ("*",), ("pull", "push", "delete")),
        (tuple(EVERYTHING), ("*",), ("*",)),
        ((Action.OVERWRITE,), ("push",), ()),
        ((Action.PULL,), ("admin", "overwrite", "sudo"), ()),
        ((), ("pull",), ()),
    ],
)
def test_the_intersection(may: Any, asked: Any, given_: Any) -> None:
    gate: Any = Fixed(*may)
    connection: Any = None
    found = granted(connection, gate, ANONYMOUS, [Scope("repository", "a", asked)])
    assert found == ((Scope("repository", "a", given_),) if given_ else ())


def test_what_is_no_repository_is_left_out() -> None:
    connection: Any = None
    names = ["Team/App", "a//b", "**", "../a", "_catalog"]
    asked = [Scope("repository", name, ("pull",)) for name in names] + [Scope("plugin", "a", ("pull",))]
    assert granted(connection, OpenGate(), ANONYMOUS, asked) == ()
    assert grants_of(asked[:-1]) == ()


def test_what_a_token_is_narrowed_to() -> None:
    scopes = parse_scopes(["repository:a:push registry:catalog:*", "repository:b:*"])
    first, catalog, other = grants_of(scopes)
    assert first.actions == {Action.PUSH, Action.OVERWRITE}
    assert catalog == CATALOG_GRANT
    assert other.actions == EVERYTHING


@pytest.mark.parametrize(
    ("actions", "scope"),
    [
        ((Action.PULL,), "repository:a:pull"),
        ((Action.PUSH,), "repository:a:pull,push"),
        ((Action.PUSH, Action.OVERWRITE), "repository:a:pull,push"),
        ((Action.DELETE,), "repository:a:pull,delete"),
        ((Action.ADMIN,), "repository:a:*"),
    ],
)
def test_what_to_ask_for(actions: Any, scope: str) -> None:
    assert scope_of("a", actions) == scope


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v2/team/app/manifests/v1", "repository:team/app:pull"),
        ("PUT", "/v2/team/app/manifests/v1", "repository:team/app:pull,push"),
        ("DELETE", "/v2/team/app/blobs/sha256:0", "repository:team/app:pull,delete"),
        ("POST", "/v2/team/app/blobs/uploads/", "repository:team/app:pull,push"),
        ("GET", "/v2/_catalog", "registry:catalog:*"),
        ("GET", "/v2/", None),
        ("GET", '/v2/a"b/manifests/v1', None),
        ("GET", "/metrics", None),
    ],
)
def test_what_a_path_tells(method: str, path: str, scope: str | None) -> None:
    assert scope_of_request(method, path) == scope
