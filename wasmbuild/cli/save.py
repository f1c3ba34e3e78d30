"""``wasmbuild save``."""

from pathlib import Path

from registry.client.registries import Registries
from registry.words import printable
from wasmbuild.cli.common import FILE, OUTPUT, argument, option, registry_verb
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note
from wasmbuild.ui.console import Console


@registry_verb("save", "wasmbuild save ghcr.io/acme/hello -o hello.tar --with-trust --key release.pub")
@argument("source")
@option("-o", "--output", type=OUTPUT, required=True, help="The tar file to write; replaced when it is there.")
@option("-t", "--tag", "tags", multiple=True, help="Save what has this tag; may be given again. [default: all]")
@option("--with-trust", is_flag=True, help="Save what cosign's tags name, too, and the files of the options below.")
@option("--key", type=FILE, multiple=True, help="A public key to carry along.")
@option("--certificate-authority", type=FILE, multiple=True, help="Roots for Notation to carry along.")
@option("--trusted-root", type=FILE, multiple=True, help="A trusted root of sigstore to carry along.")
@option("--policy", type=FILE, multiple=True, help="A trust policy to carry along.")
def command(  # noqa: PLR0913 - one for each option
    console: Console,
    registries: Registries,
    *,
    source: str,
    output: Path,
    tags: tuple[str, ...],
    with_trust: bool,
    key: tuple[Path, ...],
    certificate_authority: tuple[Path, ...],
    trusted_root: tuple[Path, ...],
    policy: tuple[Path, ...],
) -> None:
    """Write the artifacts of SOURCE, a repository, to a tar file, with all that refers to them.

    The file is an OCI image layout, the same bytes for the same content. SOURCE:TAG saves that tag
    alone. Prints the artifacts by digest, one a line.
    """
    from wasmbuild.workflows.airgap import left_behind, read_files
    from wasmbuild.workflows.archives import save

    given = {
        "key": key,
        "certificate authority": certificate_authority,
        "trusted root": trusted_root,
        "policy": policy,
    }
    files = [(kind, path) for kind, paths in given.items() for path in paths]
    if files and not with_trust:
        raise UsageFailed(f"{files[0][1]} is carried only with --with-trust", hint="add --with-trust")
    trust = read_files(files) if with_trust else None
    for policy_name, named in left_behind(trust or ()):
        said = f"{policy_name} names {printable(named, 120)}, and no such file is carried beside it"
        console.emit(Note("warning", f"{said}: give it as well, and name it without a folder"))
    saved = save(source, output, tags=tags, trust=trust, registries=registries, sink=console.emit)
    lines = "\n".join(artifact.reference for artifact in saved.artifacts)
    carried = {} if trust is None else {"trust": [{"kind": each.kind, "name": each.name} for each in trust]}
    console.result("save", lines, {**saved.to_json(), "file": str(output), **carried})
