"""``wasmbuild registry scrub``."""

from typing import TYPE_CHECKING

from wasmbuild.cli.common import option
from wasmbuild.cli.registry.common import LocalRegistry, operator_verb
from wasmbuild.errors import ExitCode, UsageFailed
from wasmbuild.events import Note
from wasmbuild.ui.console import Console
from wasmbuild.ui.words import size

if TYPE_CHECKING:
    from registry.server.collection.report import ScrubReport
    from registry.server.services import Services


@operator_verb("scrub", "scrub --all --data ./registry-data")
@option("--all", "everything", is_flag=True, help="Everything, and not only what was not read back for long.")
@option("--rate", help="How much a second at most, for example 50MB; without it, as fast as it can.")
def command(console: Console, registry: LocalRegistry, everything: bool, rate: str | None) -> int:
    """Read manifests and blobs back, and find those that are damaged. Prints their digests, one a line.

    What is damaged is put aside, and answers 404 until it is pushed again. Ends with 4 when anything is.
    """
    from registry.server.collection.scrub import Scrubber

    bound = 0 if rate is None else _rate(rate)

    async def scrub(services: "Services") -> "list[ScrubReport]":
        await services.storage.check()
        scrubber = Scrubber(services, bound)
        return [await scrubber.run(everything=everything), await scrubber.run_manifests()]

    reports = registry.run(scrub)
    digests = [digest for report in reports for digest in report.digests]
    numbers = {
        name: sum(getattr(each, name) for each in reports) for name in ("blobs", "manifests", "bytes", "damaged")
    }
    read = f"{numbers['manifests']} manifests and {numbers['blobs']} blobs were read back ({size(numbers['bytes'])})"
    console.emit(Note("info", f"{read}, {numbers['damaged'] or 'none'} damaged"))
    if digests or console.format == "json":
        console.result("registry scrub", "\n".join(digests), {**numbers, "digests": digests})
    return ExitCode.DENIED if numbers["damaged"] else ExitCode.OK


def _rate(text: str) -> int:
    from registry.server.config.values import size as parse_size

    try:
        return parse_size(text)
    except ValueError as error:
        raise UsageFailed(f"--rate {text[:40]!r} is no size", hint="--rate 50MB") from error
