"""What GitHub's runner takes for a command is what was meant as one, whatever is in the words of others."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.ui.runner import commands_in, sections_in
from wasmbuild.errors import CompilationFailed
from wasmbuild.events import Note, Step, ToolOutput, Transfer
from wasmbuild.ui.ci.commands import command, harmless, harmless_json
from wasmbuild.ui.ci.github import Github
from wasmbuild.ui.ci.gitlab import Gitlab
from wasmbuild.ui.ci.grouping import GroupingRenderer
from wasmbuild.ui.ci.job import Job
from wasmbuild.ui.ci.masks import Masks

HOSTILE = [
    "::add-mask::x",
    " \t::set-output name=digest::sha256:0",
    "\u2003::error::x",
    "\ufeff::warning::x",
    "##[add-mask]x",
    "zig: ##[set-env name=PATH]x",
    "::stop-commands::x",
    "::endgroup::",
    "##[endgroup]",
    "a\r::add-path::/tmp",
    "a\n::debug::x",
    "\r\n::debug::x",
    "::x::##[error]y",
    "%0A::error::x",
    "%250A",
    "a,b:c=d]",
    "section_end:1:wasmbuild_0\r\x1b[0K",
    "\x1b[0Ksection_start:1:x[collapsed=true]\r\x1b[0Kx",
    "::group::x\r\n::error::",
]

pieces = st.sampled_from([*HOSTILE, "::", ":", "##[", "#", "[", "]", "%", "\r", "\n", " ", "=", ",", "error", "x", "é"])
words = st.lists(pieces | st.text(max_size=3), max_size=8).map("".join)
properties = st.text(min_size=1, max_size=8).map(str.strip).filter(lambda text: text and "##[" not in text)


@given(words)
def test_words_of_others_are_no_commands(text):
    assert commands_in(harmless(text)) == []


@pytest.mark.parametrize("text", HOSTILE[:9])
def test_the_reader_knows_a_command(text):
    """Else what is proved above is nothing."""
    assert commands_in(text)


@given(st.text(alphabet=":#[ x\t", max_size=8))
def test_what_is_no_command_stays(text):
    if not text.lstrip().startswith("::") and "##[" not in text:
        assert harmless(text) == text


@given(st.dictionaries(words, words, max_size=3))
def test_a_document_says_the_same_and_is_no_command(document):
    text = harmless_json(json.dumps(document))
    assert json.loads(text) == document
    assert commands_in(text) == []


@given(words, st.dictionaries(st.sampled_from(["file", "title", "line"]), properties, max_size=3))
def test_a_command_is_read_as_it_was_meant(data, given_properties):
    found = commands_in(command("error", data, **given_properties))
    assert len(found) == 1
    assert found[0].name == "error"
    assert found[0].data == harmless(data)
    assert found[0].properties == {key: harmless(value) for key, value in given_properties.items()}


EVENTS = {
    "tool": lambda text: ToolOutput("zig", text),
    "begun": lambda text: Step("compile", text),
    "ended": lambda text: Step("compile", text, 1.0),
    "info": lambda text: Note("info", text),
    "warning": lambda text: Note("warning", text),
    "transfer": lambda text: Transfer("sha256:0", "done", 1, 1),
}


def rendered(kind, events, job):
    stream = io.StringIO()
    renderer = GroupingRenderer(kind(job, Masks()), stream)
    for event in events:
        renderer(event)
    renderer.close()
    return stream.getvalue()


@given(st.lists(st.tuples(st.sampled_from(sorted(EVENTS)), words), max_size=8))
def test_a_stream_has_the_commands_that_were_meant(tmp_path_factory, drawn):
    events = [EVENTS[kind](text) for kind, text in drawn]
    stream = rendered(Github, events, Job(tmp_path_factory.getbasetemp()))
    names = [each.name for each in commands_in(stream)]
    assert names.count("warning") == sum(kind == "warning" for kind, _ in drawn)
    groups = [name for name in names if name != "warning"]
    assert set(names) <= {"group", "endgroup", "warning"}
    assert groups == ["group", "endgroup"] * (len(groups) // 2)
    assert bool(groups) == any(kind in {"tool", "transfer"} for kind, _ in drawn)


@given(st.lists(st.tuples(st.sampled_from(sorted(EVENTS)), words), max_size=8))
def test_a_log_of_gitlab_has_the_sections_that_were_meant(tmp_path_factory, drawn):
    stream = rendered(Gitlab, [EVENTS[kind](text) for kind, text in drawn], Job(tmp_path_factory.getbasetemp()))
    found = sections_in(stream)
    for (begins, first), (ends, second) in zip(found[::2], found[1::2], strict=True):
        assert (begins, ends) == ("start", "end")
        assert first == second
    assert len({name for _, name in found}) == len(found) // 2
    assert stream.count("\x1b") == len(found) * 2


@given(words, words)
def test_a_failure_is_one_annotation(tmp_path_factory, what, cause):
    github = Github(Job(tmp_path_factory.getbasetemp()), Masks())
    lines = github.failed(CompilationFailed(what, cause=cause), [])
    found = commands_in("\n".join(lines))
    assert [each.name for each in found] == ["error"]
    assert found[0].properties == {"title": "error[WB502]"}


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("name", ["main.c", "%0A::error::.c", "a,line=7.c", "##[add-mask]x.c", "::set-output.c"])
def test_a_hostile_file_is_named_and_nothing_else(tmp_path, name, text):
    (tmp_path / name).write_text("")
    failure = CompilationFailed("no", cause=f"{name}:3:4: error: {text}".replace("\n", " ").replace("\r", " "))
    found = commands_in("\n".join(Github(Job(tmp_path), Masks()).failed(failure, [tmp_path])))
    assert [each.name for each in found] == ["error"]
    if ":" not in name:
        assert found[0].properties["file"] == name.replace("##[", "##\\[")
        assert found[0].properties["line"] == "3"
