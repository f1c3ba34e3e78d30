"""The distribution server: OCI distribution-spec 1.1 over HTTP, SQLite and a folder.

Not in here: how content is read by a client (``registry.client``), and anything about Wasm.
"""

__all__: list[str] = []
