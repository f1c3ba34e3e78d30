"""Guests that misuse what they are given: each traps, or is told, and none harms the host or another answer."""

import asyncio
import time

import pytest

from tests.unit.run import http_guest
from tests.unit.run.test_http_app import Client, run
from tests.unit.run.test_http_handler import Asked, made
from wasmbuild.errors import GuestFailed, GuestTimedOut, GuestTrapped
from wasmbuild.events import ignore
from wasmbuild.run.deciding.grants import NOTHING
from wasmbuild.run.guest import Guest
from wasmbuild.run.http.exchange import Exchange, Request
from wasmbuild.run.http.handler import Handler
from wasmbuild.run.http.printing import Answered
from wasmbuild.run.limits import GuestLimits
from wasmbuild.run.program import Program
from wasmbuild.wasm.binary import read

OUT = "(local.get $out)"
RESPONSE = "(call $response (call $fields))"
LENGTH = http_guest.LENGTH
BEGIN = f"(call $begin {OUT} (i32.const 200) (call $fields))"
OTHER = f"(local.set $a {RESPONSE}) (call $body (local.get $a) (i32.const 0))"


def setting(response):
    return f"(call $set {OUT} (i32.const 0) {response} (i32.const 0) (i64.const 0) (i32.const 0))"


def polling(number, *, same=False):
    """Wait for so many things at once."""
    one, each = ("(local.set $c (call $after (i64.const 1)))", "(local.get $c)")
    if not same:
        one, each = "", "(call $after (i64.const 1))"
    return f"""{one} (loop $more
      (i32.store (i32.add (i32.const 65536) (i32.shl (local.get $b) (i32.const 2))) {each})
      (local.set $b (i32.add (local.get $b) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $b) (i32.const {number}))))
    (call $poll (i32.const 65536) (i32.const {number}) (i32.const 0))"""


def asked(does, target="/", *, seconds=5.0, method="GET"):
    with made(http_guest.handling(does), seconds=seconds) as handler:
        return Asked(handler, target, method=method)


@pytest.mark.parametrize(
    ("does", "words"),
    [
        (
            "(local.set $a (call $fields)) (call $drop-fields (local.get $a)) (call $drop-fields (local.get $a))",
            "unknown",
        ),
        (f"(local.set $a (call $fields)) (drop {RESPONSE}) (drop (call $response (i32.const 77)))", "unknown"),
        ("(drop (call $response (local.get $request)))", "wrong type"),
        ("(call $drop-fields (local.get $request))", "wrong type"),
        (f"{setting(RESPONSE)} {setting(RESPONSE)}", "unknown"),
        (f"(call $set {OUT} (i32.const 2) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 0))", "discriminant"),
        ("(call $poll (i32.const 0) (i32.const 0) (i32.const 0))", "nothing to wait for"),
        ("(call $poll (i32.const 0) (i32.const 1000000000) (i32.const 0))", "out of bounds"),
        (polling(1025, same=True), "more than 1024"),
        (f"{BEGIN} (call $write (global.get $stream) (i32.const 0) (i32.const 65537) (i32.const 0))", "check-write"),
        (
            f"(local.set $a (call $fields)) {LENGTH} {LENGTH} (drop (call $response (local.get $a)))",
            "one content-length",
        ),
    ],
)
def test_a_misuse_is_a_trap(does, words):
    failure = asked(does).failure
    assert isinstance(failure, GuestTrapped)
    assert words in failure.cause


@pytest.mark.parametrize("number", [2, 100, 1024])
@pytest.mark.parametrize("same", [False, True])
def test_a_guest_waits_for_many_things_at_once(number, same):
    answer = asked(f"{polling(number, same=same)} {BEGIN} (call $hello) (call $end)")
    assert (answer.failure, answer.body) == (None, b"hello\n")


@pytest.mark.parametrize(
    "with_it",
    [
        "(call $drop-response (local.get $a))",
        "(call $drop-body-out (i32.load (i32.const 4)))",
        "(call $finish (i32.load (i32.const 4)) (i32.const 0) (i32.const 0) (i32.const 0))",
        """(call $outgoing (i32.load (i32.const 4)) (i32.const 0))
           (call $print (i32.load (i32.const 4)) (i32.const 1024) (i32.const 5) (i32.const 0))""",
    ],
)
def test_a_response_that_is_not_the_answer_does_nothing_to_it(with_it):
    answer = asked(f"{OTHER} {with_it} {BEGIN} (call $hello) (call $end)")
    assert (answer.failure, answer.body, answer.exchange.sent_all) == (None, b"hello\n", True)


def test_what_is_written_before_the_answer_is_set_leaves_with_it():
    answer = asked(
        f"""{OTHER} (local.set $b (i32.load (i32.const 4))) (call $outgoing (local.get $b) (i32.const 0))
        (local.set $c (i32.load (i32.const 4)))
        (call $print (local.get $c) (i32.const 1024) (i32.const 6) (i32.const 0))
        {setting("(local.get $a)")}
        (call $print (local.get $c) (i32.const 1040) (i32.const 6) (i32.const 0))
        (call $drop-out (local.get $c)) (call $finish (local.get $b) (i32.const 0) (i32.const 0) (i32.const 0))"""
    )
    assert (answer.failure, answer.body) == (None, b"hello\nx-many")


def test_bodies_that_are_not_sent_cannot_fill_our_memory():
    does = f"""(loop $more {OTHER} (call $outgoing (i32.load (i32.const 4)) (i32.const 0))
        (call $write (i32.load (i32.const 4)) (i32.const 0) (i32.const 65536) (i32.const 0)) (br $more))"""
    failure = asked(does).failure
    assert isinstance(failure, GuestTrapped)
    assert "of what is not sent" in failure.cause


@pytest.mark.parametrize(("method", "status", "whole"), [("GET", 200, False), ("HEAD", 200, True), ("GET", 304, True)])
def test_an_answer_without_a_body_does_not_promise_one(method, status, whole):
    answer = asked(
        f"""(local.set $a (call $fields)) {LENGTH} (local.set $a (call $response (local.get $a)))
        (drop (call $status (local.get $a) (i32.const {status}))) {setting("(local.get $a)")}""",
        method=method,
    )
    assert (answer.failure is None, answer.exchange.sent_all, answer.exchange.broken) == (whole, whole, not whole)


def test_a_guest_that_calls_its_host_as_it_starts_can_be_served():
    begins = "(global $x (mut i32) (i32.const 0)) (func $first (global.set $x (call $fields))) (start $first)"
    with made(http_guest.handling(f"{BEGIN} (call $hello) (call $end)) {begins.removesuffix(')')}")) as handler:
        handler.try_start()
        assert Asked(handler, "/").body == b"hello\n"


@pytest.mark.parametrize(
    ("first", "kind", "words"),
    [
        ("(loop $ever (br $ever))", GuestTimedOut, ""),
        ("(call $block (call $after (i64.const -1)))", GuestTimedOut, ""),
        ("(call $poll (i32.const 0) (i32.const 0) (i32.const 0))", GuestFailed, "nothing to wait for"),
    ],
)
def test_one_that_does_not_come_to_its_start_is_refused_with_the_reason(first, kind, words):
    guest = http_guest.handling(f") (func $first {first}) (start $first")
    with made(guest, seconds=0.2) as handler, pytest.raises(kind) as found:
        handler.try_start()
    assert words in (found.value.cause or "")


def test_one_that_starts_deep_in_its_stack_is_a_trap_and_no_more():
    """A stack of the guest's may be larger than that of the thread which makes it ready."""
    deep = "(func $deep (param i64) (result i64) (i64.add (local.get 0) (call $deep (local.get 0))))"
    wasm = http_guest.handling(f") {deep} (func $first (drop (call $deep (i64.const 1)))) (start $first")
    limits = GuestLimits(stack_bytes=32 * 1024**2)
    guest = Guest(Program("guest", wasm, read(wasm)), (), NOTHING, frozenset(), limits)
    with Handler(guest, cache=None, notify=ignore) as handler, pytest.raises(GuestFailed) as found:
        handler.try_start()
    assert "stack" in found.value.cause


def test_whoever_waits_is_told_of_compiling(tmp_path):
    wasm = http_guest.proxy()
    guest = Guest(Program("guest", wasm, read(wasm)), (), NOTHING, frozenset(), GuestLimits())
    for steps in (2, 0):
        told = []
        with Handler(guest, cache=tmp_path / "aot", notify=told.append):
            assert [each.verb for each in told] == ["compile"] * steps


def test_a_guest_that_computes_is_stopped_when_its_client_leaves():
    with made(http_guest.proxy(), seconds=20.0) as handler:

        async def work(app):
            await Client(app, "/l", leaves=True).ask()
            assert not app._running or await asyncio.wait_for(app._idle.wait(), 15)

        began = time.monotonic()
        told = run(handler, work)
        assert time.monotonic() - began < 15
    assert [each.status for each in told if isinstance(each, Answered)] == [400]


def test_a_guest_whose_client_has_left_is_not_begun():
    with made(http_guest.proxy()) as handler:
        exchange = Exchange(Request("GET", "/o", "http", "here", ()), 0, lambda: None)
        exchange.leave()
        printed = []
        assert handler.answer(exchange, lambda *said: printed.append(said)) is None
        assert (exchange.ended, printed) == (True, [])
