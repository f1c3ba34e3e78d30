"""Python, put into a component together with CPython, by componentize-py.

What the program imports is loaded while the component is made, and kept in a snapshot of memory.
Packages come from a lock with hashes, as wheels without machine code.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath

from wasmbuild.build.action import Action, Argument, Output, Produced, ToolFile
from wasmbuild.build.tool import Toolbox
from wasmbuild.build.tree import SourceTree
from wasmbuild.errors import InvalidProject
from wasmbuild.project import Target
from wasmbuild.toolchains.base import Detection, Need
from wasmbuild.toolchains.scripting import entry_named, first_of, known_toolchain, refuse_settings
from wasmbuild.toolchains.wit import wit_files, world_of

__all__ = ["GUEST_PYTHON", "PythonToolchain"]

GUEST_PYTHON = "3.14"
"""The release of Python inside of components that componentize-py makes."""

REQUIREMENTS = "requirements.txt"
PYLOCK = "pylock.toml"

_SUFFIXES = (".py",)
_USUAL = ("src/app.py", "src/main.py", "app.py", "main.py")
_TOOLS = frozenset({"setup", "conftest", "noxfile", "fabfile", "tasks", "manage"})
_BINDINGS = "wit_world"
_PROGRAM = "from componentize_py import script; raise SystemExit(script())"
_EMPTY_ENVIRONMENT = ".wasmbuild/venv"
_PACKAGES = "site-packages"
_INSTALL = ("-P", "-m", "pip", "install", "--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-compile")
_GUEST = ("--python-version", GUEST_PYTHON, "--implementation", "py", "--abi", "none", "--platform", "any")
_QUIET = ("DISABLE_PIP_VERSION_CHECK", "NO_CACHE_DIR", "NO_INPUT")
_USER = ("PIP_*", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class PythonToolchain:
    """The adapter for Python."""

    language = "python"
    description = f"componentize-py, to components with CPython {GUEST_PYTHON}"
    reproducible = (
        "the component holds a snapshot of the Python interpreter's memory, in which are addresses, the time and a "
        "seed of random numbers"
    )

    def detect(self, tree: SourceTree, target: Target) -> Detection | None:
        """The module to begin with; a script without WASI's bindings may as well be a tool for something else."""
        asked = target.language == self.language
        programs = _programs(tree)
        entry = entry_named(tree, target, _SUFFIXES, "Python") or first_of(tree.files, _USUAL)
        entry = entry or (programs[0] if len(programs) == 1 and _importable(programs[0]) else None)
        if entry is None:
            if asked or programs:
                raise _nothing(programs)
            return None
        certain = asked or _BINDINGS in (tree.text(entry) or "")
        lock = _lock(tree, certain=certain)
        inputs = tuple(sorted({*_read(tree, entry), *lock, *wit_files(tree, target)}))
        return Detection(self.language, (entry,), inputs, entry, entry, certain)

    def needs(self, target: Target) -> Sequence[Need]:
        """componentize-py, and the WIT of WASI."""
        known_toolchain(target)
        refuse_settings(target, "Python", "triple", "sysroot")
        return ("componentize-py", "wasi")

    def actions(self, target: Target, found: Detection, tools: Toolbox) -> Sequence[Action]:  # noqa: ARG002
        """The WIT, the packages of the project, and componentize-py."""
        world = world_of(target, found)
        folder, module = _module(found.entry or found.sources[0])
        fetching, output = _fetching(found), f"{target.name}.wasm"
        command: tuple[Argument, ...] = (ToolFile("python"), "-P", "-c", _PROGRAM, "-d", world.folder)
        command += (*(("-w", world.name) if world.name else ()), "componentize", "-p", folder)
        command += ("-p", Produced("fetch", _PACKAGES)) if fetching else ()
        env: tuple[tuple[str, Argument], ...] = (
            ("PYTHONPATH", ToolFile("componentize-py")),
            ("PYTHONHASHSEED", "0"),
            # Without one it would take the packages of whatever Python the machine has.
            ("VIRTUAL_ENV", _EMPTY_ENVIRONMENT),
            *target.environment,
        )
        compiling = Action(
            name="compile",
            tool="componentize-py",
            argv=(*command, *target.flags, module, "-o", Output(output)),
            outputs=(output,),
            inputs=tuple(path for path in found.inputs if path not in {*world.action.inputs, REQUIREMENTS, PYLOCK}),
            files=((f"{_EMPTY_ENVIRONMENT}/lib/python3/site-packages/.empty", ""),),
            env=env,
        )
        return (world.action, *fetching, compiling)


def _module(entry: str) -> tuple[str, str]:
    """The folder to search for modules, and the name of the entry in it."""
    path = PurePosixPath(entry)
    folder = "src" if path.parts[0] == "src" and len(path.parts) > 1 else "."
    inside = path.relative_to(folder) if folder == "src" else path
    parts = inside.with_suffix("").parts
    if not all(part.isidentifier() for part in parts):
        raise InvalidProject(f"entry: {entry} cannot be imported", cause="its name is not one of a Python module")
    return folder, ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _programs(tree: SourceTree) -> list[str]:
    """The scripts of the project that could be a program."""
    scripts = [path for path in tree.ending(*_SUFFIXES) if path.removeprefix("src/").count("/") == 0]
    return [path for path in scripts if PurePosixPath(path).stem not in _TOOLS]


def _importable(path: str) -> bool:
    return PurePosixPath(path).stem.isidentifier()


def _read(tree: SourceTree, entry: str) -> tuple[str, ...]:
    """What may be imported: everything below src/, or every module and what bindings are configured by."""
    if entry.startswith("src/"):
        return tuple(path for path in tree.files if path.startswith("src/"))
    return tree.ending(*_SUFFIXES, "componentize-py.toml")


def _lock(tree: SourceTree, *, certain: bool) -> tuple[str, ...]:
    if tree.has(PYLOCK):
        return (PYLOCK,)
    lines = [line.strip() for line in (tree.text(REQUIREMENTS) or "").splitlines()]
    if not any(line and not line.startswith("#") for line in lines):
        return ()
    if any("--hash=sha256:" in line for line in lines):
        return (REQUIREMENTS,)
    if certain:
        raise InvalidProject(
            f"{REQUIREMENTS} names packages without their hashes",
            cause="only packages that a lock names by hash are used",
            hint=f"uv pip compile --generate-hashes --no-header --python-version {GUEST_PYTHON} requirements.in "
            f"-o {REQUIREMENTS}",
        )
    return ()


def _fetching(found: Detection) -> tuple[Action, ...]:
    lock = next((path for path in (PYLOCK, REQUIREMENTS) if path in found.inputs), None)
    if lock is None:
        return ()
    pip: tuple[Argument, ...] = (ToolFile("python"), *_INSTALL, *_GUEST, "--target", Output(_PACKAGES))
    if lock == PYLOCK:
        argv = (ToolFile("python"), "-P", "-m", "wasmbuild.build.programs.pylock", PYLOCK, "--", *pip)
    else:
        argv = (*pip, "--requirement", REQUIREMENTS)
    quiet = tuple((f"PIP_{name}", "1") for name in _QUIET)
    return (
        Action(
            name="fetch",
            tool="pip",
            argv=argv,
            outputs=(),
            inputs=(lock,),
            env=(*quiet, ("PIP_REQUIRE_VIRTUALENV", "0"), ("PIP_USER", "0"), ("PIP_ROOT_USER_ACTION", "ignore")),
            keep="folder",
            network=True,
            user_environment=(*_USER, *_CERTIFICATES),
        ),
    )


def _nothing(programs: Sequence[str]) -> InvalidProject:
    return InvalidProject(
        "there is no Python file to begin with",
        cause=f"looked for {', '.join(_USUAL)}, and for a single script",
        hint=f'say which: entry = "{next(filter(_importable, programs), "src/app.py")}"',
    )
