"""``wasmbuild release``."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry.client.registries import Registries
from registry.errors import StorageFailed
from registry.words import pasted
from wasmbuild.cli.attaching import attaching, check_attaching
from wasmbuild.cli.building import building, setting
from wasmbuild.cli.common import FOLDER, argument, option, registry_verb
from wasmbuild.cli.keyless import Keyless, keyless_options
from wasmbuild.cli.signing import key_option, see_that_it_opens, signatory
from wasmbuild.errors import NothingToDo, UsageFailed
from wasmbuild.events import Note
from wasmbuild.ui.console import SCHEMA_VERSION, Console

if TYPE_CHECKING:
    from wasmbuild.released import Release
    from wasmbuild.workflows.companions import Wanted
    from wasmbuild.workflows.options import BuildOptions
    from wasmbuild.workflows.release.staging import Signing

_SHOWN = 10


@registry_verb("release", "wasmbuild release --key wasmbuild.key --dry-run")
@argument("folder", type=FOLDER, default=".")
@option("--to", metavar="REPOSITORY", help="Where to, before what the projects say.")
@option("--dry-run", is_flag=True, help="Say what would be released, and do nothing.")
@option("--snapshot", is_flag=True, help="Do everything but push: for sources that are not ready yet.")
@option(
    "--nothing-to-do",
    type=click.Choice(["ok", "fail"]),
    default="ok",
    show_default=True,
    help="What it is when everything is released already.",
)
@option(
    "--check-reproducibility/--no-check-reproducibility",
    default=True,
    help="Build each target twice, and compare. [default: check]",
)
@option(
    "--check-compat/--no-check-compat", default=True, help="Hold each against the release before it. [default: check]"
)
@key_option()
@keyless_options
@option("--signature-format", metavar="FORMS", help="What a key writes: bundle, legacy. [default: bundle,legacy]")
@attaching
@option("--schema", is_flag=True, help="Print the JSON Schema of the document, and do nothing.")
@building
def command(  # noqa: PLR0913 - one for each option
    console: Console,
    registries: Registries,
    *,
    folder: Path,
    to: str | None,
    dry_run: bool,
    snapshot: bool,
    nothing_to_do: str,
    check_reproducibility: bool,
    check_compat: bool,
    key: str | None,
    keyless: Keyless,
    signature_format: str | None,
    wanted: "Wanted",
    schema: bool,
    options: "BuildOptions",
) -> None:
    """Release every target of the project in FOLDER: build, sign, push, verify, and tag last.

    Everything that can be looked at is looked at before anything is compiled. A version that is there is left as
    it is, and an interrupted release is finished. Prints the references by digest; results are in dist/release.json.
    """
    if schema:
        _print_schema()
        return
    if "/" in str(folder) and not folder.exists():
        raise UsageFailed(f"there is no folder {folder}", hint=f"to name a repository: --to {pasted(str(folder))}")
    from wasmbuild.workflows.release.releasing import Wishes, plan_release, release

    by_whom = "with this machine's identity" if _keyless(key, keyless, signature_format) else key and "with a key"
    if snapshot and by_whom is not None and key is None:
        raise UsageFailed("a snapshot is signed with a key alone", hint="wasmbuild release --snapshot --key KEY")
    check_attaching(wanted, None, sign=by_whom is not None)
    signing = _signing(key, keyless, signature_format, rehearse=dry_run)
    wishes = Wishes(
        signing,
        wanted,
        to,
        twice=check_reproducibility,
        compat=check_compat,
        snapshot=snapshot,
        verify_with=_verified_with(key),
    )
    surroundings = setting(console, registries)
    if dry_run:
        from wasmbuild.workflows.release.outline import outline, planned

        flight = plan_release(folder, wishes, options, surroundings)
        _tell(console, planned(flight), nothing_to_do, outline(flight, wishes, by_whom))
        return
    see_that_it_opens(signing.key)
    if not signing.signs:
        console.emit(Note("warning", "nothing is signed: name a key with --key, or use --keyless"))
    found = release(folder, wishes, options, surroundings)
    from wasmbuild.ui.ci.publishing import publish_results

    with _all_done():
        _keep(found)
        publish_results(found, console.ci, os.environ)
    _tell(console, found, nothing_to_do, "\n".join(each.reference for each in found.targets))


def _tell(console: Console, found: "Release", nothing_to_do: str, text: str) -> None:
    if found.nothing_to_do and nothing_to_do == "fail":
        if not found.targets:
            raise NothingToDo("no target that is released has changed", hint="leave out --since to release it anyway")
        names = [f"{each.label} {each.version}" for each in found.targets]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise NothingToDo(
            "everything is released already",
            cause=f"{', '.join(names[:_SHOWN])}{more}",
            hint="raise version in wasmbuild.toml",
        )
    console.result("release", text, found.to_json())


def _keyless(key: str | None, keyless: Keyless, forms: str | None) -> bool:
    """Whether an identity signs. Raises UsageFailed for what contradicts itself."""
    asked = keyless.wanted or keyless.token is not None or keyless.config is not None
    return asked and keyless.chosen(key, forms)


def _signing(key: str | None, keyless: Keyless, forms: str | None, *, rehearse: bool) -> "Signing":
    """Who signs; in a rehearsal it is enough that the key is there."""
    from wasmbuild.workflows.release.staging import Signing

    if _keyless(key, keyless, forms):
        from wasmbuild.workflows.identity_signer import open_identity

        return Signing() if rehearse else Signing(identity=open_identity(keyless.token, keyless.config))
    if key is None:
        if forms is not None:
            raise UsageFailed("--signature-format needs --key", hint="wasmbuild release --key wasmbuild.key")
        return Signing()
    if rehearse:
        from wasmbuild.workflows.signatories import check_signatory

        check_signatory(key)
        return Signing()
    from wasmbuild.workflows.sign import parse_kinds

    return Signing(signatory(key), parse_kinds(forms))


def _verified_with(key: str | None) -> str | None:
    """The options that verify it, as far as the place of the public key is known."""
    if key is None:
        return None
    public = Path(key).with_suffix(".pub")
    return f"--key {pasted(str(public) if public.is_file() else 'wasmbuild.pub')}"


@contextmanager
def _all_done() -> Iterator[None]:
    """A block in which only what is said of a release is missing, and nobody shall think that it failed."""
    try:
        yield
    except StorageFailed as failure:
        failure.what = f"all is done, but {failure.what}"
        raise


def _keep(found: "Release") -> None:
    import json

    from registry.files import storage_errors, write_atomically

    assert found.results is not None
    document = {"schemaVersion": SCHEMA_VERSION, "command": "release", **found.to_json()}
    with storage_errors(f"{found.results} could not be written"):
        found.results.parent.mkdir(exist_ok=True)
        write_atomically(found.results, f"{json.dumps(document, indent=2)}\n".encode())


def _print_schema() -> None:
    from importlib.resources import files

    print((files("wasmbuild") / "release.schema.json").read_text(encoding="utf-8"), end="")
