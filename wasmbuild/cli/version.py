"""``wasmbuild version``."""

import platform

from wasmbuild import __version__
from wasmbuild.cli.common import verb
from wasmbuild.ui.console import Console


@verb("version", "wasmbuild version --format json")
def command(console: Console) -> None:
    """Say which version this is."""
    tell(console)


def tell(console: Console) -> None:
    """Print the version of wasmbuild, of Python and of the platform."""
    python = platform.python_version()
    system = f"{platform.system().lower()}/{platform.machine()}"
    text = f"wasmbuild {__version__} (Python {python}, {system})"
    console.result("version", text, {"version": __version__, "python": python, "platform": system})
