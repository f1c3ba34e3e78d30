import pytest

from wasmbuild.wasm.model import Export, Import, WasmBinary
from wasmbuild.wasm.world import target_world


def component(imports, exports, kind="component"):
    return WasmBinary(
        kind=kind,
        version=13,
        size=0,
        sections=(),
        imports=tuple(Import(None, name, "instance") for name in imports),
        exports=tuple(Export(name, "instance") for name in exports),
    )


@pytest.mark.parametrize(
    ("imports", "exports", "world"),
    [
        (["wasi:io/streams@0.2.0", "wasi:sockets/tcp@0.2.3"], ["wasi:cli/run@0.2.3"], "wasi:cli/command@0.2.3"),
        ([], ["wasi:cli/run@0.2.0", "extra"], "wasi:cli/command@0.2.0"),
        (["wasi:http/types@0.2.0"], ["wasi:cli/run@0.2.0"], None),
        (["acme:log/log@1.0.0"], ["wasi:cli/run@0.2.0"], None),
        (["wasi:http/types@0.2.4"], ["wasi:http/incoming-handler@0.2.4"], "wasi:http/proxy@0.2.4"),
        (["wasi:filesystem/types@0.2.4"], ["wasi:http/incoming-handler@0.2.4"], None),
        ([], ["wasi:cli/run@0.3.0"], None),
        ([], ["greet"], None),
    ],
)
def test_target_world(imports, exports, world):
    assert target_world(component(imports, exports)) == world


def test_a_module_has_no_world():
    assert target_world(component([], ["wasi:cli/run@0.2.0"], kind="module")) is None
