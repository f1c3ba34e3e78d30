"""``wasmbuild registry config``."""

from wasmbuild.cli.registry.common import LocalRegistry, operator_verb, show_rows
from wasmbuild.ui.console import Console


@operator_verb("config", "config --config registry.toml")
def command(console: Console, registry: LocalRegistry) -> None:
    """Show every setting in force, and where it was said. Secrets are not shown."""
    from registry.server.config.effective import effective

    settings = effective(registry.loaded)
    document = [{"key": each.key, "value": each.value, "origin": each.origin} for each in settings]
    show_rows(console, "config", [(each.key, each.value, each.origin) for each in settings], {"settings": document})
