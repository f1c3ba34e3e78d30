import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from registry.server.access.egress import EgressAnswer, EgressFailed, EgressGuard
from tests.client.scripted import Answer, scripted

LOOPBACK = ("127.0.0.0/8",)


def get(url: str, allow: tuple[str, ...] = LOOPBACK, **options: Any) -> EgressAnswer:
    async def run() -> EgressAnswer:
        guard = EgressGuard(allow)
        try:
            return await guard.get(url, **options)
        finally:
            guard.close()

    return asyncio.run(run())


def headers_of(server: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in server.asked[0].headers.items()}


@pytest.fixture
def server() -> Iterator[Any]:
    answers = {
        "/ok?a=b": Answer(200, b"hello", {"X-One": "1"}),
        "/away": Answer(302, b"", {"Location": "http://127.0.0.1:1/"}),
        "/large": Answer(200, b"x" * 5000),
        "/drip": Answer(200, b"x" * 100, drip=0.1),
    }
    with scripted(lambda asked: answers.get(asked.path, Answer(404))) as found:
        yield found


def test_what_is_allowed_is_got(server: Any) -> None:
    answer = get(f"http://{server.address}/ok?a=b", headers={"X-Asked": "yes"})
    assert (answer.status, answer.body, answer.headers["x-one"]) == (200, b"hello", "1")
    headers = headers_of(server)
    assert headers["host"] == server.address
    assert headers["x-asked"] == "yes"
    assert "hello" not in repr(answer)


def test_the_name_is_said_and_the_address_is_used(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    port = server.address.rpartition(":")[2]
    asked = []
    real = socket.getaddrinfo

    def resolve(host: str, *arguments: Any, **options: Any) -> Any:
        asked.append(host)
        return real("127.0.0.1" if host == "issuer.example" else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert get(f"http://issuer.example:{port}/ok?a=b").status == 200
    assert headers_of(server)["host"] == f"issuer.example:{port}"
    assert asked.count("issuer.example") == 1


def test_redirects_are_answers(server: Any) -> None:
    assert get(f"http://{server.address}/away").status == 302
    assert len(server.asked) == 1


def test_size_and_time_are_bounded(server: Any) -> None:
    with pytest.raises(EgressFailed, match="larger"):
        get(f"http://{server.address}/large", limit=4999)
    assert len(get(f"http://{server.address}/large", limit=5000).body) == 5000
    begun = time.monotonic()
    with pytest.raises(EgressFailed):
        get(f"http://{server.address}/drip", seconds=0.5)
    assert time.monotonic() - begun < 3


def test_headers_that_drip_end_as_well() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200:
                    connection.sendall(bytes([byte]))
                    time.sleep(0.05)
            except OSError:
                return

    thread = threading.Thread(target=drip)
    thread.start()
    begun = time.monotonic()
    with pytest.raises(EgressFailed):
        get(f"http://127.0.0.1:{port}/", seconds=0.5)
    assert time.monotonic() - begun < 3
    thread.join(10)
    listener.close()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "2130706433",
        "0x7f.1",
        "127.1",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fc00::1]",
        "[ff02::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::]",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_is_not_public_is_not_reached(host: str, scheme: str) -> None:
    with pytest.raises(EgressFailed, match=r"not a public address|not known|resolution"):
        get(f"{scheme}://{host}:9/", allow=(), seconds=2)


def test_one_address_that_is_not_public_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("1.1.1.1", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(EgressFailed, match=r"10\.0\.0\.1"):
        get("https://rebinding.example/", allow=())


@pytest.mark.parametrize(
    "url",
    ["ftp://127.0.0.1/", "file:///etc/passwd", "http://user:secret@127.0.0.1/", "127.0.0.1", "http://", "http://[::1"],
)
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(EgressFailed) as caught:
        get(url)
    assert "secret" not in str(caught.value)


def test_plain_http_goes_nowhere_public() -> None:
    with pytest.raises(EgressFailed, match="only https"):
        get("http://1.1.1.1/", seconds=2)


def test_lines_cannot_be_smuggled(server: Any) -> None:
    with pytest.raises(EgressFailed):
        get(f"http://{server.address}/ok", headers={"X": "a\r\nY: b"})
    with pytest.raises(EgressFailed):
        get(f"http://{server.address}/ok a HTTP/1.1")
    assert server.asked == []


def test_certificates_are_the_hosts(tmp_path: Any) -> None:
    """Whoever answers at the address must prove to be the host of the URL."""
    import datetime as dt

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "other.example")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(1))
        .not_valid_after(now + dt.timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("other.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with scripted(lambda _: Answer(200)) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)

        async def run(host: str) -> int:
            guard = EgressGuard(LOOPBACK, ca_file=str(path))
            try:
                return (await guard.get(f"https://{host}:{server.server_port}/", seconds=5)).status
            finally:
                guard.close()

        with pytest.raises(EgressFailed, match=r"(?i)certificate"):
            asyncio.run(run("127.0.0.1"))


def test_a_delivery_tells_the_status(server: Any) -> None:
    async def run() -> int:
        guard = EgressGuard(LOOPBACK)
        try:
            return await guard.deliver(f"http://{server.address}/hook", b"{}", {"X-A": "b"}, 5.0)
        finally:
            guard.close()

    assert asyncio.run(run()) == 404
    assert server.asked[0].method == "POST"
    assert server.asked[0].body == b"{}"
