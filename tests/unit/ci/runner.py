"""Runs the steps of an action or a workflow as a runner does: in bash, with its variables and its files."""

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).parents[3]
WASMBUILD = CHECKOUT / ".venv" / "bin" / "wasmbuild"

SECONDS = 500
"""For one step; the one that installs fetches 60 MB."""

FILES = ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_PATH", "GITHUB_ENV")


@dataclass
class Ran:
    """What a step left: how it ended, what it printed, and what it handed on."""

    code: int
    stdout: str
    stderr: str
    outputs: dict[str, str]
    summary: str
    path: list[str]


@dataclass
class Runner:
    """A machine of GitHub: a folder for the runner's files, and one for the working tree."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.workspace, self.temp = self.folder / "workspace", self.folder / "runner temp"
        self.workspace.mkdir(parents=True)
        self.temp.mkdir()

    def action(self, inputs: dict[str, str], step: int) -> Ran:
        """Run a step of our action."""
        action = yaml.safe_load((CHECKOUT / "action.yml").read_text())
        assert set(inputs) <= set(action["inputs"])
        given = {name: str(inputs.get(name, said["default"])) for name, said in action["inputs"].items()}
        return self.step(action["runs"]["steps"][step], {f"inputs.{name}": value for name, value in given.items()})

    def step(self, step: dict[str, object], values: dict[str, str]) -> Ran:
        """Run a step whose environment names some values."""
        bound = {name: _filled(str(text), values) for name, text in step.get("env", {}).items()}
        assert "${{" not in step["run"]
        files = {name: self.folder / name for name in FILES}
        for file in files.values():
            file.write_text("")
        theirs = {
            "GITHUB_ACTIONS": "true",
            "CI": "true",
            "GITHUB_ACTION_PATH": str(CHECKOUT),
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_TEMP": str(self.temp),
            **{name: str(file) for name, file in files.items()},
        }
        script = self.folder / "step.sh"
        script.write_text(step["run"])
        finished = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
            cwd=self.workspace,
            env={**os.environ, **theirs, **self.variables, **bound},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        summary, path = files["GITHUB_STEP_SUMMARY"].read_text(), files["GITHUB_PATH"].read_text().splitlines()
        outputs = _outputs(files["GITHUB_OUTPUT"].read_text())
        return Ran(finished.returncode, finished.stdout, finished.stderr, outputs, summary, path)


def _filled(text: str, values: dict[str, str]) -> str:
    return re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda found: values[found[1]], text)


def _outputs(text: str) -> dict[str, str]:
    """What a file GITHUB_OUTPUT says: NAME=VALUE, or NAME<<END, lines, END."""
    found, lines = {}, iter(text.splitlines())
    for line in lines:
        name, sign, rest = re.match(r"([\w-]+)(=|<<)(.*)", line).groups()
        found[name] = rest if sign == "=" else "\n".join(iter(lambda: next(lines), rest))
    return found


def installed(folder: Path) -> Runner:
    """A machine on which the install step has been: its own installing is tested with the compilers."""
    made = Runner(folder / "a machine")
    programs = made.temp / "wasmbuild-action" / "bin"
    programs.mkdir(parents=True)
    (programs / "wasmbuild").symlink_to(WASMBUILD)
    return made


def in_gitlab(folder: Path, lines: list[str], variables: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a job's script as GitLab's runner does, where what pip would install is there already."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    maker = programs / "python3"
    pip = "#!/bin/sh\nexit 0\n"
    maker.write_text(
        f'#!/bin/sh\n[ "$1 $2 $3" = "-P -m venv" ] || exit 9\nmkdir -p "$4/bin"\n'
        f'ln -sf {WASMBUILD} "$4/bin/wasmbuild"\n'
        f'printf "{pip.encode("unicode_escape").decode()}" > "$4/bin/python"\nchmod +x "$4/bin/python"\n'
    )
    maker.chmod(0o755)
    theirs = {"GITLAB_CI": "true", "CI": "true", "CI_PROJECT_DIR": str(folder / "tree")}
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join(lines)],
        cwd=folder / "tree",
        env={**os.environ, **theirs, **variables, "PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
