"""What a script of a job does, as far as its text says: publishes, needs a permission, runs what it fetched."""

import re
from collections.abc import Iterator

from wasmbuild.workflows.ci.findings import Sheet
from wasmbuild.workflows.ci.yamltree import Node

__all__ = ["check_pipes", "commands", "needs", "publishes"]

_PIPED = re.compile(
    r"\b(?:curl|wget)\b[^\n|;&]{0,300}\|[ \t]*(?:sudo[ \t]+(?:-\S+[ \t]+)*)?(?:env[ \t]+)?(?:/\S*/)?(?:ba|z|da|k)?sh\b"
    r"|\b(?:curl|wget)\b[^\n|;&]{0,300}\|[ \t]*(?:sudo[ \t]+)?(?:python|node|perl|ruby)[\d.]*\b"
    r"|\b(?:ba|z|da|k)?sh[ \t]+<\([ \t]*(?:curl|wget)\b"
    r"|\b(?:(?:ba|z|da|k)?sh[ \t]+-c|eval|source|\.)[ \t]+[\"']?(?:\$\(|<\(|`)[ \t]*(?:curl|wget)\b"
)
_PUBLISHING = re.compile(
    r"\bwasmbuild\b[^\n]{0,300}\s(?:release|push|sign|attest)\b"
    r"|\b(?:docker|podman|buildah|oras|crane)\b[^\n]{0,300}\bpush\b|\bcosign[ \t]+(?:sign|attest)\b"
    r"|\bskopeo[ \t]+copy\b|\btwine[ \t]+upload\b|\b(?:npm|cargo|uv|poetry|hatch|wkg)[ \t]+publish\b"
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
    """The lines of a script, those that go on with a backslash as one, without comments."""
    for line in re.sub(r"\\\n[ \t]*", " ", text).splitlines():
        if not line.lstrip().startswith("#"):
            yield line


def publishes(text: str) -> bool:
    """Whether a script brings something to others; neither a rehearsal does, nor a push to this machine."""
    return any(_PUBLISHING.search(line) and not _REHEARSAL.search(line) for line in commands(text))


def needs(text: str, permission: str) -> bool:
    """Whether a script shows a use for a permission of the job's token to write."""
    pattern = _NEEDED.get(permission)
    return pattern is None or any(pattern.search(line) for line in commands(text))


def check_pipes(sheet: Sheet, script: Node) -> None:
    """Find what is fetched and run at once."""
    for found in _PIPED.finditer(sheet.source(script)):
        sheet.add_at("pipe-to-shell", script.start + found.start(), found[0].strip())
