"""Results of actions to keep and to find, and somebody who hears what is said of caches."""

from pathlib import Path

from wasmbuild.build.action import ActionKey
from wasmbuild.build.cache.store import ActionCache
from wasmbuild.events import Event, Note


class Heard:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def texts(self, level: str = "warning") -> list[str]:
        return [event.text for event in self.events if isinstance(event, Note) and event.level == level]


def description(number: int = 0, **changes: object) -> dict[str, object]:
    return {
        "version": 2,
        "name": "compile",
        "argv": ["cc", "-Os", "main.c", {"output": "out.wasm"}],
        "env": {"LANG": "C"},
        "tools": {"zig": f"sha256:{'1' * 64}"},
        "inputs": {"main.c": f"sha256:{number:064x}"},
        "files": {},
        "after": {},
        "outputs": ["out.wasm"],
        "network": False,
    } | changes


def key_of(number: int = 0, **changes: object) -> ActionKey:
    return ActionKey.of(description(number, **changes))


def file(folder: Path, data: bytes = b"\0asm\x01\0\0\0", name: str = "out.wasm") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(data)
    return path


def put(cache: ActionCache, folder: Path, data: bytes = b"\0asm\x01\0\0\0", number: int = 0) -> ActionKey:
    """Keep a result with one output."""
    cache.put(key_of(number), description(number), {"out.wasm": file(folder, data)})
    return key_of(number)
