"""The services of sigstore on loopback: Fulcio, a timestamp authority and Rekor 2 are the real programs.

The OpenID issuer is a test's own, as in any private instance. The certificate-transparency log is a FAKE: it
signs what Fulcio sends and keeps nothing, so that no proof of inclusion can be asked of it.
"""

import base64
import json
import os
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from filelock import FileLock

from tests.interop.peers import find
from tests.keyless import CODE, Authority, b64, der, ecdsa, new_key, spki, spki_of, tlv
from wasmbuild.trust.der import SEQUENCE, read

START_SECONDS = 30
LOCK_SECONDS = 240
LOG_NAME = "127.0.0.1"
"""What a log calls itself, which has to be the host of its URL for cosign."""

EMAIL = "ada@example.com"
PLAIN = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
_POISON = bytes.fromhex("060a2b06010401d679020403")


class Services:
    """Where the services are, what a client is told of them, and tokens for them."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._token_key = new_key()
        self._log_key = new_key()
        self.issuer = stack.enter_context(_served(self._issuer_answer))
        certificate_log = stack.enter_context(_served(self._log_answer))
        self.fulcio = stack.enter_context(self._fulcio(folder, certificate_log))
        self.times = stack.enter_context(_times(folder))
        self._rekor_key = ed25519.Ed25519PrivateKey.generate()
        self.rekor = stack.enter_context(_rekor(folder, self._rekor_key))
        self.trusted_root = self._trusted_root(b64(sha256(spki(self._log_key)).digest()))

    def token(self, email: str = EMAIL, audience: str = "sigstore", minutes: int = 5) -> str:
        """An identity token, as an issuer signs them (RFC 7519, ES256)."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "an opaque number",
            "aud": audience,
            "iat": now,
            "exp": now + 60 * minutes,
            "email": email,
            "email_verified": True,
        }
        signed = ".".join(_url(json.dumps(part).encode()) for part in ({"alg": "ES256", "kid": "1"}, claims))
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

        numbers = decode_dss_signature(ecdsa(self._token_key, signed.encode()))
        return f"{signed}.{_url(b''.join(number.to_bytes(32) for number in numbers))}"

    def configuration(self) -> dict[str, Any]:
        """What ``--trust-config`` takes."""
        return {
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": self.trusted_root,
            "signingConfig": {
                "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
                "caUrls": [_service(self.fulcio, 1)],
                "oidcUrls": [_service(self.issuer, 1)],
                "rekorTlogUrls": [_service(self.rekor, 2)],
                "rekorTlogConfig": {"selector": "ANY"},
                "tsaUrls": [_service(f"{self.times}/api/v1/timestamp", 1)],
                "tsaConfig": {"selector": "ANY"},
            },
        }

    def _issuer_answer(self, path: str, _: bytes) -> Any:
        if path == "/.well-known/openid-configuration":
            urls = {f"{name}_endpoint": f"{self.issuer}/{name}" for name in ("authorization", "token")}
            algorithms = {"id_token_signing_alg_values_supported": ["ES256"], "response_types_supported": ["id_token"]}
            return {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", **urls, **algorithms}
        numbers = self._token_key.public_key().public_numbers()
        place = {"x": _url(numbers.x.to_bytes(32)), "y": _url(numbers.y.to_bytes(32))}
        return {"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1", **place}]}

    def _log_answer(self, _: str, body: bytes) -> Any:
        """``add-pre-chain`` of RFC 6962, section 4.2, without a log behind it."""
        precertificate, issuer = (base64.b64decode(each) for each in json.loads(body)["chain"][:2])
        tbs = without_poison(x509.load_der_x509_certificate(precertificate).tbs_certificate_bytes)
        since = time.time_ns() // 1_000_000
        hashed = sha256(spki_of(x509.load_der_x509_certificate(issuer))).digest()
        signed = b"\0\0" + since.to_bytes(8) + b"\0\1" + hashed + len(tbs).to_bytes(3) + tbs + b"\0\0"
        signature = ecdsa(self._log_key, signed)
        made = b"\4\3" + len(signature).to_bytes(2) + signature
        log_id = b64(sha256(spki(self._log_key)).digest())
        return {"sct_version": 0, "id": log_id, "timestamp": since, "extensions": "", "signature": b64(made)}

    @contextmanager
    def _fulcio(self, folder: Path, certificate_log: str) -> Iterator[str]:
        port, internal, metrics = _ports(3)
        known = {"IssuerURL": self.issuer, "ClientID": "sigstore", "Type": "email"}
        config = folder / "fulcio.json"
        config.write_text(json.dumps({"OIDCIssuers": {self.issuer: known}}))
        authority = Authority.of("a test's own", issues=CODE, start=datetime.now(UTC) - timedelta(days=1), days=10)
        chain, key = folder / "authority.pem", folder / "authority.key"
        chain.write_bytes(b"".join(each.public_bytes(serialization.Encoding.PEM) for each in authority.chain))
        key.write_bytes(authority.key.private_bytes(*PLAIN))
        command = [
            *("serve", "--host", "127.0.0.1", "--port", str(port), "--grpc-host", "127.0.0.1"),
            *("--grpc-port", str(internal), "--metrics-port", str(metrics), "--ca", "fileca"),
            *(
                "--fileca-cert",
                str(chain),
                "--fileca-key",
                str(key),
                "--fileca-watch=false",
                "--fileca-key-passwd",
                "-",
            ),
            *("--config-path", str(config), "--ct-log-url", f"{certificate_log}/test"),
            *("--legacy-unix-domain-socket", f"@wasmbuild-test-{port}"),
        ]
        with _running("fulcio", command, folder, f"http://127.0.0.1:{port}/healthz"):
            yield f"http://127.0.0.1:{port}"

    def _trusted_root(self, certificate_log_id: str) -> dict[str, Any]:
        start = (datetime.now(UTC) - timedelta(days=1)).isoformat()
        window = {"validFor": {"start": start}}
        trusted = json.loads(_get(f"{self.fulcio}/api/v2/trustBundle"))["chains"][0]["certificates"]
        stamping = _get(f"{self.times}/api/v1/timestamp/certchain")
        raw = self._rekor_key.public_key().public_bytes_raw()
        log_id = sha256(LOG_NAME.encode() + b"\n\x01" + raw).digest()
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [_log(self.rekor, self._rekor_key, "PKIX_ED25519", b64(log_id), window)],
            "ctlogs": [_log(self.fulcio, self._log_key, "PKIX_ECDSA_P256_SHA_256", certificate_log_id, window)],
            "certificateAuthorities": [_authority(self.fulcio, "\n".join(trusted).encode(), window)],
            "timestampAuthorities": [_authority(self.times, stamping, window)],
        }


@contextmanager
def services(folder: Path) -> Iterator[Services]:
    """All of them, until the end; skips where one of the programs is not there."""
    for name in ("fulcio", "timestamp-server", "rekor-posix"):
        find(name)
    # The timestamp authority serves its metrics on a port that nothing can change: one at a time.
    lock = FileLock(Path(tempfile.gettempdir()) / "wasmbuild-test-sigstore.lock", timeout=LOCK_SECONDS)
    with lock, ExitStack() as stack:
        yield Services(folder, stack)


def without_poison(tbs: bytes) -> bytes:
    """A ``TBSCertificate`` without the extension that makes it a precertificate (RFC 6962, section 3.1)."""
    fields = read(tbs).items(SEQUENCE)
    kept = [each.whole for each in fields[-1].only(0xA3).items(SEQUENCE) if not each.content.startswith(_POISON)]
    return tlv(SEQUENCE, *(each.whole for each in fields[:-1]), tlv(0xA3, tlv(SEQUENCE, *kept)))


@contextmanager
def _times(folder: Path) -> Iterator[str]:
    (port,) = _ports(1)
    command = ["serve", "--host", "127.0.0.1", "--port", str(port), "--disable-ntp-monitoring"]
    with _running("timestamp-server", command, folder, f"http://127.0.0.1:{port}/ping"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _rekor(folder: Path, key: ed25519.Ed25519PrivateKey) -> Iterator[str]:
    port, internal, metrics = _ports(3)
    pem = folder / "rekor.pem"
    pem.write_bytes(key.private_bytes(*PLAIN))
    command = [
        *("serve", "--http-port", str(port), "--grpc-port", str(internal), "--http-metrics-port", str(metrics)),
        *("--hostname", LOG_NAME, "--storage-dir", str(folder / "log"), "--signer-filepath", str(pem)),
        *("--checkpoint-interval", "1s"),
    ]
    with _running("rekor-posix", command, folder, f"http://127.0.0.1:{port}/healthz"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _running(name: str, arguments: list[str], folder: Path, ready: str) -> Iterator[None]:
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen([find(name), *arguments], stdout=output, stderr=output, cwd=folder, env=os.environ)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(ready):
            assert process.poll() is None, f"{name} did not start:\n{log.read_text()}"
            assert time.monotonic() < deadline, f"{name} does not answer:\n{log.read_text()}"
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _served(answer: Callable[[str, bytes], Any]) -> Iterator[str]:
    """A small server that answers with JSON."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(b"")

        def do_POST(self) -> None:
            self._reply(self.rfile.read(int(self.headers["Content-Length"])))

        def _reply(self, body: bytes) -> None:
            data = json.dumps(answer(self.path, body)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _ports(count: int) -> list[int]:
    """Ports that are free now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _answers(url: str) -> bool:
    try:
        return bool(_get(url)) or True
    except OSError:
        return False


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read()


def _service(url: str, version: int) -> dict[str, Any]:
    start = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"url": url, "majorApiVersion": version, "validFor": {"start": start}, "operator": "test"}


def _log(url: str, key: Any, kind: str, log_id: str, window: dict[str, Any]) -> dict[str, Any]:
    public = {"rawBytes": b64(spki(key)), "keyDetails": kind, **window}
    return {"baseUrl": url, "hashAlgorithm": "SHA2_256", "publicKey": public, "logId": {"keyId": log_id}}


def _authority(url: str, pem: bytes, window: dict[str, Any]) -> dict[str, Any]:
    chain = [{"rawBytes": b64(der(each))} for each in x509.load_pem_x509_certificates(pem)]
    subject = {"organization": "test", "commonName": "test"}
    return {"subject": subject, "uri": url, "certChain": {"certificates": chain}, **window}


def _url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
