"""Tags, deletion, mirrors and the stand-in for the referrers API, on real registries and scripted ones."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from registry.client.registries import Registries
from registry.client.repository import Repository
from registry.client.settings import HostSettings, Mirror, Settings
from registry.client.transport import Transport
from registry.content import read_all
from registry.copying import copy_with_referrers
from registry.errors import AuthenticationFailed, ContentNotFound, RegistryRefused, RemoteNotFound, UnexpectedAnswer
from registry.graph import push_bytes
from registry.model import EMPTY, OCI_INDEX, OCI_MANIFEST, Index, Manifest, describe
from registry.reference import Reference
from registry.stores.memory import MemoryStore
from tests.client.scripted import Answer, scripted
from tests.contract.making import blob, push_manifest


@pytest.fixture
def real(registry_address, repository_name):
    return Repository(Transport(registry_address), repository_name)


def test_several_tags_at_once(real):
    manifest = push_manifest(real, blob(b"layer"))
    real.tag_all(manifest, ["1.2.3", "1.2", "1", "latest", "1"])
    assert real.tags() == ["1", "1.2", "1.2.3", "latest"]
    assert real.resolve("1.2") == manifest


class Fake:
    """A registry that keeps manifests and tags in memory; ``knows`` says what else it can do."""

    def __init__(self, *, multi=False, deletes=True):
        self.multi, self.deletes = multi, deletes
        self.manifests, self.tags = {}, {}

    def __call__(self, asked):
        path, _, query = asked.path.partition("?")
        kind, name = path.split("/")[-2:]
        if kind != "manifests":
            return Answer(404)
        return getattr(self, asked.method.lower())(name, query, asked)

    def put(self, name, query, asked):
        data = asked.body
        digest = str(describe(OCI_MANIFEST, data).digest)
        self.manifests[digest] = (data, asked.headers["content-type"])
        wanted = [part.partition("=")[2] for part in query.split("&") if part] if self.multi else []
        for tag in [*wanted, *([] if ":" in name else [name])]:
            self.tags[tag] = digest
        return Answer(201, headers={"OCI-Tag": ", ".join(wanted)} if wanted else {})

    def get(self, name, query, asked):
        digest = self.tags.get(name, name)
        if digest not in self.manifests:
            return Answer(404)
        data, kind = self.manifests[digest]
        return Answer(200, data, {"Content-Type": kind, "Docker-Content-Digest": digest})

    head = get

    def delete(self, name, query, asked):
        if not self.deletes:
            return Answer(405, b'{"errors":[{"code":"UNSUPPORTED","message":"no"}]}')
        if name in self.tags:
            del self.tags[name]
        elif self.manifests.pop(name, None):
            self.tags = {tag: digest for tag, digest in self.tags.items() if digest != name}
        else:
            return Answer(404)
        return Answer(202)


@pytest.mark.parametrize(("multi", "requests"), [(True, 1), (False, 4)])
def test_several_tags_are_one_request_where_the_registry_can(multi, requests):
    fake = Fake(multi=multi)
    made = MemoryStore()
    manifest = push_manifest(made)
    with scripted(fake) as server:
        store = Repository(Transport(server.address), "a/b")
        push_bytes(store, manifest, read_all(made, manifest))
        before = len(server.asked)
        store.tag_all(manifest, ["1", "2", "3"])
        assert len(server.asked) - before == requests
    assert fake.tags == dict.fromkeys(["1", "2", "3"], str(manifest.digest))


def test_a_tag_goes_without_its_manifest(real):
    manifest = push_manifest(real)
    real.tag_all(manifest, ["keep", "gone"])
    real.untag("gone")
    assert real.tags() == ["keep"]
    assert real.resolve(str(manifest.digest)) == manifest
    with pytest.raises(RemoteNotFound):
        real.untag("gone")


def test_a_registry_that_cannot_delete_a_tag_says_so():
    with scripted(Fake(deletes=False)) as server, pytest.raises(RegistryRefused, match="405 UNSUPPORTED"):
        Repository(Transport(server.address), "a/b").untag("v1")


def test_a_manifest_goes_with_its_tags(real):
    manifest = push_manifest(real)
    other = push_manifest(real, blob(b"other"))
    real.tag(manifest, "one")
    real.tag(other, "two")
    real.delete(manifest.digest)
    assert real.tags() == ["two"]
    with pytest.raises(RemoteNotFound):
        real.resolve(str(manifest.digest))
    with pytest.raises(RemoteNotFound):
        read_all(real, manifest)
    with pytest.raises(RemoteNotFound):
        real.delete(manifest.digest)


def test_a_blob_goes(real):
    content = blob(b"to be deleted")
    push_manifest(real, content)
    assert real.describe_blob(content.descriptor.digest).size == len(content.data)
    real.delete_blob(content.descriptor.digest)
    with pytest.raises(RemoteNotFound):
        real.describe_blob(content.descriptor.digest)


def referring(subject, kind):
    data = Manifest(config=EMPTY, layers=(), subject=subject, artifact_type=kind).encode()
    return describe(OCI_MANIFEST, data), data


SUBJECT = describe(OCI_MANIFEST, Manifest(config=EMPTY, layers=()).encode())
TAG = f"sha256-{SUBJECT.digest.encoded}"


def listed(fake):
    return [entry["artifactType"] for entry in json.loads(fake.manifests[fake.tags[TAG]][0])["manifests"]]


@pytest.mark.parametrize("deletes", [True, False])
def test_the_stand_in_is_kept_and_its_old_lists_are_not(deletes):
    fake = Fake(deletes=deletes)
    with scripted(fake) as server:
        store = Repository(Transport(server.address), "a/b")
        for number in range(4):
            push_bytes(store, *referring(SUBJECT, f"a/{number}"))
        push_bytes(store, *referring(SUBJECT, "a/0"))
    assert listed(fake) == ["a/0", "a/1", "a/2", "a/3"]
    lists = [kind for _, kind in fake.manifests.values() if kind == OCI_INDEX]
    assert len(lists) == (1 if deletes else 4)
    assert [asked.method for asked in server.asked].count("DELETE") == (3 if deletes else 1)


def test_a_referrer_that_is_deleted_leaves_the_list():
    fake = Fake()
    with scripted(fake) as server:
        store = Repository(Transport(server.address), "a/b")
        for kind in ("a/keep", "a/gone"):
            push_bytes(store, *referring(SUBJECT, kind))
        store.delete(referring(SUBJECT, "a/gone")[0].digest)
        assert listed(fake) == ["a/keep"]
        assert [entry.artifact_type for entry in store.referrers(SUBJECT)] == ["a/keep"]


@pytest.mark.parametrize("deletes_tags", [True, False])
def test_the_last_referrer_takes_the_list_with_it(deletes_tags):
    fake = Fake()
    delete = fake.delete
    fake.delete = lambda name, *rest: Answer(405) if not deletes_tags and ":" not in name else delete(name, *rest)
    with scripted(fake) as server:
        store = Repository(Transport(server.address), "a/b")
        push_bytes(store, *referring(SUBJECT, "a/only"))
        store.delete(referring(SUBJECT, "a/only")[0].digest)
        assert store.referrers(SUBJECT) == []
    assert (TAG in fake.tags) is not deletes_tags
    if deletes_tags:
        assert fake.manifests == {}
    else:
        assert listed(fake) == []


def test_a_manifest_that_nobody_can_read_can_be_deleted():
    fake = Fake()
    data = b'{"schemaVersion": 7}'
    digest = describe(OCI_MANIFEST, data).digest
    fake.manifests[str(digest)] = (data, OCI_MANIFEST)
    with scripted(fake) as server:
        Repository(Transport(server.address), "a/b").delete(digest)
    assert fake.manifests == {}


def test_threads_that_write_one_list_lose_nothing():
    fake = Fake()
    kinds = [f"a/{number}" for number in range(12)]
    with scripted(fake) as server:
        store = Repository(Transport(server.address), "a/b")
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda kind: push_bytes(store, *referring(SUBJECT, kind)), kinds))
    assert sorted(listed(fake)) == sorted(kinds)


def test_whether_there_is_an_api_is_asked_once():
    fake = Fake()
    with scripted(fake) as server:
        store = Repository(Transport(server.address), "a/b")
        for number in range(3):
            push_bytes(store, *referring(SUBJECT, f"a/{number}"))
    assert sum("/referrers/" in asked.path for asked in server.asked) == 1


def test_a_registry_that_takes_the_tag_for_the_digest_lists_nothing():
    fake = Fake()
    data = Manifest(config=EMPTY, layers=()).encode()
    fake.manifests[str(SUBJECT.digest)] = (data, OCI_MANIFEST)
    fake.tags[TAG] = str(SUBJECT.digest)
    with scripted(fake) as server:
        assert Repository(Transport(server.address), "a/b").referrers(SUBJECT) == []


def test_a_manifest_in_the_place_of_the_list_never_means_none():
    fake = Fake()
    other = Manifest(config=EMPTY, layers=(), artifact_type="a/other").encode()
    fake.manifests["x"] = (other, OCI_MANIFEST)
    fake.tags[TAG] = "x"
    fake.get = lambda name, query, asked: Answer(200, other, {"Content-Type": OCI_MANIFEST})
    with scripted(fake) as server, pytest.raises(UnexpectedAnswer, match="is a manifest, not a list"):
        Repository(Transport(server.address), "a/b").referrers(SUBJECT)


def test_referrers_reach_a_registry_without_the_api():
    source = MemoryStore()
    root = push_manifest(source, blob(b"root"))
    kinds = [f"a/{number}" for number in range(8)]
    for kind in kinds:
        push_manifest(source, artifact_type=kind, subject=root)
    fake, blobs = Fake(), set()

    def script(asked):
        if "/manifests/" in asked.path:
            return fake(asked)
        if asked.method == "POST":
            return Answer(202, headers={"Location": "/up/1"})
        if asked.method == "PUT":
            blobs.add(asked.path)
            return Answer(201)
        return Answer(404)

    with scripted(script) as server:
        destination = Repository(Transport(server.address), "a/b")
        copy_with_referrers(source, destination, root)
        assert sorted(entry.artifact_type for entry in destination.referrers(root)) == kinds


def mirrored(upstream, *mirrors, name="a/b", heard=None):
    host = HostSettings(mirrors=mirrors)
    settings = Settings(hosts={upstream: host}).heard_by((heard if heard is not None else []).append)
    return Registries(settings).repository(Reference.parse(f"{upstream}/{name}"))


CONTENT = blob(b"from a mirror")


def giving(asked):
    if "/manifests/" in asked.path:
        data = Manifest(config=EMPTY, layers=()).encode()
        return Answer(200, data, {"Content-Type": OCI_MANIFEST})
    return Answer(200, CONTENT.data)


def test_content_comes_from_the_first_mirror_that_has_it():
    heard = []
    with scripted(giving) as upstream, scripted(lambda _: Answer(404)) as empty, scripted(giving) as full:
        mirrors = (Mirror("127.0.0.1:1"), Mirror(f"{empty.address}/cache"), Mirror(f"{full.address}/cache"))
        store = mirrored(upstream.address, *mirrors, heard=heard)
        assert read_all(store, CONTENT.descriptor) == CONTENT.data
    assert upstream.asked == []
    assert [asked.path for asked in full.asked] == [f"/v2/cache/a/b/blobs/{CONTENT.descriptor.digest}"]
    assert len(heard) == 2
    assert "a mirror was passed over: the registry 127.0.0.1:1" in heard[0]


def test_without_a_mirror_that_has_it_the_registry_is_asked():
    with scripted(giving) as upstream, scripted(lambda _: Answer(500)) as broken:
        assert read_all(mirrored(upstream.address, Mirror(broken.address)), CONTENT.descriptor) == CONTENT.data


@pytest.mark.parametrize("resolve", [True, False])
def test_a_mirror_says_what_a_tag_means_only_where_it_may(resolve):
    with scripted(giving) as upstream, scripted(giving) as mirror:
        mirrored(upstream.address, Mirror(mirror.address, resolve=resolve)).resolve("v1")
    assert (len(upstream.asked), len(mirror.asked)) == ((0, 1) if resolve else (1, 0))


def test_a_digest_is_resolved_by_any_mirror():
    with scripted(giving) as upstream, scripted(giving) as mirror:
        mirrored(upstream.address, Mirror(mirror.address)).resolve(str(SUBJECT.digest))
    assert (len(upstream.asked), len(mirror.asked)) == (0, 1)


def test_a_mirror_that_lies_is_passed_over():
    lie = Answer(200, Index(manifests=()).encode(), {"Content-Type": OCI_MANIFEST})
    with scripted(giving) as upstream, scripted(lambda _: lie) as mirror:
        store = mirrored(upstream.address, Mirror(mirror.address))
        assert store.resolve(str(SUBJECT.digest)) == SUBJECT


@pytest.mark.parametrize("ranges", [True, False])
def test_where_a_mirror_breaks_off_the_next_one_goes_on(ranges):
    content, asked = blob(bytes(range(256)) * 2000), []

    def breaking(request):
        asked.append(request)
        return Answer(200, content.data, cut=100_000) if len(asked) == 1 else Answer(404)

    def whole(request):
        start = request.headers.get("range", "").removeprefix("bytes=").removesuffix("-")
        if not start or not ranges:
            return Answer(200, content.data)
        end = len(content.data)
        return Answer(206, content.data[int(start) :], {"Content-Range": f"bytes {start}-{end - 1}/{end}"})

    heard = []
    with scripted(breaking) as mirror, scripted(whole) as upstream:
        store = mirrored(upstream.address, Mirror(mirror.address), heard=heard)
        assert read_all(store, content.descriptor) == content.data
    assert len(heard) == 1
    assert ("range" in upstream.asked[-1].headers) is True


def test_the_last_mirror_to_fail_is_the_registrys_own_failure():
    with scripted(lambda _: Answer(404)) as mirror, scripted(lambda _: Answer(404)) as upstream:
        with pytest.raises(RemoteNotFound) as caught:
            read_all(mirrored(upstream.address, Mirror(mirror.address)), CONTENT.descriptor)
        assert upstream.address in caught.value.what


def test_what_is_pushed_goes_to_the_registry_itself():
    with scripted(Fake()) as upstream, scripted(giving) as mirror:
        push_bytes(mirrored(upstream.address, Mirror(mirror.address)), *referring(None, "a/b"))
    assert mirror.asked == []


def test_repositories_of_one_command_are_neighbours(registry_address, repository_name):
    registries = Registries()
    source = registries.repository(Reference.parse(f"{registry_address}/{repository_name}"))
    other = registries.repository(Reference.parse(f"{registry_address}/{repository_name}/other"))
    CONTENT.push_to(source)
    assert other.mount(CONTENT.descriptor, source)
    assert other.exists(CONTENT.descriptor)


def test_deleting_without_the_right_is_an_error_of_who_we_are():
    def script(asked):
        data = Manifest(config=EMPTY, layers=()).encode()
        if asked.method == "GET":
            return Answer(200, data, {"Content-Type": OCI_MANIFEST})
        return Answer(403, b'{"errors":[{"code":"DENIED"}]}')

    with scripted(script) as server, pytest.raises(AuthenticationFailed):
        Repository(Transport(server.address), "a/b").delete(SUBJECT.digest)


def test_what_is_not_there_is_not_found_in_any_way(real):
    push_manifest(real)
    for ask in (real.untag, real.resolve):
        with pytest.raises(ContentNotFound):
            ask("missing")
