"""Stubs: imports that a guest has and was not granted, linked so that it can start, and trap when they are called."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NoReturn

import wasmtime

from registry.words import printable
from wasmbuild.errors import GuestTrapped
from wasmbuild.wasm.capabilities import CAPABILITIES, capability_of
from wasmbuild.wasm.model import Import

if TYPE_CHECKING:
    from wasmtime import component as components

__all__ = ["define_in_component", "define_in_module"]


def define_in_module(linker: wasmtime.Linker, module: wasmtime.Module, names: frozenset[str]) -> None:
    """Define those functions, by ``module::name``; what is there already is replaced."""
    if not names:
        return
    for wanted in module.imports:
        asked = Import(wanted.module, wanted.name or "", "function")
        if str(asked) in names and isinstance(wanted.type, wasmtime.FuncType):
            linker.define_func(wanted.module, wanted.name or "", wanted.type, _trap(asked, asked.name))


def define_in_component(linker: "components.Linker", component: "components.Component", names: frozenset[str]) -> None:
    """Define those interfaces and functions, by name; all that their types name is defined as well.

    A resource that an interface only uses is the other interface's, and stays that.
    """
    if not names:
        return
    from wasmtime import component as components  # noqa: PLC0415  (costs a third of a module's start)

    seen: list[components.ResourceType] = []
    with component.type as whole:
        imports = whole.imports(linker.engine)
    with linker.root() as root:
        for name, item in imports.items():
            asked = Import(None, name, "instance")
            kind = item.ty
            if isinstance(kind, components.ComponentInstanceType):
                members = {key: value.ty for key, value in kind.exports(linker.engine).items()}
                if name in names:
                    with root.add_instance(name) as inside:
                        _define_members(inside, asked, members, seen)
                seen += [each for each in members.values() if isinstance(each, components.ResourceType)]
            elif name in names and isinstance(kind, components.FuncType):
                root.add_func(name, _trap(asked, name))


def _define_members(
    inside: "components.LinkerInstance",
    asked: Import,
    members: Mapping[str, object],
    seen: "list[components.ResourceType]",
) -> None:
    from wasmtime import component as components  # noqa: PLC0415

    for number, (name, kind) in enumerate(members.items()):
        if isinstance(kind, components.FuncType):
            inside.add_func(name, _trap(asked, f"{asked}#{name}"))
        elif isinstance(kind, components.ResourceType) and not any(kind == each for each in seen):
            inside.add_resource(name, components.ResourceType.host(_FIRST_RESOURCE + len(seen) + number), _nothing)


_FIRST_RESOURCE = 0x5700_0000
"""Numbers for resource types of which there is never a value."""


def _trap(asked: Import, called: str) -> Callable[..., NoReturn]:
    # All of HTTP is granted as one, the types that only carry it included.
    capability = CAPABILITIES["http"] if asked.name.startswith("wasi:http/") else capability_of(asked)

    def function(*_: object) -> NoReturn:
        if capability is None:
            raise GuestTrapped(
                f"the guest called {printable(called, 200)}, which does nothing here",
                cause=f"{printable(str(asked), 200)} is no part of WASI: a guest may be allowed to import it, "
                "and only the host that it was made for has it",
            )
        raise GuestTrapped(
            f"the guest called {printable(called, 200)}, which it was not granted",
            cause=f"it {capability.words}",
            hint=f"--allow {capability.name}",
        )

    return function


def _nothing(*_: object) -> None:
    """A resource that was never made is never destroyed."""
