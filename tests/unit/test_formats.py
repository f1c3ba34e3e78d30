"""What is kept on a disk says of which version it is: of another one it is refused, or passed over, as the docs say."""

import json
import re
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

import registry.server
from registry.digest import Digest
from registry.errors import Failure
from registry.server.backup.folder import BackupFolder, Summary
from registry.server.config import ServerConfig
from registry.server.database import find_revision, open_database
from registry.server.schema import REVISION
from registry.server.services import open_services
from registry.stores.archive import ArchiveStore
from registry.stores.layout import LayoutStore
from tests.contract.results import Heard, description, file
from wasmbuild.build import action, statcache, toolfolders
from wasmbuild.build.action import ActionKey
from wasmbuild.build.cache.result import ActionResult
from wasmbuild.build.kept import KeptFolders
from wasmbuild.build.statcache import StatCache
from wasmbuild.caches import Caches
from wasmbuild.events import ignore
from wasmbuild.lock import locked_pins
from wasmbuild.run import engine
from wasmbuild.toolchains.pins import shipped_pin
from wasmbuild.trust import read_trust_policy
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.trust.sealed import open_sealed, seal
from wasmbuild.workflows.accepted import JsonMemory
from wasmbuild.workflows.caching import local_cache
from wasmbuild.workflows.records import _VERSION, _parsed
from wasmbuild.workflows.release.journal import Entry, Journal

DOCUMENT = Path(__file__).parents[2] / "docs" / "formats.md"
DIGEST = Digest.of(b"")


@dataclass
class Place:
    """A folder to write something of another version to, and to have it read."""

    folder: Path
    patch: pytest.MonkeyPatch


def refused(read: Callable[[], object], said: str) -> None:
    with pytest.raises(Failure, match=said):
        read()


def replace_in(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def database(place: Place) -> None:
    path = place.folder / "registry.db"
    engine_ = create_engine(f"sqlite:///{path}")
    with engine_.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(registry.server.__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    open_database(path).close()
    assert find_revision(path) == REVISION
    with engine_.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine_.dispose()
    refused(lambda: open_database(path), "another version")


def data_folder(place: Place) -> None:
    (place.folder / "format").write_text("wasmbuild registry 2\n")
    refused(lambda: open_services(ServerConfig(place.folder)), "another version")


def backup(place: Place) -> None:
    summary = Summary("2026-01-01T00:00:00Z", REVISION, "rows-1.db", str(DIGEST), 0, 0, 0, 0, 0)
    BackupFolder(place.folder).finish(summary)
    assert BackupFolder(place.folder).summary().revision == REVISION
    replace_in(place.folder / "backup.json", '"schemaVersion": 1', '"schemaVersion": 2')
    refused(BackupFolder(place.folder).summary, "of a kind that this version knows")


def layout(place: Place) -> None:
    LayoutStore.create(place.folder)
    replace_in(place.folder / "oci-layout", "1.0.0", "2.0.0")
    refused(lambda: LayoutStore(place.folder), "an unknown version")


def archive(place: Place) -> None:
    LayoutStore.create(place.folder / "layout")
    replace_in(place.folder / "layout" / "oci-layout", "1.0.0", "2.0.0")
    with tarfile.open(place.folder / "a.tar", "w") as tar:
        for name in ("oci-layout", "index.json"):
            tar.add(place.folder / "layout" / name, name)
    refused(lambda: ArchiveStore(place.folder / "a.tar"), "an unknown version")


def lock(place: Place) -> None:
    (place.folder / "wasmbuild.lock").write_text("version = 2\n")
    refused(lambda: locked_pins(place.folder), "version is not 1")


def trust_policy(place: Place) -> None:
    (place.folder / "policy.toml").write_text("version = 2\n")
    refused(lambda: read_trust_policy(place.folder / "policy.toml"), "version must be 1")


def accepted(place: Place) -> None:
    path = place.folder / "trust.json"
    path.write_text('{"schemaVersion": 1, "repositories": {}}')
    JsonMemory(path).recall("a/b")
    replace_in(path, '"schemaVersion": 1', '"schemaVersion": 2')
    refused(lambda: JsonMemory(path).recall("a/b"), "not of version 1")
    assert "2" in path.read_text()


def private_key(place: Place) -> None:
    sealed = json.loads(seal(b"key", b""))
    assert open_sealed(json.dumps(sealed).encode(), b"") == b"key"
    sealed["kdf"]["name"] = "argon2id"
    refused(lambda: open_sealed(json.dumps(sealed).encode(), b""), "in a way that is not known")
    assert PrivateKey.generate().encrypt(b"").startswith(b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----")


def journal(place: Place) -> None:
    kept = Journal.of(place.folder)
    kept.write([Entry("app", "example.com/app:1.0.0", DIGEST, "sha256:1")])
    assert len(kept.read(ignore)) == 1
    replace_in(kept.path, '"format": 1', '"format": 2')
    assert kept.read(ignore) == ()


def results(place: Place) -> None:
    (cache,) = local_cache(Caches(place.folder / "cache"), heard := Heard())
    said = description()
    cache.put(ActionKey.of(said), said, {"out.wasm": file(place.folder)})
    assert cache.find(ActionKey.of(said)) is not None
    assert cache.find(ActionKey.of({**said, "version": action.KEY_VERSION + 1})) is None
    result = ActionResult.of(json.dumps(said).encode(), [("out.wasm", DIGEST, 0)])
    other = result.encoded.replace(b"action.v1", b"action.v2")
    refused(lambda: ActionResult.parse(other, result.key), "not the result of an action")
    assert heard.texts() == []


def kept_folders(place: Place) -> None:
    kept, said = KeptFolders(Caches(place.folder)), description()
    with kept.folder("go", ActionKey.of(said), lambda folder: (folder / "a").touch(), ignore) as made:
        assert kept.find("go", ActionKey.of(said)) == made
    assert kept.find("go", ActionKey.of({**said, "version": action.KEY_VERSION + 1})) is None
    made.chmod(0o755)


def known_of_projects(place: Place) -> None:
    path = place.folder / "project.json"
    entry = {"key": "sha256:1", "digest": str(DIGEST), "stat": [1], "about": {}, "packaged": None}
    for version, known in ((_VERSION, 1), (_VERSION + 1, 0)):
        path.write_text(json.dumps({"version": version, "root": "/", "targets": {"app": entry}}))
        assert len(_parsed(path)) == known


def digests_by_stat(place: Place) -> None:
    place.patch.setattr(statcache, "RACY_NANOSECONDS", -(10**12))
    source, cache = place.folder / "a", place.folder / "cache"
    source.write_text("one")
    said = source.stat()
    first = StatCache(cache)
    first.digest(source, said)
    first.save()
    source.unlink()
    assert StatCache(cache).digest(source, said)[0] == Digest.of(b"one")
    cache.write_bytes(cache.read_bytes().replace(b"wasmbuild stat 1\n", b"wasmbuild stat 2\n"))
    with pytest.raises(FileNotFoundError):
        StatCache(cache).digest(source, said)


def compiled_code(place: Place) -> None:
    settings = engine.Settings()
    before = engine._key(b"\0asm", "module", settings)
    place.patch.setattr(engine, "engine_version", lambda: "0.0.0")
    assert engine._key(b"\0asm", "module", settings) != before


def compilers(place: Place) -> None:
    caches, pin = Caches(place.folder), shipped_pin("zig")
    toolfolders.tool_folder(pin, caches).mkdir(parents=True)
    assert toolfolders.is_installed(pin, caches)
    place.patch.setattr(toolfolders, "_LAYOUT", " 2")
    assert not toolfolders.is_installed(pin, caches)


TRIED = {
    "the registry's database": database,
    "the registry's data folder": data_folder,
    "a backup of a registry": backup,
    "an OCI layout": layout,
    "an archive of a layout": archive,
    "wasmbuild.lock": lock,
    "a trust policy": trust_policy,
    "what was accepted": accepted,
    "an encrypted private key": private_key,
    "the journal of a release": journal,
    "results of actions": results,
    "folders of dependencies": kept_folders,
    "what is known of a project": known_of_projects,
    "digests by stat": digests_by_stat,
    "compiled code": compiled_code,
    "compilers": compilers,
}


def test_the_table_of_the_document_is_what_is_tried():
    section = DOCUMENT.read_text().partition("## What is on disk, and its versions")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| .+ \| (.+?) \|$", section, re.MULTILINE)[2:]
    assert [re.sub(r" \(.*|`", "", name) for name, _ in rows] == list(TRIED)
    assert all(re.search(r"refused|passed over|not found", outcome) for _, outcome in rows)


@pytest.mark.parametrize("name", TRIED)
def test_another_version(name, tmp_path, monkeypatch):
    TRIED[name](Place(tmp_path, monkeypatch))
