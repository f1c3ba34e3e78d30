import json

import pytest

from tests.unit.build.locks import INTEGRITY, lock_text
from wasmbuild.build.npmlock import parse_lock
from wasmbuild.build.tool import NpmTree, Wheels
from wasmbuild.errors import InvalidProject
from wasmbuild.tables import parse_table
from wasmbuild.toolchains.pins import read_pins, readable, shipped_pin, shipped_pins

TREES = {"assemblyscript", "binaryen", "jco", "wasi"}
WHEELS = {"zig", "go", "node", "componentize-py", "wasm-tools"}


def test_what_is_shipped() -> None:
    pins = shipped_pins()
    assert {name for name, pin in pins.items() if isinstance(pin.source, NpmTree)} == TREES
    assert {name for name, pin in pins.items() if isinstance(pin.source, Wheels)} == WHEELS
    assert all(shipped_pin(name) == pin for name, pin in pins.items())
    with pytest.raises(KeyError):
        shipped_pin("gcc")


@pytest.mark.parametrize("name", sorted(WHEELS))
def test_a_wheel_is_there_for_every_machine_that_we_know(name: str) -> None:
    source = shipped_pin(name).source
    assert isinstance(source, Wheels)
    names = [artifact.file_name for artifact in source.artifacts]
    wanted = ["linux.*_x86_64", "linux.*_aarch64", "macosx.*arm64"]
    for platform in wanted:
        system, processor = platform.split(".*")
        assert any(system in file_name and processor in file_name for file_name in names), platform


def test_the_tree_of_jco_has_what_makes_it_work() -> None:
    source = shipped_pin("jco").source
    assert isinstance(source, NpmTree)
    packages = parse_lock(source.lock).packages
    assert packages["node_modules/@bytecodealliance/preview2-shim"].version == "0.26.0"
    assert "node_modules/componentize-qjs" in packages
    assert "node_modules/@bytecodealliance/componentize-js" in packages
    bindings = [each for each in packages.values() if "componentize-qjs-binding" in each.path]
    machines = {(*each.os, *each.cpu, *each.libc) for each in bindings}
    assert {("linux", "x64", "glibc"), ("linux", "x64", "musl"), ("linux", "arm64", "glibc")} <= machines
    assert ("darwin", "arm64") in machines
    assert all(each.optional for each in bindings)


def test_the_wit_of_wasi_comes_without_what_jco_needs_to_run() -> None:
    source = shipped_pin("wasi").source
    assert isinstance(source, NpmTree)
    assert list(parse_lock(source.lock).packages) == ["node_modules/@bytecodealliance/jco"]


def document(lock: str, package: str = "alpha", version: str = "1.0.0") -> bytes:
    head = f'version = 1\n[[tool]]\nname = "alpha"\npackage = "{package}"\nversion = "{version}"\n'
    return f"{head}lock = '''{lock}'''\n".encode()


ALPHA = {"version": "1.0.0", "integrity": INTEGRITY}


def test_a_lock_is_written_one_package_a_line() -> None:
    tree = NpmTree(parse_lock(lock_text({"node_modules/alpha": ALPHA, "node_modules/@b/c": ALPHA})).text)
    text = readable(tree)
    assert len(text.splitlines()) == 5
    assert parse_lock(text).text == tree.lock
    assert json.loads(text) == json.loads(tree.lock)
    assert read_pins(parse_table("pins.toml", document(text)))["alpha"].source == tree


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (document(lock_text({"node_modules/alpha": ALPHA}), version="1.0.1"), "does not ask for alpha 1.0.1"),
        (document(lock_text({"node_modules/alpha": ALPHA}), package="beta"), "does not ask for beta 1.0.0"),
        (
            document(lock_text({"node_modules/alpha": {**ALPHA, "version": "2.0.0"}})),
            "has another version of alpha than 1.0.0",
        ),
        (document(lock_text({}), version="1.0.0"), "lacks alpha, which the root needs"),
        (document(lock_text({"node_modules/alpha": {**ALPHA, "resolved": "x"}})), "has 'resolved' in"),
        (document(lock_text({}), package="@a/b/c"), "package cannot be"),
        (document(lock_text({}), package="@a"), "package cannot be"),
    ],
)
def test_a_tree_that_does_not_fit_its_pin(data: bytes, said: str) -> None:
    with pytest.raises(InvalidProject, match=r"pins\.toml, line [0-9].*: \[tool\]") as caught:
        read_pins(parse_table("pins.toml", data))
    assert said in caught.value.what


def test_the_digest_of_a_tree_does_not_depend_on_how_it_is_written() -> None:
    entries = lock_text({"node_modules/alpha": ALPHA, "node_modules/beta": ALPHA})
    turned = lock_text({"node_modules/beta": ALPHA, "node_modules/alpha": ALPHA})
    one, two, three = (
        read_pins(parse_table("p", document(text)))["alpha"].digest
        for text in (entries, turned, lock_text({"node_modules/alpha": ALPHA}))
    )
    assert one == two != three
