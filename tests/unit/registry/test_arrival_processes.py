"""Content that arrives in several processes at once, in one that is killed, and where there is no room for it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from registry.content import VerifyingReader
from registry.model import describe
from registry.stores.layout import LayoutStore
from tests.contract.making import BLOB

CHECKOUT = Path(__file__).parents[3]
SIZE = 4_000_000
DATA = bytes(range(250)) * (SIZE // 250)
CONTENT = describe(BLOB, DATA)

CHILD = """
import ctypes, io, resource, sys, time
from pathlib import Path
from registry.errors import Failure
from registry.model import describe
from registry.stores.layout import LayoutStore
from tests.contract.making import BLOB

DATA = bytes(range(250)) * (4_000_000 // 250)

class Slow(io.BytesIO):
    def read(self, size=-1, /):
        time.sleep(0.02)
        return super().read(100_000)

def pushed(layout, data=DATA, body=io.BytesIO):
    try:
        LayoutStore(Path(layout)).push(describe(BLOB, data), lambda: body(data))
    except Failure as failure:
        print(type(failure).__name__, failure)

layout = sys.argv[1]
"""

ENDLESS = "pushed(layout, body=Slow)"
MANY = """
for number in range(6):
    pushed(layout, DATA + bytes([number]))
    pushed(layout, bytes([number]) * 1000)
"""
LIMITED = """
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
pushed(layout)
"""
# A read-only folder is none for a process that may override permissions.
POWERLESS = "pushed(layout)\npushed(layout, b'small')"


@pytest.fixture
def layout(tmp_path):
    return LayoutStore.create(tmp_path / "layout")


def child(layout, program, *, prefix=(), **options):
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", CHILD + program, str(layout.root)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def ended(process):
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


def scratch(layout):
    return [path for path in layout.root.iterdir() if path.name.startswith(".") and path.name != ".index.lock"]


def wait_for_bytes(layout, count):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if any(path.stat().st_size >= count for path in scratch(layout)):
            return
        time.sleep(0.01)
    raise AssertionError("nothing arrived")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_killed_is_taken_up(layout, how):
    process = child(layout, ENDLESS)
    wait_for_bytes(layout, 1_500_000)
    process.send_signal(how)
    process.communicate(timeout=60)
    assert process.returncode != 0
    (left,) = scratch(layout)
    have = left.stat().st_size
    assert 1_500_000 <= have < SIZE
    assert not layout.exists(CONTENT)

    source = LayoutStore.create(layout.root.with_name("source"))
    source.push(CONTENT, Everything)
    Watched.seen = 0
    layout.push(CONTENT, lambda: Watched(source.fetch(CONTENT)))
    assert layout.exists(CONTENT)
    assert Watched.seen == SIZE - have
    assert layout.path_of(CONTENT.digest).read_bytes() == DATA
    assert scratch(layout) == []


class Everything:
    def __init__(self):
        self.left = DATA

    def read(self, size=-1, /):
        data, self.left = self.left[:size], self.left[size:]
        return data

    def close(self):
        pass


class Watched:
    """Counts what is read of a store's content, and begins where it is told to."""

    seen = 0

    def __init__(self, reader: VerifyingReader):
        self.source = reader._source

    def read(self, size=-1, /):
        data = self.source.read(size)
        Watched.seen += len(data)
        return data

    def skip(self, count, /):
        return self.source.skip(count)

    def close(self):
        self.source.close()


def test_processes_that_push_the_same_at_once(layout):
    processes = [child(layout, MANY) for _ in range(3)]
    assert [ended(process) for process in processes] == ["", "", ""]
    for number in range(6):
        for data in (DATA + bytes([number]), bytes([number]) * 1000):
            with layout.fetch(describe(BLOB, data)) as reader:
                assert reader.read() == data
    assert scratch(layout) == []


def test_two_runs_of_the_same_slow_content_both_end_well(layout):
    first = child(layout, ENDLESS)
    wait_for_bytes(layout, 500_000)
    layout.push(CONTENT, Everything)
    assert layout.path_of(CONTENT.digest).read_bytes() == DATA
    assert ended(first) == ""
    assert layout.path_of(CONTENT.digest).read_bytes() == DATA
    assert scratch(layout) == []


def test_a_file_that_may_not_grow_leaves_nothing(layout):
    out = ended(child(layout, LIMITED))
    assert out.startswith("StorageFailed")
    assert os.strerror(27) in out  # EFBIG
    assert not layout.exists(CONTENT)
    assert scratch(layout) == []


def test_a_full_disk_is_said_and_gets_its_room_back(layout):
    unshare = shutil.which("unshare")
    arguments = ["--mount"] if os.geteuid() == 0 else ["--mount", "--user", "--map-root-user"]
    script = 'mount -t tmpfs -o size=3m tmpfs "$0" && exec "$@"'
    here = [unshare or "unshare", *arguments, "sh", "-c", script, str(layout.root / "blobs")]
    if unshare is None or subprocess.run([*here, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    # All of the layout on the small disk: its folder is made anew there.
    script = 'mount -t tmpfs -o size=3m tmpfs "$0" && cd "$1" && shift && exec "$@"'
    prefix = [unshare, *arguments, "sh", "-c", script, str(layout.root), str(CHECKOUT)]
    program = "LayoutStore.create(Path(layout))\npushed(layout)\nprint(sorted(p.name for p in Path(layout).iterdir()))"
    again = "\npushed(layout, DATA[:2_500_000])\nprint(len(list(Path(layout, 'blobs/sha256').iterdir())))"
    out = ended(child(layout, program + again, prefix=prefix)).splitlines()
    assert out[0].startswith("StorageFailed")
    assert os.strerror(28) in out[0]  # ENOSPC
    assert out[1:] == ["['.index.lock', 'blobs', 'index.json', 'oci-layout']", "1"]


def test_a_folder_that_may_not_be_written_to(layout):
    for folder in (layout.root / "blobs", layout.root):
        folder.chmod(0o555)
    drop = "ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)\n"  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE: felt after the next exec
    again = f"import os\nos.execv(sys.executable, [sys.executable, '-c', {CHILD + POWERLESS!r}, layout])"
    try:
        out = ended(child(layout, drop + again)).splitlines()
    finally:
        for folder in (layout.root, layout.root / "blobs"):
            folder.chmod(0o755)
    assert len(out) == 2
    for line in out:
        assert line.startswith("StorageFailed")
        assert os.strerror(13) in line  # EACCES
