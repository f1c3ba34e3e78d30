import pytest

from wasmbuild.wasm.model import Export, Import, WasmBinary
from wasmbuild.wasm.world import role, target_world, wasi_level

RUN_2, RUN_3 = "wasi:cli/run@0.2.3", "wasi:cli/run@0.3.0"
INCOMING = "wasi:http/incoming-handler@0.2.4"
HANDLER = "wasi:http/handler@0.3.1"


def component(imports, exports, kind="component"):
    return WasmBinary(
        kind=kind,
        version=13,
        size=0,
        sections=(),
        imports=tuple(Import(None, name, "instance") for name in imports),
        exports=tuple(Export(name, "instance") for name in exports),
    )


def module(imports=(), exports=(), kind="function"):
    return WasmBinary(
        kind="module",
        version=1,
        size=0,
        sections=(),
        imports=tuple(Import(module, name, "function") for module, name in imports),
        exports=tuple(Export(name, kind) for name in exports),
    )


@pytest.mark.parametrize(
    ("imports", "exports", "world"),
    [
        (["wasi:io/streams@0.2.0", "wasi:sockets/tcp@0.2.3"], [RUN_2], "wasi:cli/command@0.2.3"),
        ([], ["wasi:cli/run@0.2.0", "extra"], "wasi:cli/command@0.2.0"),
        (["wasi:http/types@0.2.0"], ["wasi:cli/run@0.2.0"], None),
        (["acme:log/log@1.0.0"], ["wasi:cli/run@0.2.0"], None),
        (["wasi:http/types@0.2.4"], [INCOMING], "wasi:http/proxy@0.2.4"),
        (["wasi:filesystem/types@0.2.4"], [INCOMING], None),
        ([], ["greet"], None),
        (["wasi:cli/types@0.3.0", "wasi:sockets/types@0.3.0"], [RUN_3], "wasi:cli/command@0.3.0"),
        (["wasi:clocks/system-clock@0.3.1"], [RUN_3], "wasi:cli/command@0.3.0"),
        (["wasi:io/streams@0.3.0"], [RUN_3], None),
        (["wasi:io/streams@0.2.6"], [RUN_3], None),
        (["wasi:cli/stdout@0.3.0"], [RUN_2], None),
        (["wasi:cli/stdout"], [RUN_2], None),
        ([], ["wasi:cli/run@0.9.0"], None),
        ([], ["wasi:cli/run@7.0.0"], None),
        ([], ["wasi:cli/run"], None),
        ([], ["wasi:cli/running@0.2.0"], None),
        (["wasi:http/client@0.3.1", "wasi:clocks/timezone@0.3.1"], [HANDLER], "wasi:http/service@0.3.1"),
        (["wasi:http/handler@0.3.1"], [HANDLER], "wasi:http/middleware@0.3.1"),
        (["wasi:filesystem/types@0.3.1"], [HANDLER], None),
        (["wasi:cli/environment@0.3.1"], [HANDLER], None),
        ([], ["wasi:http/handler@0.2.0"], None),
        ([], ["wasi:http/incoming-handler@0.3.0"], None),
        ([], [RUN_2, RUN_3], "wasi:cli/command@0.2.3"),
    ],
)
def test_target_world(imports, exports, world):
    assert target_world(component(imports, exports)) == world


def test_a_module_has_no_world():
    assert target_world(component([], ["wasi:cli/run@0.2.0"], kind="module")) is None


@pytest.mark.parametrize(
    ("imports", "exports", "expected"),
    [
        (["acme:log/log@1.0.0"], [RUN_2], "command"),
        ([], [RUN_3], "command"),
        ([], [INCOMING], "proxy"),
        ([], [HANDLER], "service"),
        (["wasi:http/handler@0.3.0"], [HANDLER], "middleware"),
        (["wasi:http/handler@0.2.0"], [HANDLER], "service"),
        (["wasi:cli/stdout@0.2.0"], ["acme:kv/store"], "reactor"),
        (["acme:log/log"], ["acme:kv/store"], "library"),
        (["wasi:keyvalue/store@0.2.0"], ["acme:kv/store"], "library"),
        ([], ["wasi:cli/run@0.9.0"], "library"),
        ([], [], "library"),
    ],
)
def test_the_role_of_a_component(imports, exports, expected):
    assert role(component(imports, exports)) == expected


@pytest.mark.parametrize(
    ("exports", "expected"),
    [
        (["_start", "memory"], "command"),
        (["_initialize", "add"], "reactor"),
        (["_initialize", "_start"], "command"),
        (["add"], "library"),
        ([], "library"),
        ([RUN_2], "library"),
    ],
)
def test_the_role_of_a_module(exports, expected):
    assert role(module(exports=exports)) == expected


def test_only_functions_are_entered():
    assert role(module(exports=["_start", "_initialize"], kind="global")) == "library"


@pytest.mark.parametrize(
    ("binary", "levels", "versions", "said"),
    [
        (module(), (), (), "none"),
        (module([("env", "abort")]), (), (), "none"),
        (module([("wasi_unstable", "fd_write")]), ("0.0",), ("wasi_unstable",), "0.0"),
        (module([("wasi_snapshot_preview1", "fd_write")] * 2), ("0.1",), ("wasi_snapshot_preview1",), "0.1"),
        (module([("wasi:cli/stdout@0.2.3", "get-stdout")]), ("0.2",), ("0.2.3",), "0.2"),
        (
            module([("wasi_snapshot_preview9", "x")]),
            ("wasi_snapshot_preview9",),
            ("wasi_snapshot_preview9",),
            "wasi_snapshot_preview9 (not known)",
        ),
        (module(exports=[RUN_2]), (), (), "none"),
        (
            component(["wasi:cli/stdout@0.2.0", "wasi:io/poll@0.2.6"], [RUN_2]),
            ("0.2",),
            ("0.2.0", "0.2.3", "0.2.6"),
            "0.2",
        ),
        (component(["wasi:cli/stdout@0.2.0"], [RUN_3]), ("0.2", "0.3"), ("0.2.0", "0.3.0"), "0.2 and 0.3"),
        (component([], ["wasi:cli/run@0.3.0-rc-2026"]), ("0.3",), ("0.3.0-rc-2026",), "0.3"),
        (component(["wasi:cli/stdout@0.9.1"], []), ("0.9",), ("0.9.1",), "0.9 (not known)"),
        (component(["wasi:cli/stdout@7.0.0"], [RUN_2]), ("0.2", "7.0"), ("0.2.3", "7.0.0"), "0.2 and 7.0 (not known)"),
        (
            component(["wasi:keyvalue/store@0.2.0", "wasi:cli", "wasi:cli/stdin", "acme:cli/a@0.2.0"], []),
            (),
            (),
            "none",
        ),
    ],
)
def test_levels_of_wasi(binary, levels, versions, said):
    level = wasi_level(binary)
    assert (level.levels, level.versions, str(level)) == (levels, versions, said)
