"""Changes in a bucket are noticed by listing it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from dag_factory.api_server.watch import object_watcher
from dag_factory.api_server.watch.object_watcher import ObjectWatcher, changed
from dag_factory.errors import MissingStoreError
from dag_factory.store import open_store
from dag_factory.store.objects.location import located
from dag_factory.store.objects.marker import Covered
from dag_factory.store.objects.object_store import ObjectStore


class FakeStore(ObjectStore):
    """A store whose listings are those of a list, the last one again and again; markers cover what is announced."""

    def __init__(self, *listings: dict[str, str] | None) -> None:
        super().__init__(located("memory://nowhere/x"))
        self.left = list(listings)
        self.markers: list[dict[str, str | None]] = []
        self.covers: set[tuple[str, str | None]] = set()
        self.looks = 0
        self.fails = 0

    def revisions(self) -> dict[str, str]:
        self.looks += 1
        found = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        if found is None:
            raise MissingStoreError("config_store is away.")
        return found

    def covered(self) -> Covered:
        covers = self.covers

        class Fake(Covered):
            def holds(self, key: str, revision: str | None) -> bool:
                return (key, revision) in covers

        return Fake()

    def bump(self, covering: object = None) -> str:
        if self.fails:
            self.fails -= 1
            raise MissingStoreError("config_store is away.")
        assert isinstance(covering, dict)
        self.markers.append(covering)
        self.covers |= set(covering.items())
        return "marker"


def watched(store: FakeStore, looks: int, asked: Callable[[bool], None] = lambda even_if_seen: None) -> None:
    """Watch a store until it was listed so many times, and one more."""

    async def story() -> None:
        watching = asyncio.create_task(ObjectWatcher(store, asked, interval_seconds=0, settling_seconds=0).run())
        while store.looks <= looks:
            await asyncio.sleep(0.001)
            assert not watching.done()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    asyncio.run(asyncio.wait_for(story(), 60))


def test_changes_are_found_by_comparing_two_listings() -> None:
    assert changed({"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2", "d": "1"}) == {"b": "2", "c": None, "d": "1"}
    assert changed({}, {}) == {}


def test_a_start_makes_one_marker_and_then_each_change_makes_one() -> None:
    store = FakeStore({"a": "1"}, {"a": "1"}, {"a": "2", "b": "1"}, {"b": "1"})
    asked: list[bool] = []
    watched(store, 6, asked.append)
    assert store.markers == [{}, {"a": "2", "b": "1"}, {"a": None}]
    assert asked == [False, False, False]


def test_what_a_writer_or_another_watcher_has_announced_makes_no_other_marker() -> None:
    store = FakeStore({"a": "1"}, {"a": "2", "b": "1"})
    store.covers = {("a", "2")}
    watched(store, 3)
    assert store.markers == [{}, {"b": "1"}]


def test_what_can_not_be_announced_is_announced_later_and_a_store_that_is_away_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "dag_factory.api_server.watch")
    store = FakeStore({"a": "1"}, None, None, {"a": "2"}, {"a": "2"})
    store.fails = 1
    watched(store, 6)
    # The first listing was not announced, so that the next one that comes is the first.
    assert store.markers == [{}]
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "config_store is away. Until the store is back, changes in it are not noticed"
    ]
    assert "config_store 'memory://nowhere/x' is back" in caplog.text


def test_what_is_put_into_a_bucket_by_hand_gets_a_marker_and_what_is_deployed_no_second_one() -> None:
    import fsspec

    fsspec.filesystem("memory").mkdir("/watched")
    store = open_store("memory://watched/x")
    assert isinstance(store, ObjectStore)
    before = store.revisions()
    with store.lock():
        store.write("a.json", b"{}")
        marker = store.bump()
    listings = ObjectWatcher(store, lambda even_if_seen: None, settling_seconds=0)
    now = store.revisions()
    asyncio.run(listings._announce(before, now))
    assert store.marker() == marker
    fsspec.filesystem("memory").pipe("/watched/x/b.json", b"{}")
    asyncio.run(listings._announce(now, store.revisions()))
    assert (store.marker() or "") > marker
    fsspec.filesystem("memory").rm("/watched", recursive=True)


class SlowStore(FakeStore):
    """A store by whose clock each listing takes a moment, and all else that is asked takes minutes."""

    def __init__(self, *listings: dict[str, str] | None) -> None:
        super().__init__(*listings)
        self.now = 0.0

    def covered(self) -> Covered:
        self.now += 1_000
        return super().covered()

    def revisions(self) -> dict[str, str]:
        if self.left[0] is None:
            self.now += 1_000
        return super().revisions()


@pytest.mark.parametrize("second", [{"a": "2"}, None], ids=["a change", "a listing that fails"])
def test_the_pause_after_a_look_depends_on_what_the_listing_takes_alone(
    second: dict[str, str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SlowStore({"a": "1"}, second, {"a": "3"})
    monkeypatch.setattr(object_watcher, "time", SimpleNamespace(monotonic=lambda: store.now))
    watched(store, 4)
    assert {"a": "3"} in store.markers
