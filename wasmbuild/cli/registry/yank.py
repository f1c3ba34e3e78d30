"""``wasmbuild registry yank``."""

from functools import partial

from registry.words import pasted
from wasmbuild.cli.common import argument, option
from wasmbuild.cli.registry.common import LocalRegistry, content_of, operator_verb
from wasmbuild.errors import UsageFailed
from wasmbuild.ui.console import Console


@operator_verb("yank", "yank team/app:1.0.0 --reason 'breaks on start' --data ./registry-data")
@argument("reference")
@option("--reason", help="Why nobody should use it; whoever pulls it is shown this.")
@option("--undo", is_flag=True, help="It may be used again.")
def command(console: Console, registry: LocalRegistry, reference: str, reason: str | None, undo: bool) -> None:
    """Say that the artifact REPOSITORY:TAG or REPOSITORY@DIGEST should not be used any more.

    It stays, and whoever pulls it, by whichever tag, is warned. Prints it by digest.
    """
    from registry.errors import ContentNotFound
    from registry.server.metadata.yanks import yank

    if undo == bool(reason):
        raise UsageFailed(
            "a yank needs a reason, and --undo goes without one",
            hint=registry.command(f"yank {pasted(reference)} --reason '…'"),
        )
    repository, wanted = content_of(reference)
    digest = registry.write(partial(yank, repository=repository, reference=wanted, reason=None if undo else reason))
    if digest is None:
        raise ContentNotFound(f"the registry does not have {reference}")
    pinned = f"{repository}@{digest}"
    console.result("registry yank", pinned, {"reference": pinned, "yanked": not undo, "reason": reason})
