"""``delete``: what goes, what stays, and what registries say that cannot do it."""

import json

import pytest

from registry.client.registries import Registries
from registry.digest import Digest
from registry.errors import GraphTooLarge, InvalidReference, RegistryRefused, RemoteNotFound
from registry.graph import push_bytes
from registry.model import EMPTY, EMPTY_BYTES, OCI_INDEX, OCI_MANIFEST, Index, Manifest, describe
from registry.reference import Reference
from tests.client.scripted import Answer, scripted
from wasmbuild.errors import UsageFailed
from wasmbuild.events import Note, Step, ignore
from wasmbuild.workflows import delete as module
from wasmbuild.workflows import discover as discovering
from wasmbuild.workflows.delete import delete_blob, delete_tag, parse_target, plan_deletion


@pytest.fixture
def registries() -> Registries:
    return Registries()


@pytest.fixture
def name(registry_address, repository_name) -> str:
    return f"{registry_address}/{repository_name}"


@pytest.fixture
def repository(name, registries):
    return registries.repository(Reference.parse(name))


def add(repository, subject=None, tags=(), **annotations):
    push_bytes(repository, EMPTY, EMPTY_BYTES)
    data = Manifest(EMPTY, (), artifact_type="a/b", subject=subject, annotations=annotations).encode()
    descriptor = describe(OCI_MANIFEST, data)
    push_bytes(repository, descriptor, data)
    for tag in tags:
        repository.tag(descriptor, tag)
    return descriptor


def there(repository, *names) -> list[bool]:
    found = []
    for each in names:
        try:
            repository.resolve(str(each))
            found.append(True)
        except RemoteNotFound:
            found.append(False)
    return found


def plan(name, descriptor, registries, *, find_tags=True):
    return plan_deletion(
        Reference.parse(f"{name}@{descriptor.digest}"), find_tags=find_tags, registries=registries, sink=ignore
    )


@pytest.mark.parametrize("text", ["a.b/c", "a.b/c:1@sha256:" + "0" * 64, "oci:folder:1", "oci-archive:x.tar:1"])
def test_what_is_not_one_thing_is_refused(text):
    with pytest.raises(UsageFailed):
        parse_target(text)


def test_a_bad_reference():
    with pytest.raises(InvalidReference):
        parse_target("https://a.b/c:1")


def test_a_tag_goes_alone(repository, name, registries):
    manifest, notes = add(repository, tags=("1", "2")), []
    assert delete_tag(Reference.parse(f"{name}:1"), registries=registries, sink=notes.append)
    assert there(repository, "1", "2", manifest.digest) == [False, True, True]
    assert notes[-1] == Note("info", f"the manifest is still there: {name}@{manifest.digest}")
    assert not delete_tag(Reference.parse(f"{name}:1"), registries=registries, sink=ignore)


def test_the_last_tag_goes_alone_too(repository, name, registries):
    manifest = add(repository, tags=("1",))
    assert delete_tag(Reference.parse(f"{name}:1"), registries=registries, sink=ignore)
    assert there(repository, manifest.digest) == [True]


def test_a_manifest_goes_with_its_tags(repository, name, registries):
    manifest = add(repository, tags=("1", "2"))
    add(repository, tags=("3",), other="yes")
    planned = plan(name, manifest, registries)
    assert (planned.tags, planned.all_tags) == (("1", "2"), True)
    assert there(repository, "1") == [True]  # a plan changes nothing
    assert list(planned.carry_out(ignore, referrers=False)) == [f"{name}@{manifest.digest}"]
    assert there(repository, "1", "2", "3") == [False, False, True]
    assert plan(name, manifest, registries) is None
    assert list(planned.carry_out(ignore, referrers=False)) == []


def test_tags_are_looked_for_within_bounds(repository, name, registries, monkeypatch):
    monkeypatch.setattr(module, "_MOST_TAGS", 2)
    manifest = add(repository, tags=("1", "2", "3"))
    planned = plan(name, manifest, registries)
    assert (planned.tags, planned.all_tags) == (("1", "2"), False)
    unlooked = plan(name, manifest, registries, find_tags=False)
    assert (unlooked.tags, unlooked.all_tags) == ((), False)


def test_referrers_stay_unless_they_shall_go(repository, name, registries):
    manifest = add(repository)
    sbom = add(repository, manifest, n="sbom")
    signature = add(repository, sbom)
    other = add(repository, n="other", tags=("other",))
    planned, order = plan(name, manifest, registries), []
    assert [node.descriptor.digest for node in planned.discovered.referrers] == [sbom.digest]
    gone = list(planned.carry_out(order.append, referrers=True))
    assert gone == [f"{name}@{each.digest}" for each in (signature, sbom, manifest)]
    assert there(repository, manifest.digest, sbom.digest, signature.digest, other.digest) == [False] * 3 + [True]
    begun = [event.subject for event in order if isinstance(event, Step) and event.seconds is None]
    assert [subject.rpartition(":")[2] for subject in begun] == [
        each.digest.encoded[:12] for each in (signature, sbom, manifest)
    ]

    manifest = add(repository, n="again")
    sbom = add(repository, manifest)
    list(plan(name, manifest, registries).carry_out(ignore, referrers=False))
    assert there(repository, manifest.digest, sbom.digest) == [False, True]


def test_of_cosigns_tags_only_the_tag_goes(repository, name, registries):
    manifest = add(repository)
    precious = add(repository, n="precious", tags=(tag := f"sha256-{manifest.digest.encoded}.sig", "precious"))
    gone = list(plan(name, manifest, registries).carry_out(ignore, referrers=True))
    assert gone == [f"{name}:{tag}", f"{name}@{manifest.digest}"]
    assert there(repository, tag, "precious", precious.digest) == [False, True, True]


def test_an_incomplete_tree_is_not_deleted(repository, name, registries, monkeypatch):
    monkeypatch.setattr(discovering, "LIMITS", discovering.Limits(depth=8, nodes=1))
    manifest = add(repository)
    one, two = add(repository, manifest, n="1"), add(repository, manifest, n="2")
    with pytest.raises(GraphTooLarge):
        list(plan(name, manifest, registries).carry_out(ignore, referrers=True))
    assert there(repository, manifest.digest, one.digest, two.digest) == [True] * 3


def test_a_blob(repository, name, registries):
    blob = describe("application/octet-stream", b"blob")
    push_bytes(repository, blob, b"blob")
    reference = Reference.parse(f"{name}@{blob.digest}")
    assert delete_blob(reference, registries=registries, sink=ignore)
    assert not repository.exists(blob)
    assert not delete_blob(reference, registries=registries, sink=ignore)


class Old:
    """A registry that deletes no tags, and answers so in one of the ways that there are."""

    def __init__(self, status: int, *, tags: dict[str, bytes], lists: int = 200) -> None:
        self.status, self.tags, self.lists = status, tags, lists
        self.by_digest = {str(Digest.of(data)): data for data in tags.values()}

    def __call__(self, asked):
        name = asked.path.rpartition("/")[2]
        if "/referrers/" in asked.path:
            return Answer(200, Index(()).encode(), {"Content-Type": OCI_INDEX})
        if "/tags/list" in asked.path:
            return Answer(self.lists, json.dumps({"name": "a", "tags": list(self.tags)}).encode())
        if asked.method == "DELETE" and name.startswith("sha256:"):
            self.tags = {}
            return Answer(202 if self.by_digest.pop(name, None) else 404)
        if asked.method == "DELETE":
            return Answer(self.status, b'{"errors":[{"code":"UNSUPPORTED","message":"by digest, please"}]}')
        data = self.tags.get(name) or self.by_digest.get(name)
        return Answer(200, data, {"Content-Type": OCI_MANIFEST}) if data else Answer(404)


ONE, TWO = Manifest(EMPTY, (), artifact_type="one/one").encode(), Manifest(EMPTY, (), artifact_type="two/two").encode()


@pytest.mark.parametrize("status", [400, 404, 405, 501])
def test_a_registry_that_cannot_delete_a_tag(status, registries):
    registry = Old(status, tags={"a": ONE, "b": TWO, "c": ONE})
    with scripted(registry) as server, pytest.raises(RegistryRefused, match="cannot delete the tag a alone") as refused:
        delete_tag(Reference.parse(f"{server.address}/x:a"), registries=registries, sink=ignore)
    assert "by digest, please" in refused.value.cause
    assert "would go with it: c" in refused.value.cause
    assert "may be more" not in refused.value.cause
    assert refused.value.hint.endswith(f"wasmbuild delete {server.address}/x@{Digest.of(ONE)}")
    assert registry.tags.keys() == {"a", "b", "c"}
    assert not [asked for asked in server.asked if asked.method == "DELETE" and "sha256" in asked.path]


def test_a_registry_that_cannot_delete_a_tag_nor_list_them(registries):
    with scripted(Old(405, tags={"a": ONE}, lists=403)) as server, pytest.raises(RegistryRefused) as refused:
        delete_tag(Reference.parse(f"{server.address}/x:a"), registries=registries, sink=ignore)
    assert "there may be more tags" in refused.value.cause


@pytest.mark.parametrize("status", [401, 403, 409])
def test_another_refusal_is_the_registrys_own(status, registries):
    with scripted(Old(status, tags={"a": ONE})) as server, pytest.raises(RegistryRefused, match="did not delete"):
        delete_tag(Reference.parse(f"{server.address}/x:a"), registries=registries, sink=ignore)


def test_a_registry_that_takes_the_manifest_along_is_told_on(registries):
    registry, notes = Old(202, tags={"a": ONE}), []

    def script(asked):
        answer = registry(asked)
        if asked.method == "DELETE":
            registry.tags, registry.by_digest = {}, {}
        return answer

    with scripted(script) as server:
        assert delete_tag(Reference.parse(f"{server.address}/x:a"), registries=registries, sink=notes.append)
    assert notes[-1].level == "warning"
    assert str(Digest.of(ONE)) in notes[-1].text


def test_what_a_tag_means_need_not_be_readable(registries):
    registry = Old(202, tags={"a": b"no manifest"})
    with scripted(lambda asked: registry(asked) if asked.method == "DELETE" else Answer(200, b"x")) as server:
        assert delete_tag(Reference.parse(f"{server.address}/x:a"), registries=registries, sink=ignore)


def test_cosigns_tag_stays_where_tags_cannot_be_deleted(registries):
    tag, notes = f"sha256-{Digest.of(ONE).encoded}.sig", []
    with scripted(Old(405, tags={"a": ONE, tag: TWO})) as server:
        reference = Reference.parse(f"{server.address}/x@{Digest.of(ONE)}")
        planned = plan_deletion(reference, find_tags=True, registries=registries, sink=ignore)
        assert list(planned.carry_out(notes.append, referrers=True)) == [str(reference)]
    assert [note.text for note in notes if isinstance(note, Note)] == [
        f"{server.address}/x:{tag} stays: the registry cannot delete a tag alone"
    ]
