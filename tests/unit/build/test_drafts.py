import os
import subprocess
import sys
from pathlib import Path

import pytest

from wasmbuild.build.drafts import draft_folder

HOLDER = """
import subprocess, sys, time
from pathlib import Path
from wasmbuild.build.drafts import draft_folder
with draft_folder(Path(sys.argv[1])) as folder:
    (folder / "half.o").write_text("half")
    child = subprocess.Popen(["sleep", "30"])  # a compiler that outlives us must not keep the lock
    print(folder, child.pid, flush=True)
    time.sleep(60)
"""


def test_a_draft_is_gone_afterwards_whatever_happened(tmp_path: Path) -> None:
    with draft_folder(tmp_path) as folder:
        (folder / "a" / "b").mkdir(parents=True)
        assert folder.parent == tmp_path
    with pytest.raises(KeyboardInterrupt), draft_folder(tmp_path) as folder:
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_drafts_of_running_builds_stay_and_those_of_killed_ones_go(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    child = None
    try:
        name, _, pid = process.stdout.readline().strip().rpartition(" ")
        child, theirs = int(pid), Path(name)
        with draft_folder(tmp_path) as mine:
            assert (theirs / "half.o").exists()
            assert mine != theirs
        process.kill()
        process.wait()
        assert theirs.exists()
        with draft_folder(tmp_path) as mine:
            assert list(tmp_path.iterdir()) == [mine]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        if child is not None:
            os.kill(child, 9)


def test_what_is_not_a_draft_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "mine").write_text("mine")
    (tmp_path / ".building-link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / ".building-file").write_text("mine")
    with draft_folder(tmp_path):
        pass
    assert (tmp_path / "elsewhere" / "mine").read_text() == "mine"
    assert (tmp_path / ".building-file").exists()


def test_two_at_once_do_not_sweep_each_other(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from wasmbuild.build.drafts import draft_folder\n"
        "for number in range(200):\n"
        "    with draft_folder(Path(sys.argv[1])) as folder:\n"
        "        (folder / 'x').write_text('x'); assert (folder / 'x').exists()"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(3)]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    assert list(tmp_path.iterdir()) == []
