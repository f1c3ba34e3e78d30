"""C without ``main``, with the real compiler and its caches in the user's cache."""

import os
from pathlib import Path

import pytest

from wasmbuild.caches import Caches
from wasmbuild.errors import CompilationFailed
from wasmbuild.events import ignore
from wasmbuild.project import Target
from wasmbuild.toolchains.cmain import main_file
from wasmbuild.workflows.build import Setting, build
from wasmbuild.workflows.options import BuildOptions

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("private_cache")]

STRICT = ("-Weverything", "-Werror", "-Wno-unused-command-line-argument", "-Wno-missing-prototypes")


def built(root: Path, name: str, text: str, settings: str = "") -> bytes:
    root.mkdir(exist_ok=True)
    (root / name).write_text(text)
    (root / "wasmbuild.toml").write_text(f'[project]\nname = "a"\nversion = "1.0.0"\n[build]\n{settings}\n')
    return build(root, BuildOptions(), Setting(Caches.of_user(), os.environ, ignore))[-1].wasm_path.read_bytes()


@pytest.mark.parametrize("name", ["a.c", "a.cpp"])
def test_a_program_without_main_is_refused(tmp_path: Path, name: str) -> None:
    text = "int add(int a, int b);\nint add(int a, int b) { return a + b; }\n"
    with pytest.raises(CompilationFailed) as caught:
        built(tmp_path / "x", name, text, f"flags = {list(STRICT)}")
    assert 'undefined symbol: main, with no or two parameters (if there is to be none: kind = "library")' in str(
        caught.value.cause
    )
    assert built(tmp_path / "x", name, text, 'kind = "library"').startswith(b"\0asm")


@pytest.mark.parametrize("parameters", ["void", "int argc, char **argv"])
def test_a_main_is_as_it_was(tmp_path: Path, parameters: str) -> None:
    text = f"int main({parameters}) {{ return {'argc + !argv' if 'argc' in parameters else '0'}; }}\n"
    ours = built(tmp_path / "with", "a.c", text, f"flags = {[*STRICT, '-std=c89', '-pedantic-errors']}")
    # A word that is only mentioned keeps our file out, and changes nothing else.
    plain = built(tmp_path / "without", "a.c", text, 'flags = ["-Wl,--gc-sections"]')
    assert ours == plain


def test_nothing_is_added_where_it_would_stay() -> None:
    assert main_file(Target("x"), ".c")[0][0] == ".wasmbuild-main.c"
    assert main_file(Target("x", flags=("-Wl,--no-gc-sections",)), ".c") == ()
    assert main_file(Target("x", kind="library"), ".c") == ()
