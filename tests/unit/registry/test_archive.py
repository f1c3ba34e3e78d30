import io
import json
import subprocess
import tarfile
import threading
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.content import read_all
from registry.copying import copy_with_referrers
from registry.digest import Digest
from registry.errors import ContentNotFound, ContentTooLarge, DigestMismatch, Failure, InvalidDocument, StorageFailed
from registry.model import OCI_MANIFEST, Descriptor
from registry.stores import archiving, tarindex
from registry.stores.archive import ArchiveStore
from registry.stores.archiving import archive_for_writing, write_archive
from registry.stores.layout import LayoutStore
from registry.stores.memory import MemoryStore
from tests.contract.making import blob, push_index, push_manifest

LARGE = bytes(range(256)) * 12_000


@pytest.fixture
def layout(tmp_path):
    return LayoutStore.create(tmp_path / "layout")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "archive.tar"


def filled(layout):
    """A layout with an index of two manifests under a tag, and a referrer; what is tagged."""
    first, second = push_manifest(layout, blob(LARGE)), push_manifest(layout, blob(b"second", "sha512"))
    index = push_index(layout, first, second)
    layout.tag(index, "v1")
    push_manifest(layout, blob(b"signature"), subject=first, artifact_type="a/signature")
    return index


def members(path):
    with tarfile.open(path) as tar:
        return [(info.name, info.type, info.mtime, info.mode, info.uid, info.gid, info.uname) for info in tar]


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_what_is_written_is_read(layout, path):
    index = filled(layout)
    write_archive(layout, path)
    with ArchiveStore(path) as archive:
        assert archive.resolve("v1") == archive.resolve(str(index.digest)) == index
        assert archive.tags() == ["v1"]
        copied = MemoryStore()
        report = copy_with_referrers(archive, copied, index)
        assert report.copied == 8
        with pytest.raises(ContentNotFound, match="has no tag v2") as caught:
            archive.resolve("v2")
    assert caught.value.hint == "its tags are v1"


def test_the_members_are_plain_and_in_order(layout, path):
    filled(layout)
    layout.push(blob(b"listed by nobody").descriptor, lambda: io.BytesIO(b"listed by nobody"))
    write_archive(layout, path)
    found = members(path)
    assert [name for name, *_ in found[:2]] == ["oci-layout", "index.json"]
    digests = [name.removeprefix("blobs/") for name, *_ in found[2:]]
    assert digests == sorted(digests)
    assert len(digests) == 8
    assert {rest for _, *rest in map(tuple, found) for rest in [tuple(rest)]} == {(b"0", 0, 0o644, 0, 0, "")}
    assert path.stat().st_mode & 0o777 == 0o644


def test_the_same_content_gives_the_same_bytes_in_whatever_order_it_came(tmp_path):
    written = []
    for turn in range(2):
        layout = LayoutStore.create(tmp_path / str(turn))
        one = push_manifest(layout, blob(b"one"))
        pushes = [
            lambda layout=layout, one=one: layout.tag(one, "b"),
            lambda layout=layout, one=one: layout.tag(one, "a"),
            lambda layout=layout, one=one: push_manifest(layout, subject=one, artifact_type="a/1"),
            lambda layout=layout, one=one: push_manifest(layout, subject=one, artifact_type="a/2"),
            lambda layout=layout: layout.tag(push_manifest(layout, blob(b"two")), "c"),
        ]
        for push in pushes[:: -1 if turn else 1]:
            push()
        write_archive(layout, tmp_path / f"{turn}.tar")
        written.append((tmp_path / f"{turn}.tar").read_bytes())
    assert written[0] == written[1]
    # The same on every machine and with every Python: a change of these bytes is a change of the format.
    assert str(Digest.of(written[0])) == GOLDEN


GOLDEN = "sha256:5ff95f7476ec00ac2630de0edcb3e9df9d6c3f6fe578322357953a413c976a9e"


def test_gnu_tar_reads_it(layout, path, tmp_path):
    index = filled(layout)
    write_archive(layout, path)
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "-xf", str(path), "-C", str(tmp_path / "out")], check=True)
    assert LayoutStore(tmp_path / "out").resolve("v1") == index


@pytest.mark.parametrize("form", ["gnu", "posix", "ustar"])
def test_what_gnu_tar_writes_of_a_layout_is_read(layout, path, form):
    """With folders, ``./`` before each name, times and owners; long names in each of its ways."""
    index = filled(layout)
    if form == "ustar":
        push_manifest(layout)  # fine, but sha512 does not fit into its names
        (content,) = (layout.root / "blobs" / "sha512").iterdir()
        content.unlink()
    subprocess.run(["tar", f"--format={form}", "-cf", str(path), "-C", str(layout.root), "."], check=True)
    with ArchiveStore(path) as archive:
        assert archive.resolve("v1") == index
        assert len(archive.referrers(layout.resolve("v1"))) == 0
        assert read_all(archive, blob(LARGE).descriptor) == LARGE
        assert archive.exists(blob(b"second", "sha512").descriptor) == (form != "ustar")


def pack(path, files, compression=""):
    """A tar file of names and bytes, or of headers."""
    with tarfile.open(path, f"w:{compression}") as tar:
        for name, data in files:
            info = data if isinstance(data, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.name = name
            if isinstance(data, bytes):
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data) if isinstance(data, bytes) else None)
    return path


LAYOUT = ("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
EMPTY_INDEX = ("index.json", b'{"schemaVersion":2,"manifests":[]}')


def listing(*entries):
    return ("index.json", json.dumps({"schemaVersion": 2, "manifests": entries}).encode())


def entry(data, tag=None, **annotations):
    if tag:
        annotations["org.opencontainers.image.ref.name"] = tag
    size, digest = len(data), str(Digest.of(data))
    return {"mediaType": OCI_MANIFEST, "digest": digest, "size": size, "annotations": annotations}


def member(data):
    return (f"blobs/sha256/{Digest.of(data).encoded}", data)


def manifest_bytes():
    store = MemoryStore()
    return read_all(store, push_manifest(store))


def test_what_podman_and_skopeo_write_is_found_by_its_tag(path):
    data = manifest_bytes()
    pack(path, [LAYOUT, listing(entry(data, "docker.io/library/alpine:3.20")), member(data)])
    with ArchiveStore(path) as archive:
        assert archive.tags() == ["docker.io/library/alpine:3.20"]
        assert archive.resolve("3.20") == archive.resolve("docker.io/library/alpine:3.20")
        with pytest.raises(ContentNotFound):
            archive.resolve("3")


def test_a_tag_of_two_repositories_means_neither(path):
    one, other = manifest_bytes(), manifest_bytes() + b"\n"
    entries = [entry(one, "docker.io/library/a:1"), entry(other, "docker.io/library/b:1")]
    pack(path, [LAYOUT, listing(*entries), member(one), member(other)])
    with ArchiveStore(path) as archive, pytest.raises(ContentNotFound):
        archive.resolve("1")


def test_a_tag_cannot_pose_as_a_digest(path):
    data, other = manifest_bytes(), manifest_bytes() + b"\n"
    posing = entry(other, str(Digest.of(data)))
    pack(path, [LAYOUT, listing(posing), member(data), member(other)])
    with ArchiveStore(path) as archive:
        assert archive.resolve(str(Digest.of(data))).digest == Digest.of(data)


def test_what_docker_writes_is_read(path):
    """``docker save`` since 25: folders first, its own files beside the layout, platforms that are not there."""
    data = manifest_bytes()
    folder = tarfile.TarInfo()
    folder.type = tarfile.DIRTYPE
    absent = entry(b"another platform")
    pack(
        path,
        [
            ("blobs/", folder),
            ("blobs/sha256/", folder),
            member(data),
            ("index.json", listing(entry(data, "latest", **{"io.containerd.image.name": "docker.io/a/b:latest"}))[1]),
            ("manifest.json", b"[]"),
            LAYOUT,
            ("repositories", b"{}"),
        ],
    )
    with ArchiveStore(path) as archive:
        assert read_all(archive, archive.resolve("latest")) == data
        with pytest.raises(ContentNotFound):
            archive.fetch(Descriptor.from_json(absent))


def special(kind, target="index.json"):
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, target
    return info


KINDS = {
    "symbolic link": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "folder": tarfile.DIRTYPE,
    "pipe": tarfile.FIFOTYPE,
    "device": tarfile.CHRTYPE,
    "sparse": tarfile.GNUTYPE_SPARSE,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["oci-layout", "index.json", f"blobs/sha256/{'a' * 64}"])
def test_only_regular_files_count(path, name, kind):
    files = dict([LAYOUT, EMPTY_INDEX]) | {name: special(KINDS[kind], "/etc/passwd")}
    pack(path, files.items())
    with pytest.raises(InvalidDocument) as caught:
        ArchiveStore(path)
    assert name in caught.value.cause


def test_a_sparse_file_of_posix_is_none_of_ours(path):
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in (LAYOUT, EMPTY_INDEX):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if name == "index.json":
                info.pax_headers = {"GNU.sparse.map": "0,10", "GNU.sparse.size": "9999", "GNU.sparse.name": name}
            tar.addfile(info, io.BytesIO(data))
    with pytest.raises(InvalidDocument):
        ArchiveStore(path)


@pytest.mark.parametrize(
    "again",
    [
        "index.json",
        "./index.json",
        "././index.json",
        "/index.json",
        "../index.json",
        "a/../index.json",
        "blobs/sha256/../../index.json",
    ],
)
def test_a_name_that_comes_twice_to_whoever_unpacks(path, again):
    pack(path, [LAYOUT, EMPTY_INDEX, (again, EMPTY_INDEX[1])])
    with pytest.raises(InvalidDocument) as caught:
        ArchiveStore(path)
    assert caught.value.cause == "index.json is in it twice"


@pytest.mark.parametrize("name", ["a/index.json", "INDEX.JSON", "..index.json"])
def test_other_names_are_passed_over(path, name):
    pack(path, [LAYOUT, EMPTY_INDEX, (name, b"{"), ("link", special(tarfile.SYMTYPE, "/"))])
    with ArchiveStore(path) as archive:
        assert archive.tags() == []


@pytest.mark.parametrize(
    ("start", "tool"),
    [(b"\x1f\x8b\x08", "gzip"), (b"\x28\xb5\x2f\xfd\x00", "zstd"), (b"\xfd7zXZ\x00", "xz"), (b"BZh91AY", "bzip2")],
)
def test_a_compressed_one_names_the_command(path, start, tool):
    path.write_bytes(start + bytes(1000))
    with pytest.raises(InvalidDocument, match=f"compressed with {tool}") as caught:
        ArchiveStore(path)
    assert caught.value.hint == f"decompress it first: {tool} -dc {path} > archive.tar"


def test_the_command_works(layout, path, tmp_path):
    filled(layout)
    write_archive(layout, path)
    subprocess.run(["gzip", str(path)], check=True)
    with pytest.raises(InvalidDocument) as caught:
        ArchiveStore(path.with_name("archive.tar.gz"))
    command = caught.value.hint.removeprefix("decompress it first: ")
    subprocess.run(command, shell=True, check=True, cwd=tmp_path)
    with ArchiveStore(path) as archive:
        assert archive.tags() == ["v1"]


@pytest.mark.parametrize("data", [b"", b"x" * 2000, b"\0asm\x01\0\0\0", b'{"schemaVersion":2}'], ids=repr)
def test_what_is_no_tar_file(path, data):
    path.write_bytes(data)
    with pytest.raises(InvalidDocument, match=r"archive\.tar"):
        ArchiveStore(path)


def test_a_tar_file_of_something_else(path):
    pack(path, [("hello.txt", b"hello")])
    with pytest.raises(InvalidDocument, match="is not an archive of an OCI image layout") as caught:
        ArchiveStore(path)
    assert caught.value.hint is None


def test_what_docker_wrote_long_ago_names_the_command(path):
    pack(path, [("manifest.json", b"[]"), ("repositories", b"{}")])
    with pytest.raises(InvalidDocument) as caught:
        ArchiveStore(path)
    assert "before version 25" in caught.value.cause
    assert caught.value.hint == f"skopeo copy docker-archive:{path} oci-archive:NEW.tar"


def test_places_that_are_no_file(tmp_path):
    with pytest.raises(ContentNotFound):
        ArchiveStore(tmp_path / "missing.tar")
    with pytest.raises(StorageFailed, match="Is a directory"):
        ArchiveStore(tmp_path)


def test_a_truncated_one_is_damaged(layout, path):
    filled(layout)
    write_archive(layout, path)
    data = path.read_bytes()
    for length in (600, 1536 + 100, len(data) // 2, len(LARGE)):
        path.write_bytes(data[:length])
        with pytest.raises(InvalidDocument):
            ArchiveStore(path)


def test_a_header_that_makes_no_sense_does_not_end_it(layout, path):
    filled(layout)
    write_archive(layout, path)
    with tarfile.open(path) as tar:
        third = tar.getmembers()[3].offset
    data = bytearray(path.read_bytes())
    data[third + 148 : third + 156] = b"7777777\0"  # its checksum
    path.write_bytes(data)
    with pytest.raises(InvalidDocument, match="damaged") as caught:
        ArchiveStore(path)
    assert caught.value.cause == f"there is no header at byte {third}"


def test_headers_are_bounded(path, monkeypatch):
    huge = tarfile.TarInfo("x")
    huge.pax_headers = {"comment": "x" * 100_000}
    pack(path, [LAYOUT, EMPTY_INDEX, ("x", huge)])
    with pytest.raises(ContentTooLarge, match="header"):
        ArchiveStore(path)
    pack(path, [LAYOUT, EMPTY_INDEX, *((str(number), b"") for number in range(20))])
    monkeypatch.setattr(tarindex, "MOST_MEMBERS", 20)
    with pytest.raises(ContentTooLarge, match="more than 20 members"):
        ArchiveStore(path)
    monkeypatch.setattr(tarindex, "MOST_MEMBERS", 100)
    monkeypatch.setattr(tarindex, "_ALL_HEADERS", 5000)
    with pytest.raises(ContentTooLarge, match="5000 bytes of headers"):
        ArchiveStore(path)


def test_long_chains_of_headers_end(path):
    one = tarfile.TarInfo("chain")
    one.type = tarfile.XHDTYPE
    path.write_bytes(one.tobuf(tarfile.USTAR_FORMAT) * 5000)
    with pytest.raises(Failure):
        ArchiveStore(path)


def test_a_small_file_that_is_large(path):
    pack(path, [LAYOUT, ("index.json", b" " * (4 * 1024 * 1024 + 1))])
    with pytest.raises(InvalidDocument, match="layout"):
        ArchiveStore(path)


@settings(max_examples=150)
@given(data=st.data())
def test_bytes_of_every_kind_are_an_archive_or_a_failure(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("fuzz")
    layout = LayoutStore.create(folder / "layout")
    layout.tag(push_manifest(layout, blob(b"x", "sha512")), "v1")
    write_archive(layout, folder / "a.tar")
    content = bytearray((folder / "a.tar").read_bytes())
    with tarfile.open(folder / "a.tar") as tar:
        headers = [info.offset for info in tar]
    for _ in range(data.draw(st.integers(1, 4))):
        header = data.draw(st.sampled_from(headers))
        at = header + data.draw(st.integers(0, 1023))
        content[at : at + 1] = data.draw(st.binary(min_size=1, max_size=12))
    if data.draw(st.booleans()):  # what a checksum would catch
        for header in headers:
            field = content[header : header + 512]
            field[148:156] = b" " * 8
            content[header + 148 : header + 156] = b"%06o\0 " % sum(field)
    (folder / "a.tar").write_bytes(content)
    try:
        with ArchiveStore(folder / "a.tar") as archive:
            archive.referrers(archive.resolve("v1"))
    except Failure:
        pass


def test_it_does_not_change_while_it_is_open(layout, path):
    index = filled(layout)
    write_archive(layout, path)
    with ArchiveStore(path) as archive:
        with pytest.raises(StorageFailed, match="cannot be a tag"):
            archive.tag(index, "v2")
        with pytest.raises(StorageFailed, match="cannot be put"):
            archive.push(blob(b"x").descriptor, lambda: io.BytesIO(b"x"))


def test_damaged_content_is_noticed(layout, path):
    filled(layout)
    write_archive(layout, path)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"signature", b"signaturf"))
    with ArchiveStore(path) as archive, pytest.raises(DigestMismatch):
        read_all(archive, blob(b"signature").descriptor)


def test_a_layout_that_is_damaged_makes_no_archive(layout, path):
    filled(layout)
    layout.path_of(blob(LARGE).descriptor.digest).write_bytes(LARGE[:-1] + b"!")
    path.write_bytes(b"what was there")
    with pytest.raises(DigestMismatch):
        write_archive(layout, path)
    assert path.read_bytes() == b"what was there"
    assert names(path.parent) == ["archive.tar", "layout"]


@pytest.mark.parametrize("kind", ["layout", "archive"])
def test_readers_can_begin_later(layout, path, kind):
    filled(layout)
    write_archive(layout, path)
    content = blob(LARGE).descriptor
    store = layout if kind == "layout" else ArchiveStore(path)
    with store.fetch(content) as reader:
        assert reader.resume([LARGE[:1_000_000]], 1_000_000)
        assert reader.read() == LARGE[1_000_000:]
    if kind == "archive":
        store.close()


def test_readers_of_several_threads_share_no_position(layout, path):
    filled(layout)
    write_archive(layout, path)
    results = []
    archive = ArchiveStore(path)
    readers = [archive.fetch(blob(LARGE).descriptor) for _ in range(4)]
    archive.close()  # what is open stays open

    def work(reader):
        with reader:
            results.append(reader.read() == LARGE)

    threads = [threading.Thread(target=work, args=(reader,)) for reader in readers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 4
    with pytest.raises(StorageFailed):
        archive.fetch(blob(LARGE).descriptor)


def test_no_content_is_held_whole(layout, path, tmp_path):
    content = blob(LARGE * 5)
    layout.tag(push_manifest(layout, content), "v1")
    tracemalloc.start()
    try:
        write_archive(layout, path)
        with archive_for_writing(path) as staging:
            assert staging.exists(content.descriptor)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6_000_000


def test_a_new_archive(path, tmp_path):
    with archive_for_writing(path) as staging:
        index = filled(staging)
        assert not path.exists()
        assert staging.resolve("v1") == index
    assert names(tmp_path) == ["archive.tar"]
    with ArchiveStore(path) as archive:
        assert archive.resolve("v1") == index


def test_an_archive_keeps_what_it_had(layout, path, tmp_path):
    index = filled(layout)
    write_archive(layout, path)
    path.chmod(0o600)
    before = path.read_bytes()
    with archive_for_writing(path):
        pass
    assert path.read_bytes() == before
    with archive_for_writing(path) as staging:
        other = push_manifest(staging, blob(b"other"))
        staging.tag(other, "v2")
    assert path.stat().st_mode & 0o777 == 0o600
    with ArchiveStore(path) as archive:
        assert archive.resolve("v1") == index
        assert archive.resolve("v2") == other
        first = archive.resolve(str(layout.resolve("v1").digest))
        assert first == index
        assert read_all(archive, blob(LARGE).descriptor) == LARGE
    assert names(tmp_path) == ["archive.tar", "layout"]


def test_what_another_tool_listed_stays_as_it_was(path):
    data = manifest_bytes()
    odd = {**entry(data, "v1", note="kept"), "platform": {"os": "wasip1", "architecture": "wasm"}}
    absent = entry(b"another platform's manifest", note="absent")
    pack(path, [LAYOUT, listing(odd, absent), member(data), member(b"{}")])
    with archive_for_writing(path) as staging:
        staging.tag(staging.resolve("v1"), "v2")
    with ArchiveStore(path) as archive:
        kept = [each.to_json() for each in archive.entries()]
    assert odd in kept
    assert absent in kept
    assert len(kept) == 3


@pytest.mark.parametrize("exists", [True, False])
def test_a_block_that_ends_badly_changes_nothing(layout, path, tmp_path, exists):
    if exists:
        filled(layout)
        write_archive(layout, path)
    before, folder = path.read_bytes() if exists else None, names(tmp_path)
    with pytest.raises(KeyboardInterrupt), archive_for_writing(path) as staging:
        staging.tag(push_manifest(staging, blob(b"half")), "v9")
        raise KeyboardInterrupt
    assert names(tmp_path) == folder
    assert (path.read_bytes() if exists else None) == before


@pytest.mark.parametrize("data", [b"", b"a letter", b"\x1f\x8b\x08 compressed"], ids=repr)
def test_a_file_that_is_no_archive_is_not_replaced(path, tmp_path, data):
    path.write_bytes(data)
    with pytest.raises(InvalidDocument), archive_for_writing(path):
        pytest.fail("before anything is made")
    assert path.read_bytes() == data
    assert names(tmp_path) == ["archive.tar"]


@pytest.mark.parametrize("what", ["folder", "/dev/null"])
def test_what_is_no_file_is_not_replaced(path, layout, what):
    target = layout.root if what == "folder" else path.__class__(what)
    with pytest.raises(InvalidDocument, match="not replaced"), archive_for_writing(target):
        pytest.fail("before anything is made")
    with pytest.raises(InvalidDocument, match="not replaced"):
        write_archive(layout, target)
    assert target.exists()
    assert not target.is_file()


def test_a_symbolic_link_is_followed(path, tmp_path):
    link = tmp_path / "link.tar"
    link.symlink_to(path.name)
    with archive_for_writing(link) as staging:
        filled(staging)
    assert link.is_symlink()
    assert path.is_file()


def test_an_archive_that_changed_meanwhile_is_not_overwritten(path):
    with archive_for_writing(path) as staging:
        filled(staging)
    with pytest.raises(StorageFailed, match="changed by somebody else"), archive_for_writing(path) as slow:
        with archive_for_writing(path) as quick:
            quick.tag(quick.resolve("v1"), "quick")
        slow.tag(slow.resolve("v1"), "slow")
    with ArchiveStore(path) as archive:
        assert archive.tags() == ["quick", "v1"]


def test_an_archive_that_changed_while_the_new_one_was_written_is_not_overwritten(path, monkeypatch):
    with archive_for_writing(path) as staging:
        filled(staging)

    def slowly(store, target):
        write_archive(store, target)
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(archiving, "write_archive", write_archive)
            with archive_for_writing(path) as quick:
                quick.tag(quick.resolve("v1"), "quick")

    monkeypatch.setattr(archiving, "write_archive", slowly)
    with pytest.raises(StorageFailed, match="changed by somebody else"), archive_for_writing(path) as slow:
        slow.tag(slow.resolve("v1"), "slow")
    with ArchiveStore(path) as archive:
        assert archive.tags() == ["quick", "v1"]
    assert names(path.parent) == [path.name]


def test_a_file_that_cannot_be_read_is_the_disks_failure():
    with pytest.raises(StorageFailed, match="could not be read"):
        ArchiveStore(Path("/proc/self/mem"))


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(StorageFailed, match="No such file"), archive_for_writing(tmp_path / "a" / "b.tar"):
        pytest.fail("before anything is made")
