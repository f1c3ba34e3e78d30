"""Streams neither lose nor reorder bytes, however a guest writes and reads and however clients take and send."""

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from wasmbuild.run.http.bodies import IncomingBody, OutgoingBody
from wasmbuild.run.http.exchange import BUFFER, Exchange, Request
from wasmbuild.run.http.host import Host
from wasmbuild.run.http.streams import STREAMS
from wasmbuild.run.http.values import Err, Ok

DOES = {function.name.rpartition("]")[2]: function.does for function in STREAMS.functions}
SIZES = st.sampled_from([0, 1, 7, 4095, 4096, 40_000, BUFFER])


def exchange_of(most=10**9):
    exchange = Exchange(Request("GET", "/", "http", "here", ()), most, lambda: None)
    exchange.begin(5.0)
    return exchange


def host_of(exchange):
    return Host(exchange, (), lambda _stream, _data: None)


def pattern(start, size):
    """Bytes that tell where they were."""
    return bytes((start + at) % 251 for at in range(size))


WRITES = st.lists(
    st.tuples(st.sampled_from(["write", "zeroes", "blocking", "flush", "take", "send"]), SIZES), max_size=25
)


@settings(max_examples=60, deadline=None)
@given(WRITES, st.booleans())
def test_what_is_written_arrives_once_and_in_order(steps, counted):
    exchange = exchange_of()
    host = host_of(exchange)
    total = sum(size for _, size in steps)
    body = OutgoingBody(exchange, lambda _size: None, total if counted else None)
    stream = body.stream().value
    written, arrived, sent = bytearray(), bytearray(), False
    for step, size in steps:
        room = DOES["output-stream.check-write"](host, stream).value
        assert 0 <= room <= BUFFER
        if step in {"write", "zeroes"}:
            data = pattern(len(written), min(size, room)) if step == "write" else bytes(min(size, room))
            called = DOES["output-stream.write" if step == "write" else "output-stream.write-zeroes"]
            assert isinstance(called(host, stream, data if step == "write" else len(data)), Ok)
            written += data
        elif step == "blocking" and room >= (size := min(size, 4096)):
            data = pattern(len(written), size)
            assert isinstance(DOES["output-stream.blocking-write-and-flush"](host, stream, data), Ok)
            written += data
        elif step == "flush":
            assert isinstance(DOES["output-stream.flush"](host, stream), Ok)
        elif step == "take":
            arrived += exchange.take()[0]
        elif step == "send" and not sent:
            sent = True
            body.send()
        assert written.startswith(arrived)
        assert len(exchange.outgoing) <= BUFFER
    ended = body.finish()
    if not sent:
        assert (arrived, exchange.take()) == (b"", (b"", False))
        body.send()
    arrived += (rest := exchange.take())[0]
    whole = not counted or len(written) == total
    assert (bytes(arrived), rest[1], exchange.broken) == (bytes(written), whole, not whole)
    assert isinstance(ended, Ok if whole else Err)
    assert isinstance(DOES["output-stream.check-write"](host, stream), Err)


@settings(max_examples=25, deadline=None)
@given(st.lists(SIZES, max_size=8), st.lists(st.tuples(st.sampled_from(["read", "skip"]), SIZES), max_size=5))
def test_what_clients_send_is_read_once_and_in_order(parts, reads):
    exchange = exchange_of()
    host = host_of(exchange)
    stream = IncomingBody(exchange).stream().value
    whole = pattern(0, sum(parts))

    def send():
        at = 0
        for size in parts:
            with exchange.changed:
                exchange.changed.wait_for(exchange.room)
            exchange.receive(whole[at : at + size], last=False)
            at += size
        exchange.receive(b"", last=True)

    exchange.wake = lambda: notify(exchange)
    client = threading.Thread(target=send)
    client.start()
    at, turn = 0, 0
    while True:
        step, size = (*reads, ("read", BUFFER))[turn % (len(reads) + 1)]
        turn += 1
        result = DOES[f"input-stream.blocking-{step}"](host, stream, max(1, size))
        if isinstance(result, Err):
            break
        if step == "read":
            assert result.value == whole[at : at + len(result.value)]
            assert len(result.value) <= max(1, size)
        at += len(result.value) if step == "read" else result.value
    client.join()
    assert (result.value.name, at) == ("closed", len(whole))


def notify(exchange):
    with exchange.changed:
        exchange.changed.notify_all()
