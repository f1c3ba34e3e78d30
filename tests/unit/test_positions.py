import tomllib
from collections.abc import Mapping

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from wasmbuild.positions import Position, Positions

DOCUMENT = """\
# [comment]
title = '''
[not.a.table]
name = "x"
'''
list = [  # [x]
  "a = 1", { inner = 1 },
  "]",
]
a.b."c.d" = 1
inline = { one = 1, two = { three = "}" }, four = [1, { x = 2 }] }

  [target.one]
  "quoted \\u0041" = "= \\" ["
  flags = ["-D\\"X\\"=1", ]
[[tool]]
name = 1
[tool.files]
x = 1
[[ tool ]]
name = 2
[tool.files]
x = 2
multi = \"\"\"
[[tool]] \\\"\"\" name = 3\"\"\"\"\"
[registry.hosts."ghcr.io"]
after = 1
"""


@pytest.mark.parametrize(
    ("table", "key", "occurrence", "place"),
    [
        ("", "title", 0, (2, 1)),
        ("", "list", 0, (6, 1)),
        ("a", None, 0, (10, 1)),
        ("a.b", "c.d", 0, (10, 1)),
        ("", "inline", 0, (11, 1)),
        ("inline", "one", 0, (11, 12)),
        ("inline", "two", 0, (11, 21)),
        ("inline.two", "three", 0, (11, 29)),
        ("inline", "four", 0, (11, 44)),
        ("target.one", None, 0, (13, 3)),
        ("", "target", 0, (13, 3)),
        ("target.one", "quoted A", 0, (14, 3)),
        ("target.one", "flags", 0, (15, 3)),
        ("target.one", "missing", 0, (13, 3)),
        ("tool", "name", 0, (17, 1)),
        ("tool", "name", 1, (21, 1)),
        ("tool", "name", 2, (17, 1)),
        ("tool.files", "x", 1, (23, 1)),
        ("tool.files", "multi", 1, (24, 1)),
        ("registry.hosts.ghcr.io", "after", 0, (27, 1)),
        ("registry.hosts", "ghcr.io", 0, (26, 1)),
        ("", "missing", 0, (1, 1)),
    ],
)
def test_where_things_are(table: str, key: str | None, occurrence: int, place: tuple[int, int]) -> None:
    tomllib.loads(DOCUMENT)
    assert Positions.of(DOCUMENT).find(table, key, occurrence) == Position(*place)


@pytest.mark.parametrize("table", ["not.a.table", "x", "comment", "target.two"])
def test_what_is_not_there_is_nowhere(table: str) -> None:
    assert Positions.of(DOCUMENT).find(table, None) is None


names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6).filter(
    lambda text: "." not in text
)
values = st.recursive(
    st.text(max_size=8) | st.integers(-9, 9) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


def keys_in(table: Mapping[str, object], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for key, value in table.items():
        found.append((*path, key))
        if isinstance(value, dict):
            found.extend(keys_in(value, (*path, key)))
    return found


@given(st.dictionaries(names, values, max_size=4))
def test_every_key_of_a_table_is_found_where_it_is_written(document: dict[str, object]) -> None:
    text = tomlkit.dumps(document)
    lines, positions = text.split("\n"), Positions.of(text)
    for *tables, key in keys_in(tomllib.loads(text)):
        place = positions.find(".".join(tables), key)
        assert place is not None
        rest = lines[place.line - 1][place.column - 1 :]
        if rest.startswith("["):
            assert key in rest or "\\" in rest
        else:
            assert rest.startswith((key[0], f'"{key[0]}', f"'{key[0]}", '"\\'))


@given(st.text(max_size=300))
def test_any_text_ends_with_positions(text: str) -> None:
    Positions.of(text)
