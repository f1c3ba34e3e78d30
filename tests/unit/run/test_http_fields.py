"""Headers as ``wasi:http/types`` wants them."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmbuild.run.http.codes import METHOD, method_case
from wasmbuild.run.http.exchange import Exchange, Request
from wasmbuild.run.http.fields import FIELDS, Fields, visible
from wasmbuild.run.http.host import Host
from wasmbuild.run.http.outgoing import OUTGOING, OutgoingRequest
from wasmbuild.run.http.printing import Lines, Printed
from wasmbuild.run.http.values import Err, Misuse, Ok

DOES = {function.name.rpartition("]")[2].rpartition(".")[2]: function.does for function in FIELDS}


@pytest.fixture
def host():
    request = Request("GET", "/", "http", "here", ())
    return Host(Exchange(request, 10, threading.Event().set), (), lambda _stream, _data: None)


def names(result):
    return result.value.name if isinstance(result, Err) else None


@pytest.mark.parametrize("name", ["", "a b", "a:b", "naïve", "a\r\n", "x" * 257])
def test_names_are_tokens(host, name):
    assert names(DOES["append"](host, Fields(), name, b"x")) == "invalid-syntax"


@pytest.mark.parametrize("value", [b"", b"-1", b"+5", b"9, 9", b"0x9", b" 9", b"9" * 19])
def test_a_length_is_a_number(host, value):
    assert names(DOES["append"](host, Fields(), "Content-Length", value)) == "invalid-syntax"
    assert names(DOES["set"](host, Fields(), "content-length", [value])) == "invalid-syntax"
    assert names(DOES["append"](host, Fields(), "content-length", b"0")) is None


@pytest.mark.parametrize("value", [b"\r\nx: y", b"\0", b"\x7f", b"\x01"])
def test_values_have_no_control_characters(host, value):
    fields = Fields()
    assert names(DOES["append"](host, fields, "a", value)) == "invalid-syntax"
    assert names(DOES["set"](host, fields, "a", [b"fine", value])) == "invalid-syntax"
    assert names(DOES["from-list"](host, [("a", value)])) == "invalid-syntax"
    assert fields.entries == ()


@pytest.mark.parametrize("name", ["Connection", "transfer-encoding", "HOST", "upgrade", "Keep-Alive"])
def test_headers_of_the_connection_are_not_the_guests(host, name):
    assert names(DOES["append"](host, Fields(), name, b"x")) == "forbidden"
    assert visible(((name, b"x"), ("accept", b"y"))) == (("accept", b"y"),)


def test_names_have_no_case_and_keep_their_order(host):
    fields = Fields()
    for name, value in (("Set-Cookie", b"1"), ("other", b"2"), ("set-cookie", b"3")):
        assert DOES["append"](host, fields, name, value) == Ok()
    assert DOES["get"](host, fields, "SET-COOKIE") == [b"1", b"3"]
    assert DOES["entries"](host, fields) == [("Set-Cookie", b"1"), ("other", b"2"), ("set-cookie", b"3")]
    copy = DOES["clone"](host, fields)
    DOES["delete"](host, fields, "Set-Cookie")
    assert DOES["has"](host, fields, "set-cookie") is False
    assert DOES["has"](host, copy, "set-cookie") is True


def test_a_request_s_headers_are_immutable_and_a_copy_is_not(host):
    fields = Fields((("a", b"1"),), frozen=True)
    assert names(DOES["set"](host, fields, "a", [])) == "immutable"
    assert DOES["set"](host, DOES["clone"](host, fields), "a", []) == Ok()


def test_one_message_has_no_more_than_128_kib_of_headers(host):
    fields = Fields()
    assert DOES["append"](host, fields, "a", bytes(b"x" * 131_000)) == Ok()
    assert names(DOES["append"](host, fields, "a", b"x" * 60)) == "forbidden"


def test_all_headers_of_a_guest_together_are_bounded(host):
    with pytest.raises(Misuse, match="headers"):
        for _ in range(1000):
            DOES["from-list"](host, [("a", b"x" * 100_000)])


@given(st.lists(st.tuples(st.sampled_from("aAbB"), st.binary(max_size=3))))
def test_what_is_taken_is_given_back(entries):
    request = Request("GET", "/", "http", "here", ())
    made = DOES["from-list"](Host(Exchange(request, 10, lambda: None), (), lambda _s, _d: None), entries)
    sound = all(set(value) <= {9, *range(32, 127), *range(128, 256)} for _, value in entries)
    assert isinstance(made, Ok) is sound
    if sound:
        assert list(made.value.entries) == entries


@given(st.text())
def test_a_method_survives_the_way_into_a_guest_and_back(text):
    case = method_case(text)
    assert case.name in METHOD.cases
    assert (case.value if case.name == "other" else case.name.upper()) == text


def test_what_guests_print_becomes_lines_that_are_safe_to_show():
    told = []
    lines = Lines(told.append)
    lines("stdout", b"on")
    lines("stderr", b"\x1b[31mred\xff\n")
    lines("stdout", b"e\r\ntwo\n\nrest")
    lines("stdout", b"x" * 10_000)
    lines.end()
    assert told[0] == Printed("stderr", "\\x1b[31mred\ufffd")
    assert [each.line for each in told[1:4]] == ["one", "two", ""]
    assert "".join(each.line for each in told[4:]) == "rest" + "x" * 10_000


def test_requests_that_are_never_sent_cannot_fill_our_memory(host):
    sets = next(each.does for each in OUTGOING if each.name == "[method]outgoing-request.set-authority")
    requests = [OutgoingRequest(Fields()) for _ in range(100)]
    with pytest.raises(Misuse):
        for request in requests:
            sets(host, request, "é" * 60_000)
