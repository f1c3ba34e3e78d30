import random

from hypothesis import given
from hypothesis import strategies as st

from wasmbuild.workflows.versions import by_version

IN_ORDER = [
    "01.0.0", "1", "1.0", "latest", "v1", "vv1.0.0",
    "0.9.0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",
    "1.0.0", "v1.0.1", "1.2.0_build.5", "1.10.0", "v2.0.0",
]  # fmt: skip


def test_the_newest_version_comes_last_and_what_is_none_first():
    shuffled = random.Random(1).sample(IN_ORDER, len(IN_ORDER))
    assert by_version(shuffled) == IN_ORDER


def test_tags_of_one_version_come_by_name():
    assert by_version(["v1.0.0", "1.0.0_b", "1.0.0", "1.0.0_a"]) == ["1.0.0", "1.0.0_a", "1.0.0_b", "v1.0.0"]


@given(st.lists(st.from_regex(r"v?[0-9]{1,3}(\.[0-9]{1,3}){0,3}([_-][a-z0-9.]{1,8})?", fullmatch=True), unique=True))
def test_no_tag_is_lost_and_the_order_given_does_not_matter(tags):
    found = by_version(tags)
    assert sorted(found) == sorted(tags)
    assert by_version(reversed(tags)) == found
