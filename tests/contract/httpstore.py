"""A plain HTTP store over a folder, as ``docs/build-cache.md`` describes it; a test decides what goes wrong."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.client.scripted import Answer, Asked, Scripted, scripted

Trouble = Callable[[Asked], Answer | None]


class HttpStore:
    """``url`` is where it is; ``trouble`` may answer in its place."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trouble: Trouble = lambda asked: None
        self.server: Scripted | None = None

    @property
    def url(self) -> str:
        return f"http://{self.server.address}/team/cache"

    @property
    def asked(self) -> list[str]:
        """Method and path of every request so far, without what all have in common."""
        return [f"{each.method} {each.path.removeprefix('/team/cache/')}" for each in self.server.asked]

    def __call__(self, asked: Asked) -> Answer:
        answer = self.trouble(asked)
        if answer is not None:
            return answer
        path = self.folder / asked.path.removeprefix("/team/cache/")
        if asked.method == "PUT":
            if len(asked.body) < int(asked.headers["content-length"]):
                return Answer(400)
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = path.with_name(f"{path.name}.{threading.get_ident()}")
            whole.write_bytes(asked.body)
            whole.replace(path)
            return Answer(201)
        if not path.is_file():
            return Answer(404, b"not here")
        data = path.read_bytes()
        return Answer(200, b"", {"Content-Length": str(len(data))}) if asked.method == "HEAD" else Answer(200, data)


@contextmanager
def http_store(folder: Path) -> Iterator[HttpStore]:
    """Serve one on loopback."""
    store = HttpStore(folder)
    with scripted(store) as server:
        store.server = server
        yield store
