"""An issuer of workload tokens on loopback, with keys that a test changes."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.client.scripted import Answer, Asked, scripted

NUMBERS = count()
AUDIENCE = "registry"


class Issuer:
    """``extra`` are other documents by path; ``issuer`` is what the discovery document says of itself."""

    def __init__(self) -> None:
        self.server: Any = None
        self.extra: dict[str, Answer] = {}
        self.rotate()

    @property
    def url(self) -> str:
        return f"http://{self.server.address}"

    def rotate(self) -> None:
        self.kid = f"key-{next(NUMBERS)}"
        self.private = ec.generate_private_key(ec.SECP256R1())

    def jwks(self) -> dict[str, Any]:
        key = jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {"keys": [{**key, "kid": self.kid, "use": "sig", "alg": "ES256"}]}

    def answer(self, asked: Asked) -> Answer:
        if asked.path in self.extra:
            return self.extra[asked.path]
        documents = {
            "/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"},
            "/jwks": self.jwks(),
        }
        if asked.path not in documents:
            return Answer(404)
        return Answer(200, json.dumps(documents[asked.path]).encode())

    def token(self, *, key: Any = None, algorithm: str = "ES256", headers: Any = None, **claims: Any) -> str:
        now = int(time.time())
        body = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "ci",
            "iat": now,
            "exp": now + 300,
            "jti": f"jti-{next(NUMBERS)}",
            **claims,
        }
        body = {name: value for name, value in body.items() if value is not None}
        return jwt.encode(body, key or self.private, algorithm, {"kid": self.kid, **(headers or {})})


def other_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def unsigned(claims: dict[str, Any]) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}."


@contextmanager
def serving_issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    with scripted(issuer.answer) as server:
        issuer.server = server
        yield issuer
