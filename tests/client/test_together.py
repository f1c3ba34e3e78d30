"""Tags that are set all or none, and leases, as a client asks for them: of our own server, and of others."""

import json

import pytest
import requests

from registry.client.credentials import Credentials
from registry.client.mirrors import MirroredRepository
from registry.client.repository import Repository
from registry.client.settings import Settings
from registry.client.together import (
    MOST_MOVES,
    Before,
    TagChange,
    TagMove,
    supports_together,
    tag_together,
)
from registry.client.transport import Transport
from registry.copying import copy
from registry.digest import Digest
from registry.errors import AuthenticationFailed, RegistryRefused, RemoteNotFound, UnexpectedAnswer
from registry.server.config import AccessConfig, ServerConfig
from registry.server.config.access import RuleConfig
from registry.server.testing import running_server
from registry.stores.memory import MemoryStore
from tests.client.scripted import Answer, scripted
from tests.contract.making import blob, push_manifest
from tests.server.access.conftest import PASSWORD, htpasswd_line

PATH = "/v2/_wasmbuild/tags"
LIST = json.dumps({"extensions": [{"name": "_wasmbuild_tags"}, {"name": "_wasmbuild_lease"}, 7]}).encode()
ABSENT = Digest.of(b"nobody has this")


def opened(address, name, count=2, **settings):
    """Repositories that share a connection."""
    transport = Transport(address, Settings(**settings))
    return [Repository(transport, f"{name}/{number}") for number in range(count)]


def pushed(*repositories, text=b"layer"):
    """The same image in each."""
    (digest,) = {push_manifest(repository, blob(text)).digest for repository in repositories}
    return digest


def lease_of(address, name, digest):
    answer = requests.head(f"http://{address}/v2/{name}/manifests/{digest}", timeout=30)
    return answer.headers.get("Wasmbuild-Lease-Ends")


def test_our_own_server_can_and_is_asked_once(registry_address, repository_name):
    one, two = opened(registry_address, repository_name)
    asked = []
    send = one.transport.send
    one.transport.send = lambda request, *expected: asked.append(request.url) or send(request, *expected)
    assert supports_together([one, two])
    assert supports_together([two])
    assert len(asked) == 1


def test_tags_of_two_repositories(registry_address, repository_name):
    one, two = opened(registry_address, repository_name)
    digest, new = pushed(one, two), pushed(one, text=b"new")
    moves = [TagMove(one, "v1", digest, Before.NOTHING), TagMove(two, "v1", digest)]
    assert tag_together(moves) == tuple(TagChange(each.name, "v1", digest, None) for each in (one, two))
    assert tag_together(moves) == ()
    assert tag_together([TagMove(one, "v1", new, digest)]) == (TagChange(one.name, "v1", new, digest),)
    assert (one.resolve("v1").digest, two.resolve("v1").digest) == (new, digest)


@pytest.mark.parametrize("before", [Before.NOTHING, ABSENT])
def test_a_conflict_says_which(registry_address, repository_name, before):
    one, two = opened(registry_address, repository_name)
    digest, new = pushed(one, two), pushed(one, two, text=b"new")
    tag_together([TagMove(one, "v1", digest)])
    with pytest.raises(RegistryRefused, match="did not set the tags") as caught:
        tag_together([TagMove(two, "v1", new), TagMove(one, "v1", new, before)])
    assert caught.value.status == 409
    assert f"{one.name}:v1 means {digest}" in caught.value.cause
    assert "no tag was set" in caught.value.hint
    with pytest.raises(RemoteNotFound):
        two.resolve("v1")


def test_a_manifest_that_is_not_there(registry_address, repository_name):
    one, two = opened(registry_address, repository_name)
    digest = pushed(one)
    with pytest.raises(RemoteNotFound) as caught:
        tag_together([TagMove(one, "v1", digest), TagMove(two, "v1", digest)])
    assert f"{two.name}@{digest}" in caught.value.cause


def test_one_token_is_for_all_of_them(tmp_path):
    users = tmp_path / "users"
    users.write_text(htpasswd_line("ada"))
    rules = (RuleConfig("ada/**", "user:ada", ("pull", "push", "overwrite")),)
    config = ServerConfig(tmp_path / "data", access=AccessConfig(htpasswd=users, rules=rules))
    with running_server(config.data, config) as address:
        one, two = opened(address, "ada")
        one.transport.auth.use(Credentials.of_password("ada", PASSWORD))
        digest = pushed(one, two)
        assert supports_together([one, two])
        assert len(tag_together([TagMove(one, "v1", digest), TagMove(two, "v1", digest)])) == 2
        other = Repository(one.transport, "bob/app")
        with pytest.raises(AuthenticationFailed):
            tag_together([TagMove(one, "v2", digest), TagMove(other, "v2", digest)])
        assert one.tags() == ["v1"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404, b"not found"),
        Answer(401, b"{}"),
        Answer(403, b"{}"),
        Answer(405, b"{}"),
        Answer(200, b"<html>"),
        Answer(200, b"[]"),
        Answer(200, b'{"extensions": {}}'),
        Answer(200, b'{"extensions": [{"name": "_oci"}]}'),
    ],
)
def test_other_registries_cannot(answer):
    with scripted(lambda _: answer) as server:
        one, two = opened(server.address, "a")
        assert not supports_together([one, two])


def test_a_registry_that_fails_is_not_one_that_cannot():
    with scripted(lambda _: Answer(503, b"{}")) as server, pytest.raises(RegistryRefused):
        supports_together(opened(server.address, "a", retry_for=0))


def test_what_is_not_of_one_registry_cannot_be_set_together():
    with scripted(lambda _: Answer(200, LIST)) as server:
        one, other = opened(server.address, "a", 1), opened(server.address, "b", 1)
        assert supports_together(one)
        assert not supports_together([])
        assert not supports_together(one + other)
        assert supports_together(opened(server.address, "a" * 40, 50))
        assert not supports_together(opened(server.address, "a" * 40, 60))
        assert not supports_together(opened(server.address, "a" * 120, 50))
        for moves in (
            [],
            [TagMove(each, "v1", ABSENT) for each in one + other],
            [TagMove(one[0], "v1", ABSENT)] * (MOST_MOVES + 1),
        ):
            with pytest.raises(ValueError, match="tags of one registry"):
                tag_together(moves)
        assert all(asked.path != PATH for asked in server.asked)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"changed": 7}',
        b'{"changed": [{}]}',
        b'{"changed": [{"repository": "a/0", "tag": "v1", "digest": "sha256:1", "before": null}]}',
        b'{"changed": [{"repository": "A", "tag": "v1", "digest": "sha256:%064d", "before": null}]}' % 7,
        b'{"changed": [{"repository": "a", "tag": "\\u001b[2J", "digest": "sha256:%064d", "before": null}]}' % 7,
        b'{"changed": [{"repository": "a", "tag": "v1", "digest": 7, "before": null}]}',
    ],
)
def test_an_answer_that_makes_no_sense(body):
    with scripted(lambda _: Answer(200, body)) as server, pytest.raises(UnexpectedAnswer):
        tag_together([TagMove(opened(server.address, "a")[0], "v1", ABSENT)])


def test_an_answer_that_was_lost_is_asked_for_again(registry_address, repository_name):
    """The tags were set: the second time there is nothing to do, although they were to be new."""
    (there,) = opened(registry_address, repository_name, 1)
    digest = pushed(there)
    lost = []

    def forward(asked):
        answer = requests.request(
            asked.method, f"http://{registry_address}{asked.path}", data=asked.body, headers=asked.headers, timeout=30
        )
        if not lost:
            lost.append(answer.status_code)
            return Answer(502, b"{}")
        return Answer(answer.status_code, answer.content)

    with scripted(forward) as server:
        through = Repository(Transport(server.address), there.name)
        assert tag_together([TagMove(through, "v1", digest, Before.NOTHING)]) == ()
    assert lost == [200]
    assert there.resolve("v1").digest == digest


def test_manifests_are_pushed_with_a_lease_until_a_tag_is_set(registry_address, repository_name):
    (plain,) = opened(registry_address, repository_name, 1)
    source = MemoryStore()
    descriptor = push_manifest(source, blob(b"staged"))
    staging = plain.with_lease(3600)
    assert (staging.lease_granted, plain.lease_granted) == (None, None)
    copy(source, staging, descriptor)
    assert staging.lease_granted == 3600
    assert lease_of(registry_address, plain.name, descriptor.digest) is not None
    assert not staging.exists(descriptor)
    assert plain.exists(descriptor)
    copy(source, staging, descriptor)  # as a second try does: it prolongs the lease
    assert 3590 <= staging.lease_granted <= 3600
    staging.tag(descriptor, "v1")
    assert lease_of(registry_address, plain.name, descriptor.digest) is None
    again = plain.with_lease(3600)
    copy(source, again, descriptor)
    assert again.lease_granted == 0


def test_tags_that_are_set_together_end_a_lease(registry_address, repository_name):
    (plain,) = opened(registry_address, repository_name, 1)
    staging = plain.with_lease(600)
    digest = pushed(staging)
    assert lease_of(registry_address, plain.name, digest) is not None
    tag_together([TagMove(plain, "v1", digest)])
    assert lease_of(registry_address, plain.name, digest) is None


def test_a_registry_without_leases_takes_it_and_says_nothing():
    def answer(asked):
        if asked.method == "PUT":
            return Answer(201, b"", {"Docker-Content-Digest": asked.path.rpartition("/")[2]})
        return Answer(202 if asked.method == "POST" else 404, b"", {"Location": "/v2/a/b/blobs/uploads/1"})

    source = MemoryStore()
    descriptor = push_manifest(source)
    with scripted(answer) as server:
        transport = Transport(server.address)
        staging = MirroredRepository(transport, "a/b", (), lambda host: transport).with_lease(600)
        data = source.fetch(descriptor).read()
        staging.put(descriptor, data, str(descriptor.digest))
    assert isinstance(staging, MirroredRepository)
    assert staging.lease_granted is None
    assert server.asked[-1].headers["wasmbuild-lease"] == "600"


@pytest.mark.parametrize("seconds", [0, 59, 604_801])
def test_no_such_lease(seconds):
    with pytest.raises(ValueError, match="60 to 604800"):
        Repository(Transport("127.0.0.1:1"), "a/b").with_lease(seconds)
