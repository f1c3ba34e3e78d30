"""Releases, against the real server, with real builds and git."""

import os
from pathlib import Path

import jsonschema
import pytest

from registry.client.registries import Registries
from registry.client.repository import Repository
from registry.client.settings import Settings
from registry.errors import StorageFailed
from registry.reference import Reference
from tests.client.flaky import flaky
from tests.unit.release.making import SCHEMA, aim, commit, git, meaning, run, tags, write
from wasmbuild.caches import CACHE_VARIABLE, Caches
from wasmbuild.errors import ChangeDenied, Failure, NotReleasable, ReleaseRunning, VersionTaken
from wasmbuild.events import Note, Step, ignore
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.workflows.build import Setting
from wasmbuild.workflows.companions import Wanted
from wasmbuild.workflows.options import BuildOptions
from wasmbuild.workflows.release.journal import Journal, alone
from wasmbuild.workflows.release.outline import outline, planned
from wasmbuild.workflows.release.releasing import Wishes, plan_release, release
from wasmbuild.workflows.release.staging import Signing

KEY = PrivateKey.generate()

pytestmark = pytest.mark.usefixtures("private_cache")


def test_a_release_is_tagged_signed_and_described(project, place):
    found = run(project, place, key=KEY, twice=True)
    (target,) = found.targets
    assert (target.standing, target.reproducible, target.made) == ("released", True, "compiled")
    assert [each for each in tags(place) if not each.startswith("sha256-")] == ["1", "1.0", "1.0.0", "latest"]
    assert {meaning(place, tag) for tag in target.tags} == {target.digest}
    kinds = {each.kind for each in target.attached}
    assert {"SBOM", "signature (bundle)", "attestation slsaprovenance1 (bundle)"} <= kinds
    assert Path(target.sbom).read_bytes().startswith(b"{")
    assert not Journal.of(project).path.exists()
    jsonschema.validate({"schemaVersion": 1, "command": "release", **found.to_json()}, SCHEMA)


def test_a_second_run_finds_nothing_to_do_on_any_machine(project, place, tmp_path, monkeypatch):
    first = run(project, place, key=KEY)
    git(tmp_path, "clone", "--quiet", str(project), str(tmp_path / "elsewhere"))
    monkeypatch.setenv("WASMBUILD_CACHE_DIR", str(tmp_path / "other-cache"))
    store = Registries().repository(Reference.parse(f"{place}:1.0.0"))
    before = store.referrers(store.resolve("1.0.0"))
    second = run(tmp_path / "elsewhere", place, key=KEY)
    assert second.nothing_to_do
    assert second.targets[0].made == "published"
    assert second.targets[0].digest == first.targets[0].digest
    assert store.referrers(store.resolve("1.0.0")) == before


def test_provenance_that_others_signed_is_not_believed(project, place):
    run(project, place, key=KEY)
    again = run(project, place, key=PrivateKey.generate())
    assert again.targets[0].made == "unchanged", "it was built, and compared"
    assert again.targets[0].standing == "released", "it has another signature now"


def test_a_version_is_never_released_from_other_sources(project, place):
    digest = run(project, place).targets[0].digest
    write(project, wat='(module (func (export "run") nop))')
    commit(project)
    with pytest.raises(VersionTaken, match="from other sources") as caught:
        run(project, place)
    assert caught.value.hint == "raise version in wasmbuild.toml"
    assert not (project / "dist" / "oci" / "x").exists()
    assert meaning(place, "1.0.0") == digest


def test_a_version_without_provenance_is_compared_by_its_bytes(project, place):
    surroundings = Setting(Caches.of_user(), dict(os.environ), ignore, Registries())
    bare = Wishes(Signing(), Wanted("none", provenance=False), place, twice=False)
    first = release(project, bare, BuildOptions(), surroundings)
    assert release(project, bare, BuildOptions(), surroundings).nothing_to_do
    write(project, wat='(module (func (export "run") nop))')
    commit(project)
    with pytest.raises(VersionTaken, match="is something else"):
        release(project, bare, BuildOptions(), surroundings)
    assert meaning(place, "1.0.0") == first.targets[0].digest


def test_only_committed_sources_are_released(project, place):
    (project / "README").write_text("no input")
    write(project, wat="(module)")
    with pytest.raises(NotReleasable, match="not as they are committed") as caught:
        run(project, place)
    assert "src/main.wat" in caught.value.cause
    assert "README" not in caught.value.cause


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"GITHUB_ACTIONS": "true", "GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v1.1.0"},
        {"GITLAB_CI": "true", "CI_COMMIT_TAG": "v1.1.0"},
    ],
)
def test_a_tag_of_git_that_is_another_version_is_refused(project, place, environment):
    if not environment:
        git(project, "tag", "v1.1.0")
    with pytest.raises(NotReleasable, match=r"git calls this commit v1\.1\.0") as caught:
        run(project, place, environment={**os.environ, **environment})
    assert 'version = "1.1.0"' in caught.value.hint


def test_tags_of_git_beside_the_right_one_do_not_matter(project, place):
    for tag in ("v1.0.0", "v0.9.0", "nightly"):
        git(project, "tag", tag)
    assert not run(project, place).nothing_to_do


def test_a_change_that_is_too_large_for_its_version_is_not_pushed(project, place):
    run(project, place)
    write(project, "1.0.1", wat='(module (func (export "walk")))')
    commit(project)
    with pytest.raises(ChangeDenied):
        run(project, place)
    assert "1.0.1" not in tags(place)
    write(
        project,
        "2.0.0",
        wat='(module (import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32))))',
    )
    commit(project)
    target = run(project, place).targets[0]
    assert target.previous == "1.0.0"
    assert [word for word in target.gained if "random" in word]


def test_a_dry_run_and_a_snapshot_change_nothing(project, place):
    surroundings = Setting(Caches.of_user(), dict(os.environ), ignore, Registries())
    wishes = Wishes(Signing(), Wanted(), place)
    flight = plan_release(project, wishes, BuildOptions(), surroundings)
    assert "1.0.0 (new), 1.0 (new), 1 (new), latest (new)" in outline(flight, wishes, None)
    jsonschema.validate({"schemaVersion": 1, "command": "release", **planned(flight).to_json()}, SCHEMA)
    assert not (project / "dist").exists()
    write(project, wat="(module)")
    kept = run(project, place, key=KEY, snapshot=True)
    assert kept.targets[0].standing == "snapshot"
    assert {"signature (bundle)", "SBOM"} <= {each.kind for each in kept.targets[0].attached}
    with pytest.raises(Failure):
        tags(place)


def test_two_releases_of_a_workspace_do_not_mix(project, place):
    with alone(project, Caches.of_user()), pytest.raises(ReleaseRunning):
        run(project, place)
    run(project, place)
    with (
        pytest.raises(StorageFailed, match="cannot be kept apart") as caught,
        alone(project, Caches(project / ".gitignore")),
    ):
        pass
    assert CACHE_VARIABLE in caught.value.hint


def test_targets_of_one_registry_are_tagged_in_one_transaction(pair, place):
    commit(pair)
    found = run(pair, place)
    assert found.atomic
    assert [each.repository for each in found.targets] == [f"{place}/one", f"{place}/two"]
    assert meaning(f"{place}/one", "latest") == found.targets[0].digest
    assert run(pair, place).nothing_to_do


def test_when_one_version_is_taken_no_target_is_tagged(pair, place):
    commit(pair)
    write(pair.parent / "foreign", wat="(module)")
    run(pair.parent / "foreign", f"{place}/two")
    before = meaning(f"{place}/two", "1.0.0")
    with pytest.raises(VersionTaken):
        run(pair, place)
    with pytest.raises(Failure):
        tags(f"{place}/one")
    assert meaning(f"{place}/two", "1.0.0") == before


def test_a_release_that_was_interrupted_is_finished_by_the_next(
    pair, place, registry_address, repository_name, monkeypatch
):
    """The second registry goes away when the first has its tag."""
    tag_all = Repository.tag_all
    with flaky(registry_address, "up") as way:
        port = int(way.address.rpartition(":")[2])
        aim(pair, one=f"{place}/one", two=f"{way.address}/{repository_name}/two")

        def tag_and_cut(self, *arguments):
            tag_all(self, *arguments)
            way.close()

        with monkeypatch.context() as patch, pytest.raises(Failure):
            patch.setattr(Repository, "tag_all", tag_and_cut)
            run(pair, None, key=KEY, registries=Registries(Settings(retry_for=0)))
    assert "1.0.0" in tags(f"{place}/one"), "the first one was tagged"
    assert "1.0.0" not in tags(f"{place}/two")
    journal = Journal.of(pair).read(ignore)
    assert [each.label for each in journal] == ["one", "two"]
    staged = Registries().repository(Reference.parse(f"{place}/two:x")).resolve(str(journal[1].digest))
    with flaky(registry_address, "up", port=port):
        again = run(pair, None, key=KEY, registries=Registries(Settings(retry_for=0)))
    assert [each.standing for each in again.targets] == ["released", "released"], (
        "the first had its version, and not yet what moves"
    )
    assert [each.made for each in again.targets] == ["published", "published"], "nothing was built again"
    assert meaning(f"{place}/two", "1.0.0") == str(staged.digest)
    assert not Journal.of(pair).path.exists()


@pytest.mark.parametrize(
    "damage", [b"", b"{}", b"[]", b'{"format": 2, "staged": []}', b'{"format": 1, "staged": [{"label": 1}]}', b"\xff"]
)
def test_a_journal_that_cannot_be_read_is_worth_nothing(project, place, damage):
    journal = Journal.of(project)
    journal.path.parent.mkdir()
    journal.path.write_bytes(damage)
    assert journal.read(ignore) == ()


def test_whoever_sets_the_tag_first_wins(project, place):
    """Between the look and the tags, somebody else releases the same version."""
    foreign = project.parent / "foreign"
    write(foreign, wat="(module)")

    def sink(event):
        if isinstance(event, Step) and (event.verb, event.seconds) == ("tag", None):
            run(foreign, place)

    with pytest.raises(VersionTaken, match="meanwhile"):
        run(project, place, sink=sink)
    assert meaning(place, "latest") == meaning(place, "1.0.0")


def test_without_a_repository_of_git_there_is_a_warning(tmp_path, place):
    write(tmp_path / "bare")
    told = []
    run(tmp_path / "bare", place, sink=told.append)
    assert [each.text for each in told if isinstance(each, Note) and "no repository of git" in each.text]


@pytest.mark.parametrize(
    ("more", "to", "said"),
    [
        ("", None, "no repository"),
        ("", "{place}:1.0", "more than a repository"),
        ("", "ghcr.io", "is a host, and no repository"),
        ("", "127.0.0.1:5000", "is a host, and no repository"),
        ('[release]\ntargets = ["hello"]\ntags = ["v{version}"]\ngit_tag = "rel-{version}"\n', "{place}", None),
    ],
)
def test_where_it_goes_is_clear_before_anything_is_built(tmp_path, place, more, to, said):
    folder = tmp_path / "hello"
    write(folder, more=more)
    to = to and to.format(place=place)
    if said is None:
        assert run(folder, to).targets[0].tags == ("v1.0.0",)
        return
    with pytest.raises(Failure, match=said):
        run(folder, to)
    assert not (folder / "dist").exists()
