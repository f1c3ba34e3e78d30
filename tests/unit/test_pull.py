"""A file on its way to where the user wants it, and what may be in its way."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.client.registries import Registries
from registry.client.settings import Settings
from registry.digest import Digest
from registry.errors import DigestMismatch, Failure, StorageFailed
from registry.graph import push_bytes
from registry.model import EMPTY_BYTES, OCI_MANIFEST, TITLE, Descriptor, Manifest, describe
from registry.reference import Reference
from registry.stores.layout import LayoutStore
from registry.words import printable
from tests.client.oldregistry import OldRegistry
from tests.client.scripted import Answer, scripted
from tests.contract.making import push_index
from wasmbuild.artifact import WASM_LAYER, pack
from wasmbuild.caches import Caches
from wasmbuild.errors import TargetExists, UnknownArtifact, UsageFailed
from wasmbuild.events import Note, Transfer, ignore
from wasmbuild.workflows.platforms import Platform
from wasmbuild.workflows.pull import pull, safe_name

WASMBUILD = str(Path(sys.executable).parent / "wasmbuild")
MODULE = b"\0asm\x01\0\0\0"
LARGE = MODULE + b"\0\x83\x80\x80\x02\x01x" + bytes(4 * 1024 * 1024 + 1)
REFERENCE = Reference.parse("r.io/acme/hello:1")
CONFIG = "application/vnd.wasm.config.v1+json"


@pytest.fixture
def repository(registry_address, repository_name):
    return Registries().repository(Reference.parse(f"{registry_address}/{repository_name}"))


def publish(repository, data=MODULE, title=None, tag="1", layer_type=WASM_LAYER):
    """Push an artifact as any tool might have."""
    annotations = {} if title is None else {TITLE: title}
    layer = Descriptor(layer_type, Digest.of(data), len(data), annotations=annotations)
    config = describe(CONFIG, EMPTY_BYTES)
    document = Manifest(config=config, layers=(layer,)).encode()
    for each, content in ((config, EMPTY_BYTES), (layer, data), (describe(OCI_MANIFEST, document), document)):
        push_bytes(repository, each, content)
    repository.tag(describe(OCI_MANIFEST, document), tag)
    return describe(OCI_MANIFEST, document)


def get(repository, tmp_path, output=None, *, platform=None, sink=ignore, registries=None, selector=":1"):
    return pull(
        Reference.parse(f"{repository}{selector}"),
        output,
        demand=None,
        platform=platform,
        caches=Caches(tmp_path / "cache"),
        registries=registries or Registries(),
        sink=sink,
    )


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("hello.wasm", "hello.wasm"),
        ("dist/hello.wasm", "hello.wasm"),
        ("../../evil.wasm", "evil.wasm"),
        ("/etc/evil.wasm", "evil.wasm"),
        ("C:\\x\\evil.wasm", "evil.wasm"),
        ("jos\u00e9 1.wasm", "jos\u00e9 1.wasm"),
        (None, "hello.wasm"),
        *[
            (title, "hello.wasm")
            for title in ("", ".", "..", "../", "x/..", ".wasm", ".x.wasm", "a/.x.wasm", "-o.wasm")
        ],
        *[(title, "hello.wasm") for title in ("x.WASM", "x", "x.wasm.sh", "a\n.wasm", "a\x1b[1m.wasm", "\u202ea.wasm")],
        *[(title, "hello.wasm") for title in ("a\0.wasm", "~x.wasm", "c:x.wasm", "\ud800.wasm", f"{'x' * 196}.wasm")],
    ],
)
def test_the_name_of_a_file_is_harmless(title, name):
    layer = Descriptor(WASM_LAYER, Digest.of(b""), 0, annotations={} if title is None else {TITLE: title})
    assert safe_name(layer, REFERENCE) == name


@given(st.text(max_size=300) | st.text("/\\.:a~-", max_size=12), st.booleans())
def test_no_title_leads_anywhere(title, suffixed):
    layer = Descriptor(WASM_LAYER, Digest.of(b""), 0, annotations={TITLE: f"{title}{'.wasm' if suffixed else ''}"})
    name = safe_name(layer, REFERENCE)
    assert Path(name).name == name
    assert name.endswith(".wasm")
    assert name[0] not in ".-~"
    assert printable(name) == name
    assert len(os.fsencode(name)) < 256


def test_a_long_repository_gives_a_name_that_a_file_can_have():
    layer = Descriptor(WASM_LAYER, Digest.of(b""), 0)
    assert len(safe_name(layer, Reference.parse(f"r.io/{'x' * 240}"))) <= 200


def test_without_output_the_artifact_names_the_file_but_replaces_none(repository, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    publish(repository, title="../x/here.wasm")
    assert get(repository, tmp_path).file == Path("here.wasm")
    assert Path("here.wasm").read_bytes() == MODULE
    before = Path("here.wasm").stat()
    get(repository, tmp_path)  # the same again is fine
    assert Path("here.wasm").stat().st_ino == before.st_ino
    publish(repository, data=MODULE + b"\0\2\1x", title="here.wasm")
    with pytest.raises(TargetExists) as caught:
        get(repository, tmp_path)
    assert caught.value.hint.endswith("-o here.wasm")
    publish(repository, data=MODULE[:-1] + b"\1", title="here.wasm")  # of the same size
    with pytest.raises(TargetExists):
        get(repository, tmp_path)
    assert Path("here.wasm").read_bytes() == MODULE
    assert sorted(tmp_path.iterdir()) == [tmp_path / "here.wasm"]


@pytest.mark.parametrize("kind", ["link", "dangling", "folder"])
def test_a_name_of_the_artifacts_follows_no_link(repository, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    publish(repository, title="x.wasm")
    elsewhere = tmp_path / "elsewhere"
    if kind == "folder":
        Path("x.wasm").mkdir()
    else:
        Path("x.wasm").symlink_to(elsewhere)
    if kind == "link":
        elsewhere.write_bytes(MODULE)
    with pytest.raises(TargetExists):
        get(repository, tmp_path)
    assert elsewhere.exists() == (kind == "link")


def test_an_output_is_replaced_and_hashed_once(repository, tmp_path, monkeypatch):
    publish(repository, LARGE)
    hashed = []
    update = Digest.hasher

    class Counting:
        def __init__(self, digest):
            self.inner = update(digest)

        def update(self, data):
            hashed.append(len(data))
            self.inner.update(data)

        def hexdigest(self):
            return self.inner.hexdigest()

    monkeypatch.setattr(Digest, "hasher", lambda digest: Counting(digest))  # noqa: PLW0108 - a class would not be bound
    output = tmp_path / "out.wasm"
    output.write_text("mine")
    seen = []
    get(repository, tmp_path, output, sink=seen.append)
    assert output.read_bytes() == LARGE
    assert len(LARGE) <= sum(hashed) < len(LARGE) + 10_000
    assert [path.name for path in tmp_path.iterdir()] == ["out.wasm"]
    states = [event.state for event in seen if isinstance(event, Transfer)]
    assert (states[0], states[-1], "moving" in states) == ("begun", "done", True)


def test_what_the_cache_has_does_not_come_again(tmp_path):
    old, seen = OldRegistry(), []
    with scripted(old) as server:
        repository = Registries().repository(Reference.parse(f"{server.address}/a/b"))
        publish(repository)
        store = LayoutStore.create(tmp_path / "cache" / "content")
        layer = Descriptor(WASM_LAYER, Digest.of(MODULE), len(MODULE))
        push_bytes(store, layer, MODULE)
        del old.content[str(layer.digest)]
        get(repository, tmp_path, tmp_path / "x.wasm")
        assert (tmp_path / "x.wasm").read_bytes() == MODULE
        old.content[str(layer.digest)] = (WASM_LAYER, MODULE)
        store.path_of(layer.digest).write_bytes(b"damaged!")
        get(repository, tmp_path, tmp_path / "y.wasm", sink=seen.append)
        assert (tmp_path / "y.wasm").read_bytes() == MODULE
        assert any(isinstance(event, Note) and "the cache was passed over" in event.text for event in seen)


def test_a_pull_leaves_nothing_in_the_cache(repository, tmp_path):
    publish(repository)
    get(repository, tmp_path, tmp_path / "x.wasm")
    assert not (tmp_path / "cache").exists()


class Breaking(OldRegistry):
    """Sends half of a blob and then nothing any more, until it is told to behave; ``ranges`` has what was asked for."""

    def __init__(self):
        super().__init__()
        self.broken, self.ranges = True, []

    def _get(self, name, kind, rest):
        answer = super()._get(name, kind, rest)
        if kind == "blobs" and self.broken:
            return Answer(200, answer.body, answer.headers, cut=len(answer.body) // 2)
        return answer

    def __call__(self, asked):
        answer = super().__call__(asked)
        wanted = asked.headers.get("range")
        if wanted and answer.status == 200:
            if self.broken:
                return Answer(503)
            self.ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            total = len(answer.body)
            headers = {**answer.headers, "Content-Range": f"bytes {start}-{total - 1}/{total}"}
            return Answer(206, answer.body[start:], headers)
        return answer


def test_a_second_run_takes_up_what_the_first_one_left(tmp_path):
    script, output = Breaking(), tmp_path / "x.wasm"
    with scripted(script) as server:
        registries = Registries(Settings(retry_for=0))
        repository = registries.repository(Reference.parse(f"{server.address}/a/b"))
        publish(repository, LARGE)
        with pytest.raises(Failure) as caught:
            get(repository, tmp_path, output, registries=registries)
        assert caught.value.side == "source"
        (partial,) = tmp_path.iterdir()
        assert partial.name == f".wasmbuild-sha256-{Digest.of(LARGE).encoded}.partial"
        have = partial.stat().st_size
        assert 0 < have < len(LARGE)
        script.broken = False
        get(repository, tmp_path, output)
        assert script.ranges == [f"bytes={have}-"]
        assert output.read_bytes() == LARGE
        assert list(tmp_path.iterdir()) == [output]


def test_a_partial_file_that_was_tampered_with_is_not_believed(tmp_path):
    script, output = Breaking(), tmp_path / "x.wasm"
    script.broken = False
    with scripted(script) as server:
        repository = Registries().repository(Reference.parse(f"{server.address}/a/b"))
        publish(repository, LARGE)
        (tmp_path / f".wasmbuild-sha256-{Digest.of(LARGE).encoded}.partial").write_bytes(b"evil" * 1000)
        get(repository, tmp_path, output)
        assert output.read_bytes() == LARGE
        assert list(tmp_path.iterdir()) == [output]


def test_wrong_bytes_never_get_the_name(tmp_path):
    old, output = OldRegistry(), tmp_path / "x.wasm"
    output.write_text("mine")
    with scripted(old) as server:
        repository = Registries().repository(Reference.parse(f"{server.address}/a/b"))
        publish(repository, LARGE)
        old.content[str(Digest.of(LARGE))] = (WASM_LAYER, LARGE[:-1] + b"!")
        with pytest.raises(DigestMismatch):
            get(repository, tmp_path, output)
    assert output.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [output]


def test_a_folder_that_cannot_be_written_to(repository, tmp_path):
    publish(repository)
    for output in (Path("/proc/x.wasm"), tmp_path / "nowhere" / "x.wasm"):
        with pytest.raises(StorageFailed) as caught:
            get(repository, tmp_path, output)
        assert caught.value.cause


@pytest.mark.parametrize("data", [MODULE * 10_000, LARGE])
def test_a_full_disk(repository, tmp_path, data):
    """As far as a process can be told that there is no more room: by a limit on its files."""
    publish(repository, data)
    finished = subprocess.run(
        [WASMBUILD, "pull", f"{repository}:1", "-o", "x.wasm"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=lambda: (resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))),
    )  # fmt: skip
    assert finished.returncode == 1
    assert "error[WB207]: " in finished.stderr
    assert "File too large" in finished.stderr
    assert list(tmp_path.iterdir()) == []


def start(repository, output, cwd):
    return subprocess.Popen(
        [WASMBUILD, "pull", f"{repository}:1", "-o", output],
        cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_two_processes_pull_into_the_same_place(repository, tmp_path):
    publish(repository, LARGE)
    both = [start(repository, "x.wasm", tmp_path) for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert (tmp_path / "x.wasm").read_bytes() == LARGE
    assert [path.name for path in tmp_path.iterdir()] == ["x.wasm"]


def test_ctrl_c_in_the_middle_and_a_second_run(tmp_path):
    script = Breaking()
    with scripted(script) as server:
        repository = Registries().repository(Reference.parse(f"{server.address}/a/b"))
        publish(repository, LARGE)
        process = start(repository, "x.wasm", tmp_path)  # it waits between its tries to get the rest
        deadline = time.monotonic() + 30
        while not any(path.stat().st_size for path in tmp_path.glob(".*.partial")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert (process.returncode, err.splitlines()[-1]) == (130, "interrupted")
        assert not (tmp_path / "x.wasm").exists()
        script.broken = False
        again = start(repository, "x.wasm", tmp_path)
        _, err = again.communicate(timeout=60)
        assert again.returncode == 0, err
        assert len(script.ranges) == 1
        assert int(script.ranges[0].removeprefix("bytes=").removesuffix("-")) > 0
    assert (tmp_path / "x.wasm").read_bytes() == LARGE
    assert [path.name for path in tmp_path.iterdir()] == ["x.wasm"]


def platform(descriptor, text):
    operating_system, _, architecture = text.partition("/")
    extra = {"platform": {"os": operating_system, "architecture": architecture}}
    return Descriptor(descriptor.media_type, descriptor.digest, descriptor.size, extra=extra)


def test_an_index_is_followed_to_webassembly(repository, tmp_path):
    image = publish(repository, b"an image", tag="image", layer_type="application/vnd.oci.image.layer.v1.tar+gzip")
    first, second = publish(repository, title="a.wasm", tag="a"), publish(repository, LARGE, tag="b")
    index = push_index(repository, platform(image, "linux/amd64"), platform(first, "wasip1/wasm"))
    repository.tag(index, "1")
    seen = []
    pulled = get(repository, tmp_path, tmp_path / "x.wasm", sink=seen.append)
    assert (tmp_path / "x.wasm").read_bytes() == MODULE
    assert pulled.reference.digest == first.digest
    assert pulled.to_json()["index"] == index.to_json()
    assert any(isinstance(event, Note) and "is an index" in event.text for event in seen)
    both = push_index(repository, platform(first, "wasip1/wasm"), platform(second, "wasip2/wasm"))
    repository.tag(both, "1")
    with pytest.raises(UsageFailed) as caught:
        get(repository, tmp_path, tmp_path / "y.wasm")
    assert "wasip1/wasm, wasip2/wasm" in caught.value.cause
    get(repository, tmp_path, tmp_path / "y.wasm", platform=Platform.parse("wasip2/wasm"))
    assert (tmp_path / "y.wasm").read_bytes() == LARGE
    with pytest.raises(UnknownArtifact, match="this is not an artifact"):
        get(repository, tmp_path, tmp_path / "z.wasm", selector=":image")


def test_what_was_packed_here_keeps_its_name(repository, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    packed = pack(MODULE, "packed")
    packed.push_to(repository)
    repository.tag(packed.manifest, "1")
    assert get(repository, tmp_path).file == Path("packed.wasm")
