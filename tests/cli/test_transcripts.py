import difflib
import os
from pathlib import Path

import pytest

from tests.cli.transcript import Player, commands_of

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))

FIXTURES = {
    "hello.wat": '(module (func (export "_start")))\n',
    "broken.c": "int main(void) {\n  return missing;\n}\n",
    "odd.toml": '[project]\nname = "odd"\nversion = "1.0.0"\n\n[build]\noptimise = "size"\n',
}


@pytest.mark.parametrize("golden", TRANSCRIPTS, ids=lambda path: path.stem)
@pytest.mark.usefixtures("private_cache")
def test_transcript(golden, tmp_path, monkeypatch, capfd, registry_address, request):
    environment = dict(os.environ)
    folder = tmp_path / "work"
    folder.mkdir()
    for name, text in FIXTURES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(folder)
    try:
        played = Player(folder, registry_address, capfd).play(commands_of(golden.read_text()))
    finally:
        os.environ.clear()
        os.environ.update(environment)
    if request.config.getoption("--update-golden"):
        golden.write_text(played)
    expected = golden.read_text().splitlines()
    difference = list(difflib.unified_diff(expected, played.splitlines(), golden.name, "played", lineterm="", n=1))
    assert not difference, "\n".join(difference)


def test_there_are_transcripts():
    assert len(TRANSCRIPTS) >= 4
