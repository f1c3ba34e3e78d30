import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from registry.server.backup.making import BackupReport, make_backup
from registry.server.backup.restoring import RestoreReport, restore_backup
from registry.server.config import ServerConfig
from registry.server.operating import operate
from registry.server.testing import running_server


@dataclass
class Content:
    """What clients were told is there: manifests by repository and tag, and the blobs of each."""

    images: dict[tuple[str, str], tuple[bytes, list[bytes]]] = field(default_factory=dict)

    def push(self, api: Any, tools: Any, repository: str, tag: str, *layers: bytes) -> None:
        config = b"{}"
        body = tools.manifest(layers=[tools.descriptor(layer) for layer in layers])
        for _ in range(20):
            for blob in (config, *layers):
                api.push_blob(blob, repository)
            answer = api.put_manifest(tag, body, repository)
            if answer.status_code != 404:  # a client that was slower than the grace time begins again
                break
        assert answer.status_code == 201, answer.text
        self.images[repository, tag] = body, [config, *layers]

    def check(self, api: Any, tools: Any) -> None:
        """Everything is there, byte for byte."""
        for (repository, tag), (body, blobs) in self.images.items():
            answer = api.get_manifest(tag, repository)
            assert answer.content == body, (repository, tag, answer.text)
            for blob in blobs:
                assert api.get_blob(tools.sha256(blob), repository).content == blob


def backup(config: ServerConfig, folder: Path) -> BackupReport:
    return operate(config, lambda services: make_backup(services, folder))


def restore(config: ServerConfig, folder: Path) -> RestoreReport:
    return operate(config, lambda services: restore_backup(services, folder), create=True)


class Backups:
    """The helpers of this file."""

    Content = Content
    backup = staticmethod(backup)
    restore = staticmethod(restore)


@pytest.fixture(scope="session")
def backups() -> type[Backups]:
    return Backups


@pytest.fixture
def made(data: Path, tools: Any, tmp_path: Path) -> tuple[Path, Content]:
    """A backup of a small registry, whose data folder is ``data``, and what is in it."""
    content, folder = Content(), tmp_path / "backup"
    with running_server(data) as address, requests.Session() as session:
        api = tools.Api(address, session)
        content.push(api, tools, "team/app", "v1", b"first", b"shared")
        content.push(api, tools, "team/app", "v2", b"second", b"shared")
        content.push(api, tools, "other", "latest", b"shared", b"")
    backup(ServerConfig(data), folder)
    return folder, content


@pytest.fixture
def rows() -> Any:
    """Asks a file of SQLite."""

    def ask(path: Path, query: str, *values: object) -> list[Any]:
        connection = sqlite3.connect(path)
        try:
            with connection:
                return connection.execute(query, values).fetchall()
        finally:
            connection.close()

    return ask
