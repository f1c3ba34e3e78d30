"""The distribution server: OCI distribution-spec 1.1 over HTTP.

    from registry.server import ServerConfig, create_app
    app = create_app(ServerConfig(Path("registry-data")))

``app`` is an ASGI application, opened by its lifespan; ``runtime.serve`` runs it with sockets and
signals, ``testing.running_server`` on a thread. Both names are imported when they are first used.

Not in here: how content is read by a client (``registry.client``), and anything about Wasm.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.server.app import create_app
    from registry.server.config import ServerConfig

__all__ = ["ServerConfig", "create_app"]


def __getattr__(name: str) -> object:
    if name == "create_app":
        from registry.server.app import create_app  # noqa: PLC0415  it brings everything with it

        return create_app
    if name == "ServerConfig":
        from registry.server.config import ServerConfig  # noqa: PLC0415

        return ServerConfig
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
