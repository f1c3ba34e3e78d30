"""``wasmbuild push``."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from registry.client.registries import Registries
from registry.words import pasted
from wasmbuild.cli.attaching import attaching, check_attaching
from wasmbuild.cli.building import building, given_for_building, setting
from wasmbuild.cli.common import FILE, FOLDER, argument, option, registry_verb
from wasmbuild.cli.imaging import imaging
from wasmbuild.cli.signing import key_option, see_that_it_opens, signatory
from wasmbuild.errors import UsageFailed
from wasmbuild.ui.console import Console

if TYPE_CHECKING:
    from wasmbuild.artifact import Packed
    from wasmbuild.trust.candidate import SignatureKind
    from wasmbuild.trust.signer import Signatory
    from wasmbuild.workflows.build import Built
    from wasmbuild.workflows.companions import Companion, Wanted
    from wasmbuild.workflows.image_push import ImageWish, Outgoing
    from wasmbuild.workflows.options import BuildOptions
    from wasmbuild.workflows.push import Destination


@registry_verb("push", "wasmbuild push ghcr.io/acme/hello:1.0.0 --tag latest --sign --key wasmbuild.key")
@argument("reference", required=False)
@argument("file", type=FILE, required=False)
@option("-t", "--tag", "tags", multiple=True, help="Another tag to set; may be given again.")
@option("--annotation", "annotations", multiple=True, metavar="KEY=VALUE", help="For the manifest; may be given again.")
@option("--dry-run", is_flag=True, help="Say what would be pushed, and push nothing.")
@option("--check-compat", is_flag=True, help="Fail when the tag's version may not change as much as the file does.")
@option("--sign", is_flag=True, help="Sign the artifact before it is tagged.")
@key_option()
@option("--signature-format", metavar="FORMS", help="What to write: bundle, legacy. [default: bundle,legacy]")
@attaching
@imaging
@option("-C", "--project", type=FOLDER, default=".", show_default=True, help="The project to build and push.")
@building
def command(  # noqa: PLR0913 - one for each option
    console: Console,
    registries: Registries,
    *,
    reference: str | None,
    file: Path | None,
    tags: tuple[str, ...],
    annotations: tuple[str, ...],
    dry_run: bool,
    check_compat: bool,
    sign: bool,
    key: str | None,
    signature_format: str | None,
    wanted: "Wanted",
    image: "ImageWish | None",
    project: Path,
    options: "BuildOptions",
) -> None:
    """Build the project and push it to REFERENCE; or push FILE, which is WebAssembly already.

    Without REFERENCE it goes where [registry] repository of the project says, with its version as the tag.
    An SBOM, and how it was built, are attached to it; its digest does not change by that. Prints the
    reference by digest, and nothing else; with --dry-run, what would be pushed.
    """
    from wasmbuild.workflows.annotations import annotated, parse_annotations
    from wasmbuild.workflows.image_push import outgoing, push_together
    from wasmbuild.workflows.locals import in_registry
    from wasmbuild.workflows.push import Destination, push

    _check_flags(file, sign=sign, key=key)
    check_attaching(wanted, file, sign=sign)
    forms = _forms(signature_format, sign=sign)
    more = parse_annotations(annotations)
    place = reference or _default_place(project)
    destination = Destination.open(in_registry(place, "push"), tags, registries, file=file)
    check = _tag_check(destination, console, registries, options) if check_compat else None
    packed = None if file is None else _packed(file)
    signer = None if key is None else _signer(key, rehearse=dry_run)
    built = None
    if packed is None:
        _prepare(destination, signer, rehearse=dry_run)
        built = _built(console, registries, project, options)
        packed = built.packed()
    source = annotated(packed, more)
    if check is not None:
        check(source)
    out = outgoing(source, destination, image)
    if dry_run:
        _rehearse(console, out, destination, wanted, built, sign=sign)
        return
    made = _companions(out.described, destination, file, built, wanted, console, sign=sign)
    see_that_it_opens(signer)
    bring = partial(push_together, images=out.beside) if out.beside else push
    pushed = bring(
        out.main,
        destination,
        key=signer,
        kinds=forms,
        companions=made,
        sink=console.emit,
        environment=os.environ,
        concurrency=registries.settings.concurrency,
    )
    console.result("push", str(pushed.reference), pushed.to_json())


def _check_flags(file: Path | None, *, sign: bool, key: str | None) -> None:
    if sign != (key is not None):
        raise UsageFailed("--sign and --key go together", hint="wasmbuild push REFERENCE --sign --key wasmbuild.key")
    for name in given_for_building() if file is not None else ():
        raise UsageFailed(
            f"--{name} and FILE do not go together",
            cause=f"{file} is pushed as it is, and nothing is built",
            hint=f"leave out --{name}, or {file}",
        )


def _forms(kinds: str | None, *, sign: bool) -> "tuple[SignatureKind, ...] | None":
    if kinds is None:
        return None
    if not sign:
        raise UsageFailed("--signature-format needs --sign", hint="wasmbuild push REFERENCE --sign --key wasmbuild.key")
    from wasmbuild.workflows.sign import parse_kinds

    return parse_kinds(kinds)


def _packed(file: Path) -> "Packed":
    from wasmbuild.artifact import pack_file

    return pack_file(file, os.environ)


def _prepare(destination: "Destination", signer: "Signatory | None", *, rehearse: bool) -> None:
    """Find out before the time that compiling takes whether the key opens, and whether we may push."""
    see_that_it_opens(signer)
    if not rehearse:
        destination.repository.prepare_push()


def _rehearse(
    console: Console,
    out: "Outgoing",
    destination: "Destination",
    wanted: "Wanted",
    built: "Built | None",
    *,
    sign: bool,
) -> None:
    from wasmbuild.workflows.companions import names
    from wasmbuild.workflows.rehearse import rehearse

    attaches = names(wanted, built=built is not None, signed=sign)
    main = rehearse(out.main, destination, signs=sign, attaches=attaches)
    beside = [(each.form, rehearse(each.packed, each.destination, signs=sign)) for each in out.beside]
    lines = "\n".join([main.lines(), *(each.lines() for _, each in beside)])
    images = [{"form": form, **each.to_json()} for form, each in beside]
    console.result("push", lines, {**main.to_json(), **({"images": images} if images else {})})


def _companions(
    packed: "Packed",
    destination: "Destination",
    file: Path | None,
    built: "Built | None",
    wanted: "Wanted",
    console: Console,
    *,
    sign: bool,
) -> "Callable[[], tuple[Companion, ...]]":
    from wasmbuild.workflows.companions import Source, begin_companions

    path = built.wasm_path if built else file
    assert path is not None
    pinned = destination.reference.pinned(packed.manifest.digest)
    verified = destination.repository.transport.auth.workload.verified  # of the login before the build
    source = Source(packed, pinned, path, built, wanted, os.environ, console.emit, verified)
    return begin_companions(source, signed=sign)


def _tag_check(
    destination: "Destination", console: Console, registries: Registries, options: "BuildOptions"
) -> "Callable[[Packed], object]":
    """What to hold the artifact against; it is found before the time that compiling takes."""
    from wasmbuild.caches import Caches
    from wasmbuild.workflows.comparing import Bench
    from wasmbuild.workflows.compat_tag import TagCheck

    found = TagCheck.of(destination)
    return partial(found.check, bench=Bench(Caches.of_user(), registries, console.emit, options.offline))


def _default_place(folder: Path) -> str:
    from wasmbuild.project import load

    project = load(folder)
    if project.repository is None:
        raise UsageFailed(
            "there is no place to push to",
            cause="no REFERENCE was given, and the project has no [registry] repository",
            hint="wasmbuild push ghcr.io/acme/hello:1.0.0",
        )
    return f"{project.repository}:{project.version.replace('+', '_')}"


def _built(console: Console, registries: Registries, project: Path, options: "BuildOptions") -> "Built":
    from wasmbuild.workflows.build import build
    from wasmbuild.workflows.planning import find_workspace

    if len(options.targets) != 1:
        labels = [part.label for part in find_workspace(project).parts]
        if len(labels) != 1:
            raise UsageFailed(
                "push brings one target to one place",
                cause=f"this project has {', '.join(labels[:20])}",
                hint=f"wasmbuild push REFERENCE --target {pasted(labels[0])}" if labels else None,
            )
    return build(project, options, setting(console, registries))[-1]


def _signer(key: str, *, rehearse: bool) -> "Signatory | None":
    """Whoever signs with a key; in a rehearsal it is enough that the key is there."""
    if not rehearse:
        return signatory(key)
    from wasmbuild.workflows.signatories import check_signatory

    check_signatory(key)
    return None
