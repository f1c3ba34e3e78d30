"""The pages of the documents whose commands are also those of others; the rest is played in tests/docs."""

import re

import pytest

from tests.docs.blocks import PAGES, blocks_of
from tests.docs.pages import INTEROP, page_of
from tests.docs.playing import dialogue_of, playable, playing
from tests.interop.peers import find

PROGRAMS = re.compile(r"\b(oras|crane|cosign|notation|skopeo|openssl|curl) ")


@pytest.mark.parametrize("name", [name for name in PAGES if playable(name) and page_of(name).where == INTEROP])
def test_the_page_is_what_happens(name, tmp_path, capfd, monkeypatch):
    page = page_of(name)
    lines = [command.line for block in blocks_of(name) for command in dialogue_of(block)]
    for program in sorted(set(PROGRAMS.findall("\n".join(line for line in lines if not page.reason(line))))):
        find(program)
    monkeypatch.setenv("WASMBUILD_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    with playing(name, page, tmp_path / "work", capfd) as player:
        player.play(name, page)
