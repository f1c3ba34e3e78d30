import pytest
from hypothesis import given
from hypothesis import strategies as st
from semver import Version

from registry.reference import valid_tag
from wasmbuild.errors import NotReleasable
from wasmbuild.project.model import ReleaseRules
from wasmbuild.workflows.release.tagnames import named, tags_for, version_in, version_tags

USUAL = ReleaseRules().tags
numbers = st.integers(0, 40)
releases = st.builds(Version, numbers, numbers, numbers)


def tags(version, existing=(), patterns=USUAL):
    return tags_for(patterns, Version.parse(version), existing)


@pytest.mark.parametrize(
    ("version", "existing", "expected"),
    [
        ("1.2.3", (), ("1.2.3", "1.2", "1", "latest")),
        ("1.2.3", ("1.2.2", "1.1.9", "0.9.0"), ("1.2.3", "1.2", "1", "latest")),
        ("1.2.3", ("1.2.4",), ("1.2.3",)),
        ("1.2.3", ("1.3.0",), ("1.2.3", "1.2")),
        ("1.2.3", ("2.0.0",), ("1.2.3", "1.2", "1")),
        ("1.2.3", ("2.0.0-rc.1", "latest", "nonsense", "1.9"), ("1.2.3", "1.2", "1", "latest")),
        ("1.2.3", ("1.2.3", "1.2", "latest"), ("1.2.3", "1.2", "1", "latest")),
        ("2.0.0-rc.1", (), ("2.0.0-rc.1",)),
        ("0.3.1", (), ("0.3.1", "0.3", "latest")),
        ("1.0.0+build.5", (), ("1.0.0_build.5", "1.0", "1", "latest")),
    ],
)
def test_tags_only_move_forward(version, existing, expected):
    assert tags(version, existing) == expected


def test_patterns_are_the_projects_own():
    assert tags("1.2.3", ("v1.4.0",), ("v{version}", "v{minor}", "stable")) == ("v1.2.3", "v1.2")
    assert tags("1.2.3", patterns=("hello-{version}", "{version}")) == ("hello-1.2.3", "1.2.3")


def test_the_tags_of_a_version_name_all_of_it():
    assert version_tags(("{minor}", "v{version}", "latest"), Version.parse("1.2.3")) == ("v1.2.3",)


def test_what_cannot_be_a_tag_is_refused():
    with pytest.raises(NotReleasable, match="cannot be a tag"):
        tags("1.2.3", patterns=("{version}", "a b"))
    with pytest.raises(NotReleasable):
        tags(f"1.2.3-{'x' * 200}")


@pytest.mark.parametrize("tag", ["v1.2", "1.2.3", "v1.2.3.4", "vv1.2.3", "v1.2.3\n", "v01.2.3", "v", "", "v1.2.3-"])
def test_other_tags_name_no_version(tag):
    assert version_in("v{version}", tag) is None


@given(releases, st.sampled_from(["{version}", "v{version}", "a-{version}-b", "a.*{version}"]))
def test_a_tag_is_read_back(version, pattern):
    assert version_in(pattern, named(pattern, version)) == version


@given(st.lists(releases, unique=True, min_size=1, max_size=8), st.randoms())
def test_in_whatever_order_versions_are_released_latest_is_the_newest(versions, random):
    random.shuffle(versions)
    meaning = {}
    for version in versions:
        for tag in tags_for(USUAL, version, list(meaning)):
            assert valid_tag(tag)
            meaning[tag] = version
    assert meaning["latest"] == max(versions)
    for tag, version in meaning.items():
        assert tag == "latest" or f"{version}.".startswith(f"{tag}.")
