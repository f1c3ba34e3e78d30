"""``wasmbuild delete``."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from registry.client.registries import Registries
from registry.words import pasted
from wasmbuild.cli.common import argument, option, registry_verb
from wasmbuild.cli.raw import asked, check_terminal
from wasmbuild.errors import ExitCode, UsageFailed
from wasmbuild.events import Note
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from registry.reference import Reference
    from wasmbuild.workflows.delete import Deletion
    from wasmbuild.workflows.discover import Found

_SHOWN = 20


@registry_verb("delete", "wasmbuild delete ghcr.io/acme/hello:1.0.0-rc.1")
@argument("reference")
@option("--referrers", is_flag=True, help="Delete what refers to the manifest, too.")
@option("--blob", is_flag=True, help="REFERENCE is a blob; what needs it is broken then.")
@option("-y", "--yes", is_flag=True, help="Do not ask.")
def command(console: Console, registries: Registries, reference: str, referrers: bool, blob: bool, yes: bool) -> int:
    """Delete a tag, or with REPOSITORY@DIGEST a manifest with all its tags.

    A tag goes alone: the manifest stays. Manifests and blobs are asked about on a terminal, and need
    --yes elsewhere. Prints what is gone. Ends with 3, and prints nothing, when there was nothing to
    delete, and with 1 when the answer was no.
    """
    from wasmbuild.workflows.delete import delete_blob, delete_tag, parse_target

    target = parse_target(reference)
    _check_flags(target, referrers=referrers, blob=blob)
    if target.digest is None:
        gone = delete_tag(target, registries=registries, sink=console.emit)
        return _report(console, target, [str(target)] if gone else [])
    again = f"wasmbuild delete {'--blob ' if blob else ''}{'--referrers ' if referrers else ''}{target} --yes"
    if not yes:
        check_terminal(again)
    if blob:
        if not yes and not asked(f"Delete the blob {target}, whatever needs it?"):
            return _report(console, target, None)
        gone = delete_blob(target, registries=registries, sink=console.emit)
        return _report(console, target, [str(target)] if gone else [])
    return _report(console, target, _delete_manifest(console, registries, target, referrers=referrers, yes=yes))


def _check_flags(target: "Reference", *, referrers: bool, blob: bool) -> None:
    if referrers and blob:
        raise UsageFailed("--referrers and --blob do not go together")
    if target.digest is None and (referrers or blob):
        raise UsageFailed(
            f"{'--blob' if blob else '--referrers'} needs a digest",
            cause=f"{target} is a tag, and a tag is deleted alone",
            hint=f"wasmbuild {'manifest get' if blob else 'resolve'} {pasted(target)}",
        )


def _delete_manifest(
    console: Console, registries: Registries, target: "Reference", *, referrers: bool, yes: bool
) -> list[str] | None:
    """What is gone; None when the person said no."""
    from wasmbuild.workflows.delete import plan_deletion

    plan = plan_deletion(target, find_tags=not yes, registries=registries, sink=console.emit)
    if plan is None:
        return []
    if not yes:
        console.tell("\n".join(_consequences(plan, referrers=referrers)))
        if not asked("Delete?"):
            return None
    elif plan.discovered.referrers and not referrers:
        count = len(plan.discovered.referrers)
        text = "a manifest that refers to it stays" if count == 1 else f"{count} manifests that refer to it stay"
        console.emit(Note("warning", f"{text}: {target}"))
    return list(plan.carry_out(console.emit, referrers=referrers))


def _consequences(plan: "Deletion", *, referrers: bool) -> Iterator[str]:
    """What a person should know before the answer."""
    yield f"{plan.reference} would be deleted"
    if plan.tags:
        yield f"  with {_listed(plan.tags)}, which {'mean' if len(plan.tags) > 1 else 'means'} it"
    if not plan.all_tags:
        yield "  with any other tag that means it: not all of them could be looked at"
    nodes = [*_all_of(plan.discovered.referrers)] if referrers else list(plan.discovered.referrers)
    if nodes:
        yield (
            "  with what refers to it" if referrers else "  and these would refer to nothing (--referrers deletes them)"
        )
    for node in nodes[:_SHOWN]:
        yield f"    {node.descriptor.digest}  {node.words}"
    if len(nodes) > _SHOWN:
        yield f"    and {len(nodes) - _SHOWN} more"


def _listed(tags: Sequence[str]) -> str:
    more = f" and {len(tags) - _SHOWN} more" if len(tags) > _SHOWN else ""
    return f"the tag{'s' if len(tags) > 1 else ''} {', '.join(tags[:_SHOWN])}{more}"


def _all_of(nodes: "Sequence[Found]") -> "Iterator[Found]":
    for node in nodes:
        yield node
        yield from _all_of(node.referrers)


def _report(console: Console, target: "Reference", gone: list[str] | None) -> int:
    """Say what is gone, or None for an answer of no; what the command ends with."""
    if not gone:
        console.emit(Note("info", f"nothing was deleted: {target}"))
    if gone or console.format == "json":
        console.result("delete", "\n".join(gone or []), {"reference": str(target), "deleted": gone or []})
    if gone is None:
        return ExitCode.FAILED
    return ExitCode.OK if gone else ExitCode.NOTHING_TO_DO
