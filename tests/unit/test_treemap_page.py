"""The picture of a file as a page: it parses, needs nothing, escapes names, and its areas are as bytes."""

from html.parser import HTMLParser

import pytest

from tests.unit.wasm.anatomies import anatomy, component, module
from wasmbuild.workflows.treemap import page

EVIL = "</title><script>alert(1)</script>\"'&\x1b[2J\u202e"
VOID = {"meta", "input"}


class Page(HTMLParser):
    """Rectangles, texts and addresses of a page; elements must be closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.rectangles, self.texts, self.addresses, self.elements = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.elements.append(tag)
        self.addresses += [name for name in found if name in {"src", "href", "action", "srcset", "xmlns"}]
        self.addresses += [name for name in found if name.startswith("on")]
        if tag == "rect" and "data-bytes" in found:
            self.rectangles.append(found)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))


def test_areas_are_as_bytes_and_cover_the_picture():
    made = component("a", "b")
    rectangles = Page(page(made, "hello.wasm")).rectangles
    total = sum(int(each["data-bytes"]) for each in rectangles)
    assert total == made.outermost.size
    for each in rectangles:
        area = float(each["width"]) * float(each["height"])
        assert area == pytest.approx(int(each["data-bytes"]) / total * 1200 * 720, rel=0.01)


def test_it_needs_nothing_else():
    text = page(component("a", "b"), "hello.wasm")
    read = Page(text)
    assert read.addresses == []
    assert "://" not in text
    assert "@import" not in text
    assert "url(" not in text
    assert "default-src 'none'" in text
    assert not {"link", "img", "iframe", "object", "embed"} & {*read.elements}


def test_names_are_text_and_nothing_more():
    text = page(component(EVIL, "b"), EVIL)
    read = Page(text)
    assert read.elements.count("script") == 1
    assert read.elements.count("title") == 1 + len(read.rectangles)
    assert not {"\x1b", "\u202e"} & {*text}
    assert any(kind == "title" and "<script>alert(1)" in said for kind, said in read.texts)


def test_a_name_cannot_stand_for_a_part_of_the_page():
    text = page(component("$rows ${tiles} $$", "b"), "$title $missing")
    assert "$title $missing" in text
    assert "$rows ${tiles} $$" in text


def test_it_can_be_read_without_a_picture_and_without_a_script():
    read = Page(page(component("main", "b"), "hello.wasm"))
    assert any(
        kind == "title" and said.startswith("module 0 main / code / main: 500 bytes") for kind, said in read.texts
    )
    assert ("td", "module 0 main / code / main") in read.texts
    assert ("h1", "hello.wasm") in read.texts


def test_it_stays_small_however_many_functions_there_are():
    many = [(f"f{number}" * 20, number + 1) for number in range(20_000)]
    text = page(anatomy(module(functions=many)), "hello.wasm")
    assert len(Page(text).rectangles) <= 2000
    assert len(text) < 1_000_000


def test_it_is_the_same_each_time():
    assert page(component("a", "b"), "x") == page(component("a", "b"), "x")
