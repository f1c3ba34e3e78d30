import asyncio
import time
from typing import Any

import bcrypt
import pytest

from registry.errors import InvalidConfiguration
from registry.server.access import passwords
from registry.server.access.passwords import Passwords, hash_password
from registry.server.refusal import Refusal

STORED = bcrypt.hashpw(b"correct horse", bcrypt.gensalt(4)).decode()


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was really checked, one after the other."""
    seen: list[str] = []
    real = passwords._verify

    def counting(content: bytes, stored: str) -> bool:
        seen.append(stored)
        return real(content, stored)

    monkeypatch.setattr(passwords, "_verify", counting)
    return seen


@pytest.mark.parametrize(
    ("password", "fault"),
    [("short", "fewer than 8"), ("ä" * 600, "more than 1024"), ("wbt_0123456789", "begins with wbt_")],
)
def test_the_rule_that_a_password_breaks_is_named(password: str, fault: str) -> None:
    with pytest.raises(InvalidConfiguration, match="cannot be a password") as caught:
        hash_password(password)
    said = caught.value.cause or ""
    assert (fault in said, " or " in said) == (True, False)


def run(work: Any) -> Any:
    return asyncio.run(work)


def test_many_at_once_are_one_check(verified: list[str]) -> None:
    async def ask() -> list[bool]:
        checks = Passwords(bcrypt=4)
        found = await asyncio.gather(*(checks.check("correct horse", STORED) for _ in range(20)))
        return [*found, await checks.check("correct horse", STORED)]

    assert run(ask()) == [True] * 21
    assert verified == [STORED]


def test_what_was_wrong_is_checked_again(verified: list[str]) -> None:
    async def ask() -> list[bool]:
        checks = Passwords(bcrypt=4)
        return [await checks.check("wrong horse", STORED) for _ in range(2)]

    assert run(ask()) == [False, False]
    assert len(verified) == 2


def test_another_hash_forgets_what_was_good(verified: list[str]) -> None:
    other = bcrypt.hashpw(b"another", bcrypt.gensalt(4)).decode()

    async def ask() -> list[bool]:
        checks = Passwords(bcrypt=4)
        return [await checks.check("correct horse", stored) for stored in (STORED, other, STORED)]

    assert run(ask()) == [True, False, True]
    assert verified == [STORED, other]


@pytest.mark.parametrize(("kept", "kind"), [(7, "$2b$07$"), (None, "$argon2id$")])
def test_unknown_users_are_checked_like_others(verified: list[str], kept: int | None, kind: str) -> None:
    assert run(Passwords(bcrypt=kept).check("correct horse", None)) is False
    assert verified[0].startswith(kind)


@pytest.mark.parametrize("password", ["", "correct horse\0", "correct horse" + "x" * 60, "x" * 2000])
def test_what_bcrypt_would_not_see_whole(password: str) -> None:
    assert run(Passwords(bcrypt=4).check(password, STORED)) is False


@pytest.mark.parametrize("stored", ["", "plain", "$2b$04$short", "$argon2id$nonsense"])
def test_hashes_that_are_none(stored: str) -> None:
    assert run(Passwords(bcrypt=4).check("plain", stored)) is False


def test_argon2() -> None:
    stored = hash_password("correct horse")
    assert run(Passwords(bcrypt=None).check("correct horse", stored)) is True
    assert run(Passwords(bcrypt=None).check("correct horse ", stored)) is False


def test_too_many_that_wait_and_a_loop_that_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(content: bytes, stored: str) -> bool:
        time.sleep(0.2)
        return False

    monkeypatch.setattr(passwords, "_verify", slow)
    monkeypatch.setattr(passwords, "_WAITING", 2)

    async def ask() -> float:
        checks = Passwords(bcrypt=4)
        waiting = [asyncio.create_task(checks.check(f"{number}", STORED)) for number in range(2)]
        await asyncio.sleep(0.01)
        begun = time.monotonic()
        with pytest.raises(Refusal) as caught:
            await checks.check("one more", STORED)
        assert caught.value.status_code == 429
        await asyncio.sleep(0)
        passed = time.monotonic() - begun
        await asyncio.gather(*waiting)
        return passed

    assert run(ask()) < 0.15


def test_who_goes_away_takes_nothing_from_others() -> None:
    async def ask() -> bool:
        checks = Passwords(bcrypt=4)
        first = asyncio.create_task(checks.check("correct horse", STORED))
        second = asyncio.create_task(checks.check("correct horse", STORED))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert run(ask()) is True
