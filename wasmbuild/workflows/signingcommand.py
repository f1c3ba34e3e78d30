"""A key behind a command: a helper of a hardware key, an agent or a service, which signs what it is given.

``PROGRAM ARGS... public-key`` prints the public key as PEM; ``PROGRAM ARGS... sign`` reads the message
on stdin, all of it and not a digest, and prints the signature in base64: DER for ECDSA, PKCS #1 v1.5
over SHA-256 for RSA. What it writes to stderr is for people. It is given the whole environment of its
caller, who named it, and no terminal.
"""

import shlex
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from registry.files import storage_errors
from wasmbuild.build.limits import Limits
from wasmbuild.build.runner import run
from wasmbuild.errors import InvalidKey, SigningFailed, ToolFailed, UsageFailed
from wasmbuild.events import ignore
from wasmbuild.trust.encoding import from_base64
from wasmbuild.trust.keys import PublicKey

__all__ = ["CommandSignatory", "parse_command"]

_SECONDS = 120.0
"""How long a command may take; some wait until somebody touches a device."""

_MAX_ANSWER = 64 * 1024
_MAX_FILE = 16 * 1024 * 1024
_SHOWN_LINES = 20
# The runner gives a command no input and does not part its outputs; no word of the person's is parsed here.
_WITH_FILES = 'exec "$@" <"$WASMBUILD_MESSAGE" >"$WASMBUILD_ANSWER"'


@dataclass(frozen=True, slots=True)
class CommandSignatory:
    """Whoever answers a command; the words are shown to nobody, since there may be secrets among them."""

    argv: tuple[str, ...] = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)
    public: PublicKey

    @classmethod
    def open(cls, words: str, environment: Mapping[str, str]) -> Self:
        """Ask a command, with its arguments, for the public key.

        Raises UsageFailed for no command, SigningFailed when it does not answer with a key.
        """
        argv = parse_command(words, environment)
        pem = _answer(argv, "public-key", b"", environment)
        try:
            return cls(argv, environment, PublicKey.load(pem))
        except InvalidKey as failure:
            raise SigningFailed(f"{_name(argv)} did not print a public key", cause=str(failure)) from failure

    def sign(self, message: bytes, /) -> bytes:
        """The signature over a message. Raises SigningFailed."""
        text = _answer(self.argv, "sign", message, self.environment)
        try:
            return from_base64(b"".join(text.split()).decode("ascii"))
        except ValueError as error:
            raise SigningFailed(f"{_name(self.argv)} did not print a signature in base64") from error


def parse_command(words: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """A program, by the path that it has here, and its arguments, quoted as for a shell, which there is none of.

    Raises UsageFailed when there is no such program.
    """
    hint = '--key "command:PROGRAM ARGUMENTS"'
    try:
        argv = shlex.split(words)
    except ValueError as error:
        raise UsageFailed("the words of the command that signs are malformed", cause=str(error), hint=hint) from error
    if not argv:
        raise UsageFailed("there is no command that signs", hint=hint)
    program = shutil.which(argv[0], path=environment.get("PATH"))
    if program is None:
        raise UsageFailed(f"the command that signs, {argv[0][:200]}, is not there", hint=hint)
    return (str(Path(program).absolute()), *argv[1:])


def _answer(argv: Sequence[str], asked: str, message: bytes, environment: Mapping[str, str]) -> bytes:
    """What the command prints. Raises SigningFailed with its own words."""
    with storage_errors("there is no room for temporary files"), tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder) / "message", Path(folder) / "answer"
        given.write_bytes(message)
        try:
            completed = run(
                ["/bin/sh", "-c", _WITH_FILES, "sh", *argv, asked],
                cwd=Path.cwd(),
                env={**environment, "WASMBUILD_MESSAGE": str(given), "WASMBUILD_ANSWER": str(answer)},
                sink=ignore,
                timeout_seconds=_SECONDS,
                tool=_name(argv),
                limits=Limits(file_size=_MAX_FILE),
            )
        except ToolFailed as failure:
            raise SigningFailed(failure.what, cause=failure.cause) from failure
        if completed.exit_code != 0:
            raise SigningFailed(
                f"{_name(argv)} {asked} ended with {completed.exit_code}",
                cause="\n".join(completed.tail[-_SHOWN_LINES:]) or None,
            )
        with answer.open("rb") as opened:
            data = opened.read(_MAX_ANSWER + 1)
    if len(data) > _MAX_ANSWER:
        raise SigningFailed(f"{_name(argv)} {asked} printed more than {_MAX_ANSWER} bytes")
    return data


def _name(argv: Sequence[str]) -> str:
    return Path(argv[0]).name
