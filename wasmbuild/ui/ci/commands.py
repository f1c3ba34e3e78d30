"""GitHub's workflow commands: how one is written, and how other words are kept from being one.

The runner takes a line for a command that begins, after white space, with ``::``, and one that has ``##[`` in it
anywhere; on stdout and on stderr, and a carriage return ends a line, too (actions/runner, ActionCommand.cs).
Foreign words are changed where they could be taken for one, and nothing is said around them:
``::stop-commands::`` holds for both streams, which the runner reads side by side, and for the rest of the step
if nobody is left to end it.
"""

import re

__all__ = ["command", "harmless", "harmless_json"]

_BEGINNING = re.compile(r"(\A|[\r\n])((?:[^\S\r\n]|\ufeff)*+)::")
_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_DATA, ":": "%3A", ",": "%2C"}


def command(name: str, data: str, **properties: str | int | None) -> str:
    """The line of a command, with the properties that are not None; ``data`` may have several lines."""
    given = ",".join(
        f"{key}={_escaped(harmless(str(value)), _PROPERTY)}" for key, value in properties.items() if value is not None
    )
    return f"::{name}{' ' if given else ''}{given}::{_escaped(harmless(data), _DATA)}"


def harmless(text: str) -> str:
    """The text, of one line or several, in which no line is a command: a backslash comes in between."""
    return _BEGINNING.sub(r"\1\2\\::", text).replace("##[", "##\\[")


def harmless_json(text: str) -> str:
    """The same for a JSON document on one line or several, which says afterwards what it said before."""
    return text.replace("##[", "#\\u0023[")


def _escaped(text: str, table: dict[str, str]) -> str:
    return "".join(table.get(character, character) for character in text)
