"""Wheels that tests make, and a folder of them as the only place that pip may look."""

import base64
import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from wasmbuild.build.tool import Artifact, ToolPin, Wheels

__all__ = ["WHEEL", "build_wheel", "only_index", "pinned_wheel"]

WHEEL = "tinytool-1.0-py3-none-any.whl"


def build_wheel(folder: Path) -> str:
    """A wheel with one executable file in it; the sha256 of the wheel."""
    content = {
        "tinytool/tool": b"#!/bin/sh\necho tiny\n",
        "tinytool-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tinytool\nVersion: 1.0\n",
        "tinytool-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / WHEEL, "w") as archive:
        for name, data in content.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o100755 << 16
            archive.writestr(info, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record += f"{name},sha256={digest},{len(data)}\n"
        archive.writestr("tinytool-1.0.dist-info/RECORD", record + "tinytool-1.0.dist-info/RECORD,,\n")
    return hashlib.sha256((folder / WHEEL).read_bytes()).hexdigest()


def only_index(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder the only place that pip may take packages from."""
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def pinned_wheel(sha256: str) -> ToolPin:
    """A pin of the wheel, which is also there for another platform."""
    other = Artifact("tinytool-1.0-py3-none-win32.whl", "0" * 64)
    return ToolPin("tiny", "tinytool", "1.0", Wheels((other, Artifact(WHEEL, sha256))))
