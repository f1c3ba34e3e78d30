"""Project and Target: what ``wasmbuild.toml`` says, checked.

Not here: how it is read (``parsing``), which files the sources are (a toolchain finds them), and
which compilers are pinned (``wasmbuild.lock``).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from wasmbuild.wasm.capabilities import CapabilityPolicy

__all__ = ["Kind", "Optimize", "Project", "ReleaseRules", "Settings", "Target"]

Optimize = Literal["size", "speed", "debug"]
Kind = Literal["command", "library"]

_MEMORY = 4 * 1024**3
_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that becomes a wasm file.

    ``language`` None and ``sources`` empty mean that a toolchain finds out. ``toolchain`` chooses among
    the compilers of a language. ``kind`` is ``command`` (has a main function) or ``library`` (a reactor:
    exports functions), and ``component`` says whether the file shall be a component. ``entry`` is the
    file to begin with, ``sources`` are globs (``*``, ``**``, ``?``), ``wit`` a folder or file of WIT, all
    relative to the project; ``world`` is the world in it. ``triple`` and ``sysroot`` are for compilers
    that know several. ``flags`` go to the compiler as they are. ``wasm_opt`` asks for a further
    optimiser. ``depends`` are other targets, whose files are inputs: ``deps/NAME.wasm``. ``command`` and
    ``outputs`` are those of the language ``custom``. ``environment`` is what the compiler sees of
    variables.
    """

    name: str
    language: str | None = None
    toolchain: str | None = None
    kind: Kind = "command"
    component: bool = False
    entry: str | None = None
    sources: tuple[str, ...] = ()
    optimize: Optimize = "size"
    flags: tuple[str, ...] = ()
    wit: str | None = None
    world: str | None = None
    triple: str | None = None
    sysroot: str | None = None
    wasm_opt: bool = False
    depends: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """How a project's commands run: ``timeout`` in seconds, ``memory`` in bytes.

    ``network`` leaves the network open while compilers run. ``metadata`` writes what the project says
    about itself into the wasm file, too.
    """

    network: bool = False
    timeout: int = _SECONDS
    memory: int = _MEMORY
    metadata: bool = True


@dataclass(frozen=True, slots=True)
class ReleaseRules:
    """What ``wasmbuild release`` does with a project: ``targets`` by name, all when empty.

    ``tags`` and ``git_tag`` have placeholders: ``{version}``, ``{minor}``, ``{major}``.
    """

    targets: tuple[str, ...] = ()
    tags: tuple[str, ...] = ("{version}", "{minor}", "{major}", "latest")
    git_tag: str = "v{version}"


@dataclass(frozen=True, slots=True)
class Project:
    """What a project says about itself; ``root`` is the folder that it lives in.

    ``inferred`` projects have no file: they are what a folder of sources looks like. ``repository`` is
    where it is pushed to by default. ``members`` are globs of the folders of other projects that are
    built with this one; a project without targets of its own is only their workspace.
    """

    root: Path
    name: str
    version: str
    targets: tuple[Target, ...]
    description: str | None = None
    authors: tuple[str, ...] = ()
    licenses: str | None = None
    source: str | None = None
    homepage: str | None = None
    repository: str | None = None
    settings: Settings = Settings()
    capabilities: "CapabilityPolicy | None" = None
    members: tuple[str, ...] = ()
    release: ReleaseRules = ReleaseRules()
    inferred: bool = False

    @property
    def about(self) -> dict[str, str]:
        """What it says about itself, by the last words of OCI's annotations (``org.opencontainers.image.*``)."""
        said = {
            "version": None if self.inferred else self.version,
            "description": self.description,
            "authors": ", ".join(self.authors),
            "licenses": self.licenses,
            "source": self.source,
            "url": self.homepage,
        }
        return {name: text for name, text in said.items() if text}
