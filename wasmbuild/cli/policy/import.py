"""``wasmbuild policy import``."""  # noqa: N999 - named as the verb is

from pathlib import Path

from wasmbuild.cli.common import FILE, OUTPUT, argument, option, verb
from wasmbuild.events import Note
from wasmbuild.ui.console import Console


@verb("import", "wasmbuild policy import trustpolicy.json -o trust-policy.toml")
@argument("file", type=FILE)
@option("-o", "--output", type=OUTPUT, help="A new file to write. [default: stdout]")
def command(console: Console, file: Path, output: Path | None) -> None:
    """Write a policy that says what FILE does: notation's trustpolicy.json, or policy.json of containers.

    What cannot be said is refused, never loosened. Paths of keys are relative to the new file.
    """
    from wasmbuild.workflows.policies import imported_policy, write_policy

    text = imported_policy(file)
    if "\nunsafe-accept-anything = true\n" in text:
        console.emit(Note("warning", f"{file} accepts anything somewhere, and so does the new policy"))
    if output is not None:
        write_policy(output, text)
    document = {"file": str(output) if output else None, "policy": text}
    console.result("policy import", str(output) if output else text.rstrip("\n"), document)
