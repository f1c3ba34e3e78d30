"""What is known of a build, as its provenance: the source, the tools and locks by digest, and who built it.

There is no path of this machine in it and nothing secret: remotes lose their credentials, caches their
addresses, and the project's variables stay in its file. Not here: the form (``wasmbuild.trust.provenance``),
and attaching it to an artifact.
"""

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote

from registry.digest import Digest
from registry.files import open_regular
from wasmbuild import __version__
from wasmbuild.build.npmlock import parse_lock
from wasmbuild.build.tool import Tool, ToolPin, Wheels
from wasmbuild.errors import Failure
from wasmbuild.lock import LOCK_FILE
from wasmbuild.trust.provenance import GIT_COMMIT, Builder, Parameters, Provenance, Run
from wasmbuild.trust.resource import Resource
from wasmbuild.trust.statement import Predicate
from wasmbuild.workflows.build import Built
from wasmbuild.workflows.builders import Ran, ran
from wasmbuild.workflows.caching import LOCAL
from wasmbuild.workflows.git import Checkout, checkout_of, inherited
from wasmbuild.workflows.planning import DEPENDENCIES
from wasmbuild.workflows.since import changed_files, touches

if TYPE_CHECKING:
    from registry.client.exchange import Verified

__all__ = ["DIRTY", "PIN", "provenance_of"]

DIRTY = "dirty"
"""The annotation of a commit that says ``true`` where the sources were not those of the commit."""

PIN = "pin"
"""The annotation of a tool's files: the digest of the pin in ``wasmbuild.lock`` that names them."""

_PACKAGES = "Cargo.lock go.sum package-lock.json pnpm-lock.yaml yarn.lock uv.lock pylock.toml poetry.lock"
_LOCKS = frozenset((*_PACKAGES.split(), "requirements.txt"))
_MAX_LOCK = 16 * 1024 * 1024
_KNOWN_CACHES = {None: "none", "unchanged": "unchanged", LOCAL: "local"}


def provenance_of(built: Built, environment: Mapping[str, str], verified: "Verified | None" = None) -> Predicate:
    """The provenance of a target that was just built. Raises nothing for what git cannot say.

    ``verified`` is what the registry has verified of this run, where it was logged in by its identity.
    """
    checkout = checkout_of(built.making.folder, environment)
    where = ran(environment, verified)
    versions = {"wasmbuild": __version__, "python": platform.python_version()}
    return Provenance(
        _parameters(built, checkout),
        Builder(where.builder, versions),
        _internal(built),
        tuple(_dependencies(built, checkout, environment)),
        _run(built, where),
    ).to_predicate()


def _parameters(built: Built, checkout: Checkout | None) -> Parameters:
    options = built.making.options
    return Parameters(
        built.label,
        checkout.path if checkout else ".",
        checkout.uri if checkout else None,
        options.language,
        options.optimize,
        options.component,
    )


def _internal(built: Built) -> dict[str, str]:
    """What the project says and the builder chose; the same for the same build."""
    planned = built.compiled.planned
    said = {
        "actionKey": str(built.action_key),
        "language": planned.toolchain.language,
        "optimize": planned.part.target.optimize,
        "platform": f"{sys.platform}-{platform.machine()}",
    }
    why = planned.toolchain.reproducible
    return said if why is None else {**said, "notReproducible": why}


def _run(built: Built, where: Ran) -> Run:
    source = built.compiled.source
    made = Resource(
        name="action",
        digests={built.action_key.digest.algorithm: built.action_key.digest.encoded},
        annotations={"cache": _KNOWN_CACHES.get(source, "shared")},
    )
    times = (_moment(built.making.started), _moment(built.making.finished))
    return Run(where.invocation, *times, (made,), where.identity)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _dependencies(built: Built, checkout: Checkout | None, environment: Mapping[str, str]) -> Iterator[Resource]:
    making = built.making
    if checkout is not None:
        dirty = {DIRTY: "true"} if _is_dirty(built, environment) else {}
        yield Resource(checkout.uri, "source", {GIT_COMMIT: checkout.commit}, dirty)
    tools = built.compiled.planned.chain.tools
    for name in sorted(tools):
        yield from _tool(tools[name], making.pins.get(name))
    lock = _read(making.workspace / LOCK_FILE)
    if lock is not None:
        yield Resource(name=LOCK_FILE, digests=_sha256(Digest.of(lock)))
    for file in sorted(built.compiled.inputs, key=lambda file: file.path):
        path = PurePosixPath(file.path)
        if path.name in _LOCKS or path.parts[0] == DEPENDENCIES:
            yield Resource(name=file.path, digests=_sha256(file.digest))


def _is_dirty(built: Built, environment: Mapping[str, str]) -> bool:
    """Whether anything that decides the file is not as it was committed; also where git cannot say."""
    making, planned = built.making, built.compiled.planned
    try:
        changed = changed_files(planned.root, "HEAD", inherited(environment))
    except Failure:
        return True
    inputs = [file.path for file in built.compiled.inputs]
    return touches(changed, planned.root, inputs, making.workspace / LOCK_FILE)


def _tool(tool: Tool, pin: ToolPin | None) -> Iterator[Resource]:
    """A pinned tool by each file that its pin allows, one of the machine by the hash of what it is."""
    if not tool.pinned or pin is None:
        yield Resource(f"pkg:generic/{quote(tool.name)}@{quote(tool.version)}", tool.name, _sha256(tool.digest))
        return
    known = {PIN: str(pin.digest)}
    if isinstance(pin.source, Wheels):
        package = pin.package.lower().replace("_", "-")
        for artifact in pin.source.artifacts:
            uri = f"pkg:pypi/{package}@{quote(pin.version)}?file_name={quote(artifact.file_name)}"
            yield Resource(uri, tool.name, {"sha256": artifact.sha256}, known)
        return
    for each in parse_lock(pin.source.lock).packages.values():
        uri = f"pkg:npm/{quote(each.path.rpartition('node_modules/')[2])}@{quote(each.version)}"
        yield Resource(uri, tool.name, {"sha512": _hex(each.integrity)}, known)


def _hex(integrity: str) -> str:
    """The digest of a "subresource integrity" of SHA-512, as hex."""
    from base64 import b64decode  # noqa: PLC0415  (few tools come from npm)

    return b64decode(integrity.removeprefix("sha512-")).hex()


def _sha256(digest: Digest) -> dict[str, str]:
    return {digest.algorithm: digest.encoded}


def _read(file: Path) -> bytes | None:
    with suppress(OSError), open_regular(file) as opened:
        return opened.read(_MAX_LOCK) if os.fstat(opened.fileno()).st_size <= _MAX_LOCK else None
    return None
