import pytest

from tests.unit.wasm.sections import COMPONENT, MODULE, custom, nest
from wasmbuild.wasm.binary import read, read_all
from wasmbuild.wasm.editing.strip import Dropped, choice, strip

KEPT = ("dylink.0", "name", "component-type", "component-type:a:b")
GONE = (".debug_info", "producers", "component-name", "names", "version", "")
ALL = MODULE + b"".join(custom(name, b"x") for name in (*KEPT, *GONE))


def left(wasm):
    return [section.name for each in read_all(wasm) for section in each.binary.sections if section.name is not None]


def test_by_default_names_and_what_linkers_need_stay():
    stripped = strip(ALL, choice())
    assert left(stripped.wasm) == list(KEPT)
    assert [each.name for each in stripped.dropped] == list(GONE)
    assert len(ALL) - len(stripped.wasm) == sum(each.size for each in stripped.dropped)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"everything": True}, []),
        ({"everything": True, "keep": ["name"]}, ["name"]),
        ({"keep": ["producers", ".debug_*"]}, [*KEPT, ".debug_info", "producers"]),
        ({"delete": ["name"]}, [each for each in (*KEPT, *GONE) if each != "name"]),
        ({"delete": ["*"], "keep": ["?ames"]}, ["names"]),
        ({"delete": ["nothing"]}, [*KEPT, *GONE]),
        ({"delete": ["NAME"]}, [*KEPT, *GONE]),
    ],
)
def test_what_goes_and_what_stays(settings, expected):
    assert left(strip(ALL, choice(**settings)).wasm) == expected


def test_what_is_nested_is_stripped_too():
    inner = COMPONENT + nest(MODULE + custom(".debug_line", bytes(500))) + custom("producers", b"")
    stripped = strip(COMPONENT + nest(MODULE) + nest(inner), choice())
    assert stripped.dropped == (Dropped((1, 0), ".debug_line", 515), Dropped((1,), "producers", 12))
    assert stripped.wasm == COMPONENT + nest(MODULE) + nest(COMPONENT + nest(MODULE))


def test_what_has_nothing_to_lose_stays_byte_for_byte():
    data = MODULE + b"\5\x83\x80\0\1\0\1" + custom("name", b"")
    assert strip(data, choice()) == strip(data, choice(delete=["x"]))
    assert strip(data, choice()).wasm == data


@pytest.mark.parametrize(
    ("data", "breaks"),
    [
        (MODULE + custom("signature", b"\1"), True),
        (MODULE + custom("signature", b"\1") + custom("producers", b""), True),
        (MODULE + custom("producers", b""), False),
        (COMPONENT + nest(MODULE + custom("signature", b"\1")), False),
    ],
)
def test_a_signature_does_not_survive(data, breaks):
    assert strip(data, choice()).breaks_signature == breaks
    assert not strip(data, choice(delete=["other"])).breaks_signature


def test_a_signature_that_stays_does_not_hold_either():
    data = MODULE + custom("signature", b"\1") + custom("producers", b"")
    stripped = strip(data, choice(keep=["signature"]))
    assert left(stripped.wasm) == ["signature"]
    assert stripped.breaks_signature
    assert read(stripped.wasm).kind == "module"
