"""From what a person wrote to the caches of a build."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from registry.client.registries import Registries
from registry.client.settings import Settings
from registry.errors import InvalidReference
from tests.client.scripted import Answer
from tests.contract.httpstore import http_store
from tests.contract.results import Heard, description, file, key_of
from wasmbuild.build.cache.layered import Layered
from wasmbuild.caches import Caches
from wasmbuild.errors import UsageFailed
from wasmbuild.trust.keys import PrivateKey
from wasmbuild.workflows.caching import LOCAL, CacheName, Keys, local_cache, open_caches

KEY, OTHER_KEY = PrivateKey.generate(), PrivateKey.generate()


@pytest.fixture
def http(tmp_path):
    with http_store(tmp_path / "http") as store:
        yield store


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def opened(tmp_path, heard):
    """Opens the caches of a build on a machine of a name."""

    def open_them(machine="here", *, cache_from=(), cache_to=(), **settings) -> Layered:
        return open_caches(
            Caches(tmp_path / machine),
            cache_from=cache_from,
            cache_to=cache_to,
            registries=Registries(Settings(retry_for=0)),
            sink=heard,
            **settings,
        )

    return open_them


def keep(caches: Layered, tmp_path: Path, number=0) -> None:
    caches.put(key_of(number), description(number), {"out.wasm": file(tmp_path)}, shared=True)


def source(caches: Layered, tmp_path: Path, number=0) -> str | None:
    found = caches.find(key_of(number), ["out.wasm"], shared=True)
    if found is None or not caches.fetch(found, found.output("out.wasm"), tmp_path / "to" / "out.wasm"):
        return None
    return found.source


def test_this_machine_alone(opened, heard, tmp_path):
    keep(opened(), tmp_path)
    assert source(opened(), tmp_path) == LOCAL
    assert source(opened("elsewhere"), tmp_path) is None
    assert opened().names == (LOCAL,)
    assert heard.texts() == []


def test_every_kind_of_cache_for_a_fresh_clone(opened, http, registry_address, repository_name, heard, tmp_path):
    registry = f"{registry_address}/{repository_name}"
    places = [registry, f"oci://{registry}/deeper", http.url, f"folder:{tmp_path / 'shared'}"]
    for number, place in enumerate(places):
        keep(opened(f"first-{number}", cache_to=[place]), tmp_path, number)
        assert source(opened(f"none-{number}", cache_to=[place]), tmp_path, number) is None
        fresh = opened(f"second-{number}", cache_from=[place])
        assert source(fresh, tmp_path, number) == place.removeprefix("oci://")
        assert source(fresh, tmp_path, number) == LOCAL
    assert heard.texts() == []


def test_one_that_is_read_and_written_is_one(opened, http, tmp_path):
    caches = opened(cache_from=[http.url, http.url], cache_to=[f"{http.url}/"])
    assert caches.names == (LOCAL, http.url)


def test_no_cache_reads_nothing_and_writes_all(opened, http, tmp_path):
    keep(opened(cache_to=[http.url]), tmp_path)
    blind = opened(cache_from=[http.url], cache_to=[http.url], no_cache=True)
    assert source(blind, tmp_path) is None
    keep(blind, tmp_path, 1)
    assert source(opened("fresh", cache_from=[http.url]), tmp_path, 1) == http.url


@pytest.mark.parametrize(
    "written",
    [
        "ghcr.io/acme/cache:tag", "oci://ghcr.io/acme/cache@sha256:" + "0" * 64, "./folder", "/abs", "~/x", "folder:",
        "folder:a\0b", "", "oci://", "ghcr.io/UPPER", "ftp://host/x",
    ],
)  # fmt: skip
def test_what_names_no_cache_is_an_error_with_a_way_out(written):
    with pytest.raises((UsageFailed, InvalidReference)) as caught:
        CacheName.parse(written)
    assert caught.value.hint


def test_an_address_with_a_password_is_refused_and_not_repeated(opened, heard):
    with pytest.raises(InvalidReference) as caught:
        opened(cache_from=["https://me:secret@cache.example.com/x"])
    assert "secret" not in f"{caught.value} {caught.value.hint} {heard.events}"


def test_plain_http_to_elsewhere_is_said(opened, heard):
    opened(cache_from=["http://cache.example.com/x"])
    assert len(heard.texts()) == 1
    assert "plain http" in heard.texts()[0]


def test_credentials_go_along_when_they_are_asked_for(opened, http, heard, tmp_path, monkeypatch):
    from registry.client.environment import variables_of

    user, password, *_ = variables_of(http.server.address)
    monkeypatch.setenv(user, "me")
    monkeypatch.setenv(password, "secret")

    def guard(asked):
        if asked.headers.get("authorization") == "Basic bWU6c2VjcmV0":
            return None
        return Answer(401, headers={"WWW-Authenticate": 'Basic realm="cache"'})

    http.trouble = guard
    keep(opened(cache_to=[http.url]), tmp_path)
    assert source(opened("fresh", cache_from=[http.url]), tmp_path) == http.url
    assert heard.texts() == []


def test_nobody_let_in_is_a_warning_without_secrets(opened, http, heard, tmp_path, monkeypatch):
    from registry.client.environment import variables_of

    user, password, *_ = variables_of(http.server.address)
    monkeypatch.setenv(user, "me")
    monkeypatch.setenv(password, "secret")
    http.trouble = lambda asked: Answer(401, b"no secret", {"WWW-Authenticate": 'Basic realm="cache"'})
    caches = opened(cache_from=[http.url], cache_to=[http.url])
    assert source(caches, tmp_path) is None
    keep(caches, tmp_path)
    assert len(heard.texts()) == 1
    assert "secret" not in heard.texts()[0]


# -- trust --------------------------------------------------------------------------------------------------


def test_a_release_takes_only_what_somebody_trusted_has_signed(opened, http, heard, tmp_path):
    keep(opened("theirs", cache_to=[http.url], keys=Keys(sign=OTHER_KEY)), tmp_path)
    strict = Keys(trust=[KEY.public])
    assert source(opened("release", cache_from=[http.url], keys=strict), tmp_path) is None
    assert len(heard.texts()) == 1
    keep(opened("ours", cache_to=[http.url], keys=Keys(sign=KEY)), tmp_path)
    release = opened("release", cache_from=[http.url], keys=strict)
    assert source(release, tmp_path) == http.url
    assert source(opened("release", keys=strict), tmp_path) == LOCAL
    both = Keys(trust=[OTHER_KEY.public, KEY.public])
    assert source(opened("another", cache_from=[http.url], keys=both), tmp_path) == http.url


def test_what_nobody_signed_is_not_used_by_a_release_not_even_from_this_machine(opened, heard, tmp_path):
    keep(opened(), tmp_path)
    assert source(opened(keys=Keys(trust=[KEY.public])), tmp_path) is None
    assert (len(heard.texts("info")), heard.texts()) == (1, [])
    assert source(opened(), tmp_path) == LOCAL


def test_whoever_signs_does_not_pass_on_what_others_have_put_there(opened, http, heard, tmp_path):
    keep(opened("theirs", cache_to=[http.url]), tmp_path)
    signing = opened("ours", cache_from=[http.url], cache_to=[http.url], keys=Keys(sign=KEY))
    assert source(signing, tmp_path) is None
    keep(signing, tmp_path)
    assert source(opened("x", cache_from=[http.url], keys=Keys(trust=[KEY.public])), tmp_path) == http.url


@pytest.mark.parametrize("signature", [{}, {"sig": None}, {"sig": 1}, {"sig": "?"}, {"sig": "AAAA"}, {"sig": ""}])
def test_a_signature_that_is_none_does_not_hold(signature):
    assert Keys(trust=[KEY.public]).verifier(b"payload", signature) is False


def test_a_signature_is_over_its_purpose_too():
    from wasmbuild.trust.encoding import to_base64

    plain = {"sig": to_base64(KEY.sign(b"payload"))}
    verify = Keys(trust=[KEY.public]).verifier
    assert verify(b"payload", Keys(sign=KEY).signer(b"payload"))
    assert not verify(b"payload", plain)
    assert not verify(b"another", Keys(sign=KEY).signer(b"payload"))


# -- the cache of this machine ------------------------------------------------------------------------------


def test_one_that_others_can_write_to_is_not_used(opened, heard, tmp_path):
    keep(opened(), tmp_path)
    (tmp_path / "here" / "actions").chmod(0o777)
    assert source(opened(), tmp_path) is None
    assert len(heard.texts()) == 1


def test_it_is_kept_within_its_limit_and_looked_at_once_a_day(opened, tmp_path, monkeypatch):
    keep(opened(), tmp_path)
    monkeypatch.setattr("wasmbuild.workflows.caching.LOCAL_LIMIT", 0)
    assert source(opened(), tmp_path) is None
    keep(opened(), tmp_path)
    assert source(opened(), tmp_path) == LOCAL
    marker = tmp_path / "here" / "actions" / ".pruned"
    yesterday = time.time() - 100_000
    os.utime(marker, (yesterday, yesterday))
    assert source(opened(), tmp_path) is None


def test_looking_makes_no_folder(heard, tmp_path):
    assert len(local_cache(Caches(tmp_path / "none"), heard)) == 1
    assert not (tmp_path / "none").exists()


def test_without_remote_caches_nothing_heavy_is_imported():
    code = (
        "import sys, pathlib\n"
        "from registry.client.registries import Registries\n"
        "from wasmbuild.caches import Caches\n"
        "from wasmbuild.workflows.caching import open_caches\n"
        "open_caches(Caches(pathlib.Path('none')), cache_from=[], cache_to=['folder:x'], registries=Registries(),"
        " sink=print)\n"
        "print(*sys.modules)"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(finished.stdout.split()) & {"requests", "oras", "cryptography", "platformdirs", "rich"}
