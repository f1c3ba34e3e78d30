"""Any text is looked at by ``ci check`` without a failure; each finding is at a place that is in the file."""

from pathlib import Path

from tests.fuzz.target import Target
from wasmbuild.workflows.ci.check import check_text

_ROOT = Path(__file__).parents[3]
_NAMES = (".github/workflows/a.yml", "action.yml", ".gitlab-ci.yml")
_WORKFLOW = b"""on: pull_request_target
permissions: write-all
jobs:
  a:
    strategy: {matrix: {x: [1, 2]}}
    steps:
      - uses: actions/checkout@v4
      - run: |
          echo "${{ github.event.pull_request.title }}" | sh
"""
_PIPELINE = b"""include: {component: x/y@1.0}
build:
  image: alpine
  script: [wasmbuild release, "curl x | sh"]
  id_tokens: {T: {aud: a}}
"""


def check(data: bytes) -> bool:
    """Whether it is a file of a CI system."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    lines = text.count("\n") + text.count("\r") + text.count("\x85") + text.count("\u2028") + text.count("\u2029") + 1
    found = [finding for name in _NAMES for finding in check_text(name, text)]
    for finding in found:
        assert 1 <= finding.line <= lines + 1, finding
        assert finding.column >= 1, finding
        assert finding.to_json()
    return not any(finding.rule == "invalid-file" for finding in found)


TARGET = Target(
    "workflow",
    beginning=(_WORKFLOW, _PIPELINE, (_ROOT / "action.yml").read_bytes(), b"[]", b"a: &a [*a]\n"),
    check=check,
    words=(
        b"&a ",
        b"*a",
        b"!!python/object:os.system ",
        b"<<: *a",
        b"---\n",
        b"...\n",
        b"|+\n",
        b">-\n",
        b"? ",
        b"${{",
        b"}}",
        b"%YAML 1.1\n",
        b"{{{{",
        b"[[[[",
        b"steps:",
        b"jobs:",
        b"uses:",
        b"run:",
        b"\xe2\x80\xa8",
        b"\t",
        b"!!binary ",
        b"permissions: {}",
        b"- - - ",
    ),
    seconds=1.0,
    seconds_per_byte=1e-3,
)
