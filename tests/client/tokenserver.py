"""A token server that answers as a test tells it to, and a client that would ask it for ever."""

import json
import time
from collections import deque
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from registry.client.auth import RegistryAuth
from tests.client.scripted import Answer

PULL, PUSH = "repository:a/b:pull", "repository:a/b:pull,push"


class Asker:
    """A client that tries for as long as it is told to; ``tries`` is how often it asked last time."""

    def __init__(self, server, **options):
        self.server = server
        self.session = requests.Session()
        self.session.trust_env = False
        self.auth = RegistryAuth(server.address, self.session, plain=True, **options)
        self.tries = 0

    def ask(self, scope=PULL, path="/v2/a/b/tags/list"):
        for self.tries in range(1, 30):
            headers = self.auth.header(scope)
            answer = self.session.get(f"http://{self.server.address}{path}", headers=headers)
            if answer.status_code not in (401, 403):
                return answer.status_code
            if not self.auth.answer(answer, scope, answer.request.headers.get("Authorization")):
                return answer.status_code
        pytest.fail("it would have gone on for ever")


class TokenServer:
    """A registry and its token server; ``gives`` has what it answers, the last one for ever.

    ``accepts`` decides on a token and a path; ``challenge`` is the scope that a refusal names.
    """

    def __init__(self, *gives, accepts=lambda token, path: True, challenge=PULL, status=401, pause=0.0):
        self.gives = deque(gives or [{"token": "t"}])
        self.accepts, self.challenge, self.status, self.pause = accepts, challenge, status, pause
        self.asked = []

    def __call__(self, asked):
        parts = urlsplit(asked.path)
        if parts.path == "/token":
            return self.give(asked, parse_qs(asked.body.decode() if asked.method == "POST" else parts.query))
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        if scheme == "Bearer" and self.accepts(token, parts.path):
            return Answer(200, b"{}")
        challenge = f'Bearer realm="http://{asked.headers["host"]}/token",service="test",scope="{self.challenge}"'
        return Answer(self.status if token else 401, b"{}", {"WWW-Authenticate": challenge})

    def give(self, asked, query):
        self.asked.append((asked.method, asked.headers.get("authorization"), query))
        time.sleep(self.pause)
        given = self.gives.popleft() if len(self.gives) > 1 else self.gives[0]
        return given if isinstance(given, Answer) else Answer(200, json.dumps(given).encode())

    @property
    def methods(self):
        return [method for method, _, _ in self.asked]
