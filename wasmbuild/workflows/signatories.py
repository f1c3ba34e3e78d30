"""Signatories: from what a person writes after ``--key`` to whoever signs with that key.

A file, ``env://NAME``, ``command:PROGRAM ARGUMENTS``, or ``scheme:…`` of a signer that another package
brings: an entry point of the group ``wasmbuild.signers``, whose name is the scheme and whose value is a
function from what follows the colon to a Signatory.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from wasmbuild.errors import Failure, SigningFailed, UsageFailed
from wasmbuild.trust.keyfiles import read_key_file
from wasmbuild.trust.keys import PrivateKey, PublicKey
from wasmbuild.trust.signer import Signatory
from wasmbuild.workflows.opening_keys import OpenedSoon

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["ENTRY_POINTS", "Outside", "check_signatory", "open_signatory"]

ENTRY_POINTS = "wasmbuild.signers"
"""The group of signers that other packages bring."""

_COMMAND = "command"
_HINT = "docs/signers.md has those that there may be"
_SCHEME = re.compile(r"(?!env://)([a-z][a-z0-9+.-]+):(.+)", re.DOTALL)
"""What is no file: ``env://NAME`` is read as one, and a file of such a name is ``./name:rest``."""


@dataclass(frozen=True, slots=True)
class Outside:
    """Whoever signs outside of this program: what they give is verified before anybody gets it."""

    name: str
    public: PublicKey
    _inner: Signatory = field(repr=False)

    def sign(self, message: bytes, /) -> bytes:
        """A signature that holds. Raises SigningFailed."""
        try:
            signature = self._inner.sign(message)
            holds = self.public.verify(signature, message)
        except Failure:
            raise
        except Exception as error:
            raise _broken(self.name, error) from error
        if not holds:
            raise SigningFailed(
                f"the signature that {self.name} made does not hold",
                cause=f"the public key that it named, {self.public.fingerprint}, does not verify it",
            )
        return signature


def open_signatory(text: str, password: Callable[[], bytes], environment: Mapping[str, str] = os.environ) -> Signatory:
    """Open a key; ``password`` is called when a file is one that has it.

    A file is opened in the background: a wrong password is told by the first use. Raises InvalidKey,
    UsageFailed, SigningFailed, and what ``password`` raises.
    """
    scheme, rest = _parted(text)
    if not scheme:
        locked = PrivateKey.locked_in(read_key_file(Path(text)))
        return OpenedSoon(partial(PrivateKey.unlock, locked, password()))
    if scheme != _COMMAND:
        return _of_package(scheme, rest)
    from wasmbuild.workflows.signingcommand import CommandSignatory  # noqa: PLC0415  (few keys are commands)

    command = CommandSignatory.open(rest, environment)
    return Outside("the command", command.public, command)


def check_signatory(text: str, environment: Mapping[str, str] = os.environ) -> None:
    """See that a key is there, and open nothing: for a rehearsal. Raises InvalidKey, UsageFailed."""
    scheme, rest = _parted(text)
    if not scheme:
        read_key_file(Path(text))
    elif scheme != _COMMAND:
        _entry(scheme)
    else:
        from wasmbuild.workflows.signingcommand import parse_command  # noqa: PLC0415  (few keys are commands)

        parse_command(rest, environment)


def _parted(text: str) -> tuple[str, str]:
    """A scheme and what follows it; no scheme for a file, which a name with a colon may be, too."""
    found = _SCHEME.fullmatch(text)
    if found is None or (found[1] != _COMMAND and os.path.lexists(text)):
        return "", text
    return found[1], found[2]


def _of_package(scheme: str, rest: str) -> Signatory:
    """What the signer of a package opens. Raises UsageFailed, SigningFailed, and what it raises as a Failure."""
    name = f"the signer {scheme}"
    entry = _entry(scheme)
    try:
        inner = entry.load()(rest)
        public = inner.public
    except Failure:
        raise
    except Exception as error:
        raise _broken(name, error) from error
    if not isinstance(public, PublicKey):
        raise SigningFailed(f"{name} does not work", cause="what it names is no PublicKey")
    return Outside(name, public, inner)


def _entry(scheme: str) -> "EntryPoint":
    """The entry point of a scheme. Raises UsageFailed for none, and for two, neither of which is to be preferred."""
    from importlib.metadata import entry_points  # noqa: PLC0415  (reading what is installed takes its time)

    found = list(entry_points(group=ENTRY_POINTS, name=scheme))
    if not found:
        known = sorted({entry.name for entry in entry_points(group=ENTRY_POINTS)} | {_COMMAND})
        cause = f"signers are installed for {', '.join(f'{name}:' for name in known)}, and there is no such file"
        raise UsageFailed(f"no signer for {scheme}: is installed", cause=cause, hint=_HINT)
    if len(found) > 1:
        packages = ", ".join(sorted(entry.dist.name if entry.dist else "?" for entry in found))
        raise UsageFailed(f"several packages bring a signer {scheme}", cause=packages, hint="uninstall all but one")
    return found[0]


def _broken(name: str, error: Exception) -> SigningFailed:
    return SigningFailed(f"{name} does not work", cause=f"{type(error).__name__}: {error}"[:300])
