"""Expressions, ``${{ … }}`` of GitHub: which of them may hold what a stranger, or another job, has written.

What GitHub itself makes (numbers, digests, paths of the runner) is let pass; all else counts as a stranger's.
"""

import re
from collections.abc import Iterator

from wasmbuild.workflows.ci.findings import Sheet
from wasmbuild.workflows.ci.yamltree import Node

__all__ = ["check_script", "expressions", "mentions_secrets", "untrusted"]

_EXPRESSION = re.compile(r"\$\{\{((?:'[^']*'|(?!\$\{\{|\}\})[^'])*+)\}\}")
"""What is between quotes does not end one."""
_WORDS = re.compile(r"'(?:[^']|'')*'|[A-Za-z_][\w-]*(?:\s*\.\s*[\w*-]+|\s*\[[^\]]*\])*\s*\(?")
_SAFE = re.compile(
    r"github\.(?:sha|run_id|run_number|run_attempt|workspace|action_path|event_name|job|repository|repository_id"
    r"|repository_owner|repository_owner_id|server_url|api_url|graphql_url|workflow_sha|retention_days|ref_type"
    r"|ref_protected|actor_id|secret_source|event\.(?!inputs\.|client_payload\.)(?:[\w.]+\.)?(?:id|number|sha|before|after|created|deleted|forced))"
    r"|runner\.\w+|strategy\.[\w-]+|job\.status|vars\.\w+|(?:true|false|null)"
)
_SAFE_FUNCTIONS = frozenset(
    ("success", "failure", "always", "cancelled", "hashfiles", "contains", "startswith", "endswith")
)
_SECRET = re.compile(r"\bsecrets\s*[.\[]|\bgithub\s*\.\s*token\b|\btoJSON\s*\(\s*secrets", re.IGNORECASE)


def expressions(sheet: Sheet, node: Node) -> Iterator[tuple[int, str]]:
    """The expressions in a node: where each begins in the file, as far as that can be seen, and what is in it."""
    source, at = sheet.source(node), 0
    for found in _EXPRESSION.finditer(node.text):
        begins = source.find("${{", at)  # which YAML may have written otherwise
        yield node.start + max(begins, 0), found[1].strip()
        at = begins + 1 if begins >= 0 else len(source)


def untrusted(expression: str, static_matrix: bool) -> str | None:
    """The part of an expression that others may have written; None when there is none.

    ``static_matrix`` is whether the values of ``matrix`` stand in the file.
    """
    for found in _WORDS.finditer(expression):
        word = re.sub(r"\s", "", found[0])
        if word.startswith("'"):
            continue
        if word.endswith("("):
            # What a condition says is true or false, whatever is in it; what others pass on is looked at.
            if word[:-1].lower() in _SAFE_FUNCTIONS and _whole_call(expression):
                return None
            continue
        if not _SAFE.fullmatch(word) and not (static_matrix and word.startswith("matrix.")):
            return word
    return None


def _whole_call(expression: str) -> bool:
    return re.fullmatch(r"!?\s*[A-Za-z]+\s*\([^()]*\)", expression) is not None


def mentions_secrets(text: str) -> bool:
    """Whether an expression in a text names a secret."""
    return any(_SECRET.search(found[1]) for found in _EXPRESSION.finditer(text))


def check_script(sheet: Sheet, script: Node, static_matrix: bool) -> None:
    """Find what is pasted into a script."""
    for offset, expression in expressions(sheet, script):
        word = untrusted(expression, static_matrix)
        if word is not None:
            sheet.add_at("template-injection", offset, f"{word} in a script")
