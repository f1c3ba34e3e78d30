"""What tokens are for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.client.scopes import covers, merged, repository_of


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        ([], ()),
        ([""], ()),
        (["repository:a/b:pull"], ("repository:a/b:pull",)),
        (["repository:a/b:pull", "repository:a/b:push,pull"], ("repository:a/b:pull,push",)),
        (["repository:a:pull,push repository:b:pull"], ("repository:a:pull,push", "repository:b:pull")),
        (["repository:h:5000/a:pull", "repository:h:5000/a:*"], ("repository:h:5000/a:pull,*",)),
        (["", "registry:catalog:*"], ("registry:catalog:*",)),
        (["openid", "offline"], ("openid", "offline")),
        (["repository:a:"], ("repository:a:",)),
    ],
)
def test_merging(scopes, expected):
    assert merged(*scopes) == expected


@pytest.mark.parametrize(
    ("having", "wanted", "expected"),
    [
        ("repository:a:pull,push", "repository:a:pull", True),
        ("repository:a:pull", "repository:a:pull,push", False),
        ("repository:a:*", "repository:a:delete", True),
        ("repository:a:pull repository:a:push", "repository:a:push,pull", True),
        ("repository:a:pull", "repository:b:pull", False),
        ("repository:a:pull", "", True),
        ("", "repository:a:pull", False),
    ],
)
def test_covering(having, wanted, expected):
    assert covers(having, wanted) is expected


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("repository:a/b:pull", "a/b"),
        ("repository:a:pull,push repository:b:pull", "a"),
        ("registry:catalog:*", ""),
        ("registry:catalog:* repository:b:pull", "b"),
        ("", ""),
        ("nonsense", ""),
    ],
)
def test_whose_repository(scope, expected):
    assert repository_of(scope) == expected


words = st.text("ab:,* ", max_size=12)


@given(words | st.text(max_size=80), words)
def test_merged_scopes_cover_their_parts(one, other):
    both = " ".join(merged(one, other))
    assert covers(both, one)
    assert covers(both, other)
    assert merged(both) == merged(one, other)
