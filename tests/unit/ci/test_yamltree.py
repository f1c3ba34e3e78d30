import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmbuild.workflows.ci.check import check_text
from wasmbuild.workflows.ci.yamltree import Malformed, read_documents


def refused(text: str) -> Malformed:
    with pytest.raises(Malformed) as caught:
        read_documents(text)
    return caught.value


def test_everything_has_its_place():
    (document,) = read_documents("# first\njobs:\n  build:\n    steps: [a, 'b']\n")
    steps = document.get("jobs", "build", "steps")
    assert [(each.text, each.line, each.column) for each in steps.items] == [("a", 4, 13), ("b", 4, 16)]
    assert document.get("jobs", "none", "steps") is None


def test_an_alias_is_what_it_names_and_a_merged_map_is_looked_into():
    (document,) = read_documents("a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}\nd: {<<: [*a, {z: 3}]}\n")
    assert document.get("b", "x").text == "1"
    assert document.get("c", "x").text == "1"
    assert document.get("d", "z").text == "3"
    assert document.get("c", "z") is None


def test_aliases_of_aliases_are_counted_and_not_written_out():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "too much" in str(refused("\n".join(lines)))


def test_an_alias_of_a_long_text_is_work_too():
    assert "too much" in str(refused("a: &a '" + "x" * 100_000 + "'\nb: [" + "*a," * 100 + "]\n"))


def test_maps_that_are_merged_into_each_other_are_looked_through():
    chain = "k0: &k0 {x: 1}\n" + "".join(f"k{n}: &k{n} {{<<: *k{n - 1}}}\n" for n in range(1, 360))
    (document,) = read_documents(chain)
    assert document.get("k359", "x").text == "1"
    doubled = "k0: &k0 {x: 1}\n" + "".join(f"k{n}: &k{n} {{<<: [*k{n - 1}, *k{n - 1}]}}\n" for n in range(1, 15))
    (document,) = read_documents(doubled)
    assert document.get("k14", "y") is None
    assert len(list(document.get("k14").entries())) == 1
    (document,) = read_documents("a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b]}\n")
    assert [(key.text, value.text) for key, value in document.get("c").entries()] == [
        ("x", "1"),
        ("x", "2"),
        ("y", "2"),
    ]
    assert document.get("c", "x").text == "1"


def test_many_names_take_no_long_time():
    (document,) = read_documents("".join(f"k{n}:\n" for n in range(20_000)))
    assert len(document.pairs) == 20_000


def test_a_name_is_there_once_and_an_alias_names_what_is_complete():
    twice = refused("on: push\njobs: {}\njobs: {}\n")
    assert (twice.line, twice.column) == (3, 1)
    assert "'jobs' is there twice" in str(twice)
    assert "names nothing" in str(refused("a: &a [*a]"))
    assert "names nothing" in str(refused("a: *b"))


@pytest.mark.parametrize(
    "text", ["[" * 5000, "[" * 200 + "]" * 200, "a:\n" + "".join(" " * n + "a:\n" for n in range(1, 300))]
)
def test_depth_is_bounded(text):
    refused(text)


def test_what_is_no_yaml_is_a_finding_at_its_place():
    (found,) = check_text("w.yml", "jobs:\n  a: [\n  b: }\n")
    assert (found.rule, found.line) == ("invalid-file", 3)


def test_no_tag_makes_anything():
    (document,) = read_documents("a: !!python/object/apply:os.system [echo]\nb: !reference [.job, script]\n")
    assert document.get("a").kind == "list"
    assert document.get("b").tag == "!reference"


@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>'\"#\n ,?$%<\t0é"), max_size=80))
def test_any_text_is_read_or_refused(text):
    for found in check_text(".gitlab-ci.yml", text):
        assert found.line >= 1
        assert found.column >= 1
