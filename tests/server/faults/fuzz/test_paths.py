"""Names that look like ways out of the data folder: nothing outside of it is read, made, changed or deleted."""

import hashlib
from pathlib import Path

import pytest

from tests.server.faults.fuzz.target import UPLOAD, Target

WAYS_OUT = [
    "..",
    ".",
    "../..",
    "../secret",
    "../../../../../../etc/passwd",
    "..%2fsecret",
    "..%2f..%2fsecret",
    "%2e%2e",
    "%2e%2e%2fsecret",
    "%252e%252e%252fsecret",
    "..%5csecret",
    "..\\secret",
    "....//secret",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "C:%5csecret",
    "a%00",
    "%00",
    "secret%00.json",
    "%c0%ae%c0%ae/secret",
    "%e2%80%a5/secret",
    "%ef%bc%8e%ef%bc%8e/secret",
    "~root",
    "file:%2f%2f%2fetc%2fpasswd",
    "registry.db",
    "../registry.db",
    "a" * 5000,
    "%0a",
    "$(id)",
    "sha256:../../secret",
    "sha256:..%2f..%2f..%2fsecret",
    f"sha256:{'0' * 62}%2f%2e",
    f"sha256:{'0' * 64}%2f..%2f..%2fsecret",
    f"{UPLOAD}%2f..%2f..%2fregistry.db",
    f"..%2fuploads%2f{UPLOAD}",
]


def tree(folder: Path) -> dict[str, tuple[int, int, str]]:
    """All that is in a folder: size, mode, and what it says."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(folder))] = (status.st_size if content else 0, status.st_mode, content)
    return found


def outside(folder: Path) -> dict[str, tuple[int, int, str]]:
    kept = tree(folder)
    return {name: facts for name, facts in kept.items() if name.partition("/")[0] not in ("data", "log")}


def names(folder: Path) -> set[str]:
    """What there is in the data folder, but for what SQLite makes and unmakes."""
    return {name for name in tree(folder / "data") if not name.startswith("registry.")}


@pytest.mark.parametrize("way", WAYS_OUT, ids=range(len(WAYS_OUT)))
def test_nothing_outside_is_touched(target: Target, folder: Path, way: str) -> None:
    before, inside = outside(folder), names(folder)
    body = b"planted"
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    paths = [
        f"/{way}",
        f"/v2/{way}",
        f"/v2/{way}/tags/list",
        f"/v2/demo/{way}/manifests/latest",
        f"/v2/demo/hello/manifests/{way}",
        f"/v2/demo/hello/blobs/{way}",
        f"/v2/demo/hello/blobs/uploads/{way}",
        f"/v2/demo/hello/blobs/uploads/{way}?digest={digest}",
        f"/v2/{way}/blobs/uploads/?digest={digest}",
        f"/v2/demo/hello/blobs/uploads/?digest={way}",
        f"/v2/demo/hello/blobs/uploads/?mount={way}&from={way}",
        f"/v2/demo/hello/referrers/{way}",
        f"/v2/demo/hello/_oci/tag-history/{way}",
        f"/v2/_catalog?last={way}",
    ]
    made = set()
    for path in paths:
        for method in ("GET", "PUT", "POST", "PATCH", "DELETE"):
            head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}"
            answer = target.ask(head.encode(), body)
            assert b"nobody may see" not in answer.body
            if answer.status < 300 and method != "GET":
                made.add((method, path))
    assert outside(folder) == before
    # A word that is a name may be one; nothing else was taken for one.
    assert not made or way in ("registry.db", "sha256:../../secret"), made
    assert names(folder) - inside <= {name for name in names(folder) if name.startswith(("blobs/sha256/", "uploads/"))}


def test_names_never_become_paths(target: Target, folder: Path) -> None:
    """However a repository and a tag are called, bytes are under digests, and nothing is called like those."""
    for name in ("registry.db", "uploads", "blobs", "con", "nul", "a.lock", "quarantine"):
        answer = target.call("POST", f"/v2/{name}/blobs/uploads/")
        assert answer.status_code == 202
        answer = target.call("PUT", f"/v2/{name}/manifests/{name}", data=target.document)
        assert answer.status_code in (400, 404)
    assert {path.name for path in (folder / "data").iterdir()} <= {
        "blobs", "format", "uploads", "registry.db", "registry.db-wal", "registry.db-shm", "registry.lock"
    }  # fmt: skip
    target.lives()


def test_links_in_the_data_folder_are_not_followed_out_of_a_request(target: Target, folder: Path) -> None:
    """An upload's name is made here, and so no link can be put where it will be."""
    link = folder / "data" / "uploads" / UPLOAD
    link.symlink_to(folder / "secret")
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        assert target.call(method, f"/v2/demo/hello/blobs/uploads/{UPLOAD}", data=b"x").status_code in (400, 404)
    assert (folder / "secret").read_text() == "nobody may see secret"
    link.unlink()
