import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wasmbuild.run.calls.wave import MAX_DEPTH, MAX_LENGTH, InvalidWave, parse
from wasmbuild.run.calls.wave_text import text_of
from wasmbuild.run.calls.wave_types import (
    Bool,
    Case,
    Char,
    Enum,
    Flags,
    Float,
    Integer,
    List,
    Option,
    Record,
    Result,
    String,
    Tuple,
    Variant,
    describe,
    rounded,
    shortest,
)

U8, S32 = Integer(8, signed=False), Integer(32, signed=True)
POINT = Record((("x", S32), ("label", Option(String()))))
SHAPE = Variant((("circle", Float(64)), ("empty", None)))


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("true", Bool(), True),
        ("  false // no\n", Bool(), False),
        ("-7", S32, -7),
        ("255", U8, 255),
        ("1.5e3", Float(64), 1500.0),
        ("-inf", Float(32), -math.inf),
        ("0.1", Float(32), rounded(0.1, 32)),
        ("'ß'", Char(), "ß"),
        (r"'\''", Char(), "'"),
        (r'"a\n\"\u{1f600}\\"', String(), 'a\n"😀\\'),
        ('"it\'s"', String(), "it's"),
        ("[1, 2,]", List(U8), [1, 2]),
        ("[]", List(U8), []),
        ('(1, "a")', Tuple((U8, String())), (1, "a")),
        ('{label: "a", x: 1}', POINT, (1, Case("some", "a"))),
        ("{x: 1}", POINT, (1, Case("none"))),
        ("{:}", Record((("a", Option(U8)),)), (Case("none"),)),
        ("circle(1)", SHAPE, Case("circle", 1.0)),
        ("empty", SHAPE, Case("empty")),
        ("north", Enum(("north", "south")), Case("north")),
        ("%none", Enum(("none", "some")), Case("none")),
        ("some(1)", Option(U8), Case("some", 1)),
        ("1", Option(U8), Case("some", 1)),
        ("none", Option(U8), Case("none")),
        ("%none", Option(Enum(("none",))), Case("some", Case("none"))),
        ("some(none)", Option(Option(U8)), Case("some", Case("none"))),
        ("ok", Result(None, String()), Case("ok")),
        ('err("x")', Result(None, String()), Case("err", "x")),
        ("[1]", Result(List(U8), None), Case("ok", [1])),
        ("{read, exec}", Flags(("read", "write", "exec")), frozenset({"read", "exec"})),
        ("{}", Flags(("read",)), frozenset()),
    ],
)
def test_what_can_be_written(text, kind, value):
    assert parse(text, kind) == value
    assert parse(text_of(value, kind), kind) == value


@pytest.mark.parametrize(
    ("text", "kind", "position", "words"),
    [
        ("", Bool(), 1, "true, false"),
        ("yes", Bool(), 1, "true, false"),
        ("256", U8, 1, "between 0 and 255"),
        ("-1", U8, 1, "between 0 and 255"),
        ("1.5", S32, 1, "whole number"),
        ("1e40", Float(32), 1, "not that large"),
        ("infinite", Float(64), 1, "a number"),
        ("'ab'", Char(), 1, "here are 2"),
        ('"a', String(), 3, "the end of it"),
        (r'"\x41"', String(), 2, "begins"),
        (r'"\u{d800}"', String(), 2, "no such character"),
        ('"a\nb"', String(), 3, "the end of it"),
        ("[1 2]", List(U8), 4, "expected , or ]"),
        ("[1, x]", List(U8), 5, "whole number"),
        ("(1)", Tuple((U8, U8)), 4, "here are 1"),
        ("(1, 2, 3)", Tuple((U8, U8)), 8, "after 2 values"),
        ("{}", POINT, 3, "the field x is missing"),
        ("{x: 1, x: 2}", POINT, 8, "x is here twice"),
        ("{y: 1}", POINT, 2, "expected one of x, label"),
        ("circle", SHAPE, 7, "expected ("),
        ("empty(1)", SHAPE, 6, "more follows"),
        ("1 2", U8, 3, "more follows"),
        ("{nothing}", Flags(("read",)), 2, "expected one of read"),
    ],
)
def test_what_cannot_be_read_says_where_and_why(text, kind, position, words):
    with pytest.raises(InvalidWave) as caught:
        parse(text, kind)
    assert caught.value.position == position
    assert words in str(caught.value)


def test_depth_and_length_are_bounded():
    kind = U8
    for _ in range(MAX_DEPTH * 30):
        kind = List(kind)
    with pytest.raises(InvalidWave, match="deep"):
        parse("[" * MAX_DEPTH * 30, kind)
    with pytest.raises(InvalidWave, match="at most"):
        parse('"' + "a" * MAX_LENGTH + '"', String())


def test_what_a_guest_says_cannot_steer_a_terminal():
    assert text_of("\x1b[2J\u202e\x07", String()) == r'"\u{1b}[2J\u{202e}\u{7}"'
    assert text_of("\x1b", Char()) == r"'\u{1b}'"


@pytest.mark.parametrize(
    ("number", "bits", "text"),
    [
        (0.1, 64, "0.1"),
        (rounded(0.1, 32), 32, "0.1"),
        (rounded(16777217.0, 32), 32, "16777216.0"),
        (3.4025001647762064e38, 32, "3.4025002e+38"),
        (math.nan, 32, "nan"),
    ],
)
def test_numbers_have_no_more_digits_than_they_need(number, bits, text):
    assert shortest(number, bits) == text


def test_types_are_described_as_wit_does():
    kind = Tuple((POINT, SHAPE, Result(None, Enum(("a", "b"))), Result(None, None), Flags(("c",)), List(Char())))
    assert describe(kind) == (
        "tuple<record { x: s32, label: option<string> }, variant { circle(f64), empty }, "
        "result<_, enum { a, b }>, result, flags { c }, list<char>>"
    )


NAMES = ["a", "b-c", "none", "some", "ok", "err", "true", "nan", "x9"]
NAMED = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True).map(tuple)
SIMPLE = st.sampled_from([Bool(), Float(32), Float(64), Char(), String(), U8, S32, Integer(64, signed=False)])


def pairs(types):
    return st.tuples(NAMED, st.lists(types, min_size=4, max_size=4)).map(lambda both: tuple(zip(*both, strict=False)))


TYPES = st.recursive(
    SIMPLE | NAMED.map(Enum) | NAMED.map(Flags),
    lambda inner: st.one_of(
        inner.map(List),
        inner.map(Option),
        st.lists(inner, max_size=3).map(lambda each: Tuple(tuple(each))),
        pairs(inner).map(Record),
        pairs(inner | st.none()).map(Variant),
        st.builds(Result, inner | st.none(), inner | st.none()),
    ),
    max_leaves=8,
)


def case(name, kind):
    return st.just(Case(name)) if kind is None else values(kind).map(lambda value: Case(name, value))


def values(kind):
    match kind:
        case Bool():
            return st.booleans()
        case Integer():
            return st.integers(kind.least, kind.most)
        case Float(bits):
            return st.floats(width=bits, allow_nan=False)
        case Char():
            return st.characters(exclude_categories=["Cs"])
        case String():
            return st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
        case List(element):
            return st.lists(values(element), max_size=3)
        case Tuple(elements):
            return st.tuples(*map(values, elements))
        case Record(fields):
            return st.tuples(*(values(each) for _, each in fields))
        case Flags(names):
            return st.frozensets(st.sampled_from(names))
        case Enum(names):
            return st.sampled_from(names).map(Case)
        case Option(payload):
            return case("some", payload) | st.just(Case("none"))
        case Result(ok, err):
            return case("ok", ok) | case("err", err)
        case Variant(cases):
            return st.one_of([case(*each) for each in cases])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_what_is_written_is_read_as_it_was(data):
    kind = data.draw(TYPES)
    value = data.draw(values(kind))
    assert parse(text_of(value, kind), kind) == value


@settings(max_examples=150, deadline=None)
@given(TYPES, st.text(st.sampled_from("{}[]()\"'\\,:%-.0123456789abu \n/\x1b") | st.characters(), max_size=30))
def test_nonsense_is_refused_and_nothing_else(kind, text):
    try:
        value = parse(text, kind)
    except InvalidWave as error:
        assert 1 <= error.position <= len(text) + 1
    else:
        again = parse(text_of(value, kind), kind)
        assert again == value or "nan" in text
