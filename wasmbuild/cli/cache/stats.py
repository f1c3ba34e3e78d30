"""``wasmbuild cache stats``."""

from typing import TYPE_CHECKING, Any

from wasmbuild.cli.common import verb
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.build.cache.parts import Part


@verb("stats", "wasmbuild cache stats")
def command(console: Console) -> None:
    """Say what the cache holds, and how much.

    actions are results of builds, kept is what was fetched or prepared for them, aot is code that was
    compiled to be run; the others are the compilers' own caches. A row has the number of things, their
    size, and when the least and the most recently used was used. Prints the folder of the cache first.
    """
    from wasmbuild.build.cache.parts import parts_of
    from wasmbuild.caches import Caches
    from wasmbuild.cli.registry.common import columns
    from wasmbuild.ui.words import size

    caches = Caches.of_user()
    parts = parts_of(caches)
    total = sum(part.size for part in parts)
    rows = [["part", "things", "size", "oldest", "last used"]]
    rows += [
        [part.name, str(len(part.items)), size(part.size), _day(part.oldest), _day(part.last_used)] for part in parts
    ]
    rows.append(["all", str(sum(len(part.items) for part in parts)), size(total), "", ""])
    document = {"folder": str(caches.root), "bytes": total, "parts": [_document(part) for part in parts]}
    console.result("cache stats", f"{caches.root}\n{columns(rows)}", document)


def _document(part: "Part") -> dict[str, Any]:
    from wasmbuild.cli.registry.common import moment

    used = {"oldest": moment(part.oldest), "lastUsed": moment(part.last_used)}
    return {"name": part.name, "things": len(part.items), "bytes": part.size, **used}


def _day(seconds: float | None) -> str:
    from wasmbuild.cli.registry.common import moment

    return (moment(seconds) or "").replace("T", " ").removesuffix("Z")
