"""``wasmbuild policy explain``."""

from pathlib import Path

from wasmbuild.cli.common import argument, verb
from wasmbuild.cli.policy.common import policy_file, policy_option
from wasmbuild.ui.console import Console


@verb("explain", "wasmbuild policy explain trust-policy.toml")
@argument("what", required=False, metavar="[FILE|REFERENCE]")
@policy_option
def command(console: Console, what: str | None, policy: Path | None) -> None:
    """Say in words what a policy demands: the policy FILE, or of yours what is for REFERENCE.

    Nothing is fetched, and REFERENCE need not be there.
    """
    from registry.reference import Reference
    from wasmbuild.trust.policy.explaining import explain, explain_scope
    from wasmbuild.trust.policy.parsing import read_trust_policy

    named = Path(what) if what is not None and _is_file(what) else None
    read = read_trust_policy(named or policy_file(policy))
    if what is None or named is not None:
        lines = explain(read)
        console.result("policy explain", "\n".join(lines), {"policy": read.file, "lines": list(lines)})
        return
    name = Reference.parse(what).name
    found = read.scope_for(name)
    lines = explain_scope(found[1]) if found else (f"{name}: nothing is accepted, because no scope is for it",)
    document = {"policy": read.file, "scope": found[0] if found else None, "lines": list(lines)}
    console.result("policy explain", "\n".join(lines), document)


def _is_file(text: str) -> bool:
    return text.endswith(".toml") or text.startswith((".", "/")) or Path(text).is_file()
