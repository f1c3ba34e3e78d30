"""The ``oras`` package without what it imports and we never use.

It imports ``jsonschema`` to validate documents, which our model does; that costs a third of all
imports of a command. A stand-in takes its place until somebody asks it for something.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__all__ = ["Registry"]


class _Later(ModuleType):
    """A module that is imported when an attribute of it is wanted."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the module has
        return getattr(importlib.import_module(self.__name__), name)


def _import_provider() -> ModuleType:
    name = "jsonschema"
    if name in sys.modules:
        return importlib.import_module("oras.provider")
    sys.modules[name] = _Later(name)
    try:
        return importlib.import_module("oras.provider")
    finally:
        del sys.modules[name]


if TYPE_CHECKING:
    from oras.provider import Registry
else:
    Registry = _import_provider().Registry
