"""Where each page stands, by Diátaxis: to learn, to do, to look up, to understand. The pages themselves stay flat.

A page that is named nowhere here stands at the end of the reference, so that none is lost.
"""

from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

__all__ = ["Entry", "named_pages", "navigation"]

_HOW_TO = MappingProxyType(
    {
        "Build": ("building.md", "templates.md", "languages.md", "languages-scripting.md", "cluster.md"),
        "Release": ("release.md", "trusted-publishing.md", "ci-output.md"),
        "Trust": ("signing.md", "keyless.md", "verify.md", "airgap.md", "admission.md"),
        "Run": ("run.md", "serve-http.md", "images.md"),
        "Look after a registry": ("server.md", "server-access.md", "server-storage.md", "server-collection.md"),
        "At the shell": ("shell.md",),
    }
)
_REFERENCE = MappingProxyType(
    {
        "Configuration": (
            "project-file.md",
            "project-keys.md",
            "registries.md",
            "user-keys.md",
            "server-settings.md",
            "environment.md",
            "policy.md",
        ),
        "Errors": ("errors.md",),
        "HTTP and formats": ("http.md", "formats.md", "names.md", "metadata.md"),
        "Trust": ("attestations.md", "provenance.md", "sbom.md", "keys.md", "signers.md", "interop.md", "trust-api.md"),
        "WebAssembly": ("inspect.md", "compare.md", "components.md", "capabilities.md", "run-limits.md"),
        "Building": ("toolchains.md", "build-cache.md", "sandbox.md"),
    }
)
_EXPLANATION = ("architecture.md", "threats.md", "claims.md")
_PROJECT = ("project/readme.md", "project/contributing.md", "project/changelog.md", "project/security.md")

Entry = dict[str, Any] | str


def named_pages() -> set[str]:
    """The pages that are named here; not all of them need be there."""
    groups = [*_HOW_TO.values(), *_REFERENCE.values(), _EXPLANATION, _PROJECT]
    return {"index.md", "tutorial.md", *(page for group in groups for page in group)}


def navigation(root: Path) -> list[Entry]:
    """The navigation of the pages below a folder, in the form that the generator's configuration has."""
    there = {str(path.relative_to(root)) for path in root.rglob("*.md")}
    rest = sorted(page for page in there - named_pages() if "/" not in page)
    return [
        "index.md",
        {"Tutorial": _present(there, ["tutorial.md", *_below(there, "tutorials")])},
        {"How-to guides": [*_below(there, "how-to"), *_groups(there, _HOW_TO)]},
        {
            "Reference": [
                {"Commands": _below(there, "reference/commands")},
                *_groups(there, _REFERENCE),
                *([{"More": rest}] if rest else []),
            ]
        },
        {
            "Explanation": [
                *_present(there, _EXPLANATION),
                *_below(there, "explanation"),
                {"Decisions": _below(there, "adr")},
            ]
        },
        {"Project": _present(there, _PROJECT)},
    ]


def _groups(there: set[str], groups: "MappingProxyType[str, tuple[str, ...]]") -> list[Entry]:
    return [{title: found} for title, pages in groups.items() if (found := _present(there, pages))]


def _present(there: set[str], pages: Sequence[str]) -> list[Entry]:
    return [page for page in pages if page in there]


def _below(there: set[str], folder: str) -> list[Entry]:
    """The pages in a folder, its index first."""
    found = [page for page in there if page.startswith(f"{folder}/")]
    return sorted(found, key=lambda page: (not page.endswith("/index.md"), page))
