from tests.server.collection.conftest import opened

__all__ = ["opened"]
