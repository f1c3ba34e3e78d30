"""One adapter per language, and the way from a folder to the adapter that builds it."""

from pathlib import Path

from wasmbuild.errors import InvalidProject, UsageFailed
from wasmbuild.project import PROJECT_FILE
from wasmbuild.tables import closest
from wasmbuild.toolchains.base import Detection, Toolchain
from wasmbuild.toolchains.c import CToolchain

__all__ = ["TOOLCHAINS", "Detection", "Toolchain", "detect", "toolchain_for"]

TOOLCHAINS: tuple[Toolchain, ...] = (CToolchain(),)


def toolchain_for(language: str) -> Toolchain:
    """The adapter for the word that ``wasmbuild.toml`` has for a language. Raises InvalidProject."""
    for toolchain in TOOLCHAINS:
        if toolchain.language == language:
            return toolchain
    known = [toolchain.language for toolchain in TOOLCHAINS]
    guess = closest(language, known)
    raise InvalidProject(
        f"{PROJECT_FILE}: [build] language {language[:60]!r} is not one that wasmbuild compiles",
        hint=f"did you mean {guess}?" if guess else f"known: {', '.join(known)}",
    )


def detect(root: Path, patterns: tuple[str, ...] = ()) -> tuple[Toolchain, Detection] | None:
    """The one adapter that recognises the sources in a folder, with what it found.

    Raises UsageFailed when there are several.
    """
    found = [(toolchain, detection) for toolchain in TOOLCHAINS if (detection := toolchain.detect(root, patterns))]
    if len(found) > 1:
        languages = ", ".join(detection.language for _, detection in found)
        raise UsageFailed(
            f"there are sources in several languages: {languages}",
            hint=f'say which one to build in {PROJECT_FILE}: [build] language = "{found[0][1].language}"',
        )
    return found[0] if found else None
