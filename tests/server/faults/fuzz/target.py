"""A server that is sent all sorts of things, and what must hold of every answer."""

import hashlib
import json
from dataclasses import dataclass, field

import requests

from registry.model import OCI_MANIFEST
from tests.server.faults.serving import Answer, Served, answers, connect, exchange

REPOSITORY = "demo/hello"
UPLOAD = "00000000-0000-4000-8000-000000000000"
PLAIN = ("/healthz", "/readyz", "/metrics")
_PROBE = b"GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
_LEAKS = (b"Traceback", b'File "/', b"sqlite3", b"sqlalchemy", b"nobody may see", b"/registry/server")


@dataclass
class Target:
    """``blob`` and ``manifest`` are digests of what the repository has, the manifest by the tag ``latest`` as well."""

    served: Served
    session: requests.Session
    blob: str = ""
    manifest: str = ""
    document: bytes = field(default=b"", repr=False)

    def set_up(self, data: bytes) -> None:
        self.blob = f"sha256:{hashlib.sha256(data).hexdigest()}"
        assert self.push(data).status_code == 201
        descriptor = {"mediaType": "application/octet-stream", "digest": self.blob, "size": len(data)}
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor, "layers": [descriptor]}
        self.document = json.dumps(document).encode()
        self.manifest = f"sha256:{hashlib.sha256(self.document).hexdigest()}"
        assert self.put("latest", self.document).status_code == 201

    def call(self, method: str, path: str, **options: object) -> requests.Response:
        return self.session.request(method, f"http://{self.served.address}{path}", timeout=30, **options)  # type: ignore[arg-type]

    def push(self, data: bytes) -> requests.Response:
        digest = hashlib.sha256(data).hexdigest()
        return self.call("POST", f"/v2/{REPOSITORY}/blobs/uploads/?digest=sha256:{digest}", data=data)

    def put(self, reference: str, body: bytes, media_type: str = OCI_MANIFEST) -> requests.Response:
        path = f"/v2/{REPOSITORY}/manifests/{reference}"
        return self.call("PUT", path, data=body, headers={"Content-Type": media_type})

    def send(self, data: bytes) -> list[Answer]:
        """What comes back for some bytes over a connection of their own; each answer is checked."""
        with connect(self.served.place) as connection:
            found = exchange(connection, data)
        for answer in found:
            check(answer)
        return found

    def ask(self, head: bytes, body: bytes = b"") -> Answer:
        """The one answer to one request, of which the rest of the head is given."""
        with connect(self.served.place) as connection:
            connection.sendall(head + b"\r\nConnection: close\r\n\r\n" + body)
            data = b""
            while part := connection.recv(65536):
                data += part
        method = head.partition(b" ")[0]
        if method == b"HEAD":
            data = data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            (answer,) = answers(data)
            assert answer.status < 500
            return answer
        (answer,) = answers(data)
        check(answer)
        return answer

    def lives(self) -> None:
        """An ordinary request over a new connection gets its ordinary answer."""
        with connect(self.served.place) as connection:
            connection.sendall(_PROBE)
            data = b""
            while part := connection.recv(65536):
                data += part
        (answer,) = answers(data)
        assert (answer.status, answer.body) == (200, b"{}")


def check(answer: Answer) -> None:
    """What holds of every answer: no failure of ours, nothing of our inside; and of every error, its shape.

    An answer without a body is Granian's, to what is no request: the application never saw it.
    """
    assert answer.status < 500, answer
    everything = answer.body + repr(answer.headers).encode()
    assert not [leak for leak in _LEAKS if leak in everything], answer
    if answer.status < 400:
        return
    if answer.header("x-request-id") is None:
        assert (answer.status, answer.body) in ((400, b""), (408, b""), (414, b""), (431, b"")), answer
        return
    assert answer.header("content-type") == "application/json", answer
    assert answer.header("x-content-type-options") == "nosniff", answer
    assert len(answer.body) < 20_000
    found = json.loads(answer.body)
    # The token endpoint says no as RFC 6749 has it, too.
    assert set(found) in ({"errors"}, {"errors", "error", "error_description"}), answer
    for entry in found["errors"]:
        assert {"code", "message"} <= set(entry) <= {"code", "message", "detail"}
        assert entry["code"].replace("_", "").isupper()


def head_of(method: str, path: str, query: list[tuple[str, str]], lines: list[tuple[str, bytes]], length: int) -> bytes:
    """The head of a request, without the empty line; a Host is added where none is given."""
    text = "&".join(f"{name}={value}" for name, value in query)
    head = [f"{method} {path}{'?' if text else ''}{text} HTTP/1.1".encode()]
    if "Host" not in dict(lines):
        head.append(b"Host: 127.0.0.1")
    head += [name.encode() + b": " + value for name, value in lines]
    head.append(b"Content-Length: %d" % length)
    return b"\r\n".join(head)
