"""A component that answers requests, in the sandbox: what it gets, and what stops it."""

import threading
import time

import pytest
import wasmtime

from tests.unit.run import http_guest
from wasmbuild.errors import EngineUnable, GuestFailed, GuestOutOfMemory, GuestTimedOut, GuestTrapped
from wasmbuild.events import ignore
from wasmbuild.run.deciding.grants import NOTHING
from wasmbuild.run.guest import Guest
from wasmbuild.run.http.exchange import Exchange, Request
from wasmbuild.run.http.handler import Handler, handler_export
from wasmbuild.run.limits import GuestLimits
from wasmbuild.run.program import Program
from wasmbuild.wasm.binary import read


def made(wasm, *, seconds=10.0, memory=64 * 1024**2, grants=NOTHING):
    guest = Guest(Program("guest", wasm, read(wasm)), (), grants, frozenset(), GuestLimits(memory, None, seconds))
    return Handler(guest, cache=None, notify=ignore)


@pytest.fixture(scope="module")
def proxy():
    return http_guest.proxy()


@pytest.fixture(scope="module")
def handler(proxy):
    with made(proxy) as handler:
        yield handler


@pytest.fixture(scope="module")
def hasty(proxy):
    with made(proxy, seconds=0.2) as handler:
        yield handler


class Asked:
    """One request, and what came of it."""

    def __init__(self, handler, target, body=b"", *, method="GET", most=10**6):
        self.exchange = Exchange(Request(method, target, "http", "here", ()), most, lambda: None)
        self.exchange.receive(body, last=True)
        self.printed = []
        self.failure = handler.answer(self.exchange, lambda stream, data: self.printed.append((stream, data)))

    @property
    def body(self):
        return bytes(self.exchange.outgoing)


def test_an_answer_has_a_status_headers_and_a_body(handler):
    asked = Asked(handler, "/h")
    assert (asked.failure, asked.exchange.head.status, asked.body, asked.exchange.sent_all) == (
        None,
        200,
        b"hello\n",
        True,
    )
    assert Asked(handler, "/4").exchange.head.status == 404
    assert Asked(handler, "/m").exchange.head.headers == (("x-many", b"9"),) * 200


def test_a_request_s_body_is_read_and_one_that_is_too_large_is_not(handler):
    body = bytes(range(256)) * 200
    assert Asked(handler, "/echo", body).body == body
    cut = Asked(handler, "/echo", body, most=100)
    assert (cut.failure, cut.body) == (None, b"")


def test_nothing_of_one_request_is_left_for_the_next(handler):
    assert Asked(handler, "/p").failure is not None
    assert Asked(handler, "/h").body == b"hello\n"


def test_what_it_prints_is_told(handler):
    assert Asked(handler, "/o").printed == [("stdout", b"hello\n")]


def test_a_header_with_a_line_break_does_not_leave(handler):
    assert Asked(handler, "/i").exchange.head.headers == ()


@pytest.mark.parametrize(
    ("letter", "kind", "words"),
    [
        ("t", GuestTrapped, "unreachable"),
        ("w", GuestTrapped, "more than 4096 bytes"),
        ("b", GuestTrapped, "too much data"),
        ("f", GuestTrapped, "more than 4096 resources"),
        ("n", GuestFailed, ""),
        ("r", GuestFailed, "internal-error"),
        ("c", GuestFailed, ""),
        ("p", GuestTrapped, "unreachable"),
    ],
)
def test_a_guest_that_goes_wrong_is_told_and_its_answer_is_not_complete(handler, letter, kind, words):
    if letter == "b":
        with made(http_guest.proxy(), memory=2**30) as roomy:
            asked = Asked(roomy, f"/{letter}")
    else:
        asked = Asked(handler, f"/{letter}")
    assert type(asked.failure) is kind
    assert words in (asked.failure.cause or "")
    assert not asked.exchange.sent_all


@pytest.mark.parametrize("letter", ["l", "s", "z"])
def test_a_guest_that_computes_or_sleeps_or_writes_to_nobody_is_stopped_in_time(hasty, letter):
    began = time.monotonic()
    asked = Asked(hasty, f"/{letter}")
    assert isinstance(asked.failure, GuestTimedOut)
    assert time.monotonic() - began < 10
    assert len(asked.exchange.outgoing) <= 64 * 1024


@pytest.mark.parametrize("letter", ["l", "s", "z"])
def test_every_guest_ends_when_the_server_does(handler, letter):
    exchange = Exchange(Request("GET", f"/{letter}", "http", None, ()), 0, lambda: None)
    failures = []
    thread = threading.Thread(target=lambda: failures.append(handler.answer(exchange, lambda _s, _d: None)))
    thread.start()
    time.sleep(0.05)
    exchange.abandon()
    handler.interrupt()
    thread.join(1.0)
    assert failures == [None]


def test_memory_is_limited_for_each_request(handler):
    assert Asked(handler, "/g").body == b"hello\n"  # it took what it could get, and went on
    with pytest.raises(GuestOutOfMemory):
        made(http_guest.proxy(), memory=100_000)


def test_requests_at_once_do_not_meet(handler):
    results = []

    def ask(number):
        body = bytes([number]) * 3000
        results.append(Asked(handler, "/e", body).body == body)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 20


CONFUSED = """
  (core func $asks (canon lower (func $asks) (memory $mem) (realloc $realloc)))
  (core func $fields (canon lower (func $new) (memory $mem) (realloc $realloc)))
  (core module $guest (import "h" "asks" (func $asks (param {shape}))) (import "h" "fields" (func $fields (result i32)))
    (func (export "handle") (param i32 i32) {does}))
  (core instance $h (export "asks" (func $asks)) (export "fields" (func $fields)))
  (core instance $g (instantiate $guest (with "h" (instance $h))))
  (alias core export $g "handle" (core func $handle))
  (func $lifted {takes} (canon lift (core func $handle)))
  (instance $handler (export "handle" (func $lifted)))
  (export "wasi:http/incoming-handler@0.2.3" (instance $handler))
"""
OWNS = '(param "request" (own $request)) (param "response-out" (own $param))'


def confused(asks, shape, does, takes=OWNS):
    """A guest whose idea of ``http-error-code: func(err: borrow<io-error>) -> option<error-code>`` is not WIT's."""
    before = '(export "[constructor]fields" '
    head = http_guest.HEAD.replace(before, f'(export "http-error-code" {asks}) {before}')
    inside = """
  (alias export $types "http-error-code" (func $asks))
  (alias export $types "[constructor]fields" (func $new))
""" + CONFUSED.format(shape=shape, does=does, takes=takes)
    return bytes(wasmtime.wat2wasm(head + inside + ")"))


@pytest.mark.parametrize(
    ("asks", "shape", "does"),
    [
        # A number, text or nothing in place of a handle; another resource; more arguments.
        ('(func (param "err" u32) (result (option u32)))', "i32 i32", "(call $asks (i32.const 1) (i32.const 0))"),
        (
            '(func (param "err" string) (result bool))',
            "i32 i32) (result i32",
            "(drop (call $asks (i32.const 0) (i32.const 4)))",
        ),
        ("(func)", "", "(call $asks)"),
        (
            '(func (param "err" (borrow $fields)) (result bool))',
            "i32) (result i32",
            "(drop (call $asks (call $fields)))",
        ),
        ('(func (param "err" (own $fields)) (result bool))', "i32) (result i32", "(drop (call $asks (call $fields)))"),
        ('(func (param "err" u32) (param "more" u32))', "i32 i32", "(call $asks (i32.const 0) (i32.const 0))"),
    ],
)
def test_a_guest_with_other_types_traps_at_its_call(asks, shape, does):
    with made(confused(asks, shape, does)) as handler:
        for _ in range(3):
            asked = Asked(handler, "/")
            assert isinstance(asked.failure, GuestFailed)
            assert asked.exchange.head is None


@pytest.mark.parametrize(
    ("gives", "shape", "does"),
    [
        ("u64", "(result i64)", "(drop (call $asks))"),
        ("string", "(param i32)", "(call $asks (i32.const 0))"),
        ("(own $fields)", "(result i32)", "(drop (call $asks))"),
        ("(result (own $o))", "(param i32)", "(call $asks (i32.const 0))"),
    ],
)
def test_a_guest_that_expects_another_result_traps(gives, shape, does):
    """``get-stdout: func() -> output-stream``."""
    before = '(export "get-stdout" (func (result (own $o))))'
    head = http_guest.HEAD.replace(
        before, f'(export "fields" (type $fields (sub resource))) (export "get-stdout" (func (result {gives})))'
    )
    inside = '(alias export $stdout "get-stdout" (func $asks)) (alias export $types "[constructor]fields" (func $new))'
    rest = CONFUSED.format(shape="SHAPE", does=does, takes=OWNS).replace("(param SHAPE)", shape)
    wasm = bytes(wasmtime.wat2wasm(head + inside + rest + ")"))
    with made(wasm) as handler:
        assert isinstance(Asked(handler, "/").failure, GuestFailed)


def test_a_handle_of_another_shape_is_not_called():
    wasm = confused("(func)", "", "", takes='(param "a" u32) (param "b" u32)')
    with made(wasm) as handler:
        failure = Asked(handler, "/").failure
    assert isinstance(failure, GuestTrapped)
    assert "handle" in failure.cause


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("(module)", GuestFailed),
        ("(component)", GuestFailed),
        ('(component (instance $i) (export "wasi:http/handler@0.3.0" (instance $i)))', EngineUnable),
    ],
)
def test_what_answers_no_requests_is_refused_before_it_is_compiled(text, kind):
    wasm = bytes(wasmtime.wat2wasm(text))
    with pytest.raises(kind):
        handler_export(Program("guest", wasm, read(wasm)))
