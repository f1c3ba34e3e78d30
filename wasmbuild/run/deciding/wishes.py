"""What people write to grant something, read: ``--dir``, ``--env``, ``--env-file``, ``--net`` and ``--allow``.

Not here: policy files (``wasmbuild.run.deciding.policy``), and whether what is asked for is given
(``wasmbuild.run.deciding.decision``).
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from registry.words import printable
from wasmbuild.errors import UsageFailed
from wasmbuild.run.deciding.folders import duplicate, is_text, parse_folder
from wasmbuild.run.deciding.grants import NOTHING, Grants
from wasmbuild.wasm.capabilities import CapabilityPolicy

__all__ = [
    "NONE_ALLOWED",
    "Wish",
    "parse_allowed",
    "parse_environment",
    "parse_host",
    "parse_wish",
    "variable_fault",
]

NONE_ALLOWED = CapabilityPolicy(frozenset())
_MAX_ENVIRONMENT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Wish:
    """What flags ask for: grants, and what a file may import without being given anything for it."""

    grants: Grants = NOTHING
    allowed: CapabilityPolicy = field(default=NONE_ALLOWED)


def parse_wish(
    folders: Sequence[str] = (),
    environment: Sequence[str] = (),
    *,
    environment_file: Path | None = None,
    hosts: Sequence[str] = (),
    allow: Sequence[str] = (),
    ours: Mapping[str, str] | None = None,
) -> Wish:
    """Read the texts of flags; ``ours`` is this process's environment unless it is given.

    ``hosts`` are those of ``--net``, where ``*`` is any host and the same as to allow ``http``. A variable
    that is named twice has its last value, one of a flag goes before one of the file. Raises UsageFailed.
    """
    known = os.environ if ours is None else ours
    variables: dict[str, str] = {}
    if environment_file is not None:
        variables |= parse_environment(_lines(environment_file), known, str(environment_file))
    variables |= parse_environment(environment, known, "--env")
    allowed = parse_allowed(allow)
    given = tuple(parse_folder(text) for text in folders)
    twice = duplicate(given)
    if twice is not None:
        raise UsageFailed(f"two folders would be {printable(twice)} for the guest", hint="--dir HOST:GUEST")
    named = tuple(dict.fromkeys(parse_host(each) for each in hosts if each != "*"))
    grants = Grants(
        folders=given,
        environment=tuple(variables.items()),
        http="http" in allowed.allow or "*" in hosts,
        hosts=named,
    )
    return Wish(grants, allowed)


def parse_environment(texts: Iterable[str], ours: Mapping[str, str], origin: str) -> dict[str, str]:
    """Read ``NAME=VALUE``, or ``NAME``, which takes our own value. Raises UsageFailed, without any value."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            if name and name not in ours:
                raise UsageFailed(
                    f"{origin}: {printable(name, 100)} is not set here", hint=f"--env {printable(name, 100)}=VALUE"
                )
            value = ours.get(name, "")
        fault = variable_fault(name, value)
        if fault:
            raise UsageFailed(f"{origin}: {fault}")
        found[name] = value
    return found


def variable_fault(name: str, value: str) -> str | None:
    """What is wrong with a variable, without its value; None when it can be handed to a guest."""
    if not name or "=" in name:
        return "a variable has no name" if not name else f"{printable(name, 100)!r} is not the name of a variable"
    for text, what in ((name, f"the name {printable(name, 100)}"), (value, f"the value of {printable(name, 100)}")):
        if "\0" in text or not is_text(text):
            return f"{what} is not text: WASI hands over UTF-8 without NUL"
    return None


def parse_allowed(names: Sequence[str]) -> CapabilityPolicy:
    """Read what ``--allow`` names: capabilities, and foreign imports by name. Raises UsageFailed."""
    if not names:
        return NONE_ALLOWED
    from wasmbuild.tables import closest  # noqa: PLC0415  (with TOML, which a run without flags does not need)
    from wasmbuild.wasm.capabilities import CAPABILITIES, capability_of  # noqa: PLC0415
    from wasmbuild.wasm.model import Import  # noqa: PLC0415

    capabilities, imports = [], []
    for name in names:
        module, separator, rest = name.rpartition("::")
        if name in CAPABILITIES:
            capabilities.append(name)
        elif ":" not in name and "*" not in name:
            guess = closest(name, CAPABILITIES)
            hint = f"--allow {guess}" if guess else f"known are {', '.join(CAPABILITIES)}"
            raise UsageFailed(f"{printable(name, 100)!r} is not a capability", hint=hint)
        elif (found := capability_of(Import(module if separator else None, rest, ""))) is not None:
            raise UsageFailed(f"{printable(name, 100)} is of WASI", hint=f"--allow {found.name}")
        else:
            imports.append(name)
    return CapabilityPolicy(frozenset(capabilities), tuple(imports))


def parse_host(text: str) -> str:
    """Read the name of a host, with its port if there is one. Raises UsageFailed."""
    if not text or len(text) > 255 or not text.isprintable() or "/" in text or " " in text:
        raise UsageFailed(f"{printable(text, 100)!r} is not the name of a host", hint="--net api.example.com")
    return text.lower()


def _lines(path: Path) -> list[str]:
    from registry.files import open_regular  # noqa: PLC0415

    try:
        with open_regular(path) as file:
            data = file.read(_MAX_ENVIRONMENT + 1)
        text = data.decode()
    except OSError as error:
        raise UsageFailed(f"{path} cannot be read", cause=error.strerror) from error
    except UnicodeDecodeError as error:
        raise UsageFailed(f"{path} is not UTF-8", cause=f"at byte {error.start}") from None
    if len(data) > _MAX_ENVIRONMENT:
        raise UsageFailed(f"{path} is larger than {_MAX_ENVIRONMENT} bytes")
    lines = (line.removesuffix("\r") for line in text.split("\n"))
    return [line for line in lines if line.strip() and not line.startswith("#")]
