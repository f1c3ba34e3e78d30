import time
from typing import Any

import pytest

from registry.server.access.rates import Buckets, address_key


def test_a_bucket_empties_and_fills(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    buckets = Buckets(2.0, 3)
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a") == pytest.approx(0.5)
    assert buckets.wait("a") == pytest.approx(0.5)
    assert buckets.take("b") == 0
    now[0] += 0.5
    assert buckets.take("a") == 0
    assert buckets.take("a") > 0
    now[0] += 1000
    assert [buckets.take("a") for _ in range(4)][:3] == [0, 0, 0]


def test_no_rate_bounds_nothing() -> None:
    buckets = Buckets(0, 1)
    assert not any(buckets.take("a") for _ in range(100))


def test_memory_is_bounded() -> None:
    buckets = Buckets(1.0, 1, kept=10)
    for number in range(1000):
        buckets.take(str(number))
    assert len(buckets._buckets) == 10
    assert buckets.take("999") > 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("", "?", False),
    ],
)
def test_who_is_one(one: str, other: str, same: bool) -> None:
    assert (address_key(one) == address_key(other)) is same


def test_clients_and_principals_are_slowed_down(site: Any, tools: Any) -> None:
    here = site(users=("ada",), requests_per_second=0.5, burst=5, server={"trusted_proxies": ("127.0.0.0/8",)})

    def ask(client: str, user: str | None = None) -> Any:
        return here.call("GET", "/healthz", user, headers={"X-Forwarded-For": client})

    assert [ask("192.0.2.1").status_code for _ in range(5)] == [200] * 5
    answer = ask("192.0.2.1")
    assert answer.status_code == 429
    assert tools.codes(answer) == ["TOOMANYREQUESTS"]
    assert int(answer.headers["Retry-After"]) in {1, 2}
    assert ask("192.0.2.2").status_code == 200
    found = [ask(f"192.0.2.{number}", "ada").status_code for number in range(10, 16)]
    assert found == [200] * 5 + [429]
