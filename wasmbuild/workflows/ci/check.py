"""``ci check``: which files are looked at, and by whose rules.

What a file is follows from what is in it: jobs and steps (a workflow), runs (an action), scripts (a pipeline).
"""

import os
from collections.abc import Sequence
from pathlib import Path

from registry.files import read_regular
from wasmbuild.errors import UsageFailed
from wasmbuild.workflows.ci.findings import Finding, Sheet
from wasmbuild.workflows.ci.github import check_action, check_workflow
from wasmbuild.workflows.ci.gitlab import check_pipeline, is_pipeline
from wasmbuild.workflows.ci.place import top_of
from wasmbuild.workflows.ci.yamltree import MAX_BYTES, Malformed, Node, read_documents

__all__ = ["check_files", "check_text", "files_of"]

_USUAL = (
    ".github/workflows/*.yml",
    ".github/workflows/*.yaml",
    ".github/actions/**/action.yml",
    ".github/actions/**/action.yaml",
    "action.yml",
    "action.yaml",
    ".gitlab-ci.yml",
    ".gitlab/ci/*.yml",
)


def files_of(folder: Path) -> tuple[Path, ...]:
    """The files of CI systems in a folder, and at the top of the working tree that it is in, where ``init`` writes.

    Raises UsageFailed when there are none.
    """
    top = Path(os.path.relpath(top_of(folder.absolute())))
    usual = (path for place in (top, folder) for pattern in _USUAL for path in place.glob(pattern))
    each_once = {os.path.realpath(path): path for path in usual if path.is_file()}
    found = tuple(sorted(each_once.values()))
    if not found:
        raise UsageFailed(
            "there is no file of a CI system here",
            cause="looked for .github/workflows, action.yml and .gitlab-ci.yml",
            hint="wasmbuild ci init github",
        )
    return found


def check_files(paths: Sequence[Path]) -> tuple[Finding, ...]:
    """What is found in files, by file and place. Raises UsageFailed for one that cannot be read."""
    found: list[Finding] = []
    for path in paths:
        try:
            text = read_regular(path, MAX_BYTES).decode("utf-8-sig")
        except OSError as error:
            raise UsageFailed(f"{path} cannot be read", cause=error.strerror or str(error)) from error
        except UnicodeDecodeError as error:
            raise UsageFailed(f"{path} is not text", cause="it is not UTF-8") from error
        found += check_text(str(path), text)
    return tuple(found)


def check_text(file: str, text: str) -> tuple[Finding, ...]:
    """What is found in the text of a file."""
    sheet = Sheet(file, text)
    try:
        documents = read_documents(text)
    except Malformed as problem:
        sheet.put("invalid-file", problem.line, problem.column, str(problem))
        return tuple(sheet.everything())
    _dispatch(sheet, documents, Path(file).name)
    return tuple(sheet.everything())


def _dispatch(sheet: Sheet, documents: tuple[Node, ...], name: str) -> None:
    first = documents[0] if documents else None
    if first is not None and len(documents) == 1 and first.own("runs") is not None:
        check_action(sheet, first)
    elif first is not None and len(documents) == 1 and first.own("jobs") is not None:
        check_workflow(sheet, first)
    elif is_pipeline(documents):
        check_pipeline(sheet, documents, whole=name == ".gitlab-ci.yml")
    else:
        sheet.put("invalid-file", 1, 1, "neither a workflow nor an action nor a pipeline")
