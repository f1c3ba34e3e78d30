"""What ``serve`` says where only half of wasmbuild is installed."""

import re
import signal
import subprocess
import sys
from pathlib import Path

from wasmbuild.cli.main import run

README = Path(__file__).parents[2] / "README.md"


def test_the_way_to_the_extra_is_the_readmes(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "registry.server.runtime", None)
    assert run(["serve", "--data", str(tmp_path / "data")]) == 2
    shown = capsys.readouterr().err
    assert "error[WB801]: the registry server is not installed" in shown
    (command,) = re.findall(r"pip install '.*?'", shown)
    assert command in README.read_text()
    assert list(tmp_path.iterdir()) == []


def test_settings_come_from_a_file_and_options_go_before(tmp_path):
    file = tmp_path / "registry.toml"
    file.write_text(f'data = "{tmp_path / "file"}"\nlisten = "127.0.0.1:1"\nobserving.access_log = "-"\n')
    code = "import sys; from wasmbuild.cli.entry import main; sys.exit(main())"
    options = ["--config", str(file), "--listen", "127.0.0.1:0", "--data", str(tmp_path / "option")]
    command = [sys.executable, "-c", code, "serve", *options, "--durability", "relaxed"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        address = process.stdout.readline().strip()
        assert address.startswith("127.0.0.1:")
        assert address != "127.0.0.1:1"
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate(timeout=30)
    assert process.returncode == 0
    assert (tmp_path / "option" / "registry.db").exists()
    assert not (tmp_path / "file").exists()
    assert "a power cut may lose what was pushed" in log
    assert '"path":"/healthz"' in log


def test_a_slip_in_the_file_names_its_line(tmp_path, capsys):
    file = tmp_path / "registry.toml"
    file.write_text('data = "x"\n\n[collection]\ngrase = "24h"\n')
    assert run(["serve", "--config", str(file)]) == 2
    shown = capsys.readouterr().err
    assert "registry.toml, line 4: collection.grase is not a setting" in shown
    assert "did you mean grace?" in shown
