"""The pages of the documents whose commands compile; the others are played in tests/docs."""

import pytest

from tests.docs.blocks import PAGES, blocks_of
from tests.docs.pages import BUILDS, page_of
from tests.docs.playing import playable, playing
from wasmbuild.cli.main import run

pytestmark = pytest.mark.usefixtures("private_cache")


@pytest.mark.parametrize("name", [name for name in PAGES if playable(name) and page_of(name).where == BUILDS])
@pytest.mark.timeout(300)
def test_the_page_is_what_happens(name, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = page_of(name)
    with playing(name, page, tmp_path / "work", capfd) as player:
        player.play(name, page)


@pytest.mark.parametrize("title", ["src/main.js", "src/app.py"])
@pytest.mark.timeout(300)
def test_the_commands_of_scripting_languages_run(title, tmp_path, capfd):
    (block,) = (block for block in blocks_of("docs/languages-scripting.md") if block.title == title)
    source = tmp_path / "hello" / title
    source.parent.mkdir(parents=True)
    source.write_text(block.text)
    assert run(["build", str(tmp_path / "hello")]) == 0
    capfd.readouterr()
    (built,) = (tmp_path / "hello" / "dist").glob("*.wasm")
    assert run(["run", str(built)]) == 0
    assert capfd.readouterr().out == "hello\n"
