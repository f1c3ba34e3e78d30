from pathlib import Path

import pytest

from registry.errors import ExitCode, InvalidConfiguration
from registry.server.config import ServerConfig

DATA = Path("data")


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [("127.0.0.1:0", "127.0.0.1", 0), ("127.8.9.1:65535", "127.8.9.1", 65535), ("[::1]:5000", "::1", 5000)],
)
def test_loopback_addresses(listen: str, host: str, port: int) -> None:
    config = ServerConfig.at(DATA, listen)
    assert (config.host, config.port) == (host, port)


@pytest.mark.parametrize("listen", ["0.0.0.0:5000", "[::]:5000", "192.168.1.2:80", "8.8.8.8:0", "[::ffff:8.8.8.8]:1"])
def test_other_addresses_are_refused_with_the_reason(listen: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        ServerConfig.at(DATA, listen)
    assert "not a loopback address" in caught.value.what
    assert caught.value.cause is not None
    assert "users" in caught.value.cause
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    "listen",
    ["", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "host:1", "127.0.0.1:-1", "127.0.0.1:٣"],
)
def test_malformed_addresses(listen: str) -> None:
    with pytest.raises(InvalidConfiguration):
        ServerConfig.at(DATA, listen)
