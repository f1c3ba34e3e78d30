"""One thing that a guest tries, and how to write one down; the table of them is ``attempts``.

Places in the texts: ``{granted}``, ``{other}`` and ``{outside}`` are folders of the host. ``refused: 63`` is WASI's
"operation not permitted". Guests in WAT are written in the table; those in C are ``programs/probe.c``.
"""

from dataclasses import dataclass

DATA = ("--dir", "{granted}:/data")
READ_ONLY = ("--dir", "{granted}:/data:ro")
DENIED = "refused: 63"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: its kind, in words, the guest (``probe``, a file of WAT, or WAT), and how it ends when it is refused.

    ``says`` has alternatives between bars; ``means`` is said in the report where the guest can only end with a code.
    """

    kind: str
    tries: str
    guest: str
    arguments: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    code: int = 0
    says: str = ""
    seconds: float = 20.0
    means: str = ""


def probe(kind: str, tries: str, *words: str, options: tuple[str, ...] = DATA, **ends: str | float) -> Attempt:
    """A try of ``programs/probe.c``: its verb and path, and how it ends where that differs."""
    known = {"code": 0, "says": DENIED, **ends}
    return Attempt(kind, tries, "probe", words, options, **known)  # type: ignore[arg-type]


def wat(
    kind: str, tries: str, body: str, *options: str, code: int, says: str, seconds: float = 20.0, means: str = ""
) -> Attempt:
    """A try of a module that is written here."""
    return Attempt(kind, tries, f"(module {body})", (), options, code, says, seconds, means)


def starts(body: str, fields: str = "") -> str:
    """The fields of a command whose body this is."""
    return f'{fields} (memory (export "memory") 1) (func $start (export "_start") {body})'


def calls(module: str, name: str) -> str:
    """The fields of a command that imports and calls one function."""
    imported = f'(import "{module}" "{name}" (func $it (result i32)))'
    return starts("(drop (call $it))", imported)
