"""GitHub's runner and GitLab's server, as far as they read what a job writes: written after their sources.

Only what decides what is taken for what: actions/runner's ActionCommand.cs and FileCommandManager.cs, and
gitlab's ParseDotenvArtifactService and Ansi2json. Nothing of wasmbuild's own escaping is used.
"""

import re
from dataclasses import dataclass, field

KNOWN = {
    "add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice", "remove-matcher",
    "save-state", "set-env", "set-output", "stop-commands", "warning", "internal-set-repo-path",
}  # fmt: skip


@dataclass
class Command:
    name: str
    data: str
    properties: dict[str, str] = field(default_factory=dict)


def lines_of(stream):
    """As StreamReader.ReadLine: CR, LF or both end a line; a byte order mark at the beginning is no character."""
    return re.split(r"\r\n|\r|\n", stream.removeprefix("\ufeff"))


def commands_in(stream):
    return [found for line in lines_of(stream) if (found := second_form(line) or first_form(line))]


def second_form(line):
    line = line.lstrip()
    end = line.find("::", 2)
    if not line.startswith("::") or end < 0:
        return None
    name, _, properties = line[2:end].partition(" ")
    if name.lower() not in KNOWN:
        return None
    pairs = [each.split("=", 1) for each in properties.strip().split(",") if each]
    mapping = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}
    named = {pair[0]: undone(pair[1], mapping) for pair in pairs if len(pair) == 2 and pair[1]}
    return Command(name, undone(line[end + 2 :], {"%0D": "\r", "%0A": "\n", "%25": "%"}), named)


def first_form(line):
    begin = line.find("##[")
    end = line.find("]", begin)
    if begin < 0 or end < 0:
        return None
    name = line[begin + 3 : end].partition(" ")[0]
    return Command(name, line[end + 1 :]) if name.lower() in KNOWN else None


def undone(text, mapping):
    for written, meant in mapping.items():
        text = text.replace(written, meant)
    return text


def pairs_in(text):
    """The entries of GITHUB_OUTPUT. Raises ValueError where the runner fails the step."""
    found, lines = {}, text.split("\n")
    while lines:
        line = lines.pop(0)
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            name, found_value = line.split("=", 1)
            found[name] = found_value
            continue
        if heredoc < 0:
            raise ValueError(line)
        name, delimiter = line.split("<<", 1)
        if not name or not delimiter or delimiter not in lines:
            raise ValueError(line)
        end = lines.index(delimiter)
        found[name] = "\n".join(lines[:end])
        del lines[: end + 1]
    return found


def dotenv_in(data):
    """The variables of GitLab's dotenv report. Raises ValueError where the upload is refused."""
    if len(data) >= 5120:
        raise ValueError("too big")
    found = {}
    for line in data.decode().splitlines():
        name, equals, value = line.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z0-9_]+", name.strip()):
            raise ValueError(line)
        found[name.strip()] = expanded(value.strip())
    return found


def expanded(value):
    """Variables in values are replaced (``raw: false``); none of them is set here."""
    return re.sub(r"\$\$|\$(\w+|\{\w+\})|%\w+%", lambda each: "$" if each[0] == "$$" else "", value)


SECTION = re.compile(r"section_(start|end):(\d+):([a-zA-Z0-9_.-]+)(\[[^\]]*\])?\r\x1b\[0K")


def sections_in(stream):
    return [(found[1], found[3]) for found in SECTION.finditer(stream)]
