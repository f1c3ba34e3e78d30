"""WAT, the text format of WebAssembly: core modules and components, by wasmtime's own assembler.

wasmtime is a library of our own interpreter, so its release is part of the command.
"""

from collections.abc import Sequence

from wasmbuild.build.action import Action, Output, ToolFile
from wasmbuild.build.tool import Toolbox
from wasmbuild.build.tree import SourceTree
from wasmbuild.errors import InvalidProject, ToolchainMissing
from wasmbuild.project import Target
from wasmbuild.toolchains.base import Detection, Need
from wasmbuild.toolchains.scripting import entry_named, first_of, known_toolchain, refuse_settings

__all__ = ["WatToolchain"]

_SUFFIXES = (".wat",)
_USUAL = ("main.wat", "src/main.wat", "index.wat", "src/index.wat")


class WatToolchain:
    """The adapter for the text format."""

    language = "wat"
    description = "wasmtime's wat2wasm, to what the text says: a core module or a component"
    reproducible = None

    def detect(self, tree: SourceTree, target: Target) -> Detection | None:
        """The one file; beside other languages a text is more often something for tests."""
        asked = target.language == self.language
        texts = tree.ending(*_SUFFIXES)
        entry = entry_named(tree, target, _SUFFIXES, "WAT") or first_of(
            texts, (f"{target.name}.wat", f"src/{target.name}.wat", *_USUAL)
        )
        if entry is None:
            outer = [path for path in texts if "/" not in path] or [path for path in texts if path.startswith("src/")]
            entry = outer[0] if len(outer) == 1 else None
        if entry is None:
            if asked or outer:
                raise _nothing(texts)
            return None
        return Detection(self.language, (entry,), (entry,), entry, entry, certain=asked or len(tree.files) == 1)

    def needs(self, target: Target) -> Sequence[Need]:
        """Nothing but wasmbuild itself."""
        known_toolchain(target)
        refuse_settings(target, "WAT", "triple", "sysroot", "flags")
        return ()

    def actions(self, target: Target, found: Detection, tools: Toolbox) -> Sequence[Action]:  # noqa: ARG002
        """One call of the assembler; names stay in ``debug``. Raises ToolchainMissing when nobody knows its release."""
        output = f"{target.name}.wasm"
        strip = () if target.optimize == "debug" else ("--strip",)
        program = ("-P", "-m", "wasmbuild.build.programs.wat", "--wasmtime", _release(), *strip, "--")
        return (
            Action(
                name="compile",
                tool="wat2wasm",
                argv=(ToolFile("python"), *program, found.entry or found.sources[0], Output(output)),
                outputs=(output,),
                inputs=found.inputs,
                env=target.environment,
            ),
        )


def _release() -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  (as slow as all adapters)

    try:
        return version("wasmtime")
    except PackageNotFoundError as error:
        raise ToolchainMissing(
            "nothing says which wasmtime there is",
            cause="the assembler is that of the package wasmtime, which is not installed beside wasmbuild",
            hint="pip install wasmtime",
        ) from error


def _nothing(texts: Sequence[str]) -> InvalidProject:
    if texts:
        return InvalidProject(
            f"there are {len(texts)} WAT files, and none says that it is the one to build",
            cause=", ".join(texts[:5]),
            hint=f'entry = "{texts[0]}"',
        )
    return InvalidProject("there is no WAT file", cause="looked for files that end in .wat")
