"""Call a function that a component exports: values go in as WAVE, and come out as WAVE."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import wasmtime
from wasmtime import component as components

from registry.words import printable
from wasmbuild.errors import UsageFailed
from wasmbuild.run.calls.invocation import Invocation
from wasmbuild.run.calls.invoking import no_such_function, wrong_count
from wasmbuild.run.calls.values import Untranslatable, lowered, raised, type_of
from wasmbuild.run.calls.wave import InvalidWave, parse
from wasmbuild.run.calls.wave_text import text_of
from wasmbuild.run.calls.wave_types import String, Type, Value, describe

__all__ = ["Call", "prepare"]


@dataclass(frozen=True, slots=True)
class _Exported:
    """A function, and the instance that it is in, if it is in one."""

    interface: str | None
    name: str
    kind: components.FuncType

    @property
    def path(self) -> str:
        """What it is called, with nothing left out."""
        return self.name if self.interface is None else f"{self.interface}#{self.name}"

    @property
    def spellings(self) -> tuple[str, ...]:
        """What it may be called where nothing else is: without its version, its package, its interface."""
        if self.interface is None:
            return (self.name,)
        unversioned = self.interface.partition("@")[0]
        short = unversioned.rpartition("/")[2]
        return self.path, f"{unversioned}#{self.name}", f"{short}#{self.name}", self.name


@dataclass(frozen=True, slots=True)
class Call:
    """A function, with what it gets; ``result`` is the type of what it returns."""

    exported: _Exported
    arguments: tuple[object, ...]
    result: Type | None

    def run(self, instance: components.Instance, component: components.Component, store: wasmtime.Store) -> list[str]:
        """Call it; its result as text. Raises what the engine raises."""
        outer = component.get_export_index(self.exported.interface) if self.exported.interface else None
        index = component.get_export_index(self.exported.name, outer)
        function = instance.get_func(store, index) if index is not None else None
        assert function is not None
        found = function(store, *self.arguments)
        return [] if self.result is None else [text_of(raised(found, self.result), self.result)]


def prepare(engine: wasmtime.Engine, component: components.Component, guest: str, invocation: Invocation) -> Call:
    """What an invocation asks for, checked against the component's types before anything runs.

    Raises UsageFailed, with the position in an argument that is no value of its type.
    """
    exported = _find(list(_functions(engine, component)), guest, invocation.name)
    try:
        parameters = [(name, type_of(kind)) for name, kind in exported.kind.params]
        result = exported.kind.result
        returned = None if result is None else type_of(result)
    except Untranslatable as error:
        raise UsageFailed(
            f"{printable(exported.path)} cannot be called from a command line", cause=str(error)
        ) from None
    texts = invocation.arguments
    if len(texts) != len(parameters):
        signature = f"({', '.join(f'{name}: {describe(kind)}' for name, kind in parameters)})"
        raise wrong_count(exported.path, signature, len(parameters), len(texts))
    values = [_value(*each) for each in zip(texts, parameters, strict=True)]
    try:
        arguments = tuple(lowered(value, kind) for value, (_, kind) in zip(values, parameters, strict=True))
    except Untranslatable as error:
        raise UsageFailed(
            f"an argument of {printable(exported.path)} cannot be handed over", cause=str(error)
        ) from None
    return Call(exported, arguments, returned)


def _functions(engine: wasmtime.Engine, component: components.Component) -> Iterator[_Exported]:
    with component.type as whole:
        exports = whole.exports(engine)
    for name, item in exports.items():
        kind = item.ty
        if isinstance(kind, components.FuncType):
            yield _Exported(None, name, kind)
        elif isinstance(kind, components.ComponentInstanceType):
            for inner, member in kind.exports(engine).items():
                function = member.ty
                if isinstance(function, components.FuncType):
                    yield _Exported(name, inner, function)


def _find(functions: Sequence[_Exported], guest: str, asked: str) -> _Exported:
    exact = [each for each in functions if each.path == asked]
    found = exact or [each for each in functions if asked in each.spellings]
    if not found:
        raise no_such_function(guest, asked, [each.path for each in functions])
    if len(found) > 1:
        raise UsageFailed(
            f"{printable(asked, 100)} could be more than one function",
            cause=", ".join(printable(each.path, 200) for each in found[:12]),
            hint=f"--invoke '{printable(found[0].path, 200)}'",
        )
    return found[0]


def _value(text: str, parameter: tuple[str, Type]) -> Value:
    """An argument; a string may be without its quotes, since a shell takes one pair already."""
    name, kind = parameter
    if isinstance(kind, String) and not text.lstrip().startswith('"'):
        return text
    try:
        return parse(text, kind)
    except InvalidWave as error:
        raise UsageFailed(
            f"the argument {printable(name, 100)} is no {printable(describe(kind), 200)}", cause=str(error)
        ) from None
