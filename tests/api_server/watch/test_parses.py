from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from dag_factory.api_server.watch.loader_files import DagIds, LoaderFile, LoaderFiles
from dag_factory.api_server.watch.parses import Parses
from dag_factory.dag.later_seconds import FINDING_SECONDS, WRITING_SECONDS, later_seconds
from dag_factory.errors import StoreError
from dag_factory.store import writer
from dag_factory.store.changed_ids import ChangedIds
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.own_files import MARKER
from dag_factory.store.shards import WHOLE, Shard, shard_of, shards, shards_of
from tests.places import TESTS

LIMIT = 60
SAMPLE = json.loads((TESTS / "samples" / "pg_metadata_hourly.json").read_text())


class FakeAirflow:
    """
    Parses at each request: it sees the store's marker, like the loader.

    :param drops: so many requests are lost first
    """

    def __init__(self, store: FolderStore, *, drops: int = 0) -> None:
        self.store = store
        self.drops = drops
        self.again_at: float | None = None
        self.requests = 0
        self.seen: list[str | None] = []

    async def request(self, dag_ids: DagIds, without: Collection[Shard] = ()) -> None:
        del dag_ids, without
        self.requests += 1
        if self.requests > self.drops:
            self.seen.append(self.store.marker())
            self.store.note_loaded(self.seen[-1] or "", again_at=self.again_at)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    store = FolderStore(tmp_path / "configs")
    store.root.mkdir()
    store.write("one.json", json.dumps({"name": "one"}).encode())
    store.bump()
    return store


@pytest.fixture
def airflow(store: FolderStore) -> FakeAirflow:
    return FakeAirflow(store)


async def until(condition: Callable[[], bool]) -> None:
    async def wait() -> None:
        while not condition():
            await asyncio.sleep(0.01)

    await asyncio.wait_for(wait(), LIMIT)


def tell(parses: Parses, story: Callable[[], Awaitable[object]]) -> None:
    """Run a story, and end what it has left in the background."""

    async def run() -> None:
        try:
            await story()
        finally:
            await parses.stop()

    asyncio.run(run())


def ask(airflow: FakeAirflow, work: Callable[[Parses], None], limit: float = 20, interval: float = 5) -> bool:
    """Return whether a parse has seen it all in time."""
    parses = Parses(lambda: airflow.store, retry_seconds=(interval,) * 4)
    seen: list[bool] = []

    async def story() -> None:
        work(parses)
        seen.append(await parses.wait_until_seen(limit))

    tell(parses, story)
    return seen[0]


def test_many_changes_at_once_are_one_request(airflow: FakeAirflow) -> None:
    def many(parses: Parses) -> None:
        for _ in range(100):
            parses.ask(airflow.request)

    assert ask(airflow, many)
    assert airflow.requests == 1


def test_a_request_that_airflow_drops_is_made_again(store: FolderStore) -> None:
    airflow = FakeAirflow(store, drops=2)
    assert ask(airflow, lambda parses: parses.ask(airflow.request), interval=0.3)
    assert airflow.requests >= 3  # on a slow machine, once more


def test_where_no_parse_ever_comes_requests_end_with_the_intervals_and_a_line(
    store: FolderStore, caplog: pytest.LogCaptureFixture
) -> None:
    airflow = FakeAirflow(store, drops=1000)
    parses = Parses(lambda: store, retry_seconds=(0, 0, 0))

    async def story() -> None:
        for asked in (1, 2):
            parses.ask(airflow.request)
            await until(lambda asked=asked: caplog.text.count("No parse of the loader has been seen") == asked)  # type: ignore[misc]

    tell(parses, story)
    assert airflow.requests == 6


def test_parses_that_have_seen_older_changes_start_the_intervals_anew(
    airflow: FakeAirflow, store: FolderStore, caplog: pytest.LogCaptureFixture
) -> None:
    # A change comes during each of the first ten parses.
    async def request(dag_ids: DagIds, without: Collection[Shard] = ()) -> None:
        await airflow.request(dag_ids, without)
        if airflow.requests <= 10:
            store.bump()

    parses = Parses(lambda: store, retry_seconds=(5, 5))

    async def story() -> None:
        parses.ask(request)
        await until(lambda: store.loaded() == store.marker())

    tell(parses, story)
    assert airflow.requests == 11
    assert caplog.text == ""


def test_where_a_parse_has_seen_it_all_nothing_is_asked_unless_it_is_wanted_all_the_same(airflow: FakeAirflow) -> None:
    airflow.store.note_loaded(airflow.store.marker() or "")
    assert ask(airflow, lambda parses: parses.ask(airflow.request))
    assert airflow.requests == 0
    parses = Parses(lambda: airflow.store, retry_seconds=(0.1,))

    async def wanted() -> None:
        parses.ask(airflow.request, even_if_seen=True)
        # The wish outlives one that asks for less.
        parses.ask_if_unseen(airflow.request)
        await until(lambda: airflow.requests > 0)

    tell(parses, wanted)
    assert airflow.requests == 1


def test_a_change_whose_writer_died_before_its_marker_is_not_taken_for_seen(airflow: FakeAirflow) -> None:
    airflow.store.note_loaded(airflow.store.marker() or "")
    FolderStore(airflow.store.root).write("two.json", b"{}")
    assert not ask(airflow, lambda parses: None, limit=0.3)
    FolderStore(airflow.store.root).delete("two.json")
    assert ask(airflow, lambda parses: parses.ask_if_unseen(airflow.request))
    # Who asks and who waits may each make a marker for what the writer left without one, and each is worth a parse.
    assert airflow.requests in {1, 2}
    assert airflow.seen[-1] == airflow.store.marker()


def test_a_change_that_no_marker_can_be_made_for_is_asked_for_and_not_taken_for_seen(airflow: FakeAirflow) -> None:
    airflow.store.note_loaded(airflow.store.marker() or "")
    FolderStore(airflow.store.root).write("two.json", b"{}")
    (airflow.store.root / MARKER).unlink()
    (airflow.store.root / MARKER / "in the way").mkdir(parents=True)
    parses = Parses(lambda: airflow.store)

    async def story() -> None:
        parses.ask_if_unseen(airflow.request)
        await until(lambda: airflow.requests > 0)
        assert not await parses.wait_until_seen(0)

    tell(parses, story)


class OvertakenStore(FolderStore):
    """A store that changes just after somebody has seen that there is nothing new in it."""

    then: Callable[[], object] | None = None

    def marker(self) -> str | None:
        found = super().marker()
        if found == self.loaded() and self.then is not None:
            self.bump()
            self.then()
            self.then = None
        return found


def test_a_change_that_comes_during_the_last_look_at_the_marker_is_asked_for_too(store: FolderStore) -> None:
    overtaken = OvertakenStore(store.root)
    airflow = FakeAirflow(overtaken)
    parses = Parses(lambda: overtaken)

    async def story() -> None:
        loop = asyncio.get_running_loop()
        overtaken.then = lambda: loop.call_soon_threadsafe(parses.ask, airflow.request)
        parses.ask(airflow.request)
        await until(lambda: overtaken.then is None)
        assert await parses.wait_until_seen(5)

    tell(parses, story)
    assert airflow.requests == 2


def test_what_airflow_takes_only_from_a_later_parse_is_asked_for_again_after_the_last_change(
    airflow: FakeAirflow,
) -> None:
    airflow.again_at = 1
    parses = Parses(lambda: airflow.store, later_seconds=(0.5, 1.5))

    async def story() -> None:
        for _ in range(5):
            parses.ask(airflow.request)
            await asyncio.sleep(0.02)
        await until(lambda: len(airflow.seen) >= 3)
        await asyncio.sleep(0.5)

    tell(parses, story)
    assert len(airflow.seen) == 3
    assert len(set(airflow.seen)) == 3


def test_where_no_load_was_seen_one_is_asked_for_later_whatever_the_last_one_has_noted(store: FolderStore) -> None:
    store.note_loaded(store.marker() or "")
    store.bump()
    airflow = FakeAirflow(store, drops=2)
    parses = Parses(lambda: store, retry_seconds=(0.1, 0.1), later_seconds=(2.0,))

    async def story() -> None:
        parses.ask(airflow.request)
        await until(lambda: len(airflow.seen) == 1)

    tell(parses, story)
    assert airflow.requests == 3


def test_what_could_not_be_requested_is_asked_for_later_whatever_the_last_load_has_noted(store: FolderStore) -> None:
    store.note_loaded(store.marker() or "")
    store.bump()
    airflow = FakeAirflow(store)
    failed: list[DagIds] = []

    async def fails_at_first(dag_ids: DagIds, without: Collection[Shard] = ()) -> None:
        if not failed:
            failed.append(dag_ids)
            raise RuntimeError
        await airflow.request(dag_ids, without)

    parses = Parses(lambda: store, later_seconds=(0.3,))

    async def story() -> None:
        parses.ask(fails_at_first)
        await until(lambda: len(airflow.seen) == 1)

    tell(parses, story)
    assert failed == [None]


def test_where_airflow_has_no_dag_of_a_changed_id_it_is_asked_for_later(divided: DividedAirflow) -> None:
    stored, lost = id_in(Shard(1, 8)), id_in(Shard(2, 8))
    parses = Parses(lambda: divided.store, divided.files, later_seconds=(0.3,), changed=set, missing=lambda _: {lost})

    async def story() -> None:
        parses.ask(divided.request, {stored, lost})
        await until(lambda: len(divided.parsed) >= 3)
        await asyncio.sleep(0.3)

    tell(parses, story)
    assert sorted(divided.parsed) == [Shard(1, 8), Shard(2, 8), Shard(2, 8)]


def test_where_the_last_load_needs_no_other_none_is_asked_for_later(airflow: FakeAirflow) -> None:
    parses = Parses(lambda: airflow.store, later_seconds=(0.3, 0.6))

    async def story() -> None:
        airflow.again_at = 1
        parses.ask(airflow.request)
        await until(lambda: len(airflow.seen) == 1)
        airflow.again_at = None
        await until(lambda: len(airflow.seen) == 2)
        await asyncio.sleep(0.9)

    tell(parses, story)
    # The one after that which needed another.
    assert len(airflow.seen) == 2


def test_later_is_when_airflow_surely_takes_what_it_may_have_left_out() -> None:
    margin = FINDING_SECONDS + WRITING_SECONDS
    assert later_seconds(30, 50) == [30 + margin, 50 + margin]
    assert later_seconds(0, 50) == later_seconds(50, 50) == [50 + margin]


def test_a_request_that_fails_ends_neither_this_one_nor_the_next(
    airflow: FakeAirflow, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(dag_ids: DagIds, without: Collection[Shard] = ()) -> None:
        raise RuntimeError("canary-7f3a")

    parses = Parses(lambda: airflow.store)

    async def story() -> None:
        parses.ask(broken)
        await until(lambda: "Can't ask Airflow for a parse of the loader: RuntimeError" in caplog.text)
        parses.ask(airflow.request)
        assert await parses.wait_until_seen(20)

    caplog.set_level(logging.DEBUG)
    tell(parses, story)
    assert "canary-7f3a" not in caplog.text


class HangingStore(FolderStore):
    """A store on a file system that does not answer the first look at its marker."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.hangs = True
        self.reached = threading.Event()
        self.released = threading.Event()

    def settle(self) -> bool:
        if self.hangs:
            self.hangs = False
            self.reached.set()
            self.released.wait()
        return super().settle()


def test_a_look_that_hangs_holds_up_no_later_one_for_long(store: FolderStore) -> None:
    store.note_loaded(store.marker() or "")
    hanging = HangingStore(store.root)

    async def run() -> tuple[bool, bool]:
        parses = Parses(lambda: hanging, settling_seconds=0.2)
        first = asyncio.create_task(parses.wait_until_seen(20))
        await asyncio.to_thread(hanging.reached.wait)
        second = await parses.wait_until_seen(0)
        hanging.released.set()
        return second, await first

    assert asyncio.run(run()) == (False, True)


class DividedAirflow:
    """
    Airflow with several loader files: it parses those that a request concerns, but for the first ``drops`` requests.
    """

    def __init__(self, store: FolderStore, of: int, *, drops: int = 0) -> None:
        self.store = store
        self.divide(of)
        self.drops = drops
        self.parsed: list[Shard] = []
        self.again_at: dict[Shard, float] = {}
        self.files = LoaderFiles(
            lambda: store,
            store.root.parent,
            lambda: [LoaderFile("ours", shard.file_name) for shard in shards(self.of)],
        )

    def divide(self, of: int) -> None:
        """Have so many loader files from now on."""
        self.of = of

    async def request(self, dag_ids: DagIds, without: Collection[Shard] = ()) -> None:
        self.drops -= 1
        if self.drops < 0:
            self.parse(*(shard for shard in shards_of(dag_ids, self.of) if shard not in without))

    def parse(self, *some: Shard) -> None:
        for shard in some:
            self.parsed.append(shard)
            self.store.note_loaded(self.store.marker() or "", shard, self.again_at.get(shard))


def id_in(shard: Shard) -> str:
    return next(dag_id for dag_id in map(str, range(10_000)) if shard.holds(dag_id))


@pytest.fixture
def divided(store: FolderStore) -> DividedAirflow:
    return DividedAirflow(store, 8)


@pytest.mark.parametrize("drops", [0, 2])
def test_a_change_makes_airflow_parse_the_one_file_that_it_concerns(store: FolderStore, drops: int) -> None:
    airflow = DividedAirflow(store, 8, drops=drops)
    parses = Parses(lambda: store, airflow.files, retry_seconds=(0.1,) * 4)

    async def story() -> None:
        store.bump()
        parses.ask(airflow.request, {id_in(Shard(5, 8))})
        assert await parses.wait_until_seen(20, {id_in(Shard(5, 8))})

    tell(parses, story)
    assert airflow.parsed == [Shard(5, 8)]


def test_a_change_that_its_shard_has_seen_needs_no_parse_though_others_have_not(divided: DividedAirflow) -> None:
    divided.parse(Shard(5, 8))
    parses = Parses(lambda: divided.store, divided.files)

    async def story() -> None:
        parses.ask_if_unseen(divided.request, {id_in(Shard(5, 8))})
        assert await parses.wait_until_seen(0, {id_in(Shard(5, 8))})
        assert not await parses.wait_until_seen(0)
        await asyncio.sleep(0.3)

    tell(parses, story)
    assert divided.parsed == [Shard(5, 8)]


class QueueingAirflow(DividedAirflow):
    """Parses one file after the other. What is requested comes before all that waits, as in Airflow's queue."""

    def __init__(self, store: FolderStore, of: int) -> None:
        super().__init__(store, of)
        self.queue = shards(of)
        self.requested = 0

    async def request(self, dag_ids: DagIds, without: Collection[Shard] = ()) -> None:
        self.requested += 1
        for file in self.files.files(dag_ids, without):
            assert file.shard is not None
            self.queue = [file.shard, *(shard for shard in self.queue if shard != file.shard)]

    async def work(self) -> None:
        while True:
            if self.queue:
                self.parse(self.queue.pop(0))
            await asyncio.sleep(0.3)


@pytest.mark.slow
def test_shards_that_are_parsed_one_after_the_other_are_parsed_once_each(divided: DividedAirflow) -> None:
    airflow = QueueingAirflow(divided.store, 8)
    parses = Parses(lambda: airflow.store, airflow.files, retry_seconds=(20, 20))

    async def story() -> None:
        working = asyncio.create_task(airflow.work())
        parses.ask_if_unseen(airflow.request)
        assert await parses.wait_until_seen(LIMIT)
        await asyncio.sleep(0.6)
        working.cancel()

    tell(parses, story)
    assert sorted(airflow.parsed) == shards(8)
    assert airflow.requested == 1


def test_changes_of_other_shards_meanwhile_are_no_reason_to_parse_it_again(divided: DividedAirflow) -> None:
    async def request(dag_ids: DagIds, without: Collection[Shard] = ()) -> None:
        await divided.request(dag_ids, without)
        divided.store.bump()

    parses = Parses(lambda: divided.store, divided.files)

    async def story() -> None:
        parses.ask(request, {id_in(Shard(5, 8))})
        await asyncio.sleep(0.5)

    tell(parses, story)
    assert divided.parsed == [Shard(5, 8)]


def test_what_a_change_concerns_besides_its_own_pipeline_is_found_out_and_asked_for_too(
    divided: DividedAirflow,
) -> None:
    own, other = id_in(Shard(1, 8)), id_in(Shard(2, 8))
    looks: list[set[str]] = [{own, other}]
    parses = Parses(
        lambda: divided.store, divided.files, changed=lambda: looks.pop() if looks else set(), gather_seconds=0.1
    )

    async def story() -> None:
        parses.ask(divided.request, {own})
        await until(lambda: len(divided.parsed) > 1)
        await asyncio.sleep(0.3)

    tell(parses, story)
    assert divided.parsed == [Shard(1, 8), Shard(2, 8)]


@pytest.mark.parametrize("asked", [{"own"}, None], ids=["a deploy", "a change by hand"])
def test_what_a_look_finds_before_the_watcher_has_announced_it_is_parsed_though_its_shard_has_seen_the_marker(
    divided: DividedAirflow, asked: set[str] | None
) -> None:
    own, early = shard_of("own", 8), Shard(2, 8)
    assert own != early
    looks = [{"own", id_in(early)}]
    markers: list[str | None] = []

    def changed() -> set[str]:
        markers.append(divided.store.marker())
        return looks.pop() if looks else set()

    parses = Parses(lambda: divided.store, divided.files, changed=changed, gather_seconds=0.1)

    async def story() -> None:
        divided.store.bump()
        divided.store.note_loaded(divided.store.marker() or "", early)
        parses.ask(divided.request, asked)
        await until(lambda: early in divided.parsed)
        await asyncio.sleep(0.3)

    tell(parses, story)
    assert sorted(divided.parsed) == sorted([own, early])
    assert str(divided.store.loaded(early)) > str(markers[0])


class UnmarkedStore(FolderStore):
    """A store in which no marker can be made."""

    def bump(self, covering: Mapping[str, str | None] | None = None) -> str:
        raise StoreError("the disk is full")


@pytest.mark.parametrize("asked", [{"own"}, None], ids=["a deploy", "a change by hand"])
def test_it_is_parsed_where_no_marker_can_be_made_after_the_look(
    divided: DividedAirflow, asked: set[str] | None
) -> None:
    early = Shard(2, 8)
    looks = [{"own", id_in(early)}]
    unmarked = UnmarkedStore(divided.store.root)
    parses = Parses(
        lambda: unmarked, divided.files, changed=lambda: looks.pop() if looks else set(), gather_seconds=0.1
    )

    async def story() -> None:
        divided.store.note_loaded(divided.store.marker() or "", early)
        parses.ask(divided.request, asked)
        await until(lambda: early in divided.parsed)

    tell(parses, story)


def test_after_a_look_that_was_given_up_and_ends_later_it_is_unknown_once_more_what_has_changed(
    divided: DividedAirflow,
) -> None:
    released = threading.Event()
    later = id_in(Shard(2, 8))
    looks: Iterator[set[str]] = iter([set(), {later}, {later}])

    def changed() -> set[str]:
        found = next(looks)
        if not found:
            released.wait(LIMIT)
        return found

    parses = Parses(lambda: divided.store, divided.files, changed=changed, look_seconds=0.3)

    async def story() -> None:
        parses.ask(divided.request)
        await until(lambda: len(divided.parsed) == 8)
        released.set()
        for parsed in (16, 17):
            await asyncio.sleep(0.3)
            divided.store.bump()
            parses.ask(divided.request)
            await until(lambda parsed=parsed: len(divided.parsed) >= parsed)  # type: ignore[misc]

    tell(parses, story)
    assert divided.parsed == [*shards(8), *shards(8), Shard(2, 8)]


@pytest.mark.parametrize("found", [frozenset({"a", "b"}), None], ids=["found out", "unknown"])
def test_an_unknown_change_is_asked_for_by_what_is_found_out(
    divided: DividedAirflow, found: frozenset[str] | None
) -> None:
    parses = Parses(lambda: divided.store, divided.files, changed=lambda: found)

    async def story() -> None:
        parses.ask(divided.request)
        await until(lambda: len(divided.parsed) >= len(shards_of(found, 8)))

    tell(parses, story)
    assert divided.parsed == shards_of(found, 8)


def test_a_change_of_one_s_own_is_not_lost_where_an_unknown_one_comes_at_the_same_time(
    divided: DividedAirflow,
) -> None:
    own = id_in(Shard(1, 8))
    parses = Parses(lambda: divided.store, divided.files, changed=lambda: {id_in(Shard(2, 8))})

    async def story() -> None:
        parses.ask(divided.request, {own})
        parses.ask(divided.request)
        await until(lambda: len(divided.parsed) > 1)

    tell(parses, story)
    assert divided.parsed == [Shard(1, 8), Shard(2, 8)]


def test_later_parses_are_of_the_shards_that_have_changed_alone(divided: DividedAirflow) -> None:
    divided.again_at = dict.fromkeys(shards(8), 1.0)
    parses = Parses(lambda: divided.store, divided.files, later_seconds=(0.3, 0.6), changed=set)

    async def story() -> None:
        for number in (1, 2):
            parses.ask(divided.request, {id_in(Shard(number, 8))})
        await until(lambda: len(divided.parsed) >= 6)
        await asyncio.sleep(0.5)

    tell(parses, story)
    assert sorted(divided.parsed) == [Shard(1, 8)] * 3 + [Shard(2, 8)] * 3


def test_a_later_parse_is_of_the_shards_alone_whose_last_load_needs_another(divided: DividedAirflow) -> None:
    divided.again_at = {Shard(2, 8): 1.0}
    parses = Parses(lambda: divided.store, divided.files, later_seconds=(0.3, 0.6), changed=set)

    async def story() -> None:
        parses.ask(divided.request, {id_in(Shard(1, 8)), id_in(Shard(2, 8))})
        await until(lambda: len(divided.parsed) >= 4)
        await asyncio.sleep(0.5)

    tell(parses, story)
    assert sorted(divided.parsed) == [Shard(1, 8)] + [Shard(2, 8)] * 3


def test_later_parses_of_one_change_are_not_repeated_for_the_changes_after_it(divided: DividedAirflow) -> None:
    divided.again_at = dict.fromkeys(shards(8), 1.0)
    parses = Parses(lambda: divided.store, divided.files, later_seconds=(0.2, 0.4), changed=set)

    async def story() -> None:
        for number in range(8):
            parses.ask(divided.request, {id_in(Shard(number, 8))})
            # Longer than until the first of them, and shorter than until the last.
            await asyncio.sleep(0.3)
        await until(lambda: divided.parsed.count(Shard(7, 8)) > 1)

    tell(parses, story)
    assert max(map(divided.parsed.count, shards(8))) <= 3


def test_changes_that_go_on_coming_do_not_put_off_the_later_parse_of_an_earlier_one(divided: DividedAirflow) -> None:
    divided.again_at = dict.fromkeys(shards(8), 1.0)
    parses = Parses(lambda: divided.store, divided.files, later_seconds=(0.5,), changed=set)

    async def story() -> None:
        parses.ask(divided.request, {id_in(Shard(1, 8))})
        while divided.parsed.count(Shard(1, 8)) < 2:
            parses.ask(divided.request, {id_in(Shard(2, 8))})
            await asyncio.sleep(0.1)

    tell(parses, lambda: asyncio.wait_for(story(), LIMIT))


def test_where_no_marker_can_be_made_the_same_shards_are_asked_for_again(divided: DividedAirflow) -> None:
    looks: list[set[str]] = [{id_in(Shard(3, 8))}]
    parses = Parses(
        lambda: divided.store, divided.files, changed=lambda: looks.pop() if looks else set(), later_seconds=(60,)
    )

    async def story() -> None:
        for times in (1, 2):
            parses.ask(divided.request, even_if_seen=True)
            await until(lambda times=times: len(divided.parsed) == times)  # type: ignore[misc]

    tell(parses, story)
    assert divided.parsed == [Shard(3, 8)] * 2


def test_thousands_of_changes_at_once_are_one_parse_of_each_shard_and_one_look_at_what_else_they_concern(
    divided: DividedAirflow,
) -> None:
    looks = 0

    def changed() -> set[str]:
        nonlocal looks
        looks += 1
        return set()

    parses = Parses(lambda: divided.store, divided.files, changed=changed, gather_seconds=0.3)

    async def story() -> None:
        for number in range(2000):
            parses.ask(divided.request, {str(number)})
        await until(lambda: looks > 0)

    tell(parses, story)
    assert divided.parsed == shards(8)
    assert looks == 1


def test_what_changed_before_the_loader_was_divided_are_all_announced_after(store: FolderStore) -> None:
    looks: list[frozenset[str] | None] = [frozenset({id_in(Shard(3, 8))}), None]
    airflow = DividedAirflow(store, 1)
    parses = Parses(lambda: store, airflow.files, changed=looks.pop)

    async def story() -> None:
        for of in (1, 8):
            airflow.divide(of)
            store.bump()
            parses.ask(airflow.request)
            await until(lambda of=of: bool(airflow.parsed) and airflow.parsed[-1].of == of)  # type: ignore[misc]
            await asyncio.sleep(0.5)  # until that is seen

    tell(parses, story)
    assert airflow.parsed == [WHOLE, Shard(3, 8)]


def test_a_look_at_what_has_changed_that_hangs_holds_up_no_change_of_one_s_own(divided: DividedAirflow) -> None:
    released = threading.Event()

    def changed() -> None:
        released.wait(LIMIT)

    parses = Parses(lambda: divided.store, divided.files, changed=changed, look_seconds=0.1)

    async def story() -> None:
        parses.ask(divided.request)
        parses.ask(divided.request, {id_in(Shard(5, 8))})
        try:
            await until(lambda: Shard(5, 8) in divided.parsed)
        finally:
            released.set()

    tell(parses, story)


class Scene:
    """A store of several pipelines whose loads have seen all, a writer, and Airflow's queue."""

    def __init__(self, store: FolderStore) -> None:
        self.store = store
        self.airflow = QueueingAirflow(store, 8)
        for name in ("old", "stays", "more"):
            self.put(name)
        self.airflow.queue = []
        for shard in shards(8):
            store.note_loaded(store.bump(), shard)
        self.looked = ChangedIds(lambda: store, lambda: None)
        self.looked()
        self.parses = Parses(lambda: store, self.airflow.files, changed=self.looked, gather_seconds=0.2)

    def put(self, name: str, description: str = "") -> None:
        document = {**SAMPLE, "name": name, "fullyQualifiedName": f"s.{name}", "description": description}
        writer.deploy(self.store, writer.checked(document))

    def own(self, name: str) -> None:
        """Ask as the API does for a change of its own, and then for a call that waits for the DAG."""
        self.parses.ask_if_unseen(self.airflow.request, {name})
        self.parses.ask(self.airflow.request, {name})

    async def deploy(self) -> str:
        self.put("new")
        self.own("new")
        return "new"

    async def redeploy(self) -> str:
        self.put("old", "changed")
        self.own("old")
        return "old"

    async def trigger(self) -> str:
        """Deploy, and trigger at once."""
        name = await self.deploy()
        await asyncio.sleep(0.1)
        self.parses.ask_if_unseen(self.airflow.request, {name})
        await until(lambda: bool(self.airflow.parsed))
        self.parses.ask_if_unseen(self.airflow.request, {name})
        return name

    async def delete(self) -> str:
        assert writer.delete(self.store, "old")
        self.own("old")
        assert await self.parses.wait_until_seen(20, {"old"})
        return "old"

    async def drop(self) -> str:
        self.store.root.joinpath("dropped by hand.json").write_text(json.dumps({**SAMPLE, "name": "dropped"}))
        self.store.bump({"dropped by hand.json": "new"})
        self.parses.ask(self.airflow.request)
        return "dropped"

    async def drop_after_a_deploy(self) -> str:
        """Drop a file of the same pipeline, while it is not found out yet what the deploy concerns besides."""
        await self.deploy()
        await until(lambda: bool(self.airflow.parsed))
        self.airflow.parsed.clear()
        await asyncio.sleep(0.5)
        return await self.drop()


@pytest.mark.slow
@pytest.mark.parametrize("change", ["deploy", "redeploy", "trigger", "delete", "drop", "drop_after_a_deploy"])
def test_one_change_has_one_loader_parsed_once(
    store: FolderStore, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    store.delete("one.json")
    scene = Scene(store)
    changed: list[str] = []

    async def story() -> None:
        working = asyncio.create_task(scene.airflow.work())
        changed.append(await getattr(scene, change)())
        await until(lambda: bool(scene.airflow.parsed))
        # Until it is found out what else the change concerns, and what was asked for then would be parsed.
        await asyncio.sleep(1.5)
        working.cancel()

    tell(scene.parses, story)
    assert scene.airflow.parsed == [shard_of(changed[0], 8)]
