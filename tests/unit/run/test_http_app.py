"""The ASGI application: what clients see of guests, and of what goes wrong with them."""

import asyncio

import pytest

from tests.unit.run import http_guest
from wasmbuild.events import ignore
from wasmbuild.run.deciding.grants import NOTHING
from wasmbuild.run.guest import Guest
from wasmbuild.run.http.answer import CutOff
from wasmbuild.run.http.app import Application, Serving
from wasmbuild.run.http.handler import Handler
from wasmbuild.run.http.printing import Answered, Troubled
from wasmbuild.run.limits import GuestLimits
from wasmbuild.run.program import Program
from wasmbuild.wasm.binary import read


@pytest.fixture(scope="module")
def handler():
    wasm = http_guest.proxy()
    guest = Guest(Program("guest", wasm, read(wasm)), (), NOTHING, frozenset(), GuestLimits(seconds=1.0))
    with Handler(guest, cache=None, notify=ignore) as handler:
        yield handler


class Client:
    """Asks an application, part by part: ``parts`` are of the request's body; ``leaves`` ends the connection."""

    def __init__(self, app, target, *parts, method="GET", headers=(), leaves=False):
        self.app = app
        path, _, query = target.partition("?")
        self.scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "scheme": "http",
            "headers": [(b"host", b"here:80"), *headers],
            "client": ("127.0.0.1", 9),
        }
        self.parts = list(parts)
        self.leaves = leaves
        self.taken = 0
        self.sent = []

    async def receive(self):
        if self.parts:
            self.taken += 1
            return {"type": "http.request", "body": self.parts.pop(0), "more_body": bool(self.parts)}
        if not self.taken:
            self.taken += 1
            return {"type": "http.request", "body": b"", "more_body": False}
        if self.leaves:
            return {"type": "http.disconnect"}
        return await asyncio.Event().wait()

    async def send(self, message):
        self.sent.append(message)

    async def ask(self):
        await self.app(self.scope, self.receive, self.send)
        return self

    @property
    def status(self):
        return self.sent[0]["status"]

    @property
    def headers(self):
        return dict(self.sent[0]["headers"])

    @property
    def body(self):
        return b"".join(message["body"] for message in self.sent[1:])


def run(handler, work, serving=Serving(guests=2)):
    """Let ``work`` do something with an open application; what it told."""
    told = []

    async def whole():
        app = Application(handler, serving, told.append)
        app.open = True
        try:
            await work(app)
        finally:
            await app.stop(0.0)

    asyncio.run(whole())
    return told


def test_an_answer_and_what_is_told_of_it(handler):
    async def work(app):
        client = await Client(app, "/h?\x1b").ask()
        assert (client.status, client.body) == (200, b"hello\n")
        assert not client.sent[-1]["more_body"]

    (told,) = run(handler, work)
    assert (told.client, told.method, told.target) == ("127.0.0.1", "GET", "/h?\\x1b")
    assert (told.status, told.size, told.complete) == (200, 6, True)


def test_a_head_has_no_body_and_keeps_its_length(handler):
    async def work(app):
        client = await Client(app, "/c", method="HEAD").ask()
        assert (client.status, client.body) == (200, b"")
        assert client.headers[b"content-length"] == b"9"

    run(handler, work)


def test_a_body_of_many_parts_goes_through_as_it_comes(handler):
    parts = [bytes([number]) * 10_000 for number in range(100)]

    async def work(app):
        client = await Client(app, "/echo", *parts, method="POST").ask()
        assert client.body == b"".join(parts)
        assert len(client.sent) > 5

    run(handler, work)


def test_a_body_that_nobody_reads_is_not_kept(handler):
    parts = [b"x" * 10_000] * 100

    async def work(app):
        client = Client(app, "/u", *parts, method="POST")
        asking = asyncio.create_task(client.ask())
        await asyncio.sleep(0.15)  # the guest sleeps, and reads nothing
        assert client.taken <= 8
        assert (await asking).body == b"hello\nhello\n"

    run(handler, work)


@pytest.mark.parametrize(("letter", "status"), [("t", 500), ("n", 500), ("r", 500), ("w", 500), ("4", 404)])
def test_what_a_client_sees_of_a_guest_that_goes_wrong(handler, letter, status):
    async def work(app):
        client = await Client(app, f"/{letter}").ask()
        assert client.status == status
        assert b"unreachable" not in client.body

    told = run(handler, work)
    assert [each for each in told if isinstance(each, Troubled)] or status == 404


def test_an_answer_that_breaks_off_does_not_look_whole(handler):
    async def work(app):
        client = Client(app, "/p")
        with pytest.raises(CutOff):
            await client.ask()
        assert client.body == b"hello\n"
        assert all(message["more_body"] for message in client.sent[1:])

    told = run(handler, work)
    assert [each.complete for each in told if isinstance(each, Answered)] == [False]


def test_a_guest_that_takes_too_long_is_a_504(handler):
    async def work(app):
        assert (await Client(app, "/s").ask()).status == 504

    run(handler, work)


def test_a_body_that_says_it_is_too_large_is_not_begun(handler):
    async def work(app):
        client = await Client(app, "/e", method="POST", headers=[(b"content-length", b"0" * 30 + b"11")]).ask()
        assert (client.status, client.taken) == (413, 0)
        assert (await Client(app, "/e", b"x" * 11, method="POST").ask()).body == b""

    run(handler, work, Serving(guests=1, body_bytes=10))


def test_a_guest_is_ended_when_its_client_leaves(handler):
    async def work(app):
        asking = asyncio.create_task(Client(app, "/s", leaves=True).ask())
        async with asyncio.timeout(1.0):
            await asking
        assert not app._running or await asyncio.sleep(0.1) or not app._running

    run(handler, work)


def test_more_than_can_wait_are_told_to_come_again(handler):
    async def work(app):
        waiting = [asyncio.create_task(Client(app, "/s").ask()) for _ in range(9)]
        await asyncio.sleep(0.05)
        refused = await Client(app, "/h").ask()
        assert (refused.status, refused.headers[b"retry-after"]) == (503, b"1")
        await app.stop(0.0)
        statuses = [(await each).status for each in waiting]
        assert statuses == [503] * 9

    run(handler, work, Serving(guests=1))


def test_nothing_is_answered_before_it_opens_or_after_it_stops(handler):
    async def work(app):
        app.open = False
        assert (await Client(app, "/h").ask()).status == 503
        app.open = True
        await app.stop(0.0)
        assert (await Client(app, "/h").ask()).status == 503

    assert [each.status for each in run(handler, work)] == [503]


def test_a_request_in_flight_has_time_to_end(handler):
    async def work(app):
        asking = asyncio.create_task(Client(app, "/u").ask())
        await asyncio.sleep(0.05)
        await app.stop(2.0)
        assert (await asking).body == b"hello\nhello\n"

    run(handler, work)


def test_text_where_there_is_none_is_a_bad_request(handler):
    async def work(app):
        client = Client(app, "/h", headers=[(b"x-\xff", b"1")])
        assert (await client.ask()).status == 400

    run(handler, work)


@pytest.mark.parametrize(("version", "hosts", "status"), [("1.1", 0, 400), ("1.0", 0, 200), ("1.1", 2, 400)])
def test_a_request_says_once_who_is_asked(handler, version, hosts, status):
    async def work(app):
        client = Client(app, "/h")
        client.scope |= {"headers": [(b"host", b"here")] * hosts, "http_version": version}
        assert (await client.ask()).status == status

    run(handler, work)


def test_a_body_that_cannot_be_read_on_is_the_client_s_mistake(handler):
    class Breaks(Client):
        async def receive(self):
            return {"type": "http.disconnect"}

    async def work(app):
        client = await Breaks(app, "/e", method="POST").ask()
        assert client.status == 400
        assert b"retry-after" not in client.headers

    run(handler, work)


def test_a_mistake_of_ours_ends_one_answer_and_is_told(handler, monkeypatch):
    def wrong(exchange, _say):
        exchange.end(None)
        raise ValueError("no good")

    monkeypatch.setattr(handler, "answer", wrong)

    async def work(app):
        assert (await Client(app, "/h").ask()).status == 500

    told = run(handler, work)
    assert "no good" in next(each.failure.cause for each in told if isinstance(each, Troubled))
