"""What a release leaves for later steps and jobs, read as GitHub's runner and GitLab's server read it."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import StorageFailed
from tests.unit.ui.runner import dotenv_in, pairs_in
from wasmbuild.released import Attached, Release, ReleasedTarget
from wasmbuild.ui.ci.markdown import cut, fenced
from wasmbuild.ui.ci.outputs import appended, dotenv, heredoc, values, write_outputs
from wasmbuild.ui.ci.publishing import publish_results
from wasmbuild.ui.ci.summary import SUMMARY_LIMIT, summary, write_summary

DIGEST = f"sha256:{'ab' * 32}"

HELLO = ReleasedTarget(
    label="hello",
    repository="ghcr.io/acme/hello",
    version="1.2.3",
    tags=("1.2.3", "1.2", "1", "latest"),
    reference=f"ghcr.io/acme/hello@{DIGEST}",
    standing="released",
    digest=DIGEST,
    action_key=f"sha256:{'cd' * 32}",
    size=23271,
    seconds=1.26,
    made="compiled",
    reproducible=True,
    attached=(Attached("SBOM", f"sha256:{'01' * 32}", "application/spdx+json"),
              Attached("signature", f"sha256:{'02' * 32}", "application/vnd.dev.sigstore.bundle.v0.3+json")),
    capabilities=("reads files", "writes to stdout"),
    gained=("reads files",),
    previous="1.2.2",
    verify=f"wasmbuild verify ghcr.io/acme/hello@{DIGEST} --key release.pub",
    sbom="dist/hello.spdx.json",
)  # fmt: skip
WORLD = replace(HELLO, label="world", repository="ghcr.io/acme/world", reference=f"ghcr.io/acme/world@{DIGEST}")
ONE = Release((HELLO,), commit="0123abcd", ref="refs/tags/v1.2.3", atomic=True)
TWO = Release((HELLO, WORLD))


@pytest.fixture
def github(tmp_path):
    return {"GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}


def test_a_step_has_its_outputs(tmp_path, github):
    publish_results(ONE, "github", github)
    found = pairs_in((tmp_path / "output").read_text())
    metadata = json.loads(found.pop("metadata"))
    assert found == {"digest": DIGEST, "reference": HELLO.reference, "sbom": "dist/hello.spdx.json"}
    assert metadata == {"schemaVersion": 1, "command": "release", **ONE.to_json()}


def test_of_several_targets_outputs_are_objects(tmp_path, github):
    publish_results(TWO, "github", github)
    found = pairs_in((tmp_path / "output").read_text())
    assert json.loads(found["reference"]) == {"hello": HELLO.reference, "world": WORLD.reference}
    assert json.loads(found["digest"]) == {"hello": DIGEST, "world": DIGEST}


def test_files_of_the_runner_are_added_to(tmp_path, github):
    (tmp_path / "output").write_text("before=1")
    (tmp_path / "summary").write_text("# Before\n")
    publish_results(ONE, "github", github)
    publish_results(TWO, "github", github)
    found = pairs_in((tmp_path / "output").read_text())
    assert found["before"] == "1"
    assert json.loads(found["digest"]) == {"hello": DIGEST, "world": DIGEST}
    said = (tmp_path / "summary").read_text()
    assert said.startswith("# Before\n## Released: 1.2.3\n")
    assert said.count("## Released") == 2


def test_nothing_is_written_outside_of_a_job(tmp_path, github, monkeypatch):
    monkeypatch.chdir(tmp_path)
    publish_results(ONE, "none", {**github, "CI_PROJECT_DIR": str(tmp_path)})
    publish_results(ONE, "github", {})
    publish_results(ONE, "gitlab", {})
    publish_results(ONE, "github", {"GITHUB_OUTPUT": "relative"})
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(StorageFailed):
        publish_results(ONE, "github", {"GITHUB_OUTPUT": str(tmp_path / "missing" / "output")})


hostile = st.text() | st.sampled_from(
    ["a\nb=c", "x<<EOF\ny\nEOF", "ghadelimiter_", "$HOME", "%PATH%", " a ", "a\rb", "\ud800", "é", "a" * 6000]
)


@given(st.lists(hostile, max_size=3))
def test_any_value_is_one_entry(texts):
    joined = "".join(heredoc(f"name{number}", text) for number, text in enumerate(texts))
    assert pairs_in(joined) == {f"name{number}": text for number, text in enumerate(texts)}


def test_a_value_with_its_own_end_in_it_gets_another(monkeypatch):
    drawn = iter(["a" * 32, "b" * 32])
    monkeypatch.setattr("secrets.token_hex", lambda _: next(drawn))
    value = f"ghadelimiter_{'a' * 32}\nevil=1"
    assert pairs_in(heredoc("name", value)) == {"name": value}


def test_a_line_that_is_not_ended_is_not_gone_on_with(tmp_path):
    path = tmp_path / "output"
    for _ in range(2):
        appended(path, "a=1")
    assert path.read_text() == "a=1\na=1"


@given(hostile, hostile, st.booleans())
def test_gitlab_reads_what_was_meant(sbom, reference, several):
    target = replace(HELLO, sbom=sbom, reference=reference)
    release = Release((target, WORLD) if several else (target,))
    wanted = {f"WASMBUILD_{name.upper()}": value for name, value in values(release).items()}
    found = dotenv_in(dotenv(release).encode())
    left_out = found.pop("WASMBUILD_LEFT_OUT", "").split(",")
    for name, value in wanted.items():
        if name.removeprefix("WASMBUILD_").lower() in left_out:
            assert name not in found
        elif several or name == "WASMBUILD_METADATA":
            assert json.loads(found[name]) == json.loads(value)
        else:
            assert found[name] == value
    assert set(found) <= set(wanted)


def test_gitlab_gets_its_report_and_a_description(tmp_path):
    publish_results(ONE, "gitlab", {"CI_PROJECT_DIR": str(tmp_path)})
    found = dotenv_in((tmp_path / "wasmbuild.env").read_bytes())
    assert found["WASMBUILD_DIGEST"] == DIGEST
    assert found["WASMBUILD_REFERENCE"] == HELLO.reference
    assert json.loads(found["WASMBUILD_METADATA"])["targets"][0]["target"] == "hello"
    assert (tmp_path / "wasmbuild-release.md").read_text().startswith("## Released: 1.2.3\n")


def test_what_is_too_large_for_gitlab_is_named(tmp_path):
    release = Release(tuple(replace(HELLO, label=f"target-{number}") for number in range(12)))
    found = dotenv_in(dotenv(release).encode())
    assert found["WASMBUILD_LEFT_OUT"] == "metadata"
    assert len(json.loads(found["WASMBUILD_DIGEST"])) == 12


def test_a_summary_says_what_a_person_wants_to_know():
    assert summary(ONE) == (
        "## Released: 1.2.3\n\n"
        "| artifact |  | digest | size | time | cache |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        f"| <code>ghcr.io/acme/hello&#58;1.2.3</code> | released | <code>sha256&#58;{'ab' * 32}</code> "
        "| 23.3 kB | 1.3 s | compiled |\n\n"
        "Commit <code>0123abcd</code>, <code>refs/tags/v1.2.3</code>.\n\n"
        "The tags were set in one transaction.\n\n"
        "### hello\n\n"
        "- Tags: <code>1.2.3</code>, <code>1.2</code>, <code>1</code>, <code>latest</code>\n"
        "- **Capabilities gained since <code>1.2.2</code>:** <code>reads files</code>\n"
        "- Reproducible: a second build gave the same bytes\n"
        f"- SBOM: <code>sha256&#58;{'01' * 32}</code> (<code>application/spdx&#43;json</code>)\n"
        f"- signature: <code>sha256&#58;{'02' * 32}</code> "
        "(<code>application/vnd.dev.sigstore.bundle.v0.3&#43;json</code>)\n\n"
        "It is verified by:\n\n"
        f"```sh\nwasmbuild verify ghcr.io/acme/hello@{DIGEST} --key release.pub\n```\n"
    )


def test_a_summary_of_little_says_so():
    bare = ReleasedTarget("a", "r.example/a", "1.0.0", (), "r.example/a:1.0.0", "planned", capabilities=())
    said = summary(Release((bare,)))
    assert said.startswith("## Planned release: 1.0.0\n")
    assert "It is not signed." in said
    assert "no earlier version" in said
    assert "It is not signed" not in summary(Release((replace(bare, standing="unchanged", made="published"),)))
    assert summary(Release((), "0123abcd")) == "## Nothing to release\n\nCommit <code>0123abcd</code>.\n"


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = set()
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.add((tag, tuple(attrs)))

    def handle_data(self, data):
        self.text += data


EVIL = "a|b <img src=x onerror=y> [x](http://e.example) ![x](y) `c` **d** @me #1 $e$ ~f~ \\ &lt; WWW.e \n\n# head\n```"


def test_names_are_neither_markdown_nor_html():
    evil = replace(
        HELLO, label=EVIL, repository=EVIL, version=EVIL, tags=(EVIL,), gained=(EVIL,), capabilities=(EVIL,),
        previous=EVIL, attached=(Attached(EVIL, EVIL, EVIL),), verify=None,
    )  # fmt: skip
    said = summary(Release((evil,), commit=EVIL, ref=EVIL))
    reader = Reader()
    reader.feed(said)
    assert {tag for tag, _ in reader.tags} == {"code", "span"}
    assert not re.search(r"[`\[\]@$~\\_]|!\[|http:|WWW\.", said)
    assert [line for line in said.splitlines() if line.startswith("#")] == said.splitlines()[:1] + [
        line for line in said.splitlines() if line.startswith("### ")
    ]
    assert said.count("|") == 7 * 3
    assert reader.text.count("<img src=x onerror=y>") >= 8


def test_a_command_does_not_leave_its_block():
    block = fenced("wasmbuild verify 'a```b'\n```\n# head")
    assert block == "````sh\nwasmbuild verify 'a```b'\\x0a```\\x0a# head\n````"


def test_what_is_too_large_for_an_output_is_left_out(tmp_path):
    many = Release(tuple(replace(HELLO, label=f"target-{number}") for number in range(1200)))
    write_outputs(many, tmp_path / "output")
    said = (tmp_path / "output").read_text()
    assert "digest<<" in said
    assert "metadata<<" not in said


def test_a_summary_is_not_larger_than_github_takes(tmp_path):
    path = tmp_path / "summary"
    path.write_bytes(b"x" * 400_000 + b"\n")
    many = Release(tuple(replace(HELLO, label=f"target-{number}") for number in range(1200)))
    assert len(summary(many).encode()) > SUMMARY_LIMIT
    write_summary(summary(many), path)
    said = path.read_text()
    assert 900_000 < len(said.encode()) <= SUMMARY_LIMIT
    assert said.endswith("*The rest does not fit: there is more in the document of the release.*\n")
    assert said.count("```") % 2 == 0
    write_summary(summary(many), path)
    assert path.stat().st_size <= SUMMARY_LIMIT


@given(st.integers(min_value=0, max_value=400))
def test_what_is_cut_fits(limit):
    text = "| é |\n" * 20 + "\n" + "```sh\ncommand\n```\n\nend\n"
    shorter = cut(text, limit)
    assert len(shorter.encode()) <= limit
    assert shorter.count("```") % 2 == 0
