"""Any bytes are a project file, a lock or a trust policy, or are refused with InvalidProject or InvalidKey.

The lines that say so can be shown on a terminal, whatever the file has in it.
"""

from collections.abc import Callable
from pathlib import Path

from registry.errors import Failure
from registry.words import printable
from tests.fuzz.target import Target
from wasmbuild.errors import InvalidKey, InvalidProject
from wasmbuild.project import parse
from wasmbuild.tables import parse_table
from wasmbuild.toolchains.pins import read_pins
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.policy.parsing import parse_trust_policy
from wasmbuild.ui.failure import failure_lines

_NOWHERE = Path("/nowhere")
_PROJECT = b"""[project]
name = "hello"
version = "1.0.0"
description = "a"

[build]
language = "c"
optimize = "size"
"""
_POLICY = (
    b"""version = 1
[authorities.ann]
pem = '''
"""
    + PrivateKey.generate().public.pem
    + b"""'''
[[scope]]
repositories = ["r.io/acme/*"]
signed-by = ["ann"]
threshold = 1
no-rollback = false
max-age = "30d"
[[scope.attestation]]
type = "provenance"
by = ["ann"]
builder = "https://ci.example/1"
[[scope.attestation]]
type = "cyclonedx"
by = ["ann"]
licences = ["MIT"]
"""
)
_LOCK = b"""version = 1

[[tool]]
name = "zig"
package = "ziglang"
version = "1.0"
[tool.artifacts]
"ziglang-1.0-py3-none-any.whl" = "%s"
""" % (b"a" * 64)


def check(data: bytes) -> bool:
    """Whether it is any of them."""
    return any([
        _read(lambda: parse(_NOWHERE, parse_table("wasmbuild.toml", data))),
        _read(lambda: read_pins(parse_table("wasmbuild.lock", data))),
        _read(lambda: parse_trust_policy("policy.toml", data, _NOWHERE)),
    ])  # fmt: skip


def _read(read_it: Callable[[], object]) -> bool:
    try:
        read_it()
    except (InvalidProject, InvalidKey) as failure:
        _check_words(failure)
        return False
    return True


def _check_words(failure: Failure) -> None:
    assert all(line == printable(line, len(line)) for line in failure_lines(failure)), failure


TARGET = Target(
    "tables",
    beginning=(_PROJECT, _LOCK, _POLICY),
    check=check,
    words=(
        b"[[scope]]",
        b"[a.b.c]",
        b'"\\u202e"',
        b'"\\uD800"',
        b"1979-05-27",
        b"inf",
        b"nan",
        b"0x",
        b"'''",
        b'"""',
        b"\\\n",
        b"{a = 1}",
        b"[[",
        b"]]",
        b"= [",
        b'"**"',
        b"threshold = 0",
        b'"../.."',
        b"\xef\xbb\xbf",
        b"\r",
        b"9" * 5000,
        b"[" * 300,
    ),
)
