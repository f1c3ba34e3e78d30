"""The layout of a treemap: areas are bytes, nothing overlaps or sticks out, and there are never too many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.wasm.anatomies import anatomy, component, module
from wasmbuild.wasm.treemap import Box, Node, bytes_tree, layout, pruned

BOX = Box(0, 0, 1200, 720)

leaves = st.builds(Node, st.just("leaf"), st.just("data"), st.integers(0, 10**7))


def group(children) -> Node:
    return Node("group", "module", sum(child.size for child in children), tuple(children))


trees = st.recursive(leaves, lambda inner: st.lists(inner, min_size=1, max_size=12).map(group), max_leaves=60)


def every(node):
    yield node
    for child in node.children:
        yield from every(child)


def within(inner, outer):
    slack = 1e-6
    return (
        inner.x >= outer.x - slack
        and inner.y >= outer.y - slack
        and inner.x + inner.width <= outer.x + outer.width + slack
        and inner.y + inner.height <= outer.y + outer.height + slack
    )


def overlap(one, other):
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return max(across, 0) * max(down, 0)


@given(trees.filter(lambda tree: tree.size > 0))
def test_areas_are_as_bytes_and_stay_inside(tree):
    for tile in layout(tree, BOX):
        expected = tile.node.size / tree.size * BOX.width * BOX.height
        assert tile.box.width * tile.box.height == pytest.approx(expected, rel=1e-6, abs=1e-6)
        assert within(tile.box, BOX)


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=25))
def test_siblings_do_not_overlap(sizes):
    tree = group([Node("leaf", "data", size) for size in sizes])
    boxes = [tile.box for tile in layout(tree, BOX)][1:]
    assert len(boxes) == len(sizes)
    for number, one in enumerate(boxes):
        assert sum(overlap(one, other) for other in boxes[:number]) < 1e-3


def test_rectangles_are_nearly_squares():
    tree = group([Node("leaf", "data", 100) for _ in range(24)])
    ratios = [max(tile.box.width / tile.box.height, tile.box.height / tile.box.width) for tile in layout(tree, BOX)]
    assert max(ratios[1:]) < 1.7


@given(trees, st.integers(1, 30))
def test_what_is_left_out_is_still_counted(tree, most):
    kept = pruned(tree, most)
    assert sum(1 for _ in every(kept)) <= 2 * most
    for node in every(kept):
        if node.children:
            assert sum(child.size for child in node.children) == node.size
    assert kept.size == tree.size


def test_of_many_functions_the_largest_are_shown():
    many = [(f"f{number}", number + 1) for number in range(5000)]
    tree = pruned(bytes_tree(anatomy(module(functions=many))), 1000)
    labels = [node.label for node in every(tree)]
    assert len(labels) <= 2000
    assert "f4999" in labels
    assert "f7" not in labels
    assert "4,003 smaller" in labels


def test_equal_sizes_do_not_break_the_bound():
    tree = group([group([Node("leaf", "data", 7)] * 10)] * 400)
    assert sum(1 for _ in every(pruned(tree, 100))) <= 200


def test_the_tree_of_a_component_has_its_parts_and_their_functions():
    tree = bytes_tree(component("a", "b"))
    assert tree.label == "component"
    assert [child.label for child in tree.children] == ["module 0 main", "import", "notes", "framing"]
    inner = tree.children[0]
    assert [child.label for child in inner.children] == ["type", "code", "data", "name", "framing"]
    assert [(child.label, child.size) for child in inner.children[1].children] == [
        ("a", 500),
        ("b", 100),
        ("framing", 5),
    ]
    for node in every(tree):
        if node.children:
            assert sum(child.size for child in node.children) == node.size


def test_it_is_the_same_each_time():
    tree = bytes_tree(component("a", "b"))
    assert list(layout(tree, BOX)) == list(layout(bytes_tree(component("a", "b")), BOX))
