"""Findings: what ``ci check`` says of a file, and the rules that it says it by."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from registry.words import printable
from wasmbuild.workflows.ci.yamltree import Node

__all__ = ["MAX_FINDINGS", "RULES", "Finding", "Rule", "Sheet"]

MAX_FINDINGS = 1000
"""Of one file; one more says that there are others."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Why something is found, and what mends it."""

    why: str
    hint: str


RULES: Mapping[str, Rule] = {
    "invalid-file": Rule("the CI system refuses it, or takes it for something else", "mend the file"),
    "unpinned-action": Rule(
        "whoever moves the tag or the branch runs their code in the job, with its permissions",
        "name the commit: uses: OWNER/NAME@<40 hexadecimal digits>  # the version",
    ),
    "unpinned-image": Rule(
        "what a tag of an image means can change", "name the digest: wasmbuild resolve HOST/NAME:TAG prints it"
    ),
    "unpinned-include": Rule(
        "whoever changes the included file changes the pipeline",
        "ref: <40 hexadecimal digits>, component: …@<40 hexadecimal digits>, or remote: with integrity:",
    ),
    "template-injection": Rule(
        "the text is pasted into the script before a shell reads it, and may hold commands",
        'bind it to a variable under env:, and write "$NAME" in the script',
    ),
    "missing-permissions": Rule(
        "the job's token may do what the repository's settings say, often everything",
        "permissions: {} for the workflow, and for each job what it needs",
    ),
    "wide-permissions": Rule("the job's token may do more than the job does", "grant the job what it needs, alone"),
    "cache-in-publish": Rule(
        "a run of another branch may have filled the cache, and what it holds is published",
        "publish from a job that restores none",
    ),
    "untrusted-checkout": Rule(
        "a fork's code runs with this repository's secrets and permissions",
        "on: pull_request, which has neither; or leave the head alone",
    ),
    "secrets-everywhere": Rule(
        "every job and every step of them can read it", "put it under env: of the step that needs it"
    ),
    "secret-in-file": Rule(
        "whoever reads the repository knows it", "keep it as a masked and protected variable of the project"
    ),
    "persisted-credentials": Rule(
        "the token stays in .git/config, where later steps and uploads find it", "with: {persist-credentials: false}"
    ),
    "pipe-to-shell": Rule(
        "what is fetched is run before anybody has seen which bytes it is", "fetch it, check its digest, run it"
    ),
    "included-id-token": Rule(
        "the token then speaks for a file that several projects share, and its audience is theirs to choose",
        "write id_tokens: into the job in the project's own .gitlab-ci.yml",
    ),
    "unprotected-release": Rule(
        "anybody who may push a branch publishes",
        'rules: [{if: $CI_COMMIT_TAG && $CI_COMMIT_REF_PROTECTED == "true"}]',
    ),
}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something that a rule is against; the line and the column count from 1."""

    file: str
    line: int
    column: int
    rule: str
    what: str

    def to_json(self) -> dict[str, Any]:
        """For the document of the command."""
        rule = RULES[self.rule]
        place = {"file": self.file, "line": self.line, "column": self.column}
        return {**place, "rule": self.rule, "what": self.what, "why": rule.why, "hint": rule.hint}


@dataclass(slots=True)
class Sheet:
    """The findings of one file, whose text is ``text``."""

    file: str
    text: str
    findings: list[Finding] = field(default_factory=list)
    _lines: list[str] | None = None

    def add(self, rule: str, at: Node, what: str) -> None:
        """Write one down, at a node."""
        self.put(rule, at.line, at.column, what)

    def add_at(self, rule: str, offset: int, what: str) -> None:
        """Write one down at a character of the file."""
        if len(self.findings) > MAX_FINDINGS:
            return
        before = self.text[:offset]
        self.put(rule, before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1, what)

    def put(self, rule: str, line: int, column: int, what: str) -> None:
        """Write one down, unless its line, or the one above, has ``# wasmbuild: ignore[RULE]``."""
        if len(self.findings) > MAX_FINDINGS or self._passes(rule, line):
            return
        finding = Finding(self.file, line, column, rule, printable(what)[:300])
        if len(self.findings) == MAX_FINDINGS:
            finding = Finding(self.file, line, column, "invalid-file", f"there are more than {MAX_FINDINGS} findings")
        if finding not in self.findings:
            self.findings.append(finding)

    def _passes(self, rule: str, line: int) -> bool:
        if self._lines is None:
            self._lines = self.text.splitlines()
        return any(f"# wasmbuild: ignore[{rule}]" in each for each in self._lines[max(0, line - 2) : line])

    def source(self, node: Node) -> str:
        """A node as it stands in the file."""
        return self.text[node.start : node.end]

    def everything(self) -> Iterator[Finding]:
        """All of them, by place."""
        yield from sorted(self.findings)
