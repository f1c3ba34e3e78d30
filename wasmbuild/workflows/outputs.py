"""Outputs: where what is made of a file goes, and that it never replaces that file unasked.

How a file is written is ``wasmbuild.workflows.files``'s.
"""

from pathlib import Path

from registry.files import storage_errors
from wasmbuild.errors import UsageFailed
from wasmbuild.workflows.files import behind_links

__all__ = ["destination", "spare"]


def destination(source: Path, output: Path | None, *, in_place: bool | None = None) -> Path:
    """Where a changed file goes; ``in_place`` is None where the verb cannot be asked for that.

    Raises UsageFailed when nobody said where, or only by its name that the file itself is to be replaced.
    """
    if output is not None and in_place:
        raise UsageFailed("--output and --in-place do not go together")
    if in_place:
        return source
    if output is None:
        raise UsageFailed(
            "nobody said where the result goes", hint="-o FILE" if in_place is None else "-o FILE, or --in-place"
        )
    spare(source, output, "give it another name" if in_place is None else "--in-place")
    return output


def spare(source: Path, output: Path, hint: str = "give it another name") -> None:
    """Insist that a file to be written is not the one that is read, under any name. Raises UsageFailed."""
    target = behind_links(output)
    with storage_errors(f"{output} could not be written"):
        same = target.exists() and source.exists() and target.samefile(source)
    if same:
        raise UsageFailed(f"{output} is the file that is read", hint=hint)
