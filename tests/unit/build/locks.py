"""Locks of npm trees for tests, and packages for them."""

import base64
import hashlib
import json
from typing import Any

from wasmbuild.build.npmlock import parse_lock
from wasmbuild.build.tool import NpmTree, ToolPin

__all__ = ["INTEGRITY", "integrity", "lock_text", "pinned_tree"]


def integrity(data: bytes) -> str:
    """As npm writes it (Subresource Integrity)."""
    return f"sha512-{base64.b64encode(hashlib.sha512(data).digest()).decode()}"


INTEGRITY = integrity(b"")


def lock_text(packages: dict[str, dict[str, Any]], **root: str) -> str:
    """A lock that asks for ``root``, or for alpha 1.0.0."""
    entries = {"": {"dependencies": root or {"alpha": "1.0.0"}}, **packages}
    return json.dumps({"lockfileVersion": 3, "requires": True, "packages": entries})


def pinned_tree(packages: dict[str, dict[str, Any]]) -> ToolPin:
    """A pin of alpha 1.0.0 with these packages."""
    return ToolPin("alpha", "alpha", "1.0.0", NpmTree(parse_lock(lock_text(packages)).text))
