"""Tries, warnings, pages and TLS: what the transport does with whatever a registry answers."""

import contextlib
import datetime as dt
import http.client
import ipaddress
import itertools
import json
import socket
import ssl
import threading
import time
import traceback
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from registry.client import bodies
from registry.client.answers import unreachable
from registry.client.repository import Repository
from registry.client.session import is_loopback, open_session, speaks_plain
from registry.client.settings import HostSettings, Settings
from registry.client.transport import Request, Transport
from registry.content import read_all
from registry.errors import (
    ContentTooLarge,
    Failure,
    InvalidConfiguration,
    RegistryRefused,
    RemoteNotFound,
    UnexpectedAnswer,
    Unreachable,
)
from registry.graph import push_bytes
from registry.model import EMPTY, EMPTY_BYTES, OCI_MANIFEST, Manifest, describe
from tests.client.scripted import Answer, scripted

MANIFEST = Manifest(config=EMPTY, layers=()).encode()
DESCRIPTOR = describe(OCI_MANIFEST, MANIFEST)
GOOD = Answer(200, MANIFEST, {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": str(DESCRIPTOR.digest)})


def remote(address, settings=Settings(), name="a/b"):
    return Repository(Transport(address, settings), name)


def in_turn(*answers):
    left = list(answers)
    return lambda _: left.pop(0)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_manifest_that_is_refused_for_now_is_put_again(status):
    with scripted(in_turn(Answer(status), Answer(status), Answer(201))) as server:
        push_bytes(remote(server.address), DESCRIPTOR, MANIFEST)
    assert [asked.body for asked in server.asked] == [MANIFEST] * 3


@pytest.mark.parametrize("status", [400, 404, 405, 409, 413, 418, 501])
def test_a_refusal_that_stays_one_is_not_tried_again(status, clock):
    with scripted(lambda _: Answer(status)) as server, pytest.raises((RegistryRefused, RemoteNotFound)):
        push_bytes(remote(server.address), DESCRIPTOR, MANIFEST)
    assert len(server.asked) == 1
    assert clock.waited == []


def test_a_retried_post_opens_another_upload():
    answers = in_turn(Answer(503), Answer(202, headers={"Location": "/up/2"}), Answer(201))
    with scripted(answers) as server:
        push_bytes(remote(server.address), EMPTY, EMPTY_BYTES)
    assert [(asked.method, asked.path.partition("?")[0]) for asked in server.asked] == [
        ("POST", "/v2/a/b/blobs/uploads/"),
        ("POST", "/v2/a/b/blobs/uploads/"),
        ("PUT", "/up/2"),
    ]


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [("7", 7, 7.1), ("0", 0, 1), ("nonsense", 0, 1), ("-5", 0, 1), ("", 0, 1), ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 1)],
)
def test_a_registry_says_when_to_come_back(header, least, most, clock):
    with scripted(in_turn(Answer(429, headers={"Retry-After": header}), GOOD)) as server:
        remote(server.address).resolve("v1")
    assert least <= clock.waited[0] <= most


def test_a_person_is_told_about_a_long_wait_and_not_kept_longer_than_they_want(clock):
    heard = []
    busy = Answer(429, b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}', {"Retry-After": "45"})
    settings = Settings(retry_for=50).heard_by(heard.append)
    with scripted(lambda _: busy) as server, pytest.raises(RegistryRefused, match="slow down"):
        remote(server.address, settings).resolve("v1")
    assert clock.waited == [45]
    assert len(heard) == 1
    assert heard[0].endswith("429 TOOMANYREQUESTS: slow down; trying again in 45 s")


def test_nobody_waits_who_does_not_want_to(clock):
    with scripted(lambda _: Answer(503)) as server, pytest.raises(RegistryRefused):
        remote(server.address, Settings(retry_for=0)).resolve("v1")
    assert clock.waited == []


def test_a_name_that_never_answered_is_not_waited_for_long(clock):
    with pytest.raises(Unreachable):
        remote("127.0.0.1:1").resolve("v1")
    assert sum(clock.waited) < 1.5


def test_warnings_are_shown_once_and_safely():
    heard = []
    warning = '299 - "this repository moves \\"soon\\" \x1b[31m", 199 - "not ours", 299 - "read the news"'
    with scripted(lambda _: Answer(200, MANIFEST, {**GOOD.headers, "Warning": warning})) as server:
        repository = remote(server.address, Settings().heard_by(heard.append))
        repository.resolve("v1")
        repository.resolve("v2")
    assert heard == [
        f'{server.address}: this repository moves "soon" \\x1b[31m',
        f"{server.address}: read the news",
    ]


@pytest.mark.parametrize("warning", ["299", '299 - "unfinished', "nonsense", '299 - ""', "x" * 5000])
def test_warnings_that_are_none_do_no_harm(warning):
    with scripted(lambda _: Answer(200, MANIFEST, {**GOOD.headers, "Warning": warning})) as server:
        assert remote(server.address).resolve("v1") == DESCRIPTOR


@pytest.mark.parametrize("link", ["http://127.0.0.1:1/v2/a/b/tags/list", "//example.com/x", "http://[bad/x"])
def test_a_list_does_not_lead_us_elsewhere(link):
    page = Answer(200, b'{"name":"a/b","tags":["v1"]}', {"Link": f'<{link}>; rel="next"'})
    with scripted(lambda _: page) as server, pytest.raises(UnexpectedAnswer, match=r"next page|leads us"):
        remote(server.address).tags()


def endless(size=0):
    numbers = itertools.count()

    def script(_):
        number = next(numbers)
        body = json.dumps({"name": "a/b", "tags": [f"v{number}", "x" * size]}).encode()
        return Answer(200, body, {"Link": f'</v2/a/b/tags/list?last=v{number}>; rel="next"'})

    return script


def test_a_list_that_has_no_end_is_given_up(monkeypatch):
    monkeypatch.setattr("registry.client.transport._MAX_PAGES", 20)
    with scripted(endless()) as server, pytest.raises(ContentTooLarge, match="more than 20 pages"):
        remote(server.address).tags()


def test_a_list_that_is_too_large_in_all_is_given_up():
    with scripted(endless(3_000_000)) as server, pytest.raises(ContentTooLarge, match="bytes"):
        remote(server.address).tags()
    assert len(server.asked) < 30


def test_a_list_that_goes_in_a_circle_is_given_up():
    page = Answer(200, b'{"name":"a/b","tags":["v1"]}', {"Link": '</v2/a/b/tags/list?again>; rel="next"'})
    with scripted(lambda _: page) as server, pytest.raises(UnexpectedAnswer, match="in a circle"):
        remote(server.address).tags()
    assert len(server.asked) == 2


@pytest.mark.parametrize("body", [b'{"tags":' + b"[" * 100_000, b'{"tags":["a"],"tags":["b"]}', b'{"tags":[NaN]}'])
def test_a_list_is_parsed_as_strictly_as_everything(body):
    with scripted(lambda _: Answer(200, body)) as server, pytest.raises(UnexpectedAnswer, match="did not list"):
        remote(server.address).tags()


def test_names_that_cannot_be_tags_are_left_out_and_said():
    heard = []
    names = ["v1", "", "-t", "..", "../x", "a\nb", "\x1b[31m", "a" * 200]
    page = Answer(200, json.dumps({"name": "a/b", "tags": names}).encode())
    with scripted(lambda _: page) as server:
        assert remote(server.address, Settings().heard_by(heard.append)).tags() == ["v1"]
    assert heard == [f"{server.address}/a/b lists 7 names that cannot be tags"]


@pytest.mark.parametrize(
    "drip", [b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10_000, b"HTTP/1.1 100 Continue\r\n\r\n" * 1000]
)
def test_an_answer_that_never_begins_is_given_up(drip, monkeypatch):
    """The clock runs a hundred times as fast here."""
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() * 100)
    monkeypatch.setattr("registry.client.deadline.time", clock)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=dripping, args=(listener, drip), daemon=True).start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(Unreachable, match="had not begun after 90 seconds"):
            remote(address, Settings(retry_for=0)).resolve("v1")


def dripping(listener, data):
    with contextlib.suppress(OSError):
        connection, _ = listener.accept()
        with connection:
            for number in range(0, len(data), 25):
                connection.sendall(data[number : number + 25])
                time.sleep(0.02)


def test_the_host_that_a_redirect_led_to_is_the_one_that_failed():
    elsewhere = Answer(307, headers={"Location": "http://127.0.0.1:1/x?sig=s3cret"})
    with scripted(lambda _: elsewhere) as server, pytest.raises(Unreachable) as caught:
        remote(server.address, Settings(retry_for=0)).resolve("v1")
    assert caught.value.what == "the registry 127.0.0.1:1 could not be reached"
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_what_comes_with_a_redirect_is_not_read(method, monkeypatch):
    """The body never ends, and whoever reads it anyway ends with an error."""
    answered = []

    def script(asked):
        answered.append(asked)
        return GOOD if asked.path == "/there" else Answer(307, b"x" * 100, endless)

    endless = {"Location": "/there", "Content-Length": str(2**40)}
    monkeypatch.setattr(requests.Response, "iter_content", lambda *_: pytest.fail("the whole body was read"))
    with scripted(script) as server:
        transport = Transport(server.address, Settings(retry_for=0))
        asked = Request(method, f"{transport.base}/v2/a/b/manifests/v1", "it did not answer")
        if method == "GET":
            assert transport.send(asked, 200).status_code == 200
        else:
            with pytest.raises(UnexpectedAnswer, match="307 is no answer to PUT"):
                transport.send(asked, 200)


def test_a_small_body_that_is_let_go_and_drips_is_given_up(monkeypatch):
    """The clock runs a thousand times as fast here."""
    monkeypatch.setattr(bodies, "time", SimpleNamespace(monotonic=lambda: time.monotonic() * 1000))
    slow = Answer(307, b"x" * 2000, {"Location": "/there"}, drip=0.02)
    with scripted(lambda asked: GOOD if asked.path == "/there" else slow) as server:
        assert remote(server.address, Settings(retry_for=0)).resolve("v1") == DESCRIPTOR


@pytest.mark.parametrize(
    "answer",
    [
        Answer(429, headers={"Retry-After": "9" * 5000}),
        Answer(401, headers={"Content-Length": "9" * 5000, "WWW-Authenticate": "Basic"}, cut=0),
        Answer(202, headers={"OCI-Chunk-Min-Length": "9" * 5000, "Location": "/there"}),
        Answer(206, headers={"Content-Range": f"bytes {'9' * 5000}-{'9' * 5000}/*"}),
    ],
    ids=["retry-after", "content-length", "chunk", "range"],
)
def test_numbers_that_are_too_long_for_python_are_no_numbers(answer):
    def script(asked):
        cut = Answer(200, MANIFEST, {"Content-Type": OCI_MANIFEST}, cut=3)
        return cut if answer.status == 206 and "range" not in asked.headers else answer

    with scripted(script) as server:
        settings = Settings(retry_for=5, other=HostSettings(chunk_size=1024))
        far = Repository(Transport(server.address, settings), "a/b")
        far.transport.auth.set_basic_auth("ada", "secret")
        with pytest.raises(Failure):
            read_all(far, DESCRIPTOR) if answer.status == 206 else push_bytes(far, EMPTY, EMPTY_BYTES)


def test_a_list_is_read_within_bounds():
    with scripted(lambda _: Answer(200, b" " * (4 * 1024 * 1024 + 1))) as server, pytest.raises(ContentTooLarge):
        remote(server.address).tags()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10:5000", True),
        ("[::1]:5000", True),
        ("localhost", True),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("10.0.0.1", False),
        ("registry.example.com", False),
    ],
)
def test_plain_http_is_for_this_machine(host, expected):
    assert is_loopback(host) is expected
    assert speaks_plain(host, HostSettings()) is expected
    assert speaks_plain(host, HostSettings(plain_http=True))
    assert not speaks_plain(host, HostSettings(ca_file=Path("ca.pem")))
    assert not speaks_plain(host, HostSettings(insecure_skip_tls_verify=True))


def certificate(name, issuer=None, issuer_key=None, *, authority=False):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    )
    if issuer_key:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        builder = builder.add_extension(identifier, critical=False)
    usage = x509.KeyUsage(
        digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return builder.add_extension(usage, critical=True).sign(issuer_key or key, hashes.SHA256()), key


def pem(path, made, key=None):
    data = made.public_bytes(serialization.Encoding.PEM)
    if key is not None:
        data += key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    path.write_bytes(data)
    return path


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A private authority: its own file, a server's and a client's."""
    folder = tmp_path_factory.mktemp("authority")
    made, key = certificate("an authority of our own", authority=True)
    for name in ("server", "client"):
        pem(folder / f"{name}.pem", *certificate(name, made.subject, key))
    pem(folder / "ca.pem", made)
    return folder


@pytest.fixture
def secured(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.pem")
    with scripted(lambda _: GOOD) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.context = context
        yield server


def over_tls(server, **given):
    return remote(server.address, Settings(hosts={server.address: HostSettings(**given)}))


def test_a_private_authority_is_trusted_where_it_is_named(secured, authority):
    assert over_tls(secured, ca_file=authority / "ca.pem").resolve("v1") == DESCRIPTOR


def test_an_authority_that_nobody_named_is_not_trusted(secured, authority, clock):
    with pytest.raises(Unreachable) as caught:
        over_tls(secured, ca_file=authority / "client.pem").resolve("v1")
    assert "certificate" in caught.value.cause
    assert "--ca-file" in caught.value.hint
    assert clock.waited == []


def test_a_bundle_in_the_environment_does_not_overrule_the_named_authority(secured, authority, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority / "ca.pem"))
    with pytest.raises(Unreachable):
        over_tls(secured, ca_file=authority / "client.pem").resolve("v1")
    # Token servers are asked in another way; whom it trusts is the same.
    session = open_session("registry.example.com", HostSettings(ca_file=authority / "client.pem"), 1)
    with pytest.raises(requests.exceptions.SSLError), session.get(f"https://{secured.address}/", timeout=5):
        pass
    session = open_session("registry.example.com", HostSettings(ca_file=authority / "ca.pem"), 1)
    with session.post(f"https://{secured.address}/", timeout=5) as response:
        assert response.ok


def test_not_to_check_the_certificate_works_and_is_said(secured):
    heard = []
    settings = Settings(other=HostSettings(insecure_skip_tls_verify=True)).heard_by(heard.append)
    assert remote(secured.address, settings).resolve("v1") == DESCRIPTOR
    assert len(heard) == 1
    assert "not checked" in heard[0]


def test_a_client_certificate_is_shown(secured, authority):
    secured.context.verify_mode = ssl.CERT_REQUIRED
    secured.context.load_verify_locations(authority / "ca.pem")
    ca, client = authority / "ca.pem", authority / "client.pem"
    assert over_tls(secured, ca_file=ca, client_certificate=client).resolve("v1") == DESCRIPTOR
    with pytest.raises(Unreachable):
        over_tls(secured, ca_file=ca).resolve("v1")


def one_answer(listener, data):
    with contextlib.suppress(OSError):
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(data)


@pytest.mark.parametrize(("plain_http", "version"), [(False, b"\x03"), (True, b"\x01")])
def test_tls_where_plain_http_is_spoken_says_so(clock, plain_http, version):
    alert = b"\x15\x03" + version + b"\x00\x02\x02\x46"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=one_answer, args=(listener, alert), daemon=True)
        thread.start()
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        settings = Settings(hosts={host: HostSettings(plain_http=plain_http)})
        with pytest.raises(Unreachable) as caught:
            remote(host, settings).resolve("v1")
        thread.join(10)
    assert caught.value.cause == "it speaks TLS, and was spoken to in plain http"
    assert "--ca-file" in caught.value.hint
    assert clock.waited == []


def test_tls_elsewhere_needs_no_authority_but_https():
    error = requests.ConnectionError(http.client.BadStatusLine("\x15\x03\x01\x00\x02\x02F"))
    failure = unreachable(error, "http://registry.example/v2/")
    assert "leave out --plain-http" in failure.hint
    assert "\\x15" in unreachable(error, "https://registry.example/v2/").cause


def test_plain_http_where_tls_is_expected_says_so():
    with scripted(lambda _: GOOD) as server, pytest.raises(Unreachable) as caught:
        over_tls(server, insecure_skip_tls_verify=True).resolve("v1")
    assert "--plain-http" in (caught.value.hint or "")


@pytest.mark.parametrize("field", ["ca_file", "client_certificate"])
def test_a_certificate_that_is_no_file_is_refused_at_once(tmp_path, field):
    with pytest.raises(InvalidConfiguration, match=r"missing\.pem is not a file"):
        remote("127.0.0.1:1", Settings(other=HostSettings(**{field: tmp_path / "missing.pem"})))


def test_a_certificate_that_is_nonsense_is_a_clear_error(tmp_path):
    (tmp_path / "ca.pem").write_text("nonsense")
    with scripted(lambda _: GOOD) as server, pytest.raises((Unreachable, InvalidConfiguration)):
        over_tls(server, ca_file=tmp_path / "ca.pem").resolve("v1")
