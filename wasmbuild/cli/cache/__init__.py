"""``wasmbuild cache``: what is kept to be faster, a file for each verb."""

import click

from wasmbuild.cli.lazy import LazyGroup

__all__ = ["VERBS", "command"]

VERBS = {
    "stats": "Say what the cache holds, and how much.",
    "prune": "Remove what was not used for long.",
    "explain": "Say why TARGET, or each target, is built again, or is not.",
}


@click.group(
    "cache",
    cls=LazyGroup,
    package="wasmbuild.cli.cache",
    verbs=VERBS,
    epilog="Example: wasmbuild cache prune --older-than 30d",
)
def command() -> None:
    """Look after what is kept to be faster.

    The folder is the one that WASMBUILD_CACHE_DIR names, or the platform's for caches. All that these
    commands remove comes again when it is needed. Compilers are looked after by: wasmbuild toolchain
    """
