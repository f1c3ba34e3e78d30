"""``fields`` of ``wasi:http/types``: headers and trailers (WIT of wasi:http 0.2.12, RFC 9110 §5)."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from wasmbuild.run.http.compounds import ListOf, Result, TupleOf, Variant
from wasmbuild.run.http.exchange import Headers
from wasmbuild.run.http.linking import Function
from wasmbuild.run.http.resources import Borrow, Own
from wasmbuild.run.http.values import BOOL, BYTES, STRING, Case, Err, Ok

if TYPE_CHECKING:
    from wasmbuild.run.http.host import Host

__all__ = ["FIELDS", "Fields", "visible"]

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_MOST_BYTES = 128 * 1024
_OVERHEAD = 32
"""Bytes that an entry counts beside its own (RFC 9113 §6.5.2)."""

_CONNECTION = frozenset(
    {
        "connection",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers of a connection, which is the host's (RFC 9110 §7.6.1)."""


class _Refused(Exception):
    def __init__(self, case: str) -> None:
        super().__init__(case)
        self.case = Case(case)


class Fields:
    """Names and values in their order; names are compared without case."""

    def __init__(self, entries: Headers = (), *, frozen: bool = False) -> None:
        self._entries = list(entries)
        self._size = _size(entries)
        self.frozen = frozen

    @property
    def entries(self) -> Headers:
        """Every name with its value."""
        return tuple(self._entries)

    @property
    def size(self) -> int:
        """Bytes of all names and values."""
        return self._size

    def get(self, name: str) -> list[bytes]:
        """All values of a name."""
        return [value for each, value in self._entries if each.lower() == name.lower()]

    def replace(self, name: str, values: list[bytes]) -> None:
        """Give a name other values. Raises _Refused, and nothing has changed."""
        self._check(name, values)
        kept = [(each, value) for each, value in self._entries if each.lower() != name.lower()]
        self._keep(kept + [(name, value) for value in values])

    def append(self, name: str, value: bytes) -> None:
        """Give a name one more value. Raises _Refused, and nothing has changed."""
        self._check(name, [value])
        size = self._size + _size([(name, value)])
        if size > _MOST_BYTES:
            raise _Refused("forbidden")
        self._entries.append((name, value))
        self._size = size

    def _keep(self, entries: list[tuple[str, bytes]]) -> None:
        size = _size(entries)
        if size > _MOST_BYTES:
            raise _Refused("forbidden")
        self._entries, self._size = entries, size

    def _check(self, name: str, values: list[bytes]) -> None:
        if self.frozen:
            raise _Refused("immutable")
        allowed = _LENGTH if name.lower() == "content-length" else _VALUE
        if not _NAME.fullmatch(name) or not all(allowed.fullmatch(value) for value in values):
            raise _Refused("invalid-syntax")
        if name.lower() in _CONNECTION:
            raise _Refused("forbidden")


def visible(headers: Headers) -> Headers:
    """The headers of a message without those of its connection."""
    return tuple((name, value) for name, value in headers if name.lower() not in _CONNECTION)


def _size(entries: Iterable[tuple[str, bytes]]) -> int:
    return sum(len(name) + len(value) + _OVERHEAD for name, value in entries)


def _new(_host: "Host") -> Fields:
    return Fields()


def _from_list(host: "Host", entries: list[tuple[str, bytes]]) -> Ok | Err:
    made = Fields()
    host.charge(_size(entries))
    try:
        for name, value in entries:
            made.append(name, value)
    except _Refused as refused:
        return Err(refused.case)
    return Ok(made)


def _get(_host: "Host", fields: Fields, name: str) -> list[bytes]:
    return fields.get(name)


def _has(_host: "Host", fields: Fields, name: str) -> bool:
    return bool(fields.get(name))


def _set(host: "Host", fields: Fields, name: str, values: list[bytes]) -> Ok | Err:
    host.charge(_size([(name, value) for value in values]))
    try:
        fields.replace(name, values)
    except _Refused as refused:
        return Err(refused.case)
    return Ok()


def _delete(host: "Host", fields: Fields, name: str) -> Ok | Err:
    return _set(host, fields, name, [])


def _append(host: "Host", fields: Fields, name: str, value: bytes) -> Ok | Err:
    host.charge(_size([(name, value)]))
    try:
        fields.append(name, value)
    except _Refused as refused:
        return Err(refused.case)
    return Ok()


def _entries(_host: "Host", fields: Fields) -> list[tuple[str, bytes]]:
    return list(fields.entries)


def _clone(host: "Host", fields: Fields) -> Fields:
    host.charge(fields.size)
    return Fields(fields.entries)


_SELF = Borrow(Fields)
_ENTRIES = ListOf(TupleOf((STRING, BYTES)))
_FAILS = Variant({"invalid-syntax": None, "forbidden": None, "immutable": None})
_DONE = Result(None, _FAILS)

FIELDS = (
    Function("[constructor]fields", (), Own(Fields), _new),
    Function("[static]fields.from-list", (_ENTRIES,), Result(Own(Fields), _FAILS), _from_list),
    Function("[method]fields.get", (_SELF, STRING), ListOf(BYTES), _get),
    Function("[method]fields.has", (_SELF, STRING), BOOL, _has),
    Function("[method]fields.set", (_SELF, STRING, ListOf(BYTES)), _DONE, _set),
    Function("[method]fields.delete", (_SELF, STRING), _DONE, _delete),
    Function("[method]fields.append", (_SELF, STRING, BYTES), _DONE, _append),
    Function("[method]fields.entries", (_SELF,), _ENTRIES, _entries),
    Function("[method]fields.clone", (_SELF,), Own(Fields), _clone),
)
