"""A home of one's own, and a credential helper that is a real program."""

import base64
import json
import sys
from pathlib import Path

import pytest

ADA = base64.b64encode(b"ada:s3cret").decode()

HELPER = """#!{python} -IS
import json, pathlib, sys
kept, log = pathlib.Path({kept!r}), pathlib.Path({log!r})
action, text = sys.argv[1], sys.stdin.read()
with log.open("a") as file:
    file.write(action + "\\n")
table = json.loads(kept.read_text()) if kept.exists() else {{}}
if action == "store":
    pair = json.loads(text)
    table[pair["ServerURL"]] = pair
elif text not in table:
    print("credentials not found in native keychain")
    sys.exit(1)
elif action == "get":
    print(json.dumps(table[text]))
elif action == "erase":
    del table[text]
kept.write_text(json.dumps(table))
"""


class Home:
    """Where a user keeps things: every place that credentials are looked for in is below ``path``."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.docker = path / "docker" / "config.json"
        self.runtime = path / "run" / "containers" / "auth.json"
        self.podman = path / "home" / ".config" / "containers" / "auth.json"
        self.bin = path / "bin"
        self.bin.mkdir(parents=True)
        for name in ("REGISTRY_AUTH_FILE", "XDG_CONFIG_HOME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("DOCKER_CONFIG", str(self.docker.parent))
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(path / "run"))
        monkeypatch.setenv("HOME", str(path / "home"))
        monkeypatch.setenv("PATH", str(self.bin))

    def write(self, path: Path, document: object) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path

    def config(self, **document: object) -> Path:
        """Write Docker's configuration."""
        return self.write(self.docker, document)

    def read(self) -> dict[str, object]:
        return json.loads(self.docker.read_text())

    def program(self, name: str, text: str) -> Path:
        """Put a program on PATH; ``text`` is Python, unless it has a first line of its own."""
        program = self.bin / name
        program.write_text(text if text.startswith("#!") else f"#!{sys.executable} -IS\n{text}")
        program.chmod(0o755)
        return program

    def helper(self, suffix: str = "test", **kept: tuple[str, str]) -> "Helper":
        """Install a helper that works, with what it keeps: registries, and user and secret of each."""
        return Helper(self, suffix, kept)


class Helper:
    """A credential helper; ``kept`` is what it keeps now, ``asked`` what it was asked to do."""

    def __init__(self, home: Home, suffix: str, kept: dict[str, tuple[str, str]]) -> None:
        self._kept, self._log = home.path / f"{suffix}.json", home.path / f"{suffix}.log"
        table = {key: {"ServerURL": key, "Username": user, "Secret": secret} for key, (user, secret) in kept.items()}
        self._kept.write_text(json.dumps(table))
        text = HELPER.format(python=sys.executable, kept=str(self._kept), log=str(self._log))
        home.program(f"docker-credential-{suffix}", text)

    @property
    def kept(self) -> dict[str, tuple[str, str]]:
        table = json.loads(self._kept.read_text())
        return {key: (pair["Username"], pair["Secret"]) for key, pair in table.items()}

    @property
    def asked(self) -> list[str]:
        return self._log.read_text().split() if self._log.exists() else []
