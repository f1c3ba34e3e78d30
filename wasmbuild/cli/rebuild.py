"""``wasmbuild rebuild``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from registry.client.registries import Registries
from wasmbuild.cli.building import setting
from wasmbuild.cli.common import FOLDER, OUTPUT, argument, option, registry_verb
from wasmbuild.cli.signing import see_that_it_opens, signatory
from wasmbuild.cli.trusting import Trusting, trust_options
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.workflows.rebuild import Rebuilt


@registry_verb("rebuild", "wasmbuild rebuild ghcr.io/acme/hello:1.0.0 --verify --key wasmbuild.pub --source hello")
@argument("reference")
@option("--verify", is_flag=True, help="Fail when it is not what was published.")
@option("--source", type=FOLDER, default=".", show_default=True, help="A checkout of git that has the commit.")
@option("--allow-sections", metavar="NAMES", help="Custom sections that may differ, such as name,producers,.debug_*")
@option("--offline", is_flag=True, help="Fetch no tool.")
@option("-o", "--output", type=OUTPUT, help="Keep the file that was built again.")
@option("--sign", "sign_key", metavar="KEY", help="Attest the verdict with this private key.")
@trust_options
def command(  # noqa: PLR0913 - one for each option
    console: Console,
    registries: Registries,
    *,
    reference: str,
    verify: bool,
    source: Path,
    allow_sections: str | None,
    offline: bool,
    output: Path | None,
    sign_key: str | None,
    trusting: Trusting,
) -> None:
    """Build REFERENCE again from its provenance, and compare the file section by section.

    The sources are those of the commit, the compilers those of the lock. With --key the provenance must be
    signed by it; otherwise it is taken as it is. With --verify, ends with 4 when the file differs.
    """
    from wasmbuild.workflows.locals import in_registry
    from wasmbuild.workflows.rebuild import Again, check, rebuild

    asked = in_registry(reference, "rebuild")
    allowed = tuple(filter(None, (name.strip() for name in (allow_sections or "").split(","))))
    again = Again(source, trusting.authorities(), trusting.policy_or_none(), allowed, offline)
    key = signatory(sign_key) if sign_key else None
    see_that_it_opens(key)  # before the time that compiling takes
    rebuilt = rebuild(asked, again, setting(console, registries))
    if output is not None:
        from wasmbuild.workflows.files import write_file

        write_file(output, [rebuilt.wasm])
    if key is not None:
        from wasmbuild.workflows.rebuild_report import attach_verdict

        attach_verdict(rebuilt, key, console.emit, os.environ)
    _show(console, rebuilt)
    if verify:
        check(rebuilt)


def _show(console: Console, rebuilt: "Rebuilt") -> None:
    from wasmbuild.workflows.rebuild_report import to_json, to_text

    console.result("rebuild", to_text(rebuilt), to_json(rebuilt))
