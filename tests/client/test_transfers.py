"""Uploads and downloads over connections that break, on a real registry, and against scripted ones."""

import io
import random
import re

import pytest

from registry.client.repository import Repository
from registry.client.settings import HostSettings, Settings
from registry.client.transport import Transport
from registry.content import CHUNK, read_all
from registry.copying import copy
from registry.errors import (
    DigestMismatch,
    Failure,
    RegistryRefused,
    SizeMismatch,
    StorageFailed,
    UnexpectedAnswer,
    Unreachable,
)
from registry.stores.memory import MemoryStore
from tests.client.flaky import flaky
from tests.client.scripted import Answer, scripted
from tests.contract.making import blob, push_manifest

LARGE = blob(random.Random(1).randbytes(3 * CHUNK + 17))
BLOCK = 256 * 1024


@pytest.fixture(autouse=True)
def _a_moment(clock):
    """A registry needs one to notice that a connection has gone."""
    clock.really = 0.1


def remote(address, name="a/b", **settings):
    return Repository(Transport(address, Settings(other=HostSettings(**settings))), name)


def pushed(address, name, content=LARGE):
    content.push_to(remote(address, name))
    return content.descriptor


def test_a_download_goes_on_where_it_broke(registry_address, repository_name):
    descriptor = pushed(registry_address, repository_name)
    with flaky(registry_address, "down", CHUNK, CHUNK) as way:
        assert read_all(remote(way.address, repository_name), descriptor, limit=4 * CHUNK) == LARGE.data
        assert way.left == 0
        assert way.passed < 2 * CHUNK, "the third connection brought more than the rest"


def test_a_download_is_not_tried_for_ever(registry_address, repository_name, clock):
    descriptor = pushed(registry_address, repository_name)
    with (
        flaky(registry_address, "down", *[20_000] * 1000) as way,
        pytest.raises(Unreachable),
    ):
        read_all(remote(way.address, repository_name), descriptor, limit=4 * CHUNK)
    assert 30 < sum(clock.waited) <= 60


def ranged(honours=True, content=LARGE.data, first_cut=CHUNK):
    """A registry whose first answer breaks off; later ones give ranges, or do not know what that is."""
    asked = []

    def script(request):
        asked.append(request)
        given = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        if given and honours is not False:
            start = int(given[1]) if honours is True else honours
            body = content[start:]
            total = len(content)
            return Answer(206, body, {"Content-Range": f"bytes {start}-{total - 1}/{total}"})
        return Answer(200, content, cut=first_cut if len(asked) == 1 else None)

    return script


def test_a_registry_without_ranges_sends_all_of_it_again():
    with scripted(ranged(honours=False)) as server:
        assert read_all(remote(server.address), LARGE.descriptor, limit=4 * CHUNK) == LARGE.data
    assert len(server.asked) == 2


def test_another_range_than_was_asked_for_is_noticed():
    with scripted(ranged(honours=5)) as server, pytest.raises(UnexpectedAnswer, match="another range"):
        read_all(remote(server.address), LARGE.descriptor, limit=4 * CHUNK)


def test_the_rest_of_something_else_is_noticed():
    other = LARGE.data[:-1] + bytes([LARGE.data[-1] ^ 1])
    with scripted(ranged(content=other)) as server, pytest.raises(DigestMismatch):
        read_all(remote(server.address), LARGE.descriptor, limit=4 * CHUNK)


@pytest.mark.parametrize("honours", [True, False])
def test_what_an_earlier_run_has_is_not_asked_for_again(honours):
    script = ranged(honours, first_cut=None)
    with scripted(script) as server, remote(server.address).fetch(LARGE.descriptor) as reader:
        resumed = reader.resume(iter([LARGE.data[:CHUNK]]), CHUNK)
        assert b"".join(reader) == (LARGE.data[CHUNK:] if honours else LARGE.data)
    assert resumed is honours
    assert server.asked[1].headers["range"] == f"bytes={CHUNK}-"


def test_what_an_earlier_run_has_counts_for_the_digest(registry_address, repository_name):
    descriptor = pushed(registry_address, repository_name)
    with remote(registry_address, repository_name).fetch(descriptor) as reader:
        assert reader.resume(iter([b"x" * CHUNK]), CHUNK)
        with pytest.raises(DigestMismatch):
            for _ in reader:
                pass


@pytest.mark.parametrize("settings", [{}, {"chunk_size": BLOCK}], ids=["whole", "chunked"])
@pytest.mark.parametrize("breaks", [[], [CHUNK], [CHUNK + 333, 300_000, CHUNK]], ids=len)
def test_an_upload_goes_on_where_it_broke(registry_address, repository_name, settings, breaks):
    with flaky(registry_address, "up", *breaks) as way:
        LARGE.push_to(remote(way.address, repository_name, **settings))
        assert way.left == 0
    assert read_all(remote(registry_address, repository_name), LARGE.descriptor, limit=4 * CHUNK) == LARGE.data


def test_an_upload_sends_only_what_is_missing(registry_address, repository_name, clock):
    clock.really = 1.0  # a busy machine reads what it got before it notices that there is no more
    with flaky(registry_address, "up", 2 * CHUNK) as way:
        LARGE.push_to(remote(way.address, repository_name))
        assert way.passed < 2 * CHUNK, "all of it was sent again"


def test_an_upload_is_not_tried_for_ever(registry_address, repository_name, clock):
    with (
        flaky(registry_address, "up", *[20_000] * 1000) as way,
        pytest.raises(Failure),
    ):
        LARGE.push_to(remote(way.address, repository_name))
    assert sum(clock.waited) <= 60


def test_an_answer_that_was_lost_is_not_a_failure(registry_address, repository_name):
    """The last byte of the answer to PUT never arrives; the blob is there."""
    small = blob(b"small")
    with flaky(registry_address, "down", 400) as way:
        small.push_to(remote(way.address, repository_name))
    assert remote(registry_address, repository_name).exists(small.descriptor)


def uploading(on_patch=None, on_put=None, least=None, status=None):
    """A scripted registry that keeps what it is sent, and whose answers can be changed."""
    kept = bytearray()
    counts = {"POST": 0, "PATCH": 0, "PUT": 0, "GET": 0}

    def script(asked):
        counts[asked.method] = counts.get(asked.method, 0) + 1
        where = {"Location": f"/up/{counts['POST']}"}
        if asked.method == "POST":
            kept.clear()
            return Answer(202, headers=where | ({"OCI-Chunk-Min-Length": str(least)} if least else {}))
        if asked.method == "GET":
            return status(kept) if status else Answer(204, headers=where | {"Range": f"0-{max(len(kept) - 1, 0)}"})
        if asked.method == "PATCH":
            if on_patch and (answer := on_patch(counts["PATCH"], kept)):
                return answer
            start, _ = map(int, asked.headers["content-range"].split("-"))
            if start != len(kept):
                return Answer(416)
            kept.extend(asked.body)
            return Answer(202, headers=where | {"Range": f"0-{len(kept) - 1}"})
        if asked.method == "HEAD":
            return Answer(404)
        if on_put and (answer := on_put(counts["PUT"], kept)):
            return answer
        kept.extend(asked.body)
        return Answer(201)

    script.kept = kept
    return script


def sent(server):
    return [asked.method for asked in server.asked]


def test_chunks_are_as_large_as_they_may_be():
    script = uploading()
    with scripted(script) as server:
        LARGE.push_to(remote(server.address, chunk_size=CHUNK))
    assert bytes(script.kept) == LARGE.data
    assert sent(server) == ["POST", "PATCH", "PATCH", "PATCH", "PATCH", "PUT"]
    ranges = [asked.headers["content-range"] for asked in server.asked if asked.method == "PATCH"]
    assert ranges[0] == f"0-{CHUNK - 1}"
    assert ranges[-1] == f"{3 * CHUNK}-{3 * CHUNK + 16}"


def test_chunks_are_not_smaller_than_the_registry_takes():
    script = uploading(least=2 * CHUNK)
    with scripted(script) as server:
        LARGE.push_to(remote(server.address, chunk_size=CHUNK))
    assert sent(server).count("PATCH") == 2
    assert bytes(script.kept) == LARGE.data


@pytest.mark.parametrize("least", ["nonsense", "-1", "9" * 30])
def test_a_smallest_chunk_that_makes_no_sense_is_passed_over(least):
    with scripted(uploading(least=least)) as server:
        LARGE.push_to(remote(server.address, chunk_size=CHUNK))
    assert sent(server).count("PATCH") == 4


def test_chunks_that_got_out_of_step_are_put_in_step():
    def lose_half(number, kept):
        if number == 2:
            del kept[CHUNK // 2 :]
            return Answer(416, headers={"Range": f"0-{len(kept) - 1}"})
        return None

    script = uploading(on_patch=lose_half)
    with scripted(script) as server:
        LARGE.push_to(remote(server.address, chunk_size=CHUNK))
    assert bytes(script.kept) == LARGE.data
    assert sent(server)[:4] == ["POST", "PATCH", "PATCH", "GET"]


def test_a_registry_that_took_less_than_it_was_sent_gets_the_rest():
    def take_less(number, kept):
        if number == 1:
            kept.extend(LARGE.data[:1000])
            return Answer(202, headers={"Location": "/up/1", "Range": "0-999"})
        return None

    script = uploading(on_patch=take_less)
    with scripted(script) as server:
        LARGE.push_to(remote(server.address, chunk_size=CHUNK))
    assert bytes(script.kept) == LARGE.data


def test_an_upload_that_is_gone_begins_anew():
    script = uploading(
        on_put=lambda number, _: Answer(404, b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}') if number == 1 else None,
        status=lambda _: Answer(404),
    )
    with scripted(script) as server:
        LARGE.push_to(remote(server.address))
    assert sent(server) == ["POST", "PUT", "GET", "HEAD", "POST", "PUT"]
    assert bytes(script.kept) == LARGE.data


def test_an_upload_that_is_always_gone_is_given_up():
    script = uploading(on_put=lambda *_: Answer(404), status=lambda _: Answer(404))
    with scripted(script) as server, pytest.raises(Failure):
        LARGE.push_to(remote(server.address))
    assert sent(server).count("PUT") < 10


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_an_upload_that_is_refused_for_now_is_tried_again(status):
    script = uploading(on_put=lambda number, _: Answer(status) if number < 3 else None)
    with scripted(script) as server:
        LARGE.push_to(remote(server.address))
    assert bytes(script.kept) == LARGE.data


@pytest.mark.parametrize("status", [400, 403, 413])
def test_an_upload_that_is_refused_is_not_tried_again(status):
    with scripted(uploading(on_put=lambda *_: Answer(status))) as server, pytest.raises(RegistryRefused):
        LARGE.push_to(remote(server.address))
    assert sent(server) == ["POST", "PUT"]


@pytest.mark.parametrize("status", [lambda _: Answer(204, headers={"Range": "0-99999999999"}), lambda _: Answer(500)])
def test_a_status_that_cannot_be_is_not_believed(status):
    script = uploading(on_put=lambda number, _: Answer(503) if number == 1 else None, status=status)
    with scripted(script) as server:
        LARGE.push_to(remote(server.address))
    assert sent(server).count("POST") == 2


def test_what_a_probe_opened_is_used():
    with scripted(uploading()) as server:
        repository = remote(server.address)
        repository.prepare_push()
        LARGE.push_to(repository)
    assert sent(server) == ["POST", "PUT"]


@pytest.mark.parametrize("status", [202, 204, 400, 401, 403, 404, 405, 500])
def test_what_a_probe_opened_and_nobody_needs_is_cancelled(registry_address, repository_name, status):
    manifest = push_manifest(made := MemoryStore())

    def script(asked):
        if asked.method == "DELETE":
            return Answer(status, b"{}")
        return Answer(202, headers={"Location": "/up/1"}) if asked.method == "POST" else Answer(201)

    with scripted(script) as server:
        repository = remote(server.address)
        repository.prepare_push()
        repository.put(manifest, read_all(made, manifest), "v1")
        repository.tag(manifest, "v2")
    assert sent(server) == ["POST", "PUT", "PUT", "DELETE"]


def test_a_body_that_breaks_is_not_the_registrys_fault():
    class Broken(io.BytesIO):
        def read(self, size=-1, /):
            raise OSError(5, "Input/output error")

    with scripted(uploading()) as server, pytest.raises(StorageFailed, match="Input/output error"):
        remote(server.address).push(LARGE.descriptor, Broken)
    assert sent(server).count("POST") == 1


@pytest.mark.parametrize("settings", [{}, {"chunk_size": CHUNK}], ids=["whole", "chunked"])
@pytest.mark.parametrize(
    ("data", "error"), [(LARGE.data[:-1], SizeMismatch), (LARGE.data + b"x", SizeMismatch), (b"x" * 99, SizeMismatch)]
)
def test_a_body_that_is_not_the_described_one_is_not_finished(settings, data, error):
    with scripted(uploading()) as server, pytest.raises(error):
        remote(server.address, **settings).push(LARGE.descriptor, lambda: io.BytesIO(data))
    assert not settings or "PUT" not in sent(server)


def test_a_source_that_fails_is_not_retried_by_the_destination(registry_address, repository_name):
    """Each end has patience of its own; the failure is the source's."""
    with scripted(lambda _: Answer(200, LARGE.data, cut=1000)) as server:
        source = remote(server.address)
        with pytest.raises(Unreachable) as caught:
            copy(source, remote(registry_address, repository_name), LARGE.descriptor)
    assert caught.value.side == "source"


def neighbours(address):
    transport = Transport(address)
    return lambda name: Repository(transport, name)


def test_a_blob_of_a_neighbour_is_mounted(registry_address, repository_name):
    open_ = neighbours(registry_address)
    source, destination = open_(repository_name), open_(f"{repository_name}/copy")
    manifest = push_manifest(source, LARGE)
    report = copy(source, destination, manifest)
    assert (report.mounted, report.copied) == (2, 1)
    assert read_all(destination, LARGE.descriptor, limit=4 * CHUNK) == LARGE.data


@pytest.mark.parametrize("answer", [Answer(202, headers={"Location": "/up/1"}), Answer(404), Answer(400), Answer(403)])
def test_a_mount_that_is_refused_becomes_an_upload(answer):
    def script(asked):
        if "mount=" in asked.path:
            return answer
        if asked.method == "HEAD":
            return Answer(404)
        if asked.method == "GET":
            return Answer(200, LARGE.data)
        return Answer(202, headers={"Location": "/up/2"}) if asked.method == "POST" else Answer(201)

    with scripted(script) as server:
        open_ = neighbours(server.address)
        report = copy(open_("a/b"), open_("c/d"), LARGE.descriptor)
    assert (report.mounted, report.copied) == (0, 1)
    assert "from=a%2Fb" in server.asked[0].path
    expected = ["POST", "HEAD", "PUT", "GET"] if answer.status == 202 else ["POST", "HEAD", "POST", "PUT", "GET"]
    assert sorted(sent(server)) == sorted(expected)


def test_nothing_is_mounted_across_registries(registry_address, repository_name):
    pushed(registry_address, repository_name)
    stranger = remote(registry_address, f"{repository_name}/copy")
    assert not stranger.mount(LARGE.descriptor, remote(registry_address, repository_name))
    assert not stranger.mount(LARGE.descriptor, MemoryStore())
    assert not stranger.mount(LARGE.descriptor, stranger)


@pytest.mark.parametrize("status", [201, 202, 400, 404, 405])
def test_a_small_blob_goes_at_once_where_the_registry_takes_that(status):
    taken: list[tuple[str, bytes]] = []

    def script(asked):
        if asked.method == "POST" and "digest=" in asked.path:
            return Answer(status, headers={"Location": "/v2/a/b/blobs/uploads/1?state=x"})
        if asked.method == "POST":
            return Answer(202, headers={"Location": "/v2/a/b/blobs/uploads/2"})
        taken.append((asked.path.partition("?")[0], asked.body))
        return Answer(201)

    with scripted(script) as server:
        repository = remote(server.address, "a/b")
        blob(b"one").push_to(repository)
        blob(b"two").push_to(repository)
        asked = [each.method for each in server.asked]
        assert server.asked[0].body == b"one"
    first = "/v2/a/b/blobs/uploads/1" if status == 202 else "/v2/a/b/blobs/uploads/2"
    assert taken == ([] if status == 201 else [(first, b"one"), ("/v2/a/b/blobs/uploads/2", b"two")])
    later = ["PUT"] if status == 202 else ["POST", "PUT"]
    assert asked == (["POST", "POST"] if status == 201 else ["POST", *later, "POST", "PUT"])


def test_a_registry_that_stored_something_else_at_once_is_not_believed():
    other = {"Docker-Content-Digest": f"sha256:{'0' * 64}"}
    with (
        scripted(lambda _: Answer(201, headers=other)) as server,
        pytest.raises(UnexpectedAnswer, match="did not take the blob"),
    ):
        blob(b"one").push_to(remote(server.address, "a/b"))


def test_a_blob_that_is_not_large_but_not_small_either_is_not_sent_in_vain():
    def script(asked):
        return Answer(202 if asked.method == "POST" else 201, headers={"Location": "/v2/a/b/blobs/uploads/2"})

    with scripted(script) as server:
        blob(bytes(64 * 1024 + 1)).push_to(remote(server.address, "a/b"))
        assert [(each.method, len(each.body)) for each in server.asked] == [("POST", 0), ("PUT", 64 * 1024 + 1)]
