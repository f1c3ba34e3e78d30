"""A registry as they were before distribution-spec 1.1: it knows no referrers, and keeps all in memory."""

import json
import re
from urllib.parse import parse_qs, urlsplit

from registry.digest import Digest
from tests.client.scripted import Answer, Asked

PATH = re.compile(r"/v2/(?P<name>.+?)/(?P<kind>manifests|blobs|tags|referrers)/(?P<rest>.*)")


class OldRegistry:
    """A script for :func:`tests.client.scripted.scripted`; ``tags`` is by repository and tag."""

    def __init__(self) -> None:
        self.content: dict[str, tuple[str, bytes]] = {}
        self.tags: dict[tuple[str, str], str] = {}

    def __call__(self, asked: Asked) -> Answer:
        match = PATH.fullmatch(urlsplit(asked.path).path)
        if match is None:
            return Answer(404)
        name, kind, rest = match["name"], match["kind"], match["rest"]
        if kind == "tags":
            tags = [tag for repository, tag in self.tags if repository == name]
            return Answer(200, json.dumps({"name": name, "tags": tags}).encode())
        if kind == "blobs" and rest == "uploads/":
            return Answer(202, headers={"Location": f"/v2/{name}/blobs/uploads/1"})
        if asked.method == "PUT":
            return self._put(asked, name, kind, rest)
        return self._get(name, kind, rest)

    def _put(self, asked: Asked, name: str, kind: str, rest: str) -> Answer:
        query = parse_qs(urlsplit(asked.path).query)
        digest = query["digest"][0] if kind == "blobs" else str(Digest.of(asked.body))
        assert digest == str(Digest.of(asked.body))
        self.content[digest] = (asked.headers.get("content-type", "application/octet-stream"), asked.body)
        if kind == "manifests" and ":" not in rest:
            self.tags[name, rest] = digest
        return Answer(201, headers={"Location": "/", "Docker-Content-Digest": digest})

    def _get(self, name: str, kind: str, rest: str) -> Answer:
        digest = rest if ":" in rest else self.tags.get((name, rest), "")
        if kind == "referrers" or digest not in self.content:
            return Answer(404, b'{"errors":[{"code":"NOT_FOUND","message":"no"}]}')
        media_type, data = self.content[digest]
        return Answer(200, data, {"Content-Type": media_type, "Docker-Content-Digest": digest})
