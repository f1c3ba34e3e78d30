"""The keys of ``wasmbuild.toml``, each once: what the parser, the JSON Schema and the documents agree on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["BUILD", "CAPABILITIES", "PROJECT", "REGISTRY", "RELEASE", "TABLES", "TARGET", "WORKSPACE", "Key"]

Shape = Literal["text", "texts", "flag", "seconds", "size", "path", "paths", "variables"]


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its shape, the values it may have if they are few, and what it is for.

    ``path`` and ``paths`` stay inside the project, and have an example; ``size`` is bytes, as ``"512MiB"``;
    ``variables`` is a table of strings.
    """

    shape: Shape
    about: str
    choices: tuple[str, ...] = ()
    default: str = ""
    examples: tuple[str, ...] = field(default=())


PROJECT: Mapping[str, Key] = {
    "name": Key("text", "lower case; becomes dist/NAME.wasm and the layer's title", examples=("hello",)),
    "version": Key("text", "Semantic Versioning; an annotation, and the tag in dist/oci", examples=("0.1.0",)),
    "description": Key("text", "a sentence"),
    "authors": Key("texts", "people or organisations"),
    "licenses": Key("text", "an SPDX expression", examples=("Apache-2.0",)),
    "source": Key("text", "where the sources are, as a URL"),
    "homepage": Key("text", "where people read about it, as a URL"),
}

TARGET: Mapping[str, Key] = {
    "language": Key("text", "what compiles it", default="found out from the sources"),
    "toolchain": Key("text", "which compiler of the language", default="the one that wasmbuild pins"),
    "kind": Key(
        "text",
        "command has a main function, library exports functions, component is a command as a component",
        ("command", "library", "component"),
        "command",
    ),
    "component": Key("flag", "make a component of it", default="false, unless the compiler makes one"),
    "entry": Key("path", "the file to begin with", default="found out", examples=("src/main.c",)),
    "sources": Key(
        "paths", "globs of the files to compile", default="every source file of the language", examples=("src/*.c",)
    ),
    "optimize": Key("text", "what for", ("size", "speed", "debug"), "size"),
    "flags": Key("texts", "passed to the compiler as they are"),
    "wit": Key("path", "a folder or file of WIT", default="wit, where that is there", examples=("wit",)),
    "world": Key("text", "the world in it", default="the only one that is there"),
    "triple": Key("text", "the compiler's own name of the platform", examples=("wasm32-wasip2",)),
    "sysroot": Key("text", "where a compiler of the machine finds the standard library"),
    "wasm_opt": Key("flag", "optimise further, with Binaryen's wasm-opt", default="false"),
    "depends": Key("texts", "other targets, whose files are at deps/NAME.wasm"),
    "command": Key("texts", "for the language custom: the program and its arguments"),
    "outputs": Key(
        "paths", "for the language custom: the wasm file that the command writes", examples=("build/hello.wasm",)
    ),
    "environment": Key("variables", "variables that the compiler sees"),
}

BUILD: Mapping[str, Key] = {
    "network": Key("flag", "leave the network open while compilers run", default="false"),
    "timeout": Key("seconds", "how long one command may take", default="1800"),
    "memory": Key("size", "how much memory one command may use", default='"4GiB"'),
    "metadata": Key("flag", "write what [project] says into the wasm file, too", default="true"),
}
"""What holds for all targets; any key of a target may stand here as well, as the default of all."""

CAPABILITIES: Mapping[str, Key] = {
    "allow": Key("texts", "capabilities that the file may ask for", examples=("stdio", "clocks")),
    "imports": Key("texts", "imports beyond WASI that it may have, by name or glob", examples=("env::log",)),
}

REGISTRY: Mapping[str, Key] = {
    "repository": Key("text", "where push brings it by default", examples=("ghcr.io/acme/hello",)),
}

RELEASE: Mapping[str, Key] = {
    "targets": Key("texts", "which targets are released", default="all of them", examples=("hello",)),
    "tags": Key(
        "texts",
        "tags to set: {version} is 1.2.3, {minor} is 1.2, {major} is 1; the last two and names only move forward",
        default='["{version}", "{minor}", "{major}", "latest"]',
        examples=("{version}", "latest"),
    ),
    "git_tag": Key("text", "what git calls a version", default="v{version}", examples=("hello-{version}",)),
}

WORKSPACE: Mapping[str, Key] = {
    "members": Key("paths", "globs of folders with projects that are built with this one", examples=("apps/*",)),
}

TABLES: Mapping[str, tuple[str, Mapping[str, Key]]] = {
    "project": ("what it is; every entry but the name becomes an annotation", PROJECT),
    "build": ("how it is built, and what holds for all targets", {**BUILD, **TARGET}),
    "target": ("one thing that becomes a wasm file, as [target.NAME]", TARGET),
    "capabilities": ("what the file may ask for; without this table, anything", CAPABILITIES),
    "registry": ("where it goes", REGISTRY),
    "release": ("what wasmbuild release does", RELEASE),
    "workspace": ("other projects that are built with this one", WORKSPACE),
}
