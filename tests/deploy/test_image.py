"""The Dockerfile, without building it: that it has what it copies, and names nothing that nobody has looked up."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

from scripts import image
from scripts.image import Sources, command_of, main

CHECKOUT = Path(__file__).parents[2]
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text()
LOCKS = ("requirements-image.lock", "requirements-build.lock")


def copied():
    """What the Dockerfile takes out of the checkout."""
    lines = [line.split()[1:-1] for line in DOCKERFILE.splitlines() if line.startswith("COPY") and "--from" not in line]
    return {name for line in lines for name in line}


def pins(name):
    return dict(re.findall(r"^([a-z0-9-]+)==([^\s\\;]+)", (CHECKOUT / name).read_text(), re.MULTILINE))


def test_what_it_copies_is_there_and_is_all_that_it_is_sent():
    allowed = {line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied() == allowed
    assert all((CHECKOUT / name).exists() for name in allowed)


def test_it_has_all_that_the_wheel_is_made_of():
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    wheel = settings["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], settings["project"]["readme"], "pyproject.toml", "LICENSE"}
    assert needed <= copied()


def test_its_locks_are_the_lock_of_everybody():
    everything, settings = pins("requirements.lock"), tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    for name in LOCKS:
        assert pins(name).items() <= everything.items()
    wanted = [*settings["project"]["dependencies"]]
    for extra in ("server", "postgres", "s3", "sigstore"):
        wanted += settings["project"]["optional-dependencies"][extra]
    names = {re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", each)[0]).lower() for each in wanted}
    assert names <= pins("requirements-image.lock").keys()


def test_no_digest_stands_where_nobody_looked_one_up():
    """No registry is reachable where this is tested, so each would be an invention."""
    files = [CHECKOUT / "Dockerfile", *(path for path in (CHECKOUT / "deploy").rglob("*") if path.is_file())]
    assert len(files) > 10
    for path in files:
        assert not re.search(r"sha256:[0-9a-f]{12}", path.read_text()), path
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${BASE}"}


def test_it_runs_as_a_user_with_a_number():
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]


def test_how_it_is_built():
    sources = Sources(CHECKOUT, "1700000000", "0" * 40)
    command = command_of("buildah", sources, base="localhost/base", options=["--isolation", "chroot"])
    assert command[:2] == ["buildah", "bud"]
    assert {"BASE=localhost/base", "CREATED=2023-11-14T22:13:20Z", "SOURCE_DATE_EPOCH=1700000000"} <= set(command)
    assert command[command.index("--format") + 1] == "docker", "an image of OCI has no health check"
    assert command[-1] == str(CHECKOUT)
    assert "--timestamp" not in command_of("docker", sources)


def test_an_image_of_other_sources_than_the_commit_has_does_not_say_that_it_is_of_it(monkeypatch, tmp_path):
    monkeypatch.setattr(image, "CHECKOUT", tmp_path)
    assert Sources.of_checkout() == Sources(tmp_path, os.environ.get("SOURCE_DATE_EPOCH", "0"), "unknown")
    author = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    for command in (("init", "-q"), (*author, "commit", "-q", "--allow-empty", "-m", "one")):
        subprocess.run(["git", "-C", tmp_path, *command], check=True)
    assert re.fullmatch("[0-9a-f]{40}", Sources.of_checkout().revision)
    (tmp_path / "new.py").touch()
    assert re.fullmatch("[0-9a-f]{40}-dirty", Sources.of_checkout().revision)


def test_without_anything_to_build_with_it_says_what_to_install(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([]) == 1
    assert "apt install buildah" in capsys.readouterr().err
