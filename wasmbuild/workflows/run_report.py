"""What ``run --explain`` shows of a program: each thing that it asks for, and what becomes of that."""

import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from registry.words import printable
from wasmbuild.run.deciding.verdicts import Row
from wasmbuild.wasm.capabilities import NOTHING_ASKED
from wasmbuild.wasm.world import role, wasi_level
from wasmbuild.workflows.run import Prepared

__all__ = ["report_json", "report_text"]

_WIDTH = 100


def report_text(prepared: Prepared) -> str:
    """The table, and what the program would be given. Values of variables are not in it."""
    binary, decision = prepared.program.binary, prepared.decision
    verdict = "would run" if prepared.failure() is None else "would not run"
    head = f"{printable(prepared.artifact)}: {verdict}; a {binary.kind}, {role(binary)}, WASI {wasi_level(binary)}"
    lines = [head, *(line for row in decision.rows for line in _row_lines(row))]
    lines += [] if decision.rows else [f"  {NOTHING_ASKED}"]
    given = list(_given(prepared))
    lines += ["gets beyond that:", *(f"  {line}" for line in given)] if given else []
    lines += [f"note: {note.text}" for note in decision.notes]
    return "\n".join(lines)


def report_json(prepared: Prepared) -> dict[str, Any]:
    """The document of the command. Values of variables are not in it."""
    decision = prepared.decision
    grants = decision.grants
    failure = prepared.failure()
    return {
        "program": prepared.artifact,
        "kind": prepared.program.binary.kind,
        "role": role(prepared.program.binary),
        "wasi": list(wasi_level(prepared.program.binary).levels),
        "policy": decision.policy,
        "runs": failure is None,
        "refusal": None if failure is None else {"code": failure.code, "what": failure.what, "cause": failure.cause},
        "rows": [_row_json(row) for row in decision.rows],
        "grants": {
            "folders": [
                {"host": str(folder.host), "guest": folder.guest, "writable": folder.writable}
                for folder in grants.folders
            ],
            "environment": list(grants.names),
            "http": list(grants.hosts) or grants.http,
        },
        "limits": asdict(prepared.limits),
        "notes": [note.text for note in decision.notes],
    }


def _row_lines(row: Row) -> Iterator[str]:
    name, risk = (row.capability.name, row.capability.risk) if row.capability else ("foreign", "unknown")
    flag = f" [{row.flag}]" if row.flag else ""
    yield f"  {row.verdict:<9}  {name:<11}  risk {risk:<7}  {row.why}{flag}"
    names = ", ".join(printable(each) for each in row.imports)
    yield from textwrap.wrap(names, _WIDTH, initial_indent=" " * 13, subsequent_indent=" " * 13, break_on_hyphens=False)


def _given(prepared: Prepared) -> Iterator[str]:
    grants = prepared.decision.grants
    for folder in grants.folders:
        yield f"folder {printable(folder.guest)}, to {folder.words}: {printable(str(folder.host))}"
    if grants.environment:
        yield f"variables {', '.join(printable(name) for name in grants.names)}"
    if grants.http:
        yield "HTTP requests to every host"


def _row_json(row: Row) -> dict[str, Any]:
    return {
        "imports": list(row.imports),
        "capability": row.capability.name if row.capability else None,
        "risk": row.capability.risk if row.capability else None,
        "words": row.words,
        "verdict": row.verdict,
        "why": row.why,
        "flag": row.flag,
    }
