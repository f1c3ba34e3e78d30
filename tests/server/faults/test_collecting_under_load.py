"""Collection without a pause, while clients push, mount, look and delete: nothing that was answered is missing.

``WASMBUILD_LOAD_SECONDS`` lets it run longer than a few seconds.
"""

import json
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from registry.digest import Digest
from registry.model import OCI_MANIFEST
from registry.server.config import CollectionConfig, ServerConfig
from registry.server.testing import running_server

SECONDS = float(os.environ.get("WASMBUILD_LOAD_SECONDS", "5"))
GRACE = 1.0
CLIENTS = 4
LAYERS = [b"layer %d " % number * (1 + number * 100) for number in range(16)]


class Client:
    """One client with repositories of its own, whose layers are everybody's."""

    def __init__(self, api: Any, tools: Any, number: int) -> None:
        self.api, self.tools = api, tools
        self.random = random.Random(number)
        self.repositories = [f"team{number}/r{each}" for each in range(3)]
        self.number = number
        self.images: dict[tuple[str, str], tuple[str, list[bytes]]] = {}
        self.pushed = self.checked = self.late = 0

    def run(self, until: float) -> None:
        while time.monotonic() < until:
            repository = self.random.choice(self.repositories)
            tag = f"t{self.random.randrange(6)}"
            step = self.random.choices([self.push, self.delete, self.check, self.lonely], [6, 2, 3, 1])[0]
            step(repository, tag)
        for repository, tag in list(self.images):
            self.check(repository, tag)

    def push(self, repository: str, tag: str) -> None:
        layers = self.random.sample(LAYERS, self.random.randint(1, 4))
        entries = [self.tools.descriptor(layer) for layer in layers]
        body = json.dumps(
            {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": entries[0], "layers": entries[1:],
             "annotations": {"by": f"{self.number} {self.pushed}"}}
        ).encode()  # fmt: skip
        while True:
            began = time.monotonic()
            for layer in layers:
                self.offer(repository, layer)
            answer = self.api.put_manifest(tag, body, repository)
            if answer.status_code == 201:
                break
            # Only a client that took longer than it may is told that something is missing.
            assert answer.status_code == 404, answer.text
            assert time.monotonic() - began > GRACE / 2, answer.text
            self.late += 1
        self.images[repository, tag] = self.tools.sha256(body), layers
        self.pushed += 1

    def offer(self, repository: str, layer: bytes) -> None:
        """Have a layer in a repository in one of the ways that clients do."""
        digest = self.tools.sha256(layer)
        if self.api.call("HEAD", f"/v2/{repository}/blobs/{digest}").status_code == 200:
            return
        if self.random.random() < 0.5:
            mount = self.api.call("POST", f"/v2/{repository}/blobs/uploads/?mount={digest}")
            if mount.status_code == 201:
                return
            location = mount.headers["Location"]
        else:
            location = self.api.begin(repository)
        answer = self.api.call("PUT", f"{location}?digest={digest}", data=layer)
        assert answer.status_code == 201, answer.text

    def delete(self, repository: str, tag: str) -> None:
        found = self.images.pop((repository, tag), None)
        if found is not None:
            answer = self.api.call("DELETE", f"/v2/{repository}/manifests/{found[0]}")
            assert answer.status_code == 202, answer.text

    def lonely(self, repository: str, tag: str) -> None:
        self.offer(repository, f"nobody needs {tag} of {repository}".encode())

    def check(self, repository: str, tag: str) -> None:
        if (repository, tag) not in self.images:
            return
        digest, layers = self.images[repository, tag]
        assert self.api.get_manifest(tag, repository).headers["Docker-Content-Digest"] == digest
        for layer in layers:
            answer = self.api.get_blob(self.tools.sha256(layer), repository)
            assert (answer.status_code, answer.content) == (200, layer)
        self.checked += 1


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.timeout(SECONDS + 110)
def test_nothing_is_lost(tmp_path: Path, tools: Any, opened: Any, kind: str, request: pytest.FixtureRequest) -> None:
    url = None if kind == "sqlite" else request.getfixturevalue("postgres_url")
    data = tmp_path / "data"
    collection = CollectionConfig(grace=GRACE, interval=0.05, scrub_interval=1.0, scrub_rate=0, orphans_interval=0.5)
    with running_server(data, ServerConfig(data, database=url, collection=collection)) as address:

        def work(number: int) -> Client:
            with requests.Session() as session:
                client = Client(tools.Api(address, session), tools, number)
                client.run(time.monotonic() + SECONDS)
                return client

        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = list(pool.map(work, range(CLIENTS)))
    pushed, checked = (sum(getattr(client, name) for client in clients) for name in ("pushed", "checked"))
    assert pushed > 10
    assert checked > 10
    registry = opened(url)
    for client in clients:
        for (repository, _), (_, layers) in client.images.items():
            for layer in layers:
                assert registry.has(Digest.of(layer), repository)
    for _ in range(4):
        registry.collect(101, orphans=True)
    needed = {tools.sha256(layer)[7:] for client in clients for _, layers in client.images.values() for layer in layers}
    assert registry.files() == needed
