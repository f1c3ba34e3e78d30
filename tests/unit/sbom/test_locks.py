"""Lock files: what each package manager's says, in one form, and what is wrong with those that are malformed."""

import base64
import json
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.digest import Digest
from wasmbuild.errors import InvalidProject
from wasmbuild.sbom.locks import cargo, go, npm, python, wit
from wasmbuild.sbom.locks.finding import lock_packages
from wasmbuild.sbom.locks.installed import installed_licenses
from wasmbuild.sbom.locks.reading import MAX_LOCK, Text

A, B = "a" * 64, "b" * 64
PUBLIC = "registry+https://github.com/rust-lang/crates.io-index"
SUM = "h1:" + "a" * 43 + "="
SRI = "sha512-" + base64.b64encode(bytes(64)).decode()

CARGO = f"""
version = 4

[[package]]
name = "app"
version = "0.1.0"
dependencies = ["serde", "itoa 1.0.1", "forked", "mine 2.0.0 (registry+https://crates.example/index)"]

[[package]]
name = "serde"
version = "1.0.9"
source = "{PUBLIC}"
checksum = "{A}"
dependencies = ["itoa 1.0.1"]

[[package]]
name = "itoa"
version = "1.0.1"
source = "{PUBLIC}"
checksum = "{B}"

[[package]]
name = "itoa"
version = "0.4.0"
source = "{PUBLIC}"

[[package]]
name = "forked"
version = "0.1.0"
source = "git+https://example.com/forked#0123456789abcdef"

[[package]]
name = "mine"
version = "2.0.0"
source = "registry+https://crates.example/index"
"""
CARGO_1 = f"""
[[package]]
name = "app"
version = "0.1.0"
dependencies = ["serde 1.0.9 ({PUBLIC})"]

[[package]]
name = "serde"
version = "1.0.9"
source = "{PUBLIC}"

[metadata]
"checksum serde 1.0.9 ({PUBLIC})" = "{A}"
"""
GO_MOD = """module example.com/app // mine

go 1.22

require example.com/single v0.1.0

require (
	example.com/direct v1.2.3
	"example.com/quoted" v1.0.0 // indirect
	example.com/old v1.0.0
	example.com/here v0.0.0-20240101000000-abcdefabcdef // indirect; why
)

replace example.com/old => example.com/new v2.0.0+incompatible

replace (
	example.com/here v0.0.0-20240101000000-abcdefabcdef => ../here
	example.com/single v9.9.9 => example.com/other v1.0.0
)

exclude example.com/direct v1.0.0
tool example.com/direct/cmd
"""
GO_SUM = f"""example.com/direct v1.2.3 {SUM}
example.com/direct v1.2.3/go.mod {SUM.replace("a", "b")}
example.com/quoted v1.0.0/go.mod {SUM}
"""
VENDORED = """# example.com/direct v1.2.3
## explicit; go 1.20
example.com/direct
example.com/direct/sub
# example.com/unused v1.0.0
## explicit
# example.com/old v1.0.0 => example.com/new v2.0.0
example.com/old
# example.com/here => ./here
"""
NPM = {
    "lockfileVersion": 3,
    "packages": {
        "": {"name": "app", "dependencies": {"a": "^1"}, "devDependencies": {"@types/x": "1"}},
        "node_modules/a": {
            "version": "1.0.0",
            "resolved": "https://npm.example/a/-/a-1.0.0.tgz",
            "integrity": SRI,
            "license": "MIT",
            "dependencies": {"b": "^2", "c": "1", "absent": "1"},
        },
        "node_modules/a/node_modules/b": {"version": "2.0.0", "peerDependencies": {"c": "1"}},
        "node_modules/b": {"version": "1.0.0"},
        "node_modules/c": {"version": "1.0.0", "resolved": "git+ssh://git@example.com/c.git#012", "license": {}},
        "node_modules/@types/x": {"version": "1.0.0", "dev": True, "resolved": "https://npm.example/x/-/x-1.tgz"},
        "node_modules/alias": {"name": "real", "version": "3.0.0"},
        "node_modules/part": {"resolved": "parts/part", "link": True},
        "parts/part": {"version": "0.0.1", "dependencies": {"b": "1"}},
        "node_modules/web": {"version": "1.0.0", "resolved": "https://example.com/web.tgz"},
    },
}
PYLOCK = f"""
lock-version = "1.0"

[[packages]]
name = "Attrs_Like"
version = "23.1.0"
dependencies = [{{name = "idna"}}]
wheels = [
  {{name = "attrs_like-23.1.0-cp311-linux.whl", hashes = {{sha256 = "{A}"}}}},
  {{url = "https://example.com/attrs_like-23.1.0-py3-none-any.whl", hashes = {{sha256 = "{B}"}}}},
]

[[packages]]
name = "idna"
version = "3.7"
sdist = {{name = "idna-3.7.tar.gz", hashes = {{sha256 = "{A}"}}}}

[[packages]]
name = "mine"
directory = {{path = "."}}

[[packages]]
name = "forked"
vcs = {{type = "git", commit-id = "012"}}
"""
UV = f"""
version = 1

[[package]]
name = "app"
version = "0.1.0"
source = {{ editable = "." }}
dependencies = [{{ name = "idna" }}]

[package.optional-dependencies]
more = [{{ name = "extra" }}]

[package.dev-dependencies]
dev = [{{ name = "pytest" }}]

[[package]]
name = "idna"
version = "3.7"
source = {{ registry = "https://example.com/simple" }}
sdist = {{ url = "https://example.com/idna-3.7.tar.gz", hash = "sha256:{A}" }}
wheels = [{{ url = "https://example.com/idna-3.7-py3-none-any.whl", hash = "sha256:{B}" }}]

[[package]]
name = "extra"
version = "1.0"
source = {{ git = "https://example.com/extra" }}

[[package]]
name = "pytest"
version = "8.0"
source = {{ registry = "https://example.com/simple" }}
dependencies = [{{ name = "idna", version = "3.7" }}]
"""
REQUIREMENTS = f"""# by a tool
--require-hashes
Typing.Extensions[all] == 4.15.0 ; python_version < "4" \\
    --hash=sha256:{A}  # why
    # via something
idna==3.7 \\
    --hash=sha256:{A} \\
    --hash=sha256:{B}
"""


def text(file, content):
    return Text(file, content.encode() if isinstance(content, str) else json.dumps(content, indent=1).encode())


def by_name(packages):
    return {f"{each.name}@{each.version}" if each.version else each.name: each for each in packages}


def names(keys):
    return sorted(key.split(":", 2)[2] for key in keys)


def test_cargo():
    found = by_name(cargo.read(text("Cargo.lock", CARGO)))
    assert sorted(found) == ["app@0.1.0", "forked@0.1.0", "itoa@0.4.0", "itoa@1.0.1", "mine@2.0.0", "serde@1.0.9"]
    app, serde = found["app@0.1.0"], found["serde@1.0.9"]
    assert (app.source, app.purl, app.direct, serde.direct) == ("local", None, True, False)
    assert app.needs == (
        "crate:crates.io:itoa:1.0.1",
        "crate:crates.io:serde:1.0.9",
        "crate:git:forked:0.1.0",
        "crate:registry:mine:2.0.0",
    )
    assert (serde.purl, serde.archives) == ("pkg:cargo/serde@1.0.9", (Digest("sha256", A),))
    assert (found["forked@0.1.0"].purl, found["mine@2.0.0"].purl) == (None, None)
    assert found["itoa@0.4.0"].direct


def test_cargo_as_it_was_once():
    serde = by_name(cargo.read(text("Cargo.lock", CARGO_1)))["serde@1.0.9"]
    assert serde.archives == (Digest("sha256", A),)


def test_go():
    found = by_name(go.read(text("go.mod", GO_MOD), text("go.sum", GO_SUM)))
    assert sorted(found) == [
        "example.com/direct@v1.2.3",
        "example.com/new@v2.0.0+incompatible",
        "example.com/quoted@v1.0.0",
        "example.com/single@v0.1.0",
        "here",
    ]
    direct, here = found["example.com/direct@v1.2.3"], found["here"]
    assert (direct.purl, direct.sum, direct.direct) == ("pkg:golang/example.com/direct@v1.2.3", SUM, True)
    assert (here.purl, here.source, here.direct) == (None, "local", False)
    assert found["example.com/quoted@v1.0.0"].sum == ""
    assert len(go.read(text("go.mod", GO_MOD), None)) == 5


def test_vendored_go():
    found = by_name(go.read_vendored(text("vendor/modules.txt", VENDORED), text("go.sum", GO_SUM)))
    assert sorted(found) == ["example.com/direct@v1.2.3", "example.com/new@v2.0.0"]
    assert found["example.com/direct@v1.2.3"].sum == SUM
    assert [each.direct for each in found.values()] == [True, False]


def test_npm():
    found = by_name(npm.read(text("package-lock.json", NPM)))
    assert sorted(found) == [
        "@types/x@1.0.0",
        "a@1.0.0",
        "b@1.0.0",
        "b@2.0.0",
        "c@1.0.0",
        "part@0.0.1",
        "real@3.0.0",
        "web@1.0.0",
    ]
    a = found["a@1.0.0"]
    assert (a.purl, a.license, a.direct, a.build) == ("pkg:npm/a@1.0.0", "MIT", True, False)
    assert a.archives == (Digest("sha512", "00" * 64),)
    assert a.needs == ("npm::b:2.0.0", "npm:git:c:1.0.0")
    assert found["b@2.0.0"].needs == ("npm:git:c:1.0.0",)
    assert found["part@0.0.1"].needs == ("npm::b:1.0.0",)
    assert [(each.source, each.purl) for each in (found["c@1.0.0"], found["part@0.0.1"], found["web@1.0.0"])] == [
        ("git", None),
        ("local", None),
        ("url", None),
    ]
    types = found["@types/x@1.0.0"]
    assert (types.purl, types.build, types.direct) == ("pkg:npm/%40types/x@1.0.0", True, True)
    assert [found[name].direct for name in ("b@1.0.0", "b@2.0.0", "part@0.0.1")] == [False, False, True]


def test_pylock():
    found = by_name(python.read_pylock(text("pylock.toml", PYLOCK)))
    attrs = found["attrs-like@23.1.0"]
    assert (attrs.purl, attrs.archives) == ("pkg:pypi/attrs-like@23.1.0", (Digest("sha256", B),))
    assert (names(attrs.needs), attrs.direct, found["idna@3.7"].direct) == (["idna:3.7"], True, False)
    assert found["idna@3.7"].archives == (Digest("sha256", A),)
    assert (found["mine"].source, found["mine"].purl, found["forked"].source) == ("local", None, "git")


def test_uv():
    found = by_name(python.read_uv(text("uv.lock", UV)))
    assert (found["app@0.1.0"].source, found["app@0.1.0"].direct) == ("local", True)
    assert {name: each.build for name, each in found.items()} == {
        "app@0.1.0": False,
        "idna@3.7": False,
        "extra@1.0": False,
        "pytest@8.0": True,
    }
    assert found["idna@3.7"].archives == (Digest("sha256", B),)
    assert (found["extra@1.0"].source, found["extra@1.0"].purl) == ("git", None)


def test_requirements():
    found = by_name(python.read_requirements(text("requirements.txt", REQUIREMENTS)))
    assert found["typing-extensions@4.15.0"].archives == (Digest("sha256", A),)
    assert found["idna@3.7"].archives == ()
    assert python.read_requirements(text("requirements.txt", "idna\n")) == ()


def test_wit(tmp_path):
    lock = f'[[packages]]\nname = "wasi:io"\n[[packages.versions]]\nversion = "0.2.3"\ndigest = "sha256:{A}"\n'
    (package,) = wit.read(text("wkg.lock", lock))
    assert (package.key, package.archives, package.purl) == ("wit:wasi:io:0.2.3", (Digest("sha256", A),), None)
    deps = tmp_path / "wit" / "deps" / "io"
    deps.mkdir(parents=True)
    (deps / "a.wit").write_text("// package no:no;\n/* package no:no; */\n\npackage wasi:io@0.2.3;\ninterface x {}\n")
    (deps / "b.wit").write_text("interface y {}\n")
    assert [each.file for each in wit.read_folder(tmp_path)] == ["wit/deps/io/a.wit"]
    (tmp_path / "wkg.lock").write_text(lock)
    (both,) = lock_packages(tmp_path)
    assert (both.key, both.archives) == ("wit:wasi:io:0.2.3", (Digest("sha256", A),))


def test_licenses_of_installed_packages(tmp_path):
    said = {
        "attrs-23.1.0": "Name: Attrs_X\nVersion: 23.1.0\nLicense: Apache\nLicense-Expression: MIT\n\nLicense: no\n",
        "idna-3.7": "Name: idna\nVersion: 3.7\nLicense: BSD\n",
        "long-1": "Name: long\nVersion: 1\nLicense: Begin\n        of a long text\n",
        "none-1": "Name: none\nVersion: 1\nLicense: UNKNOWN\n",
        "hidden-1": "Name: hidden\nVersion: 1\nLicense: a\u202eb\n",
    }
    for name, text_ in said.items():
        (tmp_path / f"{name}.dist-info").mkdir()
        (tmp_path / f"{name}.dist-info" / "METADATA").write_text(text_)
    (tmp_path / "folder-1.dist-info" / "METADATA").mkdir(parents=True)
    assert installed_licenses(tmp_path) == {
        ("attrs-x", "23.1.0"): "MIT",
        ("idna", "3.7"): "BSD",
        ("hidden", "1"): "a\\u202eb",
    }
    assert installed_licenses(tmp_path / "nowhere") == {}


def test_of_a_language_only_its_own_locks_count(tmp_path):
    (tmp_path / "Cargo.lock").write_text(CARGO)
    (tmp_path / "package-lock.json").write_text(json.dumps(NPM))
    (tmp_path / "go.mod").write_text(GO_MOD)
    (tmp_path / "requirements.txt").write_text("idna\n")
    (tmp_path / "uv.lock").write_text(UV)
    kinds = {language: {each.ecosystem for each in lock_packages(tmp_path, language)} for language in LANGUAGES}
    assert kinds == LANGUAGES
    assert {each.ecosystem for each in lock_packages(tmp_path)} == {"cargo", "npm", "golang", "pypi"}
    (tmp_path / "requirements.txt").write_text(REQUIREMENTS)
    assert {each.file for each in lock_packages(tmp_path, "python")} == {"requirements.txt"}
    (tmp_path / "pylock.toml").write_text(PYLOCK)
    assert {each.file for each in lock_packages(tmp_path, "python")} == {"pylock.toml"}
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "modules.txt").write_text(VENDORED)
    assert {each.file for each in lock_packages(tmp_path, "go")} == {"vendor/modules.txt"}


LANGUAGES = {
    "rust": {"cargo"},
    "go": {"golang"},
    "javascript": {"npm"},
    "typescript": {"npm"},
    "assemblyscript": {"npm"},
    "python": {"pypi"},
    "zig": set(),
}

BAD = {
    "Cargo.lock": [
        (
            "[[package]]\nname = 'a'\nversion = '1'\n\n[[package]]\nname = 'b'\n",
            "line 5, column 1: [package] version is missing",
        ),
        ("[[package]]\nname = 'a b'\nversion = '1'\n", "line 2, column 1: [package] name cannot be 'a b'"),
        (
            "[[package]]\nname = 'a'\nversion = '1'\ndependencies = ['b']\n",
            "line 4, column 1: [package] dependencies names 'b'",
        ),
        ("package = 1\n", "must be tables"),
        ("[", "Cargo.lock is not valid TOML"),
    ],
    "go.mod": [
        ("module a\n\nrequire b\n", "go.mod, line 3: 'b' is not a module and its version"),
        ("require (\n a v1.0.0\n b latest\n)\n", "go.mod, line 3: 'b latest'"),
        ("replace a b\n", "go.mod, line 1: replace has no =>"),
    ],
    "package-lock.json": [
        ('{\n"lockfileVersion": 1}', "package-lock.json, line 2: lockfileVersion 1 is not read"),
        ('{"lockfileVersion": 3,\n"packages": {\n"node_modules/a": {}}}', "line 3: node_modules/a has no version"),
        ('{"lockfileVersion": 3,\n"packages": {\n"node_modules/a": []}}', "line 3: node_modules/a is not an object"),
        ('{"lockfileVersion": 3,\n"packages": {\n"node_modules/ ": {}}}', "line 3: node_modules/  has no name"),
        ("[]", "line 1: it is not an object"),
        ("{", "package-lock.json is not JSON"),
    ],
    "pylock.toml": [("[[packages]]\nversion = '1'\n", "pylock.toml, line 1, column 1: [packages] name is missing")],
    "uv.lock": [("[[package]]\nname = 'a'\nversion = ''\n", "line 3, column 1: [package] version is empty")],
    "requirements.txt": [(f"\na==1 --hash=sha256:{A}\n\nb>=2\n", "requirements.txt, line 4: 'b>=2' names no package")],
    "wkg.lock": [("[[packages]]\nname = 'a:b'\n[[packages.versions]]\nversion = '1'\n", "digest is not a digest")],
}


@pytest.mark.parametrize(("file", "content", "said"), [(file, *each) for file, cases in BAD.items() for each in cases])
def test_what_is_malformed_says_where(tmp_path, file, content, said):
    (tmp_path / file).write_text(content)
    with pytest.raises(InvalidProject) as raised:
        lock_packages(tmp_path)
    assert said in raised.value.what
    assert file in raised.value.what


def test_sums_that_are_malformed(tmp_path):
    (tmp_path / "go.mod").write_text(GO_MOD)
    (tmp_path / "go.sum").write_text(f"a v1 {SUM}\nb\n")
    with pytest.raises(InvalidProject, match=r"go.sum, line 2: it is not a module, a version and a sum"):
        lock_packages(tmp_path, "go")


def test_bounds_and_what_is_no_file(tmp_path, monkeypatch):
    assert lock_packages(tmp_path) == ()
    assert lock_packages(tmp_path / "nowhere") == ()
    lock = tmp_path / "Cargo.lock"
    lock.write_bytes(b"# \xff")
    with pytest.raises(InvalidProject, match="line 1: it is not UTF-8"):
        lock_packages(tmp_path)
    lock.write_bytes(b"#" * (MAX_LOCK + 1))
    with pytest.raises(InvalidProject, match="larger than"):
        lock_packages(tmp_path)
    lock.unlink()
    lock.mkdir()
    with pytest.raises(InvalidProject, match=r"Cargo.lock cannot be read"):
        lock_packages(tmp_path)
    lock.rmdir()
    lock.write_text(CARGO)
    monkeypatch.setattr("wasmbuild.sbom.locks.reading.MAX_PACKAGES", 5)
    with pytest.raises(InvalidProject, match="names 6 packages"):
        lock_packages(tmp_path)


def nested(depth, count):
    """A package far down that asks for many."""
    entry = {"version": "1.0.0", "dependencies": {f"x{number}": "1" for number in range(count)}}
    return json.dumps({"lockfileVersion": 3, "packages": {("node_modules/a/" * depth)[:-1]: entry}})


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("wit/deps/a.wit", "/*" * 300_000),
        ("wit/deps/a.wit", "\n" * 600_000),
        ("wit/deps/a.wit", "package " * 80_000),
        ("requirements.txt", f"a --hash=sha256:{A}{' ' * 500_000}x"),
        ("requirements.txt", f"a{' ' * 500_000}x --hash=sha256:{A}"),
        ("vendor/modules.txt", "# a.b/c v1.0.0\n" * 15_000),
        ("Cargo.lock", '[[package]]\nname = "a"\nversion = "1"\ndependencies = ["a", "a", "a"]\n' * 2_000),
        ("uv.lock", '[[package]]\nname = "a"\nversion = "1"\ndependencies = [{name = "a"}]\n' * 1_000),
        ("package-lock.json", json.dumps({"lockfileVersion": 3, "packages": {"a/node_modules/" * 40_000: {}}})),
        ("package-lock.json", nested(270, 20_000)),
        ("Cargo.lock", f"{'a.' * 50_000}a = 1\n"),
        ("uv.lock", f"""[{"'a' . " * 50_000}a]\n"""),
    ],
)
def test_what_is_made_to_take_long_does_not(tmp_path, file, content):
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(content)
    start = time.process_time()
    with suppress(InvalidProject):
        lock_packages(tmp_path)
    assert time.process_time() - start < 2


READERS = {
    CARGO: cargo.read,
    GO_MOD: lambda each: go.read(each, each),
    VENDORED: lambda each: go.read_vendored(each, None),
    json.dumps(NPM): npm.read,
    PYLOCK: python.read_pylock,
    UV: python.read_uv,
    REQUIREMENTS: python.read_requirements,
}


def test_a_name_without_its_last_part_has_no_package_url():
    [package] = go.read_vendored(text("modules.txt", "# example.com/ v1.2.3\n## explicit\nexample.com/\n"), None)
    assert (package.name, package.purl) == ("example.com/", None)


@settings(max_examples=80)
@given(st.sampled_from(sorted(READERS)), st.data())
def test_whatever_is_in_it_there_are_packages_or_an_error(good, data):
    """Pieces of a good lock are put into another order, left out, or replaced."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(good)), min_size=2, max_size=4)))
    pieces = [good[: cuts[0]], data.draw(st.text(max_size=5)), good[cuts[1] :], good[cuts[0] : cuts[-1]]]
    with suppress(InvalidProject):
        for package in READERS[good](text("lock", "".join(pieces))):
            assert package.key.isascii()
            assert package.key.isprintable()
            assert package.purl is None or package.purl.startswith("pkg:")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(["version", "resolved", "link", "dependencies", "integrity", "license", "name", "dev"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    )
)
def test_any_entry_of_npm(entry):
    with suppress(InvalidProject):
        npm.read(text("package-lock.json", {"lockfileVersion": 3, "packages": {"node_modules/a": entry, "": entry}}))
