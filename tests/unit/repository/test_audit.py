"""``make audit``: what it finds. That it finds nothing here is a stage of ``.ci/run``."""

import tomllib
from email.message import Message
from pathlib import Path

import pytest

from scripts.audit.__main__ import BUILD, CHECKOUT, LOCKS, WHOLE, main
from scripts.audit.addresses import committed, find_addresses
from scripts.audit.licenses import EXCEPTIONS, SAID, check_licenses, is_allowed, license_of
from scripts.audit.locks import Pin, beyond, read_lock
from scripts.audit.origins import check_imports, check_runtime, closure

HASH = "--hash=sha256:" + "0" * 64
OTHER = "--hash=sha256:" + "1" * 64


def lock(folder, text, name=WHOLE):
    path = folder / name
    path.write_text(text)
    return read_lock(path)


def said(**fields):
    """The metadata of a package."""
    about = Message()
    for name, value in fields.items():
        for each in value if isinstance(value, list) else [value]:
            about[name.replace("_", "-")] = each
    return about


def test_a_lock_pins_by_version_and_hash(tmp_path):
    read = lock(
        tmp_path, f"# a remark\nSix==1.17.0 ; sys_platform == 'win32' \\\n    {HASH} \\\n    {OTHER}\n    # via\n"
    )
    assert read.findings == ()
    (pin,) = read.pins
    assert (pin.name, pin.version, pin.marker) == ("six", "1.17.0", 'sys_platform == "win32"')
    assert len(pin.hashes) == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("six==1.17.0", "it has no hash"),
        (f"six>=1.17.0 {HASH}", "not pinned to one version"),
        (f"six==1.* {HASH}", "not pinned to one version"),
        (f"six==1.17.0,<2 {HASH}", "not pinned to one version"),
        (f"six @ file:///six.whl {HASH}", "not pinned to one version"),
        ("six==1.17.0 --hash=md5:00", "this is no package"),
        ("--index-url=elsewhere", "this is no package"),
        ("-e .", "this is no package"),
    ],
)
def test_a_lock_with_anything_else_is_found(tmp_path, line, words):
    read = lock(tmp_path, f"attrs==26.1.0 {HASH}\n{line}\n")
    assert len(read.pins) == 1
    (finding,) = read.findings
    assert words in finding


def test_the_lock_of_users_is_part_of_the_lock_of_all(tmp_path):
    whole = lock(tmp_path, f"six==1.17.0 {HASH}\nattrs==26.1.0 {HASH}\n")
    assert [*beyond(lock(tmp_path, f"six==1.17.0 {HASH}\n", "user.lock"), whole)] == []
    for line in (f"six==1.16.0 {HASH}", f"six==1.17.0 {OTHER}", f"idna==3.20 {HASH}"):
        assert len([*beyond(lock(tmp_path, line, "user.lock"), whole)]) == 1


def test_a_lock_has_what_is_needed_and_no_more(tmp_path):
    names = closure(["jsonschema", "idna; sys_platform == 'win32'"])
    assert {"jsonschema", "attrs", "referencing", "rpds-py"} <= names
    assert "idna" not in names, "neither for this system, nor without the extra that wants it"
    whole = "".join(f"{name}==1 {HASH}\n" for name in names)
    assert [*check_runtime(lock(tmp_path, whole), ["jsonschema"])] == []
    assert [*check_runtime(lock(tmp_path, f"{whole}idna==1 {HASH}\n"), ["jsonschema"])] == [
        f"{WHOLE}: idna is in it, and nothing that it is for needs it"
    ]
    assert [*check_runtime(lock(tmp_path, whole.replace(f"attrs==1 {HASH}\n", "")), ["jsonschema"])] == [
        f"{WHOLE}: attrs is needed, and not in it"
    ]


@pytest.mark.parametrize(
    ("about", "expression"),
    [
        (said(License_Expression="MIT OR Apache-2.0", License="GPL"), "MIT OR Apache-2.0"),
        (said(License="BSD-2-Clause"), "BSD-2-Clause"),
        (
            said(License="Expat, mostly", Classifier=["License :: OSI Approved :: MIT License", "Typing :: Typed"]),
            "MIT",
        ),
        (said(Classifier=["License :: OSI Approved :: BSD License"]), "BSD-2-Clause AND BSD-3-Clause"),
        (said(Classifier=["License :: OSI Approved :: GNU General Public License v3 (GPLv3)"]), None),
        (said(License="see the file"), None),
        (said(), None),
    ],
)
def test_what_metadata_says_of_a_licence(about, expression):
    assert license_of(about) == expression


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("(GPL-3.0-only OR MIT) AND ISC", True),
        ("MIT AND (GPL-3.0-only OR LGPL-3.0-only)", False),
        ("GPL-3.0-only WITH Classpath-exception-2.0", False),
        ("LGPL-3.0-only", False),
        ("Something-of-ours", False),
        ("MIT AND", False),
        ("", False),
    ],
)
def test_which_licences_are_allowed(expression, allowed):
    assert is_allowed(expression) is allowed


def test_an_exception_is_not_for_all_users():
    pins = [Pin(name, "1", "sys_platform == 'win32'", frozenset()) for name in {*SAID, *EXCEPTIONS}]
    assert [*check_licenses(pins, frozenset())] == []
    assert [*check_licenses(pins, frozenset({"psycopg"}))] == [
        "psycopg: LGPL-3.0-only is an exception, and not for all users"
    ]
    assert "partd: the table of licences names it, and no lock" in [*check_licenses([], frozenset())]


def test_a_package_that_says_nothing_is_found():
    nowhere = "nobody-has-a-package-of-this-name"
    found = [*check_licenses([Pin(nowhere, "1", "", frozenset())], frozenset())]
    assert [each for each in found if each.startswith(nowhere)] == [
        f"{nowhere}: it is locked, and not installed (make setup)",
        f"{nowhere}: it does not say under which licence it is",
    ]


def test_an_import_that_nobody_asked_for_is_found(tmp_path):
    folder = tmp_path / "wasmbuild"
    (folder / "cli").mkdir(parents=True)
    (folder / "cli" / "x.py").write_text(
        "import json\nimport attrs\nimport click\n"
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import sigstore\n"
        "def f():\n    import sigstore.models\n    import pytest\n"
    )
    assert sorted(check_imports(tmp_path, ["click"], [], ["sigstore"])) == [
        "wasmbuild/cli/x.py:2: attrs is imported, and it is not a dependency that is always there",
        "wasmbuild/cli/x.py:9: pytest is imported, and no dependency or extra names it",
    ]


def test_the_server_may_have_more_at_once(tmp_path):
    for room in ("server", "client"):
        (tmp_path / "registry" / room).mkdir(parents=True)
        (tmp_path / "registry" / room / "x.py").write_text("import starlette\n")
    (finding,) = check_imports(tmp_path, [], ["starlette"], [])
    assert finding.startswith("registry/client/x.py:1: starlette")


PYPI, NPM = "py" + "pi.org", "registry.npm" + "js.org"


@pytest.mark.parametrize(
    ("name", "line", "count"),
    [
        ("a.md", f"from https://{PYPI}/simple/ or so", 1),
        ("a.json", f'"resolved": "https://{NPM}/left-pad"', 1),
        ("a.toml", f"index = '//someone:secret@files.{PYPI}:443'", 1),
        ("a.md", f"crates.io, {PYPI} and others", 0),
        ("a.md", f"https://not{PYPI}/ https://{PYPI}.example.com/", 0),
        ("requirements-runtime.lock", "--extra-index-url elsewhere", 1),
        ("requirements.lock", "six @ https://example.com/six.whl", 1),
        ("other.lock", "six @ https://example.com/six.whl", 0),
    ],
)
def test_addresses_of_registries_of_packages_are_found(name, line, count):
    assert len([*find_addresses(Path(name), f"first\n{line}\n")]) == count


def test_no_file_of_ours_names_one():
    assert [finding for path, text in committed(CHECKOUT) for finding in find_addresses(path, text)] == []


def test_a_finding_is_a_failure(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("scripts.audit.__main__.findings", lambda _: iter(["something"]))
    assert main([]) == 1
    assert capsys.readouterr().out.startswith("something\n")


def test_without_pip_audit_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("scripts.audit.__main__.findings", lambda _: iter([]))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([]) == 0
    assert main(["--vulnerabilities"]) == 1
    assert "pip-audit is not installed" in capsys.readouterr().err


def test_every_lock_is_looked_at():
    assert {path.name for path in CHECKOUT.glob("*.lock")} == {WHOLE, BUILD, *LOCKS}
    extras = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {extra for some in LOCKS.values() for extra in some} <= {*extras}
