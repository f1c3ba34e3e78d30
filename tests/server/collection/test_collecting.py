import asyncio
import time
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.digest import Digest
from registry.server import crashes
from registry.server.collection.clock import Clock
from registry.server.collection.collector import Collector
from registry.server.collection.manifests import judge
from registry.server.config import CollectionConfig
from registry.server.metadata.blobs import postpone_blobs, unlink_blob
from registry.server.metadata.collecting import Question
from registry.server.metadata.holds import claim_turn, place_hold, release_hold, renew_hold
from registry.server.metadata.manifests import postpone_manifest

GRACE = 100.0
HALF = GRACE / 2


def kinds(gone: list[Any]) -> list[str]:
    return [each.kind for each in gone]


def test_a_blob_that_nobody_needs_goes_in_two_steps(registry: Any) -> None:
    digest = registry.blob(b"lonely")
    assert registry.collect(HALF)[0].gone == 0
    assert registry.has(digest)
    report, gone = registry.collect(HALF + 1)
    assert (report.links, report.blobs, kinds(gone)) == (1, 0, ["link"])
    assert (gone[0].repository, gone[0].name, gone[0].size) == ("demo", str(digest), 6)
    assert not registry.has(digest)
    assert registry.used() == 0
    assert (registry.state(digest), registry.files()) == ("condemned", {digest.encoded})
    assert registry.collect(HALF)[0].gone == 0
    report, gone = registry.collect(HALF + 1)
    assert (report.links, report.blobs, report.bytes, kinds(gone)) == (0, 1, 6, ["blob"])
    assert (registry.state(digest), registry.files()) == (None, set())
    assert registry.collect(10 * GRACE)[0].gone == 0


def test_what_a_manifest_needs_stays(registry: Any) -> None:
    digest = registry.image("one", "latest")
    before = registry.used()
    registry.collect_all()
    assert registry.has(digest)
    assert registry.has(Digest.of(b"layer of one"))
    assert registry.has(Digest.of(b"{}"))
    assert registry.used() == before
    registry.delete(digest)
    registry.collect_all()
    assert registry.files() == set()
    assert registry.used() == 0


def test_a_blob_that_others_have_keeps_its_bytes(registry: Any) -> None:
    one, two = registry.image("same", "x"), registry.image("same", "x", repository="other")
    assert one == two
    registry.delete(one)
    registry.collect_all()
    assert not registry.has(Digest.of(b"layer of same"))
    assert registry.has(Digest.of(b"layer of same"), "other")
    registry.delete(one, "other")
    registry.collect_all()
    assert registry.files() == set()


def test_a_blob_that_somebody_takes_from_every_repository_goes(registry: Any) -> None:
    digest = registry.blob(b"unwanted")
    assert registry.mount(digest, "other")
    for name in ("demo", "other"):
        assert registry.state(digest) == "live"
        assert registry.write(lambda connection, name=name: unlink_blob(connection, name, digest))
    assert registry.state(digest) == "condemned"
    assert registry.collect(GRACE + 1)[0].blobs == 1


def test_a_blob_that_is_pushed_again_for_a_manifest_that_lost_it_stays(registry: Any) -> None:
    registry.image("one", "latest")
    digest = Digest.of(b"layer of one")
    assert registry.write(lambda connection: unlink_blob(connection, "demo", digest))
    registry.blob(b"layer of one")
    registry.collect_all()
    assert registry.has(digest)


def test_a_push_brings_a_condemned_blob_back(registry: Any) -> None:
    digest = registry.blob(b"again")
    registry.collect(GRACE + 1)
    assert registry.state(digest) == "condemned"
    assert not registry.mount(digest, "other")
    registry.blob(b"again")
    assert registry.has(digest)
    assert registry.used() == 5
    registry.collect(HALF)
    assert registry.has(digest)


@pytest.mark.parametrize("point", [crashes.Point.BLOB_DELETING, crashes.Point.BYTES_GONE])
def test_a_push_brings_back_what_was_being_deleted(registry: Any, point: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = registry.blob(b"again")
    registry.collect(GRACE + 1)
    with monkeypatch.context() as patch:
        patch.setattr(crashes, "passing", lambda passed: stop() if passed == point else None)
        with pytest.raises(RuntimeError, match="stopped here"):
            registry.collect(GRACE + 1)
    assert registry.state(digest) == "deleting"
    assert not registry.has(digest)
    assert not registry.mount(digest, "other")
    registry.blob(b"again")
    assert registry.state(digest) == "live"
    registry.collect(HALF)
    assert registry.has(digest)


@pytest.mark.parametrize("point", [crashes.Point.BLOB_DELETING, crashes.Point.BYTES_GONE])
def test_the_next_run_ends_what_one_has_begun(registry: Any, point: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.blob(b"going")
    registry.collect(GRACE + 1)
    with monkeypatch.context() as patch:
        patch.setattr(crashes, "passing", lambda passed: stop() if passed == point else None)
        with pytest.raises(RuntimeError, match="stopped here"):
            registry.collect(GRACE + 1)
    assert registry.collect()[0].blobs == 1
    assert registry.files() == set()


def stop() -> None:
    raise RuntimeError("stopped here")


def test_whoever_is_told_of_a_blob_finds_it_for_a_while(registry: Any) -> None:
    digest = registry.blob(b"wanted soon")
    due = time.time() + 2 * GRACE
    registry.write(lambda connection: postpone_blobs(connection, "demo", [digest], due))
    registry.collect(GRACE + HALF)
    assert registry.has(digest)
    registry.collect(GRACE)
    assert not registry.has(digest)


def test_without_further_settings_only_an_ended_lease_lets_a_manifest_go(registry: Any) -> None:
    untagged, pinned = registry.image("untagged", "x"), registry.image("pinned")
    leased, tagged = registry.image("leased", lease=10), registry.image("tagged", "y", lease=10)
    registry.untag("x")
    registry.collect(9)
    assert registry.has(leased)
    registry.collect_all()
    assert [registry.has(each) for each in (untagged, pinned, tagged, leased)] == [True, True, True, False]


def test_a_lease_outlasts_the_grace(registry: Any) -> None:
    digest = registry.image("leased", lease=3 * GRACE)
    registry.collect(2 * GRACE)
    assert registry.has(digest)
    report, gone = registry.collect(GRACE + 1)
    assert (report.manifests, gone[0].why) == (1, "its lease has ended and nothing leads to it")


def test_an_ended_lease_waits_for_no_grace(registry: Any) -> None:
    digest, renewed = registry.image("leased", lease=10), registry.image("renewed", lease=10)
    registry.image("renewed", lease=30)
    assert registry.collect(9)[0].manifests == 0
    report, gone = registry.collect(2)
    assert (report.manifests, report.leases, gone[0].name) == (1, 1, str(digest))
    assert registry.services.collection.leases == 1
    assert (registry.has(digest), registry.has(renewed)) == (False, True)
    assert registry.collect(20)[0].leases == 1


def test_settings_do_not_cut_a_lease_short(opened: Any, database_url: str | None) -> None:
    registry = opened(database_url, untagged_after=10.0, pinned_after=10.0)
    leased, pinned = registry.image("leased", lease=10 * GRACE), registry.image("pinned")
    for _ in range(5):
        registry.collect(GRACE)
    assert (registry.has(leased), registry.has(pinned)) == (True, False)


def test_what_refers_to_a_release_that_failed_goes_with_it(registry: Any) -> None:
    digest = registry.image("release", lease=10)
    subject = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": str(digest), "size": 1}
    signature, named = registry.image("signature", subject=subject), registry.image("named", "sig", subject=subject)
    over = {**subject, "digest": str(signature)}
    above = registry.image("above", subject=over)
    assert registry.collect(11)[0].manifests == 1
    assert all(registry.has(each) for each in (signature, named, above))
    for _ in range(3):
        registry.collect(GRACE + 1)
    assert [registry.has(each) for each in (signature, named, above)] == [False, True, False]


def test_the_lease_of_what_refers_to_it_is_not_cut_short(registry: Any) -> None:
    digest = registry.image("release", lease=10)
    subject = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": str(digest), "size": 1}
    signature = registry.image("signature", subject=subject, lease=5 * GRACE)
    for _ in range(2):
        registry.collect(2 * GRACE)
    assert [registry.has(each) for each in (digest, signature)] == [False, True]
    registry.collect(2 * GRACE)
    assert not registry.has(signature)


def test_what_referred_to_it_before_it_was_staged_stays(registry: Any) -> None:
    """Or whoever may push could delete others' signatures, by staging what they are of."""
    digest = registry.image("gone", "x")
    subject = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": str(digest), "size": 1}
    signature = registry.image("signature", subject=subject)
    registry.delete(digest)
    assert registry.image("gone", lease=10) == digest
    later = registry.image("later", subject=subject)
    registry.collect_all()
    assert [registry.has(each) for each in (digest, signature, later)] == [False, True, False]


def test_what_refers_to_a_manifest_that_somebody_deletes_stays_as_ever(registry: Any) -> None:
    digest = registry.image("one", "x")
    subject = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": str(digest), "size": 1}
    signature = registry.image("signature", subject=subject)
    registry.delete(digest)
    registry.collect_all()
    assert registry.has(signature)


def test_a_tag_ends_the_lease(registry: Any) -> None:
    digest = registry.image("released", lease=10)
    registry.image("released", "v1")
    registry.collect_all()
    registry.untag("v1")
    registry.collect_all()
    assert registry.has(digest)


def test_a_second_lease_does_not_pin_and_does_not_expose(registry: Any) -> None:
    staged, kept = registry.image("staged", lease=10), registry.image("kept")
    registry.image("staged", lease=2 * GRACE)
    registry.image("kept", lease=10)
    registry.collect(GRACE + 1)
    assert registry.has(staged)
    registry.collect_all()
    assert (registry.has(staged), registry.has(kept)) == (False, True)


def test_what_something_live_leads_to_stays_after_its_lease(registry: Any) -> None:
    child = registry.image("child", lease=10)
    index = registry.index(child, tags=("release",))
    subject = {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": str(index), "size": 1}
    sbom = registry.image("sbom", lease=10, subject=subject)
    registry.collect_all()
    assert [registry.has(each) for each in (child, index, sbom)] == [True] * 3
    registry.delete(index)
    registry.collect_all()
    assert [registry.has(each) for each in (child, index, sbom)] == [False] * 3


def test_a_release_that_failed_goes_as_a_whole(registry: Any) -> None:
    children = [registry.image(name, lease=10) for name in ("one", "two")]
    index = registry.index(*children, lease=10)
    subject = {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": str(index), "size": 1}
    signature = registry.image("signature", lease=10, subject=subject)
    report, _ = registry.collect(GRACE + 1)
    assert report.manifests == 1
    registry.collect_all()
    assert [registry.has(each) for each in (*children, index, signature)] == [False] * 4
    assert registry.files() == set()
    assert registry.used() == 0


def test_whoever_is_told_of_a_manifest_finds_it_for_a_while(registry: Any) -> None:
    digest = registry.image("leased", lease=10)
    due = time.time() + 2 * GRACE
    registry.write(lambda connection: postpone_manifest(connection, "demo", digest, due))
    registry.collect(GRACE + HALF)
    assert registry.has(digest)
    registry.collect(GRACE)
    assert not registry.has(digest)


def test_what_lost_its_tag_goes_when_the_settings_say_so(opened: Any, database_url: str | None) -> None:
    registry = opened(database_url, untagged_after=5 * GRACE)
    digest, pinned = registry.image("one", "x"), registry.image("two")
    registry.collect(2 * GRACE)
    registry.untag("x")
    registry.collect(2 * GRACE)
    registry.collect(4 * GRACE)
    assert registry.has(digest)
    report, gone = registry.collect(2 * GRACE)
    assert (report.manifests, gone[0].name, gone[0].why) == (1, str(digest), "nothing leads to it")
    assert registry.has(pinned)


def test_a_tag_in_between_starts_the_time_anew(opened: Any) -> None:
    registry = opened(untagged_after=5 * GRACE)
    digest = registry.image("one", "x")
    registry.untag("x")
    registry.collect(2 * GRACE)
    registry.image("one", "x")
    registry.untag("x")
    registry.collect(2 * GRACE)
    registry.collect(4 * GRACE)
    assert registry.has(digest)
    registry.collect(2 * GRACE)
    assert not registry.has(digest)


def test_what_was_pushed_by_digest_goes_when_the_settings_say_so(opened: Any) -> None:
    registry = opened(pinned_after=2 * GRACE)
    pinned, tagged = registry.image("pinned"), registry.image("tagged", "x")
    registry.image("tagged")
    registry.collect(GRACE + 1)
    assert registry.has(pinned)
    registry.collect(2 * GRACE)
    assert (registry.has(pinned), registry.has(tagged)) == (False, True)


def test_new_settings_are_about_what_is_there_already(registry: Any) -> None:
    digest = registry.image("one", "x")
    registry.untag("x")
    registry.collect(2 * GRACE)
    registry.reopen(untagged_after=3 * GRACE)
    registry.collect(GRACE)
    assert registry.has(digest)
    registry.collect(3 * GRACE)
    assert not registry.has(digest)


def test_a_dry_run_tells_and_changes_nothing(registry: Any) -> None:
    registry.image("leased", lease=10)
    registry.blob(b"lonely")
    registry.blob(b"long gone", "other")
    for _ in range(2):
        report, gone = registry.collect(dry_run=True, orphans=True)
        assert gone == []
    registry.later += GRACE + 1
    dry = [registry.collect(dry_run=True)[1] for _ in range(2)]
    assert dry[0] == dry[1]
    assert sorted(kinds(dry[0])) == ["link", "link", "manifest"]
    report, gone = registry.collect()
    assert sorted(gone, key=str) == sorted(dry[0], key=str)
    assert report.dry_run is False
    registry.later += GRACE + 1
    assert registry.services.collection.runs == 1


def test_nothing_goes_while_a_backup_holds_it(registry: Any) -> None:
    registry.blob(b"lonely")
    hold = registry.write(lambda connection: place_hold(connection, "backup", 3 * GRACE))
    report, gone = registry.collect(2 * GRACE, orphans=True)
    assert (report.held, gone) == (True, [])
    assert registry.write(lambda connection: renew_hold(connection, hold, 5 * GRACE))
    assert registry.collect(2 * GRACE)[0].held
    registry.write(lambda connection: release_hold(connection, hold))
    assert not registry.write(lambda connection: renew_hold(connection, hold, GRACE))
    assert registry.collect()[0].links == 1


def test_a_hold_that_comes_late_stops_what_runs(opened: Any) -> None:
    registry = opened()
    for number in range(10):
        registry.blob(b"lonely", f"r{number}")
    registry.later += GRACE + 1
    gone: list[Any] = []

    def tell(each: Any) -> None:
        gone.append(each)
        hold = partial(place_hold, why="backup", seconds=10 * GRACE)
        asyncio.get_running_loop().create_task(registry.services.write(hold)).add_done_callback(placed.append)

    placed: list[Any] = []
    report = registry.run(registry.collector().run(tell=tell))
    assert (report.held, report.links < 10, report.links >= len(placed) > 0) == (True, True, True)
    assert registry.state(Digest.of(b"lonely")) == "live"


def test_a_clock_that_steps_forward_is_not_believed_at_once(opened: Any) -> None:
    registry = opened()
    digest = registry.blob(b"lonely")
    wall, ticks = [time.time()], [0.0]
    collector = Collector(registry.services, Clock(GRACE, lambda: wall[0], lambda: ticks[0]))
    assert not registry.run(collector.run()).unsteady
    wall[0] += 10 * GRACE
    for _ in range(2):
        report = registry.run(collector.run())
        assert (report.unsteady, report.gone) == (True, 0)
        wall[0] += HALF - 1
        ticks[0] += HALF - 1
    assert registry.has(digest)
    wall[0] += 3
    ticks[0] += 3
    assert registry.run(collector.run()).links == 1
    wall[0] -= 100 * GRACE
    assert not registry.run(collector.run()).unsteady


def test_bytes_without_a_row_go(opened: Any) -> None:
    registry = opened()
    digest = registry.image("kept", "x")
    orphan = Digest.of(b"orphan")
    path = registry.services.storage.path(orphan)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"orphan")
    (path.parent / "notes.txt").write_text("a person's")
    assert registry.collect()[0].orphans == 0
    assert registry.collect(dry_run=True, orphans=True)[0].orphans == 1
    report, gone = registry.collect(orphans=True)
    assert (report.orphans, gone[0].name) == (1, str(orphan))
    assert registry.collect(orphans=True)[0].orphans == 0
    assert registry.has(digest)
    assert "notes.txt" in registry.files()


def test_a_blob_whose_folder_is_gone_goes_too(opened: Any) -> None:
    registry = opened()
    digest = registry.blob(b"lonely")
    registry.collect(GRACE + 1)
    path = registry.services.storage.path(digest)
    path.unlink()
    path.parent.rmdir()
    assert registry.collect(GRACE + 1)[0].blobs == 1
    assert registry.state(digest) is None


def test_a_blob_that_somebody_pushes_just_now_waits(opened: Any) -> None:
    registry = opened()
    digest = registry.blob(b"contended")
    registry.collect(GRACE + 1)

    async def during_a_push() -> Any:
        incoming, _ = await registry.services.storage.begin("00000000-0000-4000-8000-000000000000", "sha256")
        await incoming.append([b"contended"])
        registry.later += GRACE + 1
        async with incoming.seal(digest):
            return await registry.collector().run()

    report = registry.run(during_a_push())
    assert (report.busy, report.blobs) == (1, 0)
    assert registry.files() == {digest.encoded}
    assert registry.collect()[0].blobs == 1


def test_many_rows_in_many_pages(opened: Any) -> None:
    registry = opened()
    for number in range(130):
        registry.blob(b"blob %d" % number, f"repository/r{number % 7}")
    assert registry.collect(GRACE + 1)[0].links == 130
    report, _ = registry.collect(GRACE + 1)
    assert (report.blobs, report.busy) == (130, 0)
    assert registry.files() == set()


def test_two_collectors_at_once_share_the_work(registry: Any) -> None:
    for number in range(60):
        registry.blob(b"blob %d" % number, f"r{number % 3}")

    async def both() -> list[Any]:
        return list(await asyncio.gather(registry.collector().run(), registry.collector().run()))

    registry.later += GRACE + 1
    assert sum(report.links for report in registry.run(both())) == 60
    registry.later += GRACE + 1
    assert (
        sum(report.blobs for report in registry.run(both())) + sum(report.blobs for report in registry.run(both()))
        == 60
    )
    assert registry.files() == set()


def test_turns_are_taken(registry: Any) -> None:
    def turn(now: float) -> bool:
        return bool(registry.write(lambda connection: claim_turn(connection, "collection", 60, now)))

    assert [turn(now) for now in (1000, 1030, 1059, 1060, 1061, 500, 510)] == [
        True, False, False, True, False, True, False,
    ]  # fmt: skip


times = st.none() | st.floats(0, 2000)


@given(st.booleans(), times, times, st.booleans(), times, times)
def test_nothing_goes_that_something_leads_to(
    pinned: bool,
    lease: float | None,
    since: float | None,
    led_to: bool,
    after: float | None,
    pinned_after: float | None,
) -> None:
    config = CollectionConfig(untagged_after=after, pinned_after=pinned_after)
    verdict = judge(Question(1, pinned, lease, since, led_to), config, 1000.0)
    policy = pinned_after if pinned else after
    if verdict.why is not None:
        assert not led_to
        assert lease is None or lease <= 1000
        assert lease is not None or policy is not None
    elif verdict.due is not None:
        assert verdict.due > 1000
    if not led_to and lease is not None and lease <= 1000:
        assert verdict.why is not None
