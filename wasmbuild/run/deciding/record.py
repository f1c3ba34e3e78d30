"""A policy written from a decision: what a program may import, what it was given, and nothing else.

It is no trace: what the program did with all that is not known here. Reading one is
``wasmbuild.run.deciding.policy``'s.
"""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from wasmbuild.run.deciding.grants import Grants
from wasmbuild.run.deciding.verdicts import Decision
from wasmbuild.run.limits import GuestLimits

__all__ = ["NO_TRACE", "policy_text"]

NO_TRACE = "it says what the program imports and what flags gave it, and is no trace of what it did"

_HEAD = f"""\
# A policy that wasmbuild run --record wrote: {NO_TRACE}.
# The values of variables are not in it, because they may be secret: set them, or give them with --env.
version = 1
"""
_MIB = 1024 * 1024


def policy_text(decision: Decision, limits: GuestLimits, keys: Iterable[Path], folder: Path) -> str:
    """The TOML of a policy that is to be put into ``folder``, an absolute path without symbolic links.

    What is in that folder is written relative to it, so that both can move together.
    """
    allowed = [row for row in decision.rows if row.verdict != "refused"]
    names = sorted({row.capability.name for row in allowed if row.capability and row.capability.risk != "none"})
    imports = sorted(_pattern(name) for row in allowed if row.capability is None for name in row.imports)
    parts = [_HEAD, "[capabilities]", f"allow = {_list(names)}", f"imports = {_list(imports)}"]
    parts += ["", "[grants]", *_grants(decision.grants, folder)]
    stated = list(_limits(limits))
    parts += ["", "[limits]", *stated] if stated else []
    signers = [_place(key.resolve(), folder) for key in keys]
    parts += ["", "[signature]", f"keys = {_list(signers)}"] if signers else []
    return "\n".join(parts) + "\n"


def _grants(grants: Grants, folder: Path) -> Iterator[str]:
    entries = [
        f"{{ host = {_text(_place(each.host, folder))}, guest = {_text(each.guest)}, "
        f"writable = {'true' if each.writable else 'false'} }}"
        for each in grants.folders
    ]
    yield "folders = [{}]".format("".join(f"\n    {entry}," for entry in entries) + "\n" * bool(entries))
    yield f"pass = {_list(grants.names)}"
    yield f"http = {_list(grants.hosts) if grants.hosts else 'true' if grants.http else 'false'}"


def _limits(limits: GuestLimits) -> Iterator[str]:
    """The lines for what is not as it is anyway."""
    usual = GuestLimits()
    if limits.memory_bytes != usual.memory_bytes:
        yield f"memory = {_text(_size(limits.memory_bytes))}"
    if limits.fuel is not None:
        yield f"fuel = {limits.fuel}"
    if limits.seconds is not None:
        yield f"timeout = {_text(f'{limits.seconds:.9f}'.rstrip('0').rstrip('.') + 's')}"
    if limits.stack_bytes != usual.stack_bytes:
        yield f"stack = {_text(_size(limits.stack_bytes))}"
    for key, value, expected in (
        ("tables", limits.tables, usual.tables),
        ("table-elements", limits.table_elements, usual.table_elements),
        ("instances", limits.instances, usual.instances),
    ):
        if value != expected:
            yield f"{key} = {value}"


def _pattern(name: str) -> str:
    """The name of an import, with ``*`` for what has no place in a file that people read."""
    return "".join(character if character.isprintable() else "*" for character in name)


def _size(count: int) -> str:
    return f"{count // _MIB} MiB" if count % _MIB == 0 else f"{count} B"


def _place(path: Path, folder: Path) -> str:
    return os.path.relpath(path, folder) if path.is_relative_to(folder) else str(path)


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(_text(text) for text in texts)}]"


def _text(text: str) -> str:
    """A basic string of TOML, which escapes as JSON does, and DEL as well (TOML 1.0, "String")."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
