"""Releases wasmbuild itself, by the commands that it has for others. Every command is printed before it is run.

    python -m scripts.release_self ghcr.io/acme --key KEY [--image oci:FOLDER:TAG]
    python -m scripts.release_self ghcr.io/acme --identity NAME --issuer URL [--image oci:FOLDER:TAG]

Wheel, sdist, their SBOM and SHA256SUMS go to ``wasmbuild-python``, the projects of some templates to
``wasmbuild-demo``, and an image that somebody has built to ``wasmbuild``. All of it is signed, and what is pushed is
verified before it has the tag of its version. A second run finds everything there, with a key also byte for byte.
"""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from registry.digest import Digest
from registry.model import EMPTY_BYTES
from registry.reference import Reference
from registry.strictjson import canonical_json, load_json
from scripts.demo import DemoFailed, Shell, say
from scripts.dist import source_time
from scripts.release_self_files import BUNDLE_END, manifest_of, statement_about
from wasmbuild import __version__
from wasmbuild.cli.signing import signatory
from wasmbuild.errors import Failure
from wasmbuild.trust.signer import sign_statement
from wasmbuild.trust.statement import Statement

CHECKOUT = Path(__file__).parents[1]
FILES = CHECKOUT / "dist-py"
TEMPLATES = ("c-cli", "c-library", "wat-cli")
"""Whose projects are released: each is compiled, or not, in another way, and needs one compiler at most."""

UNKNOWN = 6
"""What ``resolve`` ends with where there is no such tag."""


@dataclass(frozen=True, slots=True)
class Signing:
    """Who signs: the options of the commands that do, and how a statement becomes a bundle.

    ``trusted`` are the options of the commands that verify.
    """

    options: tuple[str, ...]
    bundle: Callable[[Statement], bytes]
    trusted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Staged:
    """Something that is in a registry and has no tag yet: its repository, and the reference by digest."""

    repository: str
    pinned: str


def signing_with(asked: argparse.Namespace, room: Path) -> Signing:
    """Open the key, or the identity. Raises Failure."""
    if asked.key is not None:
        signer, public = signatory(asked.key), room / "release.pub"
        public.write_bytes(signer.public.pem)
        trusted = ("--key", str(public))
        return Signing(("--key", asked.key), lambda statement: sign_statement(statement, signer), trusted)
    return by_identity(asked, room)


def by_identity(asked: argparse.Namespace, room: Path) -> Signing:
    """Open the machine's identity, or a given one, which has to be the one that is named. Raises Failure."""
    from wasmbuild.workflows.identity_signer import open_identity  # noqa: PLC0415  (an extra)

    identity = open_identity(asked.identity_token, asked.trust_config)
    given = ["--identity-token", asked.identity_token] if asked.identity_token else ["--keyless"]
    trusted = ["--certificate-identity", asked.identity, "--certificate-oidc-issuer", asked.issuer]
    if asked.trust_config is not None:
        given += ["--trust-config", str(asked.trust_config)]
        root = room / "trusted-root.json"
        config = load_json(asked.trust_config.read_bytes(), str(asked.trust_config))
        root.write_bytes(canonical_json(config["trustedRoot"]))
        trusted += ["--trusted-root", str(root)]
    return Signing(tuple(given), identity.sign, tuple(trusted))


def build(shell: Shell, folder: Path, signing: Signing) -> list[Path]:
    """The files of the release; a bundle lies beside each."""
    say("the files for Python, built twice, and a bundle for each")
    shell.run(sys.executable, str(CHECKOUT / "scripts" / "dist.py"), str(folder))
    files = sorted(folder.iterdir())
    for file in files:
        file.with_name(file.name + BUNDLE_END).write_bytes(signing.bundle(statement_about(file)))
    return files


def stage_files(shell: Shell, files: Sequence[Path], repository: str, room: Path) -> Staged:
    """Push the files of the release as one artifact, by digest."""
    say("the same files, into the registry")
    descriptor, data = manifest_of(files, __version__)
    pinned = f"{repository}@{descriptor.digest}"
    insist_on_meaning(shell, repository, pinned)
    empty, manifest = room / "empty.json", room / "manifest.json"
    empty.write_bytes(EMPTY_BYTES)
    manifest.write_bytes(data)
    for file in (empty, *files):
        shell.run("wasmbuild", "blob", "put", repository, str(file))
    shell.run("wasmbuild", "manifest", "put", pinned, str(manifest))
    return Staged(repository, pinned)


def stage_image(shell: Shell, source: str, repository: str) -> Staged:
    """Copy an image that was built before, by digest."""
    say("the image")
    exact = shell.run("wasmbuild", "resolve", source).stdout.strip()
    pinned = f"{repository}@{exact.rpartition('@')[2]}"
    insist_on_meaning(shell, repository, pinned)
    shell.run("wasmbuild", "copy", exact, repository)
    return Staged(repository, pinned)


def insist_on_meaning(shell: Shell, repository: str, pinned: str) -> None:
    """Look whether the version is there, and means something else. Raises DemoFailed."""
    asking = ("wasmbuild", "resolve", f"{repository}:{__version__}")
    try:
        there = shell.run(*asking).stdout.strip()
    except DemoFailed:
        shell.run(*asking, expect=UNKNOWN)  # an outage is not that there is nothing
        return
    if there != pinned:
        raise DemoFailed(f"{repository} has {__version__} already, and it is {there}")


def release_demo(shell: Shell, signing: Signing, repository: str, room: Path) -> list[str]:
    """Release a workspace of templates in our version; the references by digest."""
    say("projects of templates, built and released")
    folder = room / "demo"
    folder.mkdir()
    (folder / "wasmbuild.toml").write_text(f"[workspace]\nmembers = {[*TEMPLATES]}\n", encoding="utf-8")
    for name in TEMPLATES:
        shell.run("wasmbuild", "new", "--template", name, str(folder / name))
        project = folder / name / "wasmbuild.toml"
        text = re.sub(r'(?m)^version = ".*"$', f'version = "{__version__}"', project.read_text(encoding="utf-8"))
        project.write_text(text, encoding="utf-8")
    released = shell.run("wasmbuild", "release", str(folder), "--to", repository, *signing.options)
    references = released.stdout.split()
    for reference in references:
        shell.run("wasmbuild", "verify", reference, *signing.trusted)
    return references


def verify(shell: Shell, files: Sequence[Path], staged: Sequence[Staged], signing: Signing, room: Path) -> None:
    """Insist that what the registry gives is what was built, and is signed; and each file by its bundle, too."""
    say("what the registry has, verified")
    for file in files:
        digest, got = Digest.of(file.read_bytes()), room / f"got-{file.name}"
        shell.run("wasmbuild", "blob", "get", f"{staged[0].repository}@{digest}", "-o", str(got))
        shell.run("wasmbuild", "verify-file", str(got), "--bundle", f"{file}{BUNDLE_END}", *signing.trusted)
    for each in staged:
        shell.run("wasmbuild", "verify", each.pinned, *signing.trusted)


def release(asked: argparse.Namespace, room: Path) -> list[str]:
    """All of it; the references by digest. Raises DemoFailed, Failure."""
    to = Reference.parse(f"{asked.to}/wasmbuild:{__version__}").name.removesuffix("/wasmbuild")
    shell = Shell(Path.cwd(), {"SOURCE_DATE_EPOCH": str(source_time())})
    signing = signing_with(asked, room)
    files = build(shell, asked.files, signing)
    staged = [stage_files(shell, files, f"{to}/wasmbuild-python", room)]
    if asked.image:
        staged.append(stage_image(shell, asked.image, f"{to}/wasmbuild"))
    for each in staged:
        shell.run("wasmbuild", "sign", each.pinned, *signing.options)
    verify(shell, files, staged, signing, room)
    demo = release_demo(shell, signing, f"{to}/wasmbuild-demo", room)
    say("the tags of all that is not tagged yet")
    for each in staged:
        shell.run("wasmbuild", "tag", each.pinned, __version__)
    return [*(each.pinned for each in staged), *demo]


def main(arguments: Sequence[str]) -> int:
    """Release; 0 when all of it is there and verified."""
    parser = argparse.ArgumentParser(prog="python -m scripts.release_self")
    parser.add_argument("to", help="what the repositories are below, such as ghcr.io/acme")
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--key", help="the private key, as wasmbuild sign takes it; WASMBUILD_KEY_PASSWORD opens it")
    who.add_argument("--identity", help="sign as the identity of this machine, and publicly: what it has to be")
    parser.add_argument("--issuer", help="who has to say so, a URL; with --identity")
    parser.add_argument("--identity-token", help="the same with a given identity: a file, or env://NAME")
    parser.add_argument("--trust-config", type=Path, help="services to do it with, in place of sigstore's public ones")
    parser.add_argument("--image", metavar="SOURCE", help="an image to release, as wasmbuild copy takes it")
    parser.add_argument("--files", type=Path, default=FILES, help="the folder for what is built [dist-py]")
    asked = parser.parse_args(arguments)
    if (asked.identity is None) != (asked.issuer is None):
        parser.error("--identity and --issuer go together")
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    try:
        with tempfile.TemporaryDirectory(prefix="wasmbuild-release-") as folder:
            references = release(asked, Path(folder).resolve())
    except (DemoFailed, Failure) as failure:
        print(f"\nnot released: {failure}", file=sys.stderr)
        return 1
    say(f"wasmbuild {__version__} is released")
    print("\n".join(references))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
