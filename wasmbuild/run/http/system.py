"""Clocks, randomness and the command line's interfaces (WIT of wasi:clocks, wasi:random and wasi:cli 0.2.12).

A guest sees the time, random bytes and what environment it was given. It has no arguments and nothing
to read; what it prints goes to whoever runs the server.
"""

import secrets
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from wasmbuild.run.http.compounds import ListOf, OptionOf, Record, Result, TupleOf
from wasmbuild.run.http.linking import Function, Interface
from wasmbuild.run.http.poll import Pollable
from wasmbuild.run.http.resources import Own
from wasmbuild.run.http.streams import InputStream, OutputStream
from wasmbuild.run.http.values import BYTES, STRING, U8, U32, U64, Misuse

if TYPE_CHECKING:
    from wasmbuild.run.http.host import Host

__all__ = ["SYSTEM"]

_BILLION = 1_000_000_000
_MOST_RANDOM = 1024 * 1024
_MOST_PRINTED = 4096


class _Printed(OutputStream):
    """Standard output or standard error."""

    def __init__(self, say: Callable[[bytes], None]) -> None:
        self._say = say

    def room(self) -> int:
        """Some kilobytes, always."""
        return _MOST_PRINTED

    def write(self, data: bytes) -> None:
        """Hand over what the guest prints."""
        self._say(data)


class _Terminal:
    """A terminal: nobody ever has one."""


def _now(_host: "Host") -> int:
    return time.monotonic_ns()


def _resolution(_host: "Host") -> int:
    return 1


def _at(_host: "Host", when: int) -> Pollable:
    return Pollable(at=when / _BILLION)


def _after(_host: "Host", duration: int) -> Pollable:
    return Pollable(at=time.monotonic() + duration / _BILLION)


def _wall(_host: "Host") -> tuple[int, int]:
    return divmod(time.time_ns(), _BILLION)


def _wall_resolution(_host: "Host") -> tuple[int, int]:
    return (0, 1)


def _random_bytes(_host: "Host", size: int) -> bytes:
    if size > _MOST_RANDOM:
        raise Misuse(f"more than {_MOST_RANDOM} random bytes were asked for at once")
    return secrets.token_bytes(size)


def _random_number(_host: "Host") -> int:
    return secrets.randbits(64)


def _seed(_host: "Host") -> tuple[int, int]:
    return (secrets.randbits(64), secrets.randbits(64))


def _environment(host: "Host") -> list[tuple[str, str]]:
    return list(host.environment)


def _no_arguments(_host: "Host") -> list[str]:
    return []


def _nothing(_host: "Host") -> None:
    return None


def _exit(_host: "Host", _how: object) -> None:
    raise Misuse("the guest ended itself")


def _stdin(_host: "Host") -> InputStream:
    return InputStream()


def _printed(host: "Host", name: str) -> OutputStream:
    return _Printed(partial(host.say, name))


def _terminal(interface: str, function: str, resource: str) -> Interface:
    return Interface(f"wasi:cli/{interface}", (Function(function, (), OptionOf(Own(_kind_of(resource))), _nothing),))


def _kind_of(resource: str) -> type:
    return _TERMINALS[resource]


class _TerminalInput(_Terminal):
    """``terminal-input``."""


class _TerminalOutput(_Terminal):
    """``terminal-output``."""


_TERMINALS = {"terminal-input": _TerminalInput, "terminal-output": _TerminalOutput}
_DATETIME = Record((("seconds", U64), ("nanoseconds", U32)))

SYSTEM = (
    Interface(
        "wasi:clocks/monotonic-clock",
        (
            Function("now", (), U64, _now),
            Function("resolution", (), U64, _resolution),
            Function("subscribe-instant", (U64,), Own(Pollable), _at),
            Function("subscribe-duration", (U64,), Own(Pollable), _after),
        ),
    ),
    Interface(
        "wasi:clocks/wall-clock",
        (Function("now", (), _DATETIME, _wall), Function("resolution", (), _DATETIME, _wall_resolution)),
    ),
    Interface(
        "wasi:random/random",
        (
            Function("get-random-bytes", (U64,), BYTES, _random_bytes),
            Function("get-random-u64", (), U64, _random_number),
        ),
    ),
    Interface(
        "wasi:random/insecure",
        (
            Function("get-insecure-random-bytes", (U64,), BYTES, _random_bytes),
            Function("get-insecure-random-u64", (), U64, _random_number),
        ),
    ),
    Interface("wasi:random/insecure-seed", (Function("insecure-seed", (), TupleOf((U64, U64)), _seed),)),
    Interface(
        "wasi:cli/environment",
        (
            Function("get-environment", (), ListOf(TupleOf((STRING, STRING))), _environment),
            Function("get-arguments", (), ListOf(STRING), _no_arguments),
            Function("initial-cwd", (), OptionOf(STRING), _nothing),
        ),
    ),
    Interface(
        "wasi:cli/exit",
        (Function("exit", (Result(),), None, _exit), Function("exit-with-code", (U8,), None, _exit)),
    ),
    Interface("wasi:cli/stdin", (Function("get-stdin", (), Own(InputStream), _stdin),)),
    Interface(
        "wasi:cli/stdout",
        (Function("get-stdout", (), Own(OutputStream), partial(_printed, name="stdout")),),
    ),
    Interface(
        "wasi:cli/stderr",
        (Function("get-stderr", (), Own(OutputStream), partial(_printed, name="stderr")),),
    ),
    Interface("wasi:cli/terminal-input", (), (("terminal-input", _TerminalInput),)),
    Interface("wasi:cli/terminal-output", (), (("terminal-output", _TerminalOutput),)),
    _terminal("terminal-stdin", "get-terminal-stdin", "terminal-input"),
    _terminal("terminal-stdout", "get-terminal-stdout", "terminal-output"),
    _terminal("terminal-stderr", "get-terminal-stderr", "terminal-output"),
)
