"""Uploads in any number of steps against a model that is a bytearray."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.server.storage.protocol import UploadBusy, WrongDigest
from tests.server.storage.bench import Bench, digest_of

PART = 8 * 1024 * 1024
NOISE = bytes(range(251)) * (3 * PART // 251)
SIZE = st.sampled_from([0, 1, 1000, PART // 2, PART - 1, PART, PART + 1, 2 * PART + 5])
STEP = st.one_of(
    st.tuples(st.just("append"), SIZE),
    st.tuples(st.sampled_from(["pause", "hop", "refuse", "intrude"]), st.just(0)),
)
ENDING = st.sampled_from(["sha256", "sha512", "wrong", "discard", "abandon"])


@pytest.fixture
def clean(bench: Bench) -> Iterator[Bench]:
    yield bench
    assert bench.files() == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=8), ending=ENDING)
def test_any_steps(clean: Bench, steps: list[tuple[str, int]], ending: str) -> None:
    asyncio.run(take(clean, steps, ending))


async def take(bench: Bench, steps: list[tuple[str, int]], ending: str) -> None:
    async with bench.open() as one, bench.open() as two:
        here, there = one, two
        model = bytearray()
        begun = 0
        incoming = await here.begin()
        for number, (step, size) in enumerate(steps):
            if step == "append":
                data = NOISE[number : number + size]
                await incoming.append([data[:100], data[100:]])
                model += data
            elif step == "refuse":
                await incoming.rewind(begun)
                del model[begun:]
            elif step == "intrude" and begun:
                with pytest.raises(UploadBusy):
                    await there.resume(incoming.id)
            elif step in ("pause", "hop"):
                if step == "hop":
                    here, there = there, here
                await here.suspend(incoming)
                incoming = await here.resume(incoming.id)
                begun = len(model)
            assert incoming.size == len(model)
        await end(here, incoming, bytes(model), ending)


async def end(replica, incoming, content: bytes, ending: str) -> None:
    if ending in ("sha256", "sha512"):
        digest = digest_of(content, ending)
        key = await replica.seal(incoming, digest)
        assert await replica.content(digest, key) == content
        await replica.storage.remove(digest, key)
        async with asyncio.timeout(10):
            await replica.database.write(forget)
    elif ending == "wrong":
        with pytest.raises(WrongDigest):
            await replica.seal(incoming, digest_of(b"something else"))
    elif ending == "discard":
        await incoming.discard()
    else:
        await replica.suspend(incoming)
        assert await replica.storage.abandon(await replica.known(incoming.id), 1e12)


def forget(connection) -> None:
    from sqlalchemy import delete

    from registry.server.schema import blobs, repository_blobs

    connection.execute(delete(repository_blobs))
    connection.execute(delete(blobs))
