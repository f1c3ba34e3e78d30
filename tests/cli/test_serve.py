"""What ``serve`` says where only half of wasmbuild is installed."""

import re
import sys
from pathlib import Path

from wasmbuild.cli.main import run

README = Path(__file__).parents[2] / "README.md"


def test_the_way_to_the_extra_is_the_readmes(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "registry.server.config", None)
    assert run(["serve", "--data", str(tmp_path / "data")]) == 2
    shown = capsys.readouterr().err
    assert "error[WB801]: the registry server is not installed" in shown
    (command,) = re.findall(r"pip install '.*?'", shown)
    assert command in README.read_text()
    assert list(tmp_path.iterdir()) == []
