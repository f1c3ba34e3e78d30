import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.server.ranges import Span, parse_content_range, parse_range

SIZES = st.integers(0, 10**6)


@given(st.integers(0, 2000), st.integers(0, 2000), st.integers(0, 1500))
def test_a_range_is_what_slicing_gives(first: int, last: int, size: int) -> None:
    content = bytes(size)
    expected = len(content[first : last + 1])
    if expected == 0:
        with pytest.raises(ValueError, match="no byte"):
            parse_range(f"bytes={first}-{last}", size)
    else:
        assert parse_range(f"bytes={first}-{last}", size) == Span(first, first + expected)


@given(st.integers(0, 2000), SIZES)
def test_an_open_range_goes_to_the_end(first: int, size: int) -> None:
    if first >= size:
        with pytest.raises(ValueError, match="no byte"):
            parse_range(f"bytes={first}-", size)
    else:
        assert parse_range(f"bytes={first}-", size) == Span(first, size)


@given(st.integers(1, 2000), st.integers(1, 10**6))
def test_a_suffix_is_clipped(count: int, size: int) -> None:
    assert parse_range(f"bytes=-{count}", size) == Span(max(0, size - count), size)


@pytest.mark.parametrize("text", ["bytes=-0", "bytes=5-4", "bytes=10-", "bytes=9999999999999999999-"])
def test_unsatisfiable(text: str) -> None:
    with pytest.raises(ValueError, match="no byte"):
        parse_range(text, 10)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=0-1,3-4",
        "items=0-1",
        "bytes= 0-1",
        "bytes=0-1 ",
        "bytes=+0-1",
        "Bytes=0-1",
        "bytes=0x1-2",
        "bytes=٣-٤",
        "bytes=0--1",
        "bytes=" + "1" * 20 + "-",
        "bytes=0-1\n",
    ],
)
def test_other_shapes_are_ignored(text: str) -> None:
    assert parse_range(text, 10) is None


@given(st.text(max_size=40), SIZES)
def test_any_text_gives_a_valid_span_or_nothing(text: str, size: int) -> None:
    for candidate in (text, f"bytes={text}"):
        try:
            span = parse_range(candidate, size)
        except ValueError:
            continue
        assert span is None or 0 <= span.start < span.stop <= size


@given(st.integers(0, 10**18), st.integers(0, 10**6))
def test_content_range(start: int, extra: int) -> None:
    assert parse_content_range(f"{start}-{start + extra}") == Span(start, start + extra + 1)


@pytest.mark.parametrize(
    "text", ["", "-", "5-4", "bytes 0-1", "0-1/2", "0-", "-1", " 0-1", "0-1\n", "a-b", "1" * 20 + "-2"]
)
def test_malformed_content_range(text: str) -> None:
    with pytest.raises(ValueError, match="Content-Range"):
        parse_content_range(text)
