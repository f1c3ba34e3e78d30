"""Releases among people who race, who lie, and who get into the sources: nothing of theirs is signed or tagged."""

import os
import shutil

import jsonschema
import pytest
import requests

from registry.content import read_all
from registry.copying import copy
from registry.digest import Digest
from registry.model import OCI_MANIFEST, parse_document
from registry.stores.layout import LayoutStore
from tests.unit.release.making import (
    OTHER,
    SCHEMA,
    WAT,
    aim,
    commit,
    git,
    meaning,
    run,
    store_of,
    surroundings,
    tags,
    write,
)
from wasmbuild.errors import Failure, InvalidAttestation, NotReleasable, NotReproducible, Unsigned, VersionTaken
from wasmbuild.events import Note, Step
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.predicates import PROVENANCE
from wasmbuild.trust.statement import COSIGN_SIGN
from wasmbuild.workflows.companions import Wanted
from wasmbuild.workflows.options import BuildOptions
from wasmbuild.workflows.release.journal import Entry, Journal
from wasmbuild.workflows.release.releasing import Wishes, plan_release
from wasmbuild.workflows.release.staging import Signing

KEY = PrivateKey.generate()
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"

pytestmark = pytest.mark.usefixtures("private_cache")


def action_key(project, place):
    flight = plan_release(project, Wishes(Signing(), Wanted(), place), BuildOptions(), surroundings())
    return str(flight.ready[0].report.key)


def push_foreign(folder, place):
    """What somebody else has built, in our repository without a tag."""
    write(folder, wat=OTHER)
    run(folder, "localhost/x", snapshot=True)
    layout = LayoutStore(folder / "dist" / "oci")
    (tag,) = layout.tags()
    descriptor = layout.resolve(tag)
    copy(layout, store_of(place), descriptor)
    return descriptor


def described(folder, version, wat):
    """The action key does not depend on what a project says about itself, and so says less than a signature."""
    write(folder, version, wat=wat)
    file = folder / "wasmbuild.toml"
    file.write_text(file.read_text().replace("[build]", 'description = "of somebody else"\n[build]'))


@pytest.mark.parametrize("case", ["no provenance", "a stranger's", "ours of other sources"])
def test_a_journal_of_somebody_else_decides_nothing(project, place, tmp_path, case):
    """It comes with the sources, and names what a stranger could push and say, or what we released once."""
    foreign = tmp_path / "foreign" / "hello"
    if case == "no provenance":
        digest = push_foreign(foreign, place).digest
    else:
        described(foreign, "0.9.0", WAT if case == "a stranger's" else OTHER)
        key = PrivateKey.generate() if case == "a stranger's" else KEY
        digest = Digest.parse(run(foreign, place, key=key).targets[0].digest)
    Journal.of(project).write([Entry("hello", f"{place}:1.0.0", digest, action_key(project, place))])
    released = run(project, place, key=KEY).targets[0]
    assert released.digest != str(digest)
    assert meaning(place, "1.0.0") == released.digest


def test_a_newer_release_that_comes_between_keeps_what_moves(project, place, tmp_path):
    """Both saw the same tags; the newer one was faster."""
    newer = tmp_path / "newer" / "hello"
    write(newer, "1.1.0")

    def sink(event):
        if isinstance(event, Step) and (event.verb, event.seconds) == ("tag", None):
            run(newer, place)

    with pytest.raises(VersionTaken, match="meanwhile") as caught:
        run(project, place, sink=sink)
    assert "run it again" in caught.value.hint
    assert "1.0.0" not in tags(place), "all or nothing"
    again = run(project, place).targets[0]
    assert again.made == "published", "it was staged"
    assert again.tags == ("1.0.0", "1.0")
    assert meaning(place, "latest") == meaning(place, "1.1.0") != meaning(place, "1.0.0")


def test_also_where_tags_are_set_one_by_one(project, place, tmp_path, monkeypatch):
    monkeypatch.setattr("wasmbuild.workflows.release.tagging.supports_together", lambda _: False)
    test_a_newer_release_that_comes_between_keeps_what_moves(project, place, tmp_path)


def test_every_tag_of_a_version_must_be_free(tmp_path, place):
    """One that is taken is found before anything is pushed, or where the version is there, before it is built."""
    folder = tmp_path / "hello"
    write(tmp_path / "foreign", wat=OTHER, more='[release]\ntags = ["{version}-wat"]\n')
    foreign = run(tmp_path / "foreign", place).targets[0]
    write(folder, more='[release]\ntags = ["{version}", "{version}-wat"]\n')
    with pytest.raises(VersionTaken, match=r"1\.0\.0-wat is released already") as caught:
        run(folder, place)
    assert foreign.digest in caught.value.cause
    assert meaning(place, "1.0.0-wat") == foreign.digest
    assert "1.0.0" not in tags(place)
    write(tmp_path / "bare", more='[release]\ntags = ["{version}"]\n')
    run(tmp_path / "bare", place)
    shutil.rmtree(folder / "dist")
    with pytest.raises(VersionTaken, match=r"1\.0\.0-wat"):
        run(folder, place)
    assert not (folder / "dist").exists()


@pytest.mark.parametrize("damage", ["no git", "another owner", "no commit"])
def test_git_that_cannot_say_is_not_no_git(project, place, damage):
    """As in a container whose user does not own the checkout."""
    environment = dict(os.environ)
    if damage == "no git":
        environment["PATH"] = "/nowhere"
    elif damage == "another owner":
        (project / ".git" / "HEAD").write_text("nonsense")
    else:
        git(project, "checkout", "--quiet", "--orphan", "empty")
    with pytest.raises(NotReleasable, match="git cannot say") as caught:
        run(project, place, environment=environment)
    assert caught.value.cause
    assert not (project / "dist").exists()


@pytest.mark.parametrize("name", ["src/main.wat", "wasmbuild.lock", "wasmbuild.toml"])
def test_what_git_was_told_not_to_see_is_not_committed(project, place, name):
    """What .gitignore says is left out of the sources as well; there are other places where git is told."""
    (project / ".git" / "info" / "exclude").write_text(f"{name}\nunrelated\n")
    (project / "unrelated").mkdir()
    (project / "unrelated" / "notes").write_text("")
    if (project / name).exists():
        git(project, "rm", "--quiet", "--cached", name)
        git(project, "commit", "--quiet", "--message", "gone")
    else:
        (project / name).write_text("version = 1\n")
    with pytest.raises(NotReleasable, match="not as they are committed") as caught:
        run(project, place)
    assert caught.value.cause.endswith(f"ignored by it: {name}")


def test_too_many_repositories_for_one_transaction_are_no_surprise(pair, place, monkeypatch):
    monkeypatch.setattr("registry.client.together._MOST_OF_TOKEN", 150)
    commit(pair)
    told = []
    assert run(pair, place, sink=told.append).atomic is False
    assert [each.text for each in told if isinstance(each, Note) and "too many repositories" in each.text]


def test_a_target_that_has_not_changed_is_left_out_on_demand(pair, place):
    commit(pair)
    write(pair / "two", "1.0.1")
    commit(pair)
    found = run(pair, place, options=BuildOptions(since="HEAD~1"))
    assert [each.repository for each in found.targets] == [f"{place}/two"]
    nothing = run(pair, place, options=BuildOptions(since="HEAD"))
    assert (nothing.targets, nothing.nothing_to_do) == ((), True)
    jsonschema.validate({"schemaVersion": 1, "command": "release", **nothing.to_json()}, SCHEMA)


@pytest.mark.parametrize(
    ("when", "lost", "refusal"),
    [
        ("read back", "layer", Failure),
        ("read back", "manifest", Failure),
        ("verify", "signature", Unsigned),
        ("verify", "attestation", InvalidAttestation),
    ],
)
def test_what_a_registry_loses_is_not_tagged(project, place, when, lost, refusal):
    """It said that it has taken everything."""
    store = store_of(place)

    def lose():
        named = {tag: store.resolve(tag) for tag in store.tags()}
        subject = Digest.parse(next(iter(named))[: len("sha256-") + 64].replace("-", ":"))
        if lost == "layer":
            manifest = parse_document(read_all(store, store.resolve(str(subject))), OCI_MANIFEST)
            return store.delete_blob(manifest.layers[0].digest)
        if lost == "manifest":
            return store.delete(subject)
        store.untag(next(tag for tag in named if tag.endswith("sig" if lost == "signature" else "att")))
        for each in store.referrers(store.resolve(str(subject)), BUNDLE):
            predicate = each.annotations.get("dev.sigstore.bundle.predicateType", "")
            if predicate == (COSIGN_SIGN if lost == "signature" else PROVENANCE):
                store.delete(each.digest)
        return None

    begun = []

    def sink(event):
        if isinstance(event, Step) and event.seconds is None:
            begun.append(event.verb)
            if event.verb == when:
                lose()

    with pytest.raises(refusal):
        run(project, place, key=KEY, sink=sink)
    assert begun[-1] == when


def test_what_comes_out_different_is_not_pushed(project, place):
    """As where a compiler writes the time into its file; here, the sources change between the builds."""

    def sink(event):
        if isinstance(event, Step) and event.verb == "pack" and event.seconds is not None:
            write(project, wat=OTHER)

    with pytest.raises(NotReproducible, match="hello comes out different each time") as caught:
        run(project, place, twice=True, sink=sink)
    assert "code" in caught.value.cause
    with pytest.raises(Failure):
        tags(place)


def test_a_compiler_that_no_lock_pins_does_not_release(tmp_path, place):
    """What it would be pinned to is in no commit."""
    folder = tmp_path / "hello"
    write(folder)
    (folder / "src" / "main.wat").rename(folder / "src" / "main.c")
    (folder / "src" / "main.c").write_text("int main(void) { return 0; }\n")
    (folder / "wasmbuild.toml").write_text('[project]\nname = "hello"\nversion = "1.0.0"\n')
    (folder / ".gitignore").write_text("dist/\n")
    git(folder, "init", "--quiet")
    commit(folder)
    with pytest.raises(Failure) as caught:
        run(folder, place)
    assert "lock" in f"{caught.value.what} {caught.value.hint}"
    assert not (folder / "wasmbuild.lock").exists()
    assert not (folder / "dist").exists()


def test_what_is_staged_has_a_lease_until_it_is_tagged(project, place):
    address, _, name = place.partition("/")

    def leases():
        (subject,) = {tag[:71].replace("-", ":") for tag in tags(place) if tag.startswith("sha256-")}
        store = store_of(place)
        beside = [str(each.digest) for each in store.referrers(store.resolve(subject), BUNDLE)]
        urls = [f"http://{address}/v2/{name}/manifests/{each}" for each in (subject, *beside)]
        return ["Wasmbuild-Lease-Ends" in requests.head(url, timeout=30).headers for url in urls]

    def sink(event):
        if isinstance(event, Step) and (event.verb, event.seconds) == ("tag", None):
            seen.append(leases())

    seen = []
    run(project, place, key=KEY, sink=sink)
    assert seen[0].count(True) == len(seen[0]) > 2
    assert leases()[0] is False


def test_what_has_no_place_or_no_version_of_its_own_is_not_released(pair, place, tmp_path):
    aim(pair, one=place, two=place)
    with pytest.raises(NotReleasable, match="would both go to"):
        run(pair, None)
    (tmp_path / "loose").mkdir()
    (tmp_path / "loose" / "main.wat").write_text(WAT)
    with pytest.raises(NotReleasable, match="no version to release"):
        run(tmp_path / "loose", place)
    assert not list(tmp_path.rglob("dist"))
