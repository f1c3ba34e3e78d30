"""``wasmbuild registry stats``."""

from wasmbuild.cli.registry.common import LocalRegistry, operator_verb, show_rows
from wasmbuild.ui.console import Console


@operator_verb("stats", "stats --data ./registry-data")
def command(console: Console, registry: LocalRegistry) -> None:
    """Count what the registry holds; sizes are in bytes.

    stored is what all blobs take; shared is what they would take in addition if each repository had
    its own. condemned blobs are about to go, quarantined ones are damaged. leased manifests are kept
    for a time, as what a release stages is.
    """
    from dataclasses import asdict

    from registry.server.metadata.stats import find_stats

    found = asdict(registry.read(find_stats))
    show_rows(console, "stats", [(name, str(number)) for name, number in found.items()], found)
