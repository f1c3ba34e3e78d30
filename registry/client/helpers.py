"""Credential helpers: programs ``docker-credential-<suffix>`` that keep credentials for others.

The registry on standard input, JSON on standard output, words about a failure on either
(docker-credential-helpers, "Development"). This is the one module of ``registry`` that starts a
process. How long a helper may take and how much it may say is bounded; no secret is in an error.
"""

import contextlib
import os
import re
import selectors
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from registry.client.credentials import Credentials
from registry.errors import AuthenticationFailed, InvalidDocument
from registry.strictjson import canonical_json, load_json
from registry.words import printable

__all__ = ["erase", "get", "platform_default", "program_of", "store"]

_PATIENCE = 120.0
"""Seconds: a person may have to unlock something."""
_MAX_OUTPUT = 64 * 1024
_POLL = 0.05
_PREFIX = "docker-credential-"
_SUFFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NOT_FOUND = "credentials not found"


@dataclass(frozen=True, slots=True)
class _Said:
    code: int
    output: bytes
    errors: bytes


def get(suffix: str, key: str) -> Credentials | None:
    """What a helper keeps for a registry; ``key`` is what it calls the registry.

    Raises AuthenticationFailed when it is not there, fails, takes too long, or answers something else.
    """
    said = _ask(suffix, "get", key.encode())
    if said.code != 0:
        words = _words(said)
        if _NOT_FOUND in words.lower():
            return None
        raise _failed(suffix, "get", words)
    username, secret = _pair(said.output, suffix)
    return Credentials.of_pair(username, secret, f"from {_PREFIX}{suffix}") if secret else None


def store(suffix: str, key: str, credentials: Credentials) -> None:
    """Let a helper keep credentials.

    Raises AuthenticationFailed when it does not.
    """
    pair = {"ServerURL": key, "Username": credentials.username, "Secret": credentials.secret}
    said = _ask(suffix, "store", canonical_json(pair))
    if said.code != 0:
        raise _failed(suffix, "store", _words(said).replace(credentials.secret, "***"))


def erase(suffix: str, key: str) -> bool:
    """Let a helper forget a registry; whether it had credentials of it.

    Raises AuthenticationFailed when it cannot be asked, or does not do it.
    """
    if get(suffix, key) is None:
        return False
    said = _ask(suffix, "erase", key.encode())
    if said.code != 0:
        raise _failed(suffix, "erase", _words(said))
    return True


def platform_default() -> str | None:
    """The helper that Docker's command line would choose here, when its program is installed."""
    if sys.platform == "linux":
        suffix = "pass" if shutil.which("pass") else "secretservice"
    else:
        suffix = {"darwin": "osxkeychain", "win32": "wincred"}.get(sys.platform, "")
    return suffix if suffix and program_of(suffix) else None


def program_of(suffix: str) -> Path | None:
    """The program of a helper, from the absolute folders of ``PATH``; None when there is none."""
    if _SUFFIX.fullmatch(suffix) is None:
        return None
    found = shutil.which(f"{_PREFIX}{suffix}")
    return Path(found) if found and Path(found).is_absolute() else None


def _ask(suffix: str, action: str, data: bytes) -> _Said:
    if _SUFFIX.fullmatch(suffix) is None:
        raise AuthenticationFailed(
            f"{printable(suffix, 80)!r} is not the name of a credential helper",
            cause="it is the last part of the name of a program, docker-credential-<name>",
        )
    program = program_of(suffix)
    if program is None:
        raise AuthenticationFailed(
            f"{_PREFIX}{suffix} is not installed",
            cause="the configuration says that it keeps the credentials",
            hint=f"put {_PREFIX}{suffix} into a folder on PATH, or take its name out of credsStore and credHelpers",
        )
    with _started(program, action, suffix) as process:
        return _conversation(process, data, suffix, action)


@contextlib.contextmanager
def _started(program: Path, action: str, suffix: str) -> Iterator[subprocess.Popen[bytes]]:
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen([program, action], stdin=pipe, stdout=pipe, stderr=pipe)
    except OSError as error:
        raise _failed(suffix, action, error.strerror or str(error)) from error
    try:
        yield process
    finally:
        # Its own children may hold the pipes: they are closed, not read to their end.
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        process.kill()
        process.wait()


def _conversation(process: subprocess.Popen[bytes], data: bytes, suffix: str, action: str) -> _Said:
    deadline = time.monotonic() + _PATIENCE
    heard = _exchange(process, data, deadline)
    if heard is not None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = process.wait(max(deadline - time.monotonic(), 0.0))
            return _Said(code, *heard)
    raise _failed(suffix, action, f"it took longer than {_PATIENCE:g} seconds, or said more than {_MAX_OUTPUT} bytes")


def _exchange(process: subprocess.Popen[bytes], data: bytes, deadline: float) -> tuple[bytes, bytes] | None:
    """Write and read at once, until both outputs have ended; None when that is too late or too much."""
    output, errors = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        _register(selector, process, output, errors)
        while len(selector.get_map()) > 0:
            ready = selector.select(_POLL)
            if not ready and process.poll() is not None:
                break  # what still holds the pipes is not the helper
            for key, _ in ready:
                file: IO[bytes] = key.fileobj  # type: ignore[assignment] # what was registered
                if key.data is None:
                    data = _written(file, data)
                    ended = not data
                else:
                    ended = not _read(file, key.data)
                if ended:
                    selector.unregister(file)
                    file.close()
            if time.monotonic() > deadline or len(output) + len(errors) > _MAX_OUTPUT:
                return None
    return bytes(output), bytes(errors)


def _register(
    selector: selectors.BaseSelector, process: subprocess.Popen[bytes], output: bytearray, errors: bytearray
) -> None:
    """Watch the three pipes; those that are read come with where to put what is read."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    os.set_blocking(process.stdin.fileno(), False)
    selector.register(process.stdin, selectors.EVENT_WRITE)
    selector.register(process.stdout, selectors.EVENT_READ, output)
    selector.register(process.stderr, selectors.EVENT_READ, errors)


def _read(file: IO[bytes], into: bytearray) -> int:
    chunk = os.read(file.fileno(), _MAX_OUTPUT)
    into += chunk
    return len(chunk)


def _written(file: IO[bytes], data: bytes) -> bytes:
    """What is left to write; nothing, when nobody reads it."""
    try:
        return data[os.write(file.fileno(), data) :]
    except BlockingIOError:
        return data
    except OSError:
        return b""


def _pair(output: bytes, suffix: str) -> tuple[str, str]:
    try:
        value = load_json(output, "the answer")
    except InvalidDocument:
        value = None  # nothing of it is shown: it may hold a secret
    pair = [value.get(name) if isinstance(value, dict) else None for name in ("Username", "Secret")]
    username, secret = (text if isinstance(text, str) else None for text in pair)
    if username is None or secret is None:
        raise _failed(suffix, "get", "it did not answer with a user name and a secret")
    return username, secret


def _words(said: _Said) -> str:
    """What a helper says about its failure; nothing of what may hold a secret."""
    if b'"Secret"' in said.output + said.errors:
        return f"it ended with {said.code}"
    text = (said.output.strip() or said.errors.strip()).decode("utf-8", "replace")
    return text or f"it ended with {said.code}"


def _failed(suffix: str, action: str, words: str) -> AuthenticationFailed:
    return AuthenticationFailed(f"{_PREFIX}{suffix} {action} failed", cause=printable(words, 300))
