"""Signatories: from what a person writes after ``--key`` to whoever signs with that key."""

from collections.abc import Callable
from pathlib import Path

from wasmbuild.trust.keyfiles import read_key_file
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.signer import Signatory

__all__ = ["check_signatory", "open_signatory"]


def open_signatory(text: str, password: Callable[[], bytes]) -> Signatory:
    """Open a key: a file, or ``env://NAME`` for one in a variable; ``password`` is called when it has one.

    Raises InvalidKey, UsageFailed, and what ``password`` raises.
    """
    data = read_key_file(Path(text))
    return PrivateKey.load(data, password())


def check_signatory(text: str) -> None:
    """See that a key is there, and open nothing: for a rehearsal. Raises InvalidKey, UsageFailed."""
    read_key_file(Path(text))
