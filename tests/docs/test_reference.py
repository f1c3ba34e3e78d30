"""The generated reference is made from what the program uses, and what pages say of that is true."""

import re

import pytest

from registry.client.environment import _SUFFIXES
from registry.server.config.values import duration, size
from scripts.docs import http, names, settings
from scripts.docs.commands import commands, variables
from scripts.docs.markdown import tables_of
from scripts.docs.navigation import named_pages, navigation
from scripts.docs.pages import CHECKOUT, destination, error_headings, site_text, write_pages
from wasmbuild.configuration import read_settings
from wasmbuild.errors import InvalidProject
from wasmbuild.workflows.explanations import explanations

DOCS = CHECKOUT / "docs"
VALUES = {
    "concurrency": "8", "retry-for": "120", "plain-http": "true", "insecure-skip-tls-verify": "true",
    "realms": '["a.b"]', "audience": '"registry.example.com"',
    "ca-file": '"x"', "client-certificate": '"x"', "client-key": '"x"', "chunk-size": "65536", "resolve": "true",
    "location": '"mirror.example.com/hub"',
}  # fmt: skip
WORDS = {"second": "s", "minute": "m", "hour": "h", "day": "d"}
NOTHING = re.compile(r"none.*|never|see below|the (environment's|URL)|Amazon's|all but those of blobs|0, no bound")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """All pages, as the generator gets them."""
    root = tmp_path_factory.mktemp("site")
    write_pages(root)
    return root


def entries(nodes):
    for node in nodes:
        if isinstance(node, dict):
            for below in node.values():
                yield from entries(below)
        else:
            yield node


# -- the settings of the server -----------------------------------------------------------------------------


def test_every_setting_of_the_server_is_in_a_table_and_no_other():
    known = {each.key for each in settings.server_settings()}
    documented = set(settings.documented_settings(DOCS))
    assert known - documented == set()
    assert documented - known == {"listen"}


@pytest.mark.parametrize("setting", settings.server_settings(), ids=lambda each: each.key)
def test_the_tables_say_the_defaults_that_the_code_has(setting):
    page, said, meaning = settings.documented_settings(DOCS)[setting.key]
    assert meaning
    said = said.replace("`", "").strip('"')
    if not said:
        return  # the table of options has no column for it
    if NOTHING.fullmatch(said):
        assert setting.default in ("", "0", "{}", "push, delete, tag, tag-moved, tag-deleted, yank, unyank"), page
        return
    said = re.sub(r"(\d+) (\w+?)s?$", lambda found: found[1] + WORDS.get(found[2], found[0]), said)
    said = said.replace(" a second", "").replace(" MiB", "MiB")
    assert amount(said) == amount(setting.default), page


def test_what_a_setting_takes_is_what_the_server_reads():
    """A count a second is no time, and a size may have a unit; what has a unit is shown with it."""
    takes = {each.key: (each.takes, each.default) for each in settings.server_settings()}
    assert takes["access.requests_per_second"][0] == takes["port"][0] == "number"
    assert {key for key, (kind, _) in takes.items() if kind.startswith("bytes")} == {
        "max_blob", "collection.scrub_rate", "observing.log_bytes", "admission.max_read",
    }  # fmt: skip
    for key, (kind, default) in takes.items():
        if kind.startswith("seconds") and default:
            assert duration(default) >= 0, key
            assert default[-1].isalpha(), key


def amount(text):
    for read in (float, duration, size):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def test_a_default_that_changes_is_found(tmp_path):
    for page in settings.SETTING_PAGES:
        text = (DOCS / page).read_text()
        (tmp_path / page).write_text(text.replace("| `grace` | `10s` |", "| `grace` | `11s` |"))
    changed = settings.documented_settings(tmp_path)
    assert changed["grace"][1] == "`11s`"
    assert amount("11s") != amount(next(each.default for each in settings.server_settings() if each.key == "grace"))


# -- the keys of files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", settings.USER_KEYS)
def test_every_key_of_the_user_is_taken(key, tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(written(key))
    read_settings(file)
    file.write_text(written(key).replace(f"\n{key.rpartition('.')[2]} =", "\nunknown-key ="))
    with pytest.raises(InvalidProject):
        read_settings(file)


def written(key):
    table, _, name = key.replace('"HOST"', '"registry.example.com"').rpartition(".")
    header = f"[[{table[:-2]}]]" if table.endswith("[]") else f"[{table}]"
    needed = ['location = "m.example.com"'] * (name == "resolve") + ['client-certificate = "x"'] * (
        name == "client-key"
    )
    return "\n".join([header, *needed, f"{name} = {VALUES[name]}", ""])


def test_no_key_of_the_user_is_left_out(tmp_path):
    """The error for an unknown key lists those that are known."""
    file = tmp_path / "config.toml"
    listed = set()
    for table in ("[registry]", '[registry.hosts."a.b"]', '[[registry.mirrors."a.b"]]'):
        file.write_text(f"{table}\nzzzzzzzzzzzz = 1\n")
        with pytest.raises(InvalidProject) as caught:
            read_settings(file)
        listed |= set(re.findall(r"[a-z-]+", caught.value.hint.partition(":")[2]))
    assert {key.rpartition(".")[2] for key in settings.USER_KEYS} == listed - {"hosts", "mirrors"}


def test_every_key_of_a_project_is_in_its_page():
    page = settings.project_page(CHECKOUT / "wasmbuild/project/wasmbuild.schema.json")
    rows = next(tables_of(page)).rows
    assert {"`project.name`", "`build.optimize`", "`target.NAME.depends`", "`workspace.members`"} <= {
        row[0] for row in rows
    }
    assert all(row[1] and row[2] for row in rows)
    assert next(row for row in rows if row[0] == "`project.name`")[3] == "`required`"
    assert next(row for row in rows if row[0] == "`build.optimize`")[3] == "`size`"


# -- routes and names ---------------------------------------------------------------------------------------


def test_every_route_is_described_and_no_other():
    routes = {(each.method, each.path) for each in http.endpoints()}
    assert routes == set(http.ANSWERS)
    assert all(each.purpose.endswith(".") for each in http.endpoints())


def test_names_are_those_of_the_sources():
    types = names.found_in(CHECKOUT, re.compile(r"application/.+"))
    assert set(names.MEDIA_TYPES) <= set(types)
    ours = {name for name in types if name.startswith("application/vnd.wasmbuild.")}
    assert ours <= set(names.MEDIA_TYPES)
    assert set(names.annotations_in(CHECKOUT)) == set(names.ANNOTATIONS)


def test_every_variable_of_ours_is_in_the_table():
    named = {name for each in names.VARIABLES for name in each.split(", ")}
    assert names.variables_in(CHECKOUT) - named - set(variables()) == set()
    assert {f"…_{suffix}" for suffix in _SUFFIXES} <= named | {"…_USERNAME"}


def test_every_variable_that_is_read_is_in_the_table():
    """Of whomever it is: what is asked of the environment by a name that stands there."""
    read = re.compile(r"""(?:environ(?:ment)?(?:\.get\(|\[)|_path\(environment, )"([A-Z][A-Z_]+)\"""")
    sources = [*CHECKOUT.glob("wasmbuild/**/*.py"), *CHECKOUT.glob("registry/**/*.py")]
    asked = {name for source in sources for name in read.findall(source.read_text())}
    assert {"CI_PROJECT_DIR", "REGISTRY_AUTH_FILE"} <= asked
    named = set(re.findall(r"[A-Z][A-Z_]+", " ".join(names.VARIABLES)))
    everyday = {"PATH", "TERM", "GIT_CONFIG_COUNT"}
    left = asked - named - everyday
    assert {name for name in left if not name.startswith(("GITHUB_", "CI_", "PIP_", "_WASMBUILD"))} == set()


# -- errors -------------------------------------------------------------------------------------------------


def test_every_error_says_what_to_do():
    for page in explanations():
        cause, _, cure = page.text.partition("\n\n**What to do:** ")
        assert len(cause) > 30, f"{page.code} has no cause"
        assert len(cure) > 15, f"{page.code} does not say what to do"


def test_an_error_has_the_anchor_that_links_have(tmp_path):
    text = "# Errors\n\n```\n# a comment\n## WB999 x\n```\n\n# Trust\n\n## WB401 unsigned\nA text.\n"
    expected = "# Errors\n\n```\n# a comment\n## WB999 x\n```\n\n## Trust\n\n### WB401 unsigned { #wb401 }\nA text.\n"
    assert error_headings(text) == expected
    assert "(errors.md#wb408)" in site_text(DOCS / "signers.md")


# -- the site -----------------------------------------------------------------------------------------------


def test_every_page_is_in_the_navigation_once(site):
    there = sorted(str(path.relative_to(site)) for path in site.rglob("*.md"))
    assert sorted(entries(navigation(site))) == there


def test_every_written_page_has_a_page():
    pages = [*DOCS.rglob("*.md"), *(CHECKOUT / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md"))]
    assert len({destination(page) for page in pages}) == len(pages)


def test_links_of_the_site_lead_to_pages(site):
    for page in site.rglob("*.md"):
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#\s]+)", text):
            assert "://" in target or (page.parent / target).exists(), f"{page.relative_to(site)}: {target}"


def test_every_command_has_a_page(site):
    assert {path.stem for path in (site / "reference/commands").iterdir()} == {"index", *commands()}
    assert not [path for path in site.rglob("*.md") if re.search(r"^\|.*`[^`]*\\\|", path.read_text(), re.MULTILINE)]
    push = (site / "reference/commands/push.md").read_text()
    assert "| `--dry-run` | Say what would be pushed, and push nothing. |   | `WASMBUILD_PUSH_DRY_RUN` |" in push
    assert "| Transfers at once. From 1 to 64. | `4` | `WASMBUILD_CONCURRENCY` |" in push
    assert "| `bundle,legacy` | `WASMBUILD_PUSH_SIGNATURE_FORMAT` |" in push  # a default that only its help says


def test_the_navigation_names_no_page_that_is_gone(site):
    """A page that was renamed would be found in the last drawer of the reference alone."""
    assert {page for page in named_pages() if not (site / page).exists()} == set()
