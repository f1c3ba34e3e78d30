import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from registry.errors import InvalidConfiguration
from registry.server.collection.retention import keeps
from registry.server.config import RetentionRule
from registry.server.metadata.tags import tag_events, tag_names
from registry.server.schema import tags


def names(registry: Any, repository: str = "demo") -> list[str]:
    return list(registry.read(lambda connection: tag_names(connection, repository, "", 1000)))


def tagged(registry: Any, *tags_oldest_first: str, repository: str = "demo") -> Any:
    digest = registry.image("one", *tags_oldest_first, repository=repository)
    for age, tag in enumerate(reversed(tags_oldest_first)):
        moved = time.time() - age * 1000
        registry.write(
            lambda connection, tag=tag, moved=moved: connection.execute(
                update(tags).where(tags.c.name == tag).values(moved=moved)
            )
        )
    return digest


def test_the_newest_stay(opened: Any, database_url: str | None) -> None:
    registry = opened(database_url, retention=(RetentionRule("demo", keep=2),))
    digest = tagged(registry, "e", "d", "c", "b", "a")
    tagged(registry, "x", "y", "z", repository="other")
    report, gone = registry.collect(retention=True, dry_run=True)
    assert (report.tags, sorted(each.name for each in gone)) == (3, ["c", "d", "e"])
    assert gone[0].why == f"no rule keeps it; it means {digest}"
    assert names(registry) == ["a", "b", "c", "d", "e"]
    assert registry.collect()[0].tags == 0
    report, gone = registry.collect(retention=True)
    assert (report.tags, sorted(each.name for each in gone)) == (3, ["c", "d", "e"])
    assert names(registry) == ["a", "b"]
    assert names(registry, "other") == ["x", "y", "z"]
    events = registry.read(lambda connection: tag_events(connection, "demo", "c", 2**62, 10))
    assert [(event.digest, event.actor) for event in events] == [(None, "retention"), (str(digest), "system")]
    registry.collect_all()
    assert registry.has(digest)


def test_the_young_and_the_named_and_the_versions_stay(opened: Any) -> None:
    rule = RetentionRule("**", younger_than=1500.0, versions=">=1.2.0 <2.0.0", tags=("release-*", "latest"))
    registry = opened(retention=(rule,))
    old = ("latest", "release-7", "v1.2.0", "1.9.9", "2.0.0", "v1.1.9", "v1.2.0-rc.1", "1.2", "nightly")
    tagged(registry, *old, "young", "newest")
    registry.collect(retention=True)
    assert names(registry) == ["1.9.9", "latest", "newest", "release-7", "v1.2.0", "young"]


def test_the_first_rule_that_fits_is_the_one(opened: Any) -> None:
    rules = (RetentionRule("team/keep", tags=("*",)), RetentionRule("team/*", keep=0))
    registry = opened(retention=rules)
    for repository in ("team/keep", "team/drop", "team/deep/er"):
        registry.image("one", "a", "b", repository=repository)
    registry.collect(retention=True)
    assert [names(registry, f"team/{name}") for name in ("keep", "drop", "deep/er")] == [["a", "b"], [], ["a", "b"]]


def test_immutable_tags_stay(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = opened(retention=(RetentionRule("**", keep=0),))
    registry.image("one", "v1", "nightly")
    gate = type(registry.services.gate)
    monkeypatch.setattr(gate, "immutable", lambda _self, _connection, _repository, tag: tag.startswith("v"))
    assert registry.collect(retention=True)[0].tags == 1
    assert names(registry) == ["v1"]


def test_many_tags(opened: Any) -> None:
    registry = opened(retention=(RetentionRule("**", keep=3),))
    tagged(registry, *(f"t{number:03}" for number in range(450)))
    assert registry.collect(retention=True)[0].tags == 447
    assert names(registry) == ["t447", "t448", "t449"]
    assert registry.read(lambda connection: connection.execute(select(tags.c.name)).scalars().all()).__len__() == 3


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"keep": -1},
        {"younger_than": -1.0},
        {"versions": ""},
        {"versions": "1.x"},
        {"versions": ">1.0.0 or"},
        {"tags": ("***",)},
        {"repositories": "", "keep": 1},
    ],
)
def test_rules_that_make_no_sense(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfiguration):
        RetentionRule(**{"repositories": "**", **options})


@given(
    st.lists(st.tuples(st.floats(0, 2000), st.sampled_from(["a", "v1.0.0", "1.5.0", "é", "x"])), max_size=12),
    st.integers(0, 5),
    st.floats(0, 2000),
)
def test_exactly_the_newest_and_the_young_are_kept(found: list[tuple[float, str]], keep: int, younger: float) -> None:
    found = sorted(set(found), reverse=True)
    rule = RetentionRule("**", keep=keep, younger_than=younger)
    oldest = found[keep - 1] if 0 < keep <= len(found) else None
    kept = [each for each in found if keeps(rule, each[1], each[0], oldest, 2000.0)]
    expected = [each for place, each in enumerate(found) if place < keep or each[0] > 2000.0 - younger]
    assert kept == expected
