"""What every storage does, whichever it is."""

import time
from pathlib import Path

import pytest
from starlette.requests import Request

from registry.digest import Digest
from registry.server.ranges import Span
from registry.server.storage.protocol import UploadBusy, WrongDigest
from tests.server.storage.bench import Bench, Replica, digest_of

LARGE = bytes(range(256)) * 65_536  # 16 MiB: two parts to the byte
SIZES = [0, 1, 5 * 1024 * 1024, len(LARGE) // 2, len(LARGE) // 2 + 1, len(LARGE)]


@pytest.mark.parametrize("size", SIZES)
def test_what_arrives_at_once_is_there(bench: Bench, size: int) -> None:
    async def work() -> None:
        async with bench.open() as replica:
            digest, key = await replica.push(LARGE[:size])
            assert await replica.storage.exists(digest, key)
            assert await replica.content(digest, key) == LARGE[:size]
            assert await replica.rows() == set()

    bench.run(work())
    assert [path.stat().st_size for path in bench.files()] == [size]


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_an_upload_goes_on_with_each_request(bench: Bench, algorithm: str) -> None:
    async def work() -> None:
        async with bench.open() as replica:
            upload = await replica.suspend(await replica.begin())
            for start in range(0, len(LARGE), 3_000_000):
                incoming = await replica.resume(upload)
                assert incoming.size == start == await replica.storage.size(await replica.known(upload))
                await incoming.append([LARGE[start : start + 3_000_000]])
                await replica.suspend(incoming)
            digest = digest_of(LARGE, algorithm)
            key = await replica.seal(await replica.resume(upload), digest)
            assert await replica.content(digest, key) == LARGE

    bench.run(work())
    assert [path.stat().st_size for path in bench.files()] == [len(LARGE)]


def test_an_upload_goes_on_with_another_process(bench: Bench) -> None:
    async def work() -> None:
        async with bench.open() as one, bench.open() as two:
            upload = await one.suspend(await one.begin())
            for replica, start, stop in ((one, 0, 9_000_000), (two, 9_000_000, 12_000_000), (one, 12_000_000, None)):
                incoming = await replica.resume(upload)
                await incoming.append([LARGE[start:stop]])
                await replica.suspend(incoming)
            key = await two.seal(await two.resume(upload), digest_of(LARGE))
            assert await one.content(digest_of(LARGE), key) == LARGE

    bench.run(work())
    assert len(bench.files()) == 1


@pytest.mark.parametrize("kept", [0, 10, 9_000_000])
def test_rewinding_forgets_what_came_last(bench: Bench, kept: int) -> None:
    async def work() -> None:
        async with bench.open() as replica:
            incoming = await replica.begin()
            await incoming.append([LARGE[:kept]])
            incoming = await replica.resume(await replica.suspend(incoming))
            await incoming.append([b"x" * 20_000_000])
            await incoming.rewind(kept)
            assert incoming.size == kept
            await incoming.append([LARGE[kept:]])
            key = await replica.seal(await replica.resume(await replica.suspend(incoming)), digest_of(LARGE))
            assert await replica.content(digest_of(LARGE), key) == LARGE

    bench.run(work())
    assert len(bench.files()) == 1


@pytest.mark.parametrize("size", [0, 10, 9_000_000])
def test_a_wrong_digest_leaves_nothing(bench: Bench, size: int) -> None:
    async def work() -> None:
        async with bench.open() as replica:
            for algorithm in ("sha256", "sha512"):  # known on the way, and read back
                incoming = await replica.begin()
                await incoming.append([LARGE[:size]])
                incoming = await replica.resume(await replica.suspend(incoming))
                with pytest.raises(WrongDigest) as caught:
                    await replica.seal(incoming, digest_of(b"other", algorithm))
                assert caught.value.found == digest_of(LARGE[:size], algorithm)

    bench.run(work())
    assert bench.files() == []


@pytest.mark.parametrize("size", [0, 10, 9_000_000])
def test_discarding_leaves_nothing(bench: Bench, size: int) -> None:
    async def work() -> None:
        async with bench.open() as replica:
            at_once = await replica.begin()
            await at_once.append([LARGE[:size]])
            await at_once.discard()
            later = await replica.begin()
            await later.append([LARGE[:size]])
            await (await replica.resume(await replica.suspend(later))).discard()

    bench.run(work())
    assert bench.files() == []


def test_one_request_at_a_time(bench: Bench) -> None:
    async def work() -> None:
        async with bench.open() as one, bench.open() as two:
            upload = await one.suspend(await one.begin())
            incoming = await one.resume(upload)
            for replica in (one, two):
                with pytest.raises(UploadBusy):
                    await replica.resume(upload)
                assert not await replica.storage.abandon(await replica.known(upload), time.time() + 10)
            await incoming.append([b"a"])
            await one.suspend(incoming)
            await (await two.resume(upload)).discard()

    bench.run(work())


def test_an_upload_that_is_gone(bench: Bench) -> None:
    async def work() -> None:
        async with bench.open() as replica:
            incoming = await replica.begin()
            known = await replica.known(await replica.suspend(incoming))
            await replica.seal(await replica.resume(known.id), digest_of(b""))
            with pytest.raises(FileNotFoundError):
                await replica.storage.resume(known)

    bench.run(work())


@pytest.mark.parametrize("size", [0, 10, 9_000_000, 20_000_000])
def test_what_a_crash_left_is_abandoned(bench: Bench, size: int) -> None:
    """The process dies in the middle of a second request: the row knows of the first."""

    async def crash() -> str:
        async with bench.open() as replica:
            incoming = await replica.begin()
            await incoming.append([LARGE[:3_000_000]])
            upload = await replica.suspend(incoming)
            incoming = await replica.resume(upload)
            await incoming.append([LARGE[:size]])
            if not bench.config.storage.url:
                incoming._spool.close()  # as the system would
            return upload  # its loop ends, and whatever was going on with it

    upload = bench.run(crash())

    async def clean() -> None:
        async with bench.open() as replica:
            known = await replica.known(upload)
            assert not await replica.storage.abandon(known, time.time() - 1000)
            soon = time.time() + 10
            if not bench.config.storage.url:
                assert await replica.storage.idle(soon) == [upload]
                assert await replica.storage.idle(time.time() - 1000) == []
            await replica.database.write(lambda connection: release(connection, upload))
            assert await replica.storage.abandon(known, soon)

    bench.run(clean())
    assert bench.files() == []


def release(connection, upload):
    from sqlalchemy import update

    from registry.server.schema import uploads

    connection.execute(update(uploads).where(uploads.c.id == upload).values(claimed=0))


async def answer(replica: Replica, digest: Digest, key: str, size: int, span: Span | None, method: str = "GET"):
    response = await replica.storage.response(digest, key, size, span, {"x-kept": "yes"}, method)
    sent = []

    async def send(message):
        sent.append(message)

    await response(Request({"type": "http", "method": method, "headers": []}).scope, None, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    assert headers["x-kept"] == "yes"
    return sent[0]["status"], int(headers["content-length"]), b"".join(each["body"] for each in sent[1:])


def test_answers(bench: Bench) -> None:
    async def work() -> None:
        async with bench.open() as replica:
            digest, key = await replica.push(LARGE)
            size = len(LARGE)
            assert await answer(replica, digest, key, size, None) == (200, size, LARGE)
            assert await answer(replica, digest, key, size, Span(5, 3_000_000)) == (206, 2_999_995, LARGE[5:3_000_000])
            assert await answer(replica, digest, key, size, Span(size - 1, size)) == (206, 1, LARGE[-1:])
            assert await answer(replica, digest, key, size, None, "HEAD") == (200, size, b"")
            assert await answer(replica, digest, key, size, Span(0, 7), "HEAD") == (206, 7, b"")
            empty, place = await replica.push(b"")
            assert await answer(replica, empty, place, 0, None) == (200, 0, b"")

    bench.run(work())


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("span", [None, Span(2, 5)])
def test_bytes_that_are_gone_or_fewer(bench: Bench, method: str, span: Span | None) -> None:
    async def work() -> None:
        async with bench.open() as replica:
            digest, key = await replica.push(b"0123456789")
            if bench.config.storage.url is None or method == "GET":
                with pytest.raises(FileNotFoundError):
                    await replica.storage.response(digest, key, 11, span, {}, method)
            (path,) = bench.files()
            path.unlink()
            with pytest.raises(FileNotFoundError):
                await replica.storage.response(digest, key, 10, span, {}, method)
            with pytest.raises(FileNotFoundError):
                await replica.content(digest, key)
            assert not await replica.storage.exists(digest, key)

    bench.run(work())


def test_removing(bench: Bench) -> None:
    async def work() -> None:
        async with bench.open() as replica:
            digest, key = await replica.push(b"unwanted")
            for _ in range(2):
                async with replica.storage.removing(digest, key):
                    await replica.storage.remove(digest, key)
                assert not await replica.storage.exists(digest, key)

    bench.run(work())
    assert bench.files() == []


def test_nobody_removes_what_is_being_sealed(bench: Bench) -> None:
    """Either they wait for one another, or they have different keys."""

    async def work() -> None:
        async with bench.open() as one, bench.open() as two:
            digest, old = await one.push(b"wanted again")
            incoming = await two.begin()
            await incoming.append([b"wanted again"])
            async with incoming.seal(digest) as key:
                try:
                    async with one.storage.removing(digest, old):
                        await one.storage.remove(digest, old)
                except UploadBusy:
                    assert key == old
            assert await two.content(digest, key) == b"wanted again"

    bench.run(work())


def test_quarantine_keeps_the_bytes_where_nobody_reads_them(bench: Bench) -> None:
    async def work() -> tuple[Digest, str]:
        async with bench.open() as replica:
            digest, key = await replica.push(b"damaged")
            async with replica.storage.removing(digest, key):
                await replica.storage.quarantine(digest, key)
            assert not await replica.storage.exists(digest, key)
            return digest, key

    digest, _ = bench.run(work())
    kept = [path for path in bench.place.rglob("*") if path.is_file() and "quarantine/" in str(path)]
    assert [path.read_bytes() for path in kept] == [b"damaged"]
    assert digest.encoded in str(kept[0])


def test_orphans(bench: Bench) -> None:
    """A file may be left without a row; an object never is."""

    async def work() -> None:
        async with bench.open() as replica:
            kept, _ = await replica.push(b"kept")
            incoming = await replica.begin()
            await incoming.append([b"lost"])
            with pytest.raises(RuntimeError):
                async with incoming.seal(digest_of(b"lost")):
                    raise RuntimeError("the database is gone")

            async def known(digests: list[Digest]) -> set[Digest]:
                return {kept} & set(digests)

            found = [each async for each in replica.storage.orphans(known)]
            if bench.config.storage.url is None:
                assert found == [(digest_of(b"lost"), "")]
                await replica.storage.remove(*found[0])
            else:
                assert found == []
                assert await replica.storage.abandon(await replica.known(incoming.id), time.time() + 10)
            assert await replica.content(kept, await replica_key(replica, kept)) == b"kept"

    bench.run(work())
    assert [path.read_bytes() for path in bench.files()] == [b"kept"]


async def replica_key(replica: Replica, digest: Digest) -> str:
    from registry.server.metadata.blobs import blob_key

    found = await replica.database.read(lambda connection: blob_key(connection, digest))
    assert found is not None
    return found


def test_the_same_bytes_twice_are_there_once(bench: Bench) -> None:
    async def work() -> None:
        async with bench.open() as replica:
            first = await replica.push(LARGE)
            assert await replica.push(LARGE) == first
            assert await replica.content(*first) == LARGE
            assert await replica.rows() == set()

    bench.run(work())
    assert len(bench.files()) == 1


def test_checking(bench: Bench, tmp_path: Path) -> None:
    async def work() -> None:
        async with bench.open() as replica:
            await replica.storage.check()

    bench.run(work())
    assert bench.files() == []
