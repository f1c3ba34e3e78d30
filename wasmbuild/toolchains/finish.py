"""What follows a compiler: a further optimiser, and the way from a core module to a component.

WASI preview 1 becomes 0.2 by an adapter. Not here: what compilers make by themselves, and how the tools
are called (``binaries``).
"""

from collections.abc import Sequence

from wasmbuild.build.action import Action, Produced
from wasmbuild.build.tool import Toolbox
from wasmbuild.errors import InvalidProject
from wasmbuild.project import Target
from wasmbuild.toolchains.base import Detection, Need, Toolchain
from wasmbuild.toolchains.binaries import ADAPTED, OPTIMIZER_TOOLS, adapter, component_embed, component_new, optimize
from wasmbuild.toolchains.selection import below

__all__ = ["all_actions", "finishing", "finishing_needs", "makes_component"]

_COMPONENT_LANGUAGES = frozenset({"javascript", "python"})
_COMPONENT_TRIPLES = ("wasm32-wasip2", "wasm32-wasip3")
_DEFAULT_WIT = "wit"
# Its WIT is in the sources already, by a macro that reads the same folder.
_EMBEDS_WIT = frozenset({"rust"})


def makes_component(target: Target) -> bool:
    """Whether the compiler makes a component of the target by itself; its language is known."""
    return target.language in _COMPONENT_LANGUAGES or (target.triple or "").startswith(_COMPONENT_TRIPLES)


def finishing_needs(target: Target) -> Sequence[Need]:
    """The tools that ``finishing`` will ask for. Raises InvalidProject for what cannot be done."""
    if target.wasm_opt and makes_component(target):
        raise InvalidProject(
            f"{target.name}: wasm_opt means nothing here, because the compiler makes a component",
            cause="Binaryen optimises core modules",
            hint="take wasm_opt out of the target",
        )
    optimized = OPTIMIZER_TOOLS if target.wasm_opt else ()
    component = ("wasm-tools", "wasi") if target.component and not makes_component(target) else ()
    return (*optimized, *component)


def all_actions(toolchain: Toolchain, target: Target, found: Detection, tools: Toolbox) -> tuple[Action, ...]:
    """What a toolchain does for a target, and what follows. Raises what both raise."""
    actions = tuple(toolchain.actions(target, found, tools))
    return (*actions, *finishing(target, actions[-1], tools))


def finishing(target: Target, last: Action, tools: Toolbox) -> Sequence[Action]:
    """The actions after ``last``, whose only output is the compiler's file; the last of these makes ``<target>.wasm``.

    Empty when the target wants no more. Raises InvalidProject when there is no WIT where it must be.
    """
    del tools  # where they are is decided by their pins
    actions: list[Action] = []
    if target.wasm_opt:
        actions.append(_optimize(target, last))
    if target.component and not makes_component(target):
        wit = _wit(target, last)
        if wit is not None:
            actions.append(_embed(target, actions[-1] if actions else last, wit, below(last.inputs, wit)))
        elif target.kind == "library" and target.language not in _EMBEDS_WIT:
            raise InvalidProject(
                f"{target.name}: a library becomes a component by its WIT, and there is none",
                cause=f"looked for {target.wit or _DEFAULT_WIT}",
                hint='write one, and name it in the target: wit = "wit"',
            )
        actions.append(_componentize(target, actions[-1] if actions else last))
    return actions


def _optimize(target: Target, before: Action) -> Action:
    output = f"{target.name}.wasm"
    return Action(
        name="optimize",
        tool="wasm-opt",
        argv=optimize(target.optimize, (), _file(before), output),
        outputs=(output,),
    )


def _wit(target: Target, compiled: Action) -> str | None:
    """The WIT that describes the module: what the target names, else the folder ``wit`` of the project."""
    if target.wit is not None:
        if not below(compiled.inputs, target.wit):
            raise InvalidProject(f"{target.name}: wit {target.wit!r} names no WIT in the project")
        return target.wit
    usual = target.language not in _EMBEDS_WIT and below(compiled.inputs, _DEFAULT_WIT)
    return _DEFAULT_WIT if usual else None


def _embed(target: Target, before: Action, wit: str, inputs: tuple[str, ...]) -> Action:
    output = f"{target.name}.wasm"
    return Action(
        name="embed",
        tool="wasm-tools",
        argv=component_embed(wit, target.world, _file(before), output),
        inputs=inputs,
        outputs=(output,),
    )


def _componentize(target: Target, before: Action) -> Action:
    output = f"{target.name}.wasm"
    preview1 = (ADAPTED, adapter("reactor" if target.kind == "library" else "command"))
    return Action(
        name="componentize",
        tool="wasm-tools",
        argv=component_new(_file(before), (preview1,), output),
        outputs=(output,),
    )


def _file(action: Action) -> Produced:
    (name,) = action.outputs
    return Produced(action.name, name)
