"""TLS, certificates that change, and how a server ends: real processes, real signals."""

import datetime as dt
import http.client
import ipaddress
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from registry.server.config.tls import TlsConfig
from registry.server.embedded import _Embedded, listen_at
from tests.server.faults.serving import has_read, refused, until

PROGRAM = """
import sys
from pathlib import Path
from registry.errors import Failure
from registry.server.config.toml import load_config
from registry.server.runtime import serve
try:
    serve(
        load_config(Path(sys.argv[1])).config,
        lambda address: print(address, flush=True),
        lambda line: print(line, file=sys.stderr, flush=True),
    )
except Failure as failure:
    sys.exit(f"failure: {failure.what}: {failure.cause}")
"""


@contextmanager
def server(settings: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(settings)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate(timeout=30)


def wait_for_line(process: subprocess.Popen[str], part: str) -> str:
    assert process.stderr is not None
    while line := process.stderr.readline():
        if part in line:
            return line
    raise AssertionError(f"it never said {part!r}")


def certify(folder: Path, name: str, issuer: "tuple[x509.Certificate, Any] | None" = None) -> x509.Certificate:
    """Write NAME.pem and NAME.key, for 127.0.0.1; signed by itself unless there is an issuer."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .sign(issuer[1] if issuer else key, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / f"{name}.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return certificate


def use(folder: Path, name: str) -> None:
    for kind in ("pem", "key"):
        (folder / f"server.{kind}").write_bytes((folder / f"{name}.{kind}").read_bytes())


def shown(address: str) -> bytes:
    """The certificate that a new connection is shown."""
    host, _, port = address.rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((host, int(port)), timeout=10) as plain, context.wrap_socket(plain) as secure:
        found = secure.getpeercert(binary_form=True)
    assert found is not None
    return found


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Settings of a server with TLS."""
    use_first = certify(tmp_path, "first")
    assert use_first
    use(tmp_path, "first")
    file = tmp_path / "registry.toml"
    file.write_text(
        f'data = "{tmp_path / "data"}"\nlisten = "127.0.0.1:0"\n'
        f'[tls]\ncertificate = "{tmp_path / "server.pem"}"\nkey = "{tmp_path / "server.key"}"\n'
    )
    return file


def test_pushes_and_pulls_over_tls(tmp_path: Path, settings: Path, tools: Any) -> None:
    with server(settings) as (_, address), requests.Session() as session:
        session.trust_env, session.verify = False, str(tmp_path / "first.pem")
        body = b"x" * 3_000_000
        digest = tools.sha256(body)
        path = f"https://{address}/v2/demo/blobs/uploads/?digest={digest}"
        assert session.post(path, data=body, timeout=30).status_code == 201
        assert session.get(f"https://{address}/v2/demo/blobs/{digest}", timeout=30).content == body
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://{address}/v2/", timeout=10)


def test_a_new_certificate_while_requests_run(tmp_path: Path, settings: Path) -> None:
    second = certify(tmp_path, "second")
    with server(settings) as (process, address):
        failures: list[str] = []
        ended = threading.Event()

        def ask() -> None:
            while not ended.is_set():
                try:
                    # Each over a connection of its own, so that none is lost between the two servers.
                    answer = requests.get(f"https://{address}/v2/", timeout=10, verify=False)
                    if answer.status_code != 200:
                        failures.append(str(answer.status_code))
                except requests.RequestException as error:
                    failures.append(str(error))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("urllib3.connectionpool.warnings.warn", lambda *_, **__: None)
            threads = [threading.Thread(target=ask) for _ in range(3)]
            for thread in threads:
                thread.start()
            for name in ("second", "first", "second", "first", "second"):
                use(tmp_path, name)
                process.send_signal(signal.SIGHUP)
                wait_for_line(process, "certificates were read again")
            ended.set()
            for thread in threads:
                thread.join()
        assert failures == []
        assert shown(address) == second.public_bytes(serialization.Encoding.DER)


def test_whoever_joins_does_not_let_the_socket_block() -> None:
    # Whether it blocks is of the socket, not of a descriptor: others would wait in accept, and answer nobody.
    with listen_at("127.0.0.1", 0, 30) as first, socket.socket(fileno=os.dup(first.fileno())) as second:
        for listener in (first, second):
            joined = _Embedded(lambda *_: None, listener, TlsConfig())  # type: ignore[arg-type]
            joined._init_shared_socket()
            os.close(joined._shd.get_fd())
            assert not os.get_blocking(first.fileno())


def test_a_request_in_flight_outlives_its_certificate(tmp_path: Path, settings: Path, tools: Any) -> None:
    certify(tmp_path, "second")
    body = b"y" * 200_000
    with server(settings) as (process, address):
        context = ssl.create_default_context(cafile=tmp_path / "first.pem")
        client = http.client.HTTPSConnection(address, timeout=30, context=context)
        client.putrequest("POST", f"/v2/demo/blobs/uploads/?digest={tools.sha256(body)}")
        client.putheader("Content-Length", str(len(body)))
        client.endheaders(body[:100_000])
        use(tmp_path, "second")
        process.send_signal(signal.SIGHUP)
        wait_for_line(process, "certificates were read again")
        time.sleep(0.2)
        client.send(body[100_000:])
        assert client.getresponse().status == 201
        client.close()


@pytest.mark.parametrize("defect", ["other key", "no PEM", "gone"])
def test_a_bad_certificate_keeps_the_old(tmp_path: Path, settings: Path, defect: str) -> None:
    certify(tmp_path, "second")
    with server(settings) as (process, address):
        before = shown(address)
        if defect == "other key":
            (tmp_path / "server.key").write_bytes((tmp_path / "second.key").read_bytes())
        elif defect == "no PEM":
            (tmp_path / "server.pem").write_text("not a certificate")
        else:
            (tmp_path / "server.pem").unlink()
        process.send_signal(signal.SIGHUP)
        assert "cannot be used" in wait_for_line(process, "the old certificate stays in use")
        assert shown(address) == before
        use(tmp_path, "second")
        process.send_signal(signal.SIGHUP)
        wait_for_line(process, "certificates were read again")
        assert shown(address) != before


def test_a_bad_certificate_at_the_start(tmp_path: Path, settings: Path) -> None:
    (tmp_path / "server.key").write_text("not a key")
    with server(settings) as (process, address):
        assert address == ""
        assert "failure: the certificate" in wait_for_line(process, "failure")


def test_clients_show_a_certificate_too(tmp_path: Path, settings: Path) -> None:
    authority = certify(tmp_path, "authority")
    key = serialization.load_pem_private_key((tmp_path / "authority.key").read_bytes(), None)
    certify(tmp_path, "client", (authority, key))
    settings.write_text(settings.read_text() + f'client_ca = "{tmp_path / "authority.pem"}"\n')
    with server(settings) as (_, address):
        url, trusted = f"https://{address}/v2/", str(tmp_path / "first.pem")
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=10, verify=trusted)
        pair = (str(tmp_path / "client.pem"), str(tmp_path / "client.key"))
        assert requests.get(url, timeout=10, verify=trusted, cert=pair).status_code == 200


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    file = tmp_path / "registry.toml"
    file.write_text(f'data = "{tmp_path / "data"}"\nlisten = "127.0.0.1:0"\ngrace = "10s"\ndrain = "1500ms"\n')
    return file


def test_uploads_in_flight_are_drained(plain: Path, tools: Any) -> None:
    body = b"z" * 200_000
    with server(plain) as (process, address):
        client = http.client.HTTPConnection(address, timeout=30)
        client.putrequest("POST", f"/v2/demo/blobs/uploads/?digest={tools.sha256(body)}")
        client.putheader("Content-Length", str(len(body)))
        client.endheaders(body[:100_000])
        until(lambda: has_read(address))
        process.send_signal(signal.SIGTERM)
        wait_for_line(process, "stopping")
        # First it only says that it is about to go.
        assert requests.get(f"http://{address}/readyz", timeout=10).status_code == 503
        assert requests.get(f"http://{address}/healthz", timeout=10).status_code == 200
        assert requests.get(f"http://{address}/v2/", timeout=10).status_code == 200
        # Then it refuses.
        until(lambda: refused(address))
        client.send(body[100_000:])
        assert client.getresponse().status == 201
        client.close()
        assert process.wait(timeout=20) == 0
    with server(plain) as (_, address):
        found = requests.get(f"http://{address}/v2/demo/blobs/{tools.sha256(body)}", timeout=10)
        assert found.content == body


def test_a_connection_that_is_kept_asks_in_vain(plain: Path) -> None:
    plain.write_text(plain.read_text().replace("1500ms", "0s"))
    with server(plain) as (process, address), requests.Session() as session:
        assert session.get(f"http://{address}/v2/", timeout=10).status_code == 200
        busy = http.client.HTTPConnection(address, timeout=30)
        busy.putrequest("POST", "/v2/demo/blobs/uploads/?digest=sha256:" + "0" * 64)
        busy.putheader("Content-Length", "10")
        busy.endheaders(b"12345")
        until(lambda: has_read(address, 2))
        process.send_signal(signal.SIGTERM)
        wait_for_line(process, "stopping")
        time.sleep(0.2)
        with suppress(requests.ConnectionError):
            assert session.get(f"http://{address}/v2/", timeout=5).status_code == 503
        busy.send(b"67890")
        assert busy.getresponse().status == 400
        busy.close()
        assert process.wait(timeout=20) == 0


def test_who_does_not_finish_in_time_is_cut_off(plain: Path) -> None:
    plain.write_text(plain.read_text().replace("10s", "300ms").replace("1500ms", "0s"))
    with server(plain) as (process, address):
        client = http.client.HTTPConnection(address, timeout=30)
        client.putrequest("POST", "/v2/demo/blobs/uploads/?digest=sha256:" + "0" * 64)
        client.putheader("Content-Length", "1000")
        client.endheaders(b"x")
        until(lambda: has_read(address))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        client.close()


def test_sighup_begins_logs_anew(plain: Path, tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    plain.write_text(f'{plain.read_text()}[observing]\naccess_log = "{log}"\n')
    with server(plain) as (process, address):
        log.rename(tmp_path / "old.jsonl")
        process.send_signal(signal.SIGHUP)
        wait_for_line(process, "logs were opened again")
        requests.get(f"http://{address}/v2/", timeout=10)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    assert '"/v2/"' in log.read_text()
