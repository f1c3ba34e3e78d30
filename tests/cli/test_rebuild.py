"""``rebuild`` with a real compiler, a real git and a real registry: what is pushed is built again elsewhere."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from wasmbuild.caches import Caches
from wasmbuild.cli.main import run
from wasmbuild.trust.provenance import Provenance
from wasmbuild.wasm.editing.rewrite import encode_custom
from wasmbuild.workflows.new import new
from wasmbuild.workflows.rebuild import pins_of

pytestmark = pytest.mark.timeout(600)


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    done = subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@dataclass
class Bench:
    """A repository with a project, a clone of it, keys, and the commands of a person."""

    root: Path
    address: str
    capture: pytest.CaptureFixture[str]

    @property
    def project(self) -> Path:
        return self.root / "repository" / "apps" / "hello"

    def run(self, *words: str) -> tuple[int, str, str]:
        self.capture.readouterr()
        code = run([*words, "--progress", "plain"])
        return code, *self.capture.readouterr()

    def push(self, name: str, *words: str) -> str:
        code, out, err = self.run("push", f"{self.address}/rebuild/{name}", "-C", str(self.project), *words)
        assert code == 0, err
        return out.strip()

    def rebuild(self, reference: str, *words: str) -> tuple[int, dict[str, Any], str]:
        command = ("rebuild", reference, "--verify", "--source", str(self.root / "clone"), "--format", "json")
        code, out, err = self.run(*command, *words)
        return code, json.loads(out.splitlines()[0]) if out else {}, err


@pytest.fixture
def bench(
    tmp_path: Path,
    registry_address: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    private_cache: Path,
) -> Iterator[Bench]:
    monkeypatch.setenv("WASMBUILD_KEY_PASSWORD", "")
    monkeypatch.chdir(tmp_path)
    found = Bench(tmp_path, registry_address, capfd)
    new("c-cli", found.project, name="hello")
    assert run(["lock", "--project", str(found.project)]) == 0
    repository = tmp_path / "repository"
    git(repository, "init", "--quiet", "--initial-branch=main")
    git(repository, "remote", "add", "origin", "https://ada:secret@example.com/acme/hello.git")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message=one")
    git(tmp_path, "clone", "--quiet", "repository", "clone")
    yield found
    assert [each for each in private_cache.glob("work/*") if each.is_dir()] == []


def test_what_was_pushed_is_built_again_and_the_same(bench: Bench) -> None:
    for name in ("ours", "theirs"):
        assert run(["keys", "generate", "-o", name]) == 0
    reference = bench.push("same:1", "--sign", "--key", "ours.key", "--optimize", "speed")
    known = sorted(Caches.of_user().root.glob("projects/*"))

    code, found, _ = bench.rebuild(reference, "--key", "ours.pub", "--sign", "theirs.key", "-o", "again.wasm")
    assert (code, found["verdict"], found["sections"]) == (0, "identical", [])
    assert (bench.project / "dist" / "hello.wasm").read_bytes() == Path("again.wasm").read_bytes()
    said = found["provenance"]
    assert (said["verified"], said["slsaLevelAtMost"]) == (True, 1)
    assert said["builder"] == "https://wasmbuild.dev/builder/local"
    assert said["commit"] == git(bench.root / "repository", "rev-parse", "HEAD")
    assert said["externalParameters"] == {
        "target": "hello",
        "project": "apps/hello",
        "optimize": "speed",
        "source": "git+https://example.com/acme/hello.git@refs/heads/main",
    }
    assert sorted(Caches.of_user().root.glob("projects/*")) == known  # nothing is remembered of a folder that is gone

    code, out, _ = bench.run("attestations", reference, "--type", "rebuild", "--key", "theirs.pub", "--format", "json")
    assert code == 0
    assert [each["holds"] for each in json.loads(out)["attestations"]] == [True, True]

    _, out, _ = bench.run("attestations", reference, "--type", "provenance", "--key", "ours.pub", "-o", "said.json")
    text = Path("said.json").read_text()
    assert "secret" not in text
    assert str(bench.root) not in text
    assert str(Path.home()) not in text
    dependencies = json.loads(text)["buildDefinition"]["resolvedDependencies"]
    assert {each["name"] for each in dependencies} == {"source", "zig", "wasmbuild.lock"}

    provenance = Provenance.parse(json.loads(text))
    (pin,) = pins_of(provenance)
    assert {each.annotations["pin"] for each in provenance.dependencies if each.name == "zig"} == {str(pin.digest)}

    code, found, _ = bench.rebuild(reference, "--key", "theirs.pub")
    assert (code, found["error"]["code"]) == (4, "WB406")

    code, found, _ = bench.rebuild(bench.push("unsigned:1"), "--key", "ours.pub")
    assert (code, found["error"]["code"]) == (4, "WB406")

    Path("odd.wasm").write_bytes(Path("again.wasm").read_bytes() + encode_custom("producers", b"\0"))
    code, out, _ = bench.run("push", f"{bench.address}/rebuild/odd:1", "odd.wasm")
    odd = out.strip()
    attest = ("attest", odd, "--predicate", "said.json", "--type", "provenance", "--key", "ours.key")
    assert bench.run(*attest)[0] == 0
    code, found, err = bench.rebuild(odd, "--key", "ours.pub")
    assert (code, found["verdict"], found["accepted"]) == (4, "equivalent", False)
    assert "--allow-sections producers" in err
    code, found, _ = bench.rebuild(odd, "--key", "ours.pub", "--allow-sections", "name, producers")
    assert (code, found["verdict"], found["accepted"]) == (0, "equivalent", True)


def test_a_changed_source_is_found_by_its_section(bench: Bench) -> None:
    main = bench.project / "src" / "main.c"
    main.write_text(main.read_text().replace("from WebAssembly", "from elsewhere!!"))
    reference = bench.push("changed:1")
    Path("odd.json").write_text('{"_type": "https://in-toto.io/Statement/v1"}')
    kind = "application/vnd.in-toto+json"
    assert bench.run("attach", reference, f"odd.json:{kind}", "--artifact-type", kind)[0] == 0

    code, found, err = bench.rebuild(reference)
    assert code == 4
    assert "WB407" in err
    assert "sources that were not as in the commit" in err
    assert "nobody who is trusted" in err
    assert (found["verdict"], found["accepted"]) == ("different", False)
    assert "data" in [each["name"] for each in found["sections"]]
    assert (found["provenance"]["verified"], found["provenance"]["slsaLevelAtMost"]) == (False, 0)

    git(bench.root / "clone", "checkout", "--quiet", "--orphan", "empty")
    code, _, err = bench.run("rebuild", reference, "--verify", "--source", str(bench.root))
    assert code == 2
    assert "not in a repository of git" in err


def test_without_provenance_there_is_nothing_to_build_from(bench: Bench) -> None:
    reference = bench.push("bare:1", "--provenance", "none")
    code, found, err = bench.rebuild(reference)
    assert (code, found["error"]["code"]) == (4, "WB406")
    assert "has no provenance" in err
