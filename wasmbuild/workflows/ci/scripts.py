"""What a script of a job does, as far as its text says: publishes, needs a permission, runs what it fetched."""

import re
from collections.abc import Iterator
from functools import lru_cache

from wasmbuild.workflows.ci.findings import Sheet
from wasmbuild.workflows.ci.yamltree import Node

__all__ = ["PUBLISHING_VERBS", "check_pipes", "commands", "needs", "publishes"]

_FETCHED = r"\b(?:curl|wget)\b(?:[^\n|;&]|&(?!&)|\|(?!\|)){0,300}?(?<!\|)\|[ \t]*(?:sudo[ \t]+(?:-\S+[ \t]+)*)?"
_PIPED = re.compile(
    rf"{_FETCHED}(?:env[ \t]+)?(?:/\S*/)?(?:ba|z|da|k)?sh\b"
    rf"|{_FETCHED}(?:python|node|perl|ruby)[\d.]*[ \t]*(?:-(?=\s|$)|$|(?=[;&|]))"
    r"|\b(?:ba|z|da|k)?sh[ \t]+<\([ \t]*(?:curl|wget)\b"
    r"|\b(?:(?:ba|z|da|k)?sh[ \t]+-c|eval|source|\.)[ \t]+[\"']?(?:\$\(|<\(|`)[ \t]*(?:curl|wget)\b"
    r"|\b(?i:iwr|irm|Invoke-WebRequest|Invoke-RestMethod)\b[^\n|;]{0,300}\|[ \t]*(?i:iex|Invoke-Expression)\b"
)
PUBLISHING_VERBS = ("release", "push", "sign", "attest", "attach", "tag", "copy", "load")
"""Of wasmbuild: those that bring something to a registry."""

_PUBLISHING = re.compile(
    rf"\bwasmbuild[\"']?[ \t]+(?:{'|'.join(PUBLISHING_VERBS)})(?=\s|$)"
    r"|\b(?:docker|podman|buildah|oras|crane|helm)\b[^\n]{0,300}\bpush\b|\bcosign[ \t]+(?:sign|attest)\b"
    r"|\bskopeo[ \t]+(?:copy|sync)\b|\b(?:crane|oras)[ \t]+(?:append|attach|copy|cp|tag)\b"
    r"|\btwine[ \t]+upload\b|\b(?:npm|pnpm|yarn|cargo|uv|poetry|hatch|wkg)[ \t]+publish\b"
    r"|\bgh[ \t]+release[ \t]+(?:create|upload)\b"
)
_REHEARSAL = re.compile(r"--(?:dry-run|snapshot|help)\b|\blocalhost\b|\b127\.0\.0\.1\b")
_NEEDED = {
    "contents": re.compile(r"\bgit\b[^\n]{0,300}\bpush\b|\bgh[ \t]+(?:release|api)\b|GITHUB_TOKEN"),
    "packages": _PUBLISHING,
    "id-token": re.compile(
        r"\bwasmbuild\b|ACTIONS_ID_TOKEN_REQUEST|\bcosign[ \t]+(?:sign|attest)|\bsigstore\b|\boidc\b|--keyless\b",
        re.IGNORECASE,
    ),
}


def commands(text: str) -> Iterator[str]:
    """The lines of a script, those that go on with a backslash or after a pipe as one, without comments."""
    begun: list[str] = []
    for line in text.splitlines():
        if begun or not line.lstrip().startswith("#"):
            begun.append(line.strip().removesuffix("\\"))
            if not line.rstrip().endswith(("\\", "|")):
                yield " ".join(begun)
                begun = []
    if begun:
        yield " ".join(begun)


@lru_cache(maxsize=64)
def publishes(text: str) -> bool:
    """Whether a script brings something to others; neither a rehearsal does, nor a push to this machine."""
    each = (part for line in commands(text) for part in re.split(r"&&|\|\||;", line))
    return any(_PUBLISHING.search(part) and not _REHEARSAL.search(part) for part in each)


def needs(text: str, permission: str) -> bool:
    """Whether a script shows a use for a permission of the job's token to write."""
    pattern = _NEEDED.get(permission)
    return pattern is None or any(pattern.search(line) for line in commands(text))


def check_pipes(sheet: Sheet, script: Node) -> None:
    """Find what is fetched and run at once; in its line, where the file says it as the script does."""
    source, at = sheet.source(script), 0
    for line in commands(script.text):
        for found in _PIPED.finditer(line):
            begins = source.find(found[0].split()[0], at)
            sheet.add_at("pipe-to-shell", script.start + max(begins, 0), found[0].strip())
            at = max(begins + 1, at)
