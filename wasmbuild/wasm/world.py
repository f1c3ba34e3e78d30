"""The standard worlds that a component may target (WASI 0.2), read off its imports and exports.

Not here: what a world means for running it, and WIT.
"""

from wasmbuild.wasm.model import WasmBinary

__all__ = ["target_world"]

_COMMAND = "wasi:cli/run@0.2."
_PROXY = "wasi:http/incoming-handler@0.2."
_COMMAND_PACKAGES = tuple(f"wasi:{name}/" for name in ("cli", "clocks", "filesystem", "io", "random", "sockets"))
_PROXY_INTERFACES = tuple(
    f"wasi:{name}@"
    for name in (
        "cli/stderr",
        "cli/stdin",
        "cli/stdout",
        "clocks/monotonic-clock",
        "clocks/wall-clock",
        "http/outgoing-handler",
        "http/types",
        "io/error",
        "io/poll",
        "io/streams",
        "random/random",
    )
)
_RULES = (
    (_COMMAND, "wasi:cli/command", _COMMAND_PACKAGES),
    (_PROXY, "wasi:http/proxy", _PROXY_INTERFACES),
)


def target_world(binary: WasmBinary) -> str | None:
    """``wasi:cli/command@…`` or ``wasi:http/proxy@…`` when the component fits it, else None.

    It fits when it exports what the world exports and imports nothing that the world does not offer.
    The version is that of the export.
    """
    if binary.kind != "component":
        return None
    for export, world, offered in _RULES:
        versions = [name for name in binary.export_names if name.startswith(export)]
        if versions and all(name.startswith(offered) for name in binary.import_names):
            return f"{world}@{versions[0].partition('@')[2]}"
    return None
