"""``wasmbuild policy check``."""

from pathlib import Path

from wasmbuild.cli.common import FILE, argument, verb
from wasmbuild.events import Note
from wasmbuild.ui.console import Console


@verb("check", "wasmbuild policy check trust-policy.toml")
@argument("file", type=FILE)
def command(console: Console, file: Path) -> None:
    """Check that FILE is a policy, with all keys that it names. Prints how many scopes it has."""
    from wasmbuild.trust.policy.parsing import read_trust_policy

    policy = read_trust_policy(file)
    for scope in policy.scopes:
        if scope.accepts_anything:
            console.emit(Note("warning", f"anything is accepted from {', '.join(scope.patterns)}"))
    counted = {"authorities": len(policy.parties), "scopes": len(policy.scopes)}
    text = f"{file}: authorities: {counted['authorities']}, scopes: {counted['scopes']}"
    console.result("policy check", text, {"policy": str(file), **counted})
