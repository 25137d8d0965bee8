from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import shutil
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from pathlib import Path, PosixPath
from typing import ClassVar

import pytest
from watchdog.events import FileSystemEvent

from dag_factory.api_server.watch.file_events import FileEvents, open_file_events
from dag_factory.api_server.watch.folder_watcher import FolderWatcher, OpenEvents
from dag_factory.api_server.watch.intervals import Intervals
from dag_factory.api_server.watch.leader_lock import LeaderLock
from dag_factory.api_server.watch.pending_changes import Debounce
from dag_factory.api_server.watch.watched_folder import WatchedFolder
from dag_factory.errors import StoreError
from dag_factory.store import writer
from dag_factory.store.folder.folder_store import FolderStore, Snapshot
from dag_factory.store.folder.listing import Identity
from dag_factory.store.memory import Known, Memory
from dag_factory.store.own_files import MARKER, PENDING
from tests.documents import REST

QUICK = Intervals(
    Debounce(settle=0.1, burst=2, quiet=0.3), gather=0.01, poll=0.1, check=0.1, look=60, retry=0.1, again=0.2
)
LIMIT = 60


class CountedStore(FolderStore):
    """
    A store that counts the listings of it.

    :param is_faulty: whether asking for its keys raises what nobody expects, with a config's text in it
    """

    looks = 0
    is_faulty = False

    def list_keys(self, unlisted: dict[str, str] | None = None) -> list[str]:
        if self.is_faulty:
            raise RuntimeError("hunter2")
        return super().list_keys(unlisted)

    def snapshot(self) -> Snapshot:
        snapshot = super().snapshot()
        self.looks += 1
        return snapshot


class Watched:
    """A store that is watched, and what its watcher asked for."""

    def __init__(self, root: Path) -> None:
        self.store = CountedStore(root)
        self.asked: list[bool] = []

    def ask(self, even_if_seen: bool) -> None:
        self.asked.append(even_if_seen)

    async def until(self, condition: Callable[[], bool]) -> None:
        async def wait() -> None:
            while not condition():
                await asyncio.sleep(0.02)

        await asyncio.wait_for(wait(), LIMIT)

    async def asked_by(self, change: Callable[[], object], caplog: pytest.LogCaptureFixture, line: str) -> None:
        """Make a change, and wait until a new marker, a request and a line in the log have come of it."""
        marker, asked = self.store.marker(), len(self.asked)
        change()
        await self.until(lambda: self.store.marker() != marker and len(self.asked) > asked and line in caplog.text)


Story = Callable[[Watched], Awaitable[None]]


@pytest.fixture(autouse=True)
def at_info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "dag_factory.api_server.watch")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "configs").mkdir()
    return tmp_path / "configs"


def tell(
    root: Path, story: Story, *, open_events: OpenEvents | None = open_file_events, intervals: Intervals = QUICK
) -> Watched:
    """Run a story beside a watcher."""

    async def run() -> Watched:
        watched = Watched(root)
        task = asyncio.create_task(
            FolderWatcher(watched.store, watched.ask, open_events=open_events, intervals=intervals).run()
        )
        try:
            if root.is_dir():
                await watched.until(lambda: bool(watched.asked))
            await story(watched)
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return watched

    return asyncio.run(run())


def pipeline(name: str) -> bytes:
    service = {"type": "databaseService", "name": "s"}
    return json.dumps({"name": name, "pipelineType": "metadata", "service": service, **REST}).encode()


def drop(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pipeline(path.stem))


@pytest.mark.slow
@pytest.mark.parametrize("open_events", [open_file_events, None], ids=["events", "poll"])
def test_every_kind_of_change_becomes_a_marker_a_request_and_a_line(
    root: Path, caplog: pytest.LogCaptureFixture, open_events: OpenEvents | None
) -> None:
    async def story(watched: Watched) -> None:
        steps: list[tuple[Callable[[], object], str]] = [
            (lambda: drop(root / "a.json"), "'a.json' is new, and is good"),
            (lambda: (root / "a.json").write_bytes(pipeline("a") + b" "), "'a.json' has changed, and is good"),
            (lambda: drop(root / "x" / "y" / "b.json"), "'x/y/b.json' is new"),
            (lambda: (root / "a.json").rename(root / "x" / "c.json"), "'a.json' is removed"),
            (
                lambda: (root / "defaults.yaml").write_text("displayName: All\n"),
                "'defaults.yaml' is new; all 2 configs that inherit it",
            ),
            (lambda: (root / "wrong.yaml").write_text("name: ["), "'wrong.yaml' is new, and is wrong"),
            (lambda: shutil.rmtree(root / "x"), "'x/y/b.json' is removed"),
        ]
        for change, line in steps:
            await watched.asked_by(change, caplog, line)

    tell(root, story, open_events=open_events)
    assert "'x/c.json' is new" in caplog.text


@pytest.mark.slow
def test_new_folders_again_and_again_end_no_thread(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(watched: Watched) -> None:
        for number in range(30):
            path = root / f"{number}" / "a" / "b" / f"c{number}.json"
            await watched.asked_by(lambda path=path: drop(path), caplog, f"c{number}.json' is new, and is good")  # type: ignore[misc]

    tell(root, story)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_what_a_writer_has_announced_are_all_announced(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(watched: Watched) -> None:
        for number in range(5):
            writer.deploy(FolderStore(root), writer.checked(writer.parsed(pipeline(f"deployed{number}"))))
        writer.delete(FolderStore(root), "deployed0")
        # Its own marker covers what has come before.
        await watched.asked_by(lambda: drop(root / "by_hand.json"), caplog, "by_hand.json' is new")

    # A writer may be slow between its file and its marker.
    watched = tell(root, story, intervals=Intervals(Debounce(settle=2)))
    assert watched.asked == [False, False]
    assert "deployed" not in caplog.text


def test_what_writers_announce_makes_it_list_nothing_and_a_drop_among_it_does(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    looks: list[int] = []

    async def story(watched: Watched) -> None:
        await watched.until(lambda: watched.store.looks > 1)

        def deploy(name: str) -> None:
            writer.deploy(FolderStore(root), writer.checked(writer.parsed(pipeline(name))))

        for number in range(3):
            looks.append(watched.store.looks)
            await asyncio.to_thread(deploy, f"deployed{number}")
            await asyncio.sleep(0.5)
        await asyncio.to_thread(writer.delete, FolderStore(root), "deployed0")
        await asyncio.sleep(0.5)
        looks.append(watched.store.looks)

        def drop_between_deploys() -> None:
            deploy("deployed3")
            drop(root / "by_hand.json")
            deploy("deployed4")

        await watched.asked_by(drop_between_deploys, caplog, "by_hand.json' is new")
        # As a person changes what a deploy has just written.
        await watched.asked_by(
            lambda: (root / "deployed4.json").write_bytes(pipeline("deployed4")), caplog, "deployed4.json' has changed"
        )

    tell(root, story)
    assert len(set(looks)) == 1


def test_a_writer_that_died_before_its_marker_is_made_good_for(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(watched: Watched) -> None:
        # The folder is listed again once it is covered: a listing amid the write would find the note and no file.
        await watched.until(lambda: watched.store.looks > 1)
        await watched.asked_by(lambda: FolderStore(root).write("a.json", pipeline("a")), caplog, "a.json' is new")

    tell(root, story)


def test_a_marker_that_is_due_without_a_change_to_see_is_made(root: Path) -> None:
    async def story(watched: Watched) -> None:
        writer.deploy(FolderStore(root), writer.checked(writer.parsed(pipeline("a"))))
        marker, asked = watched.store.marker(), len(watched.asked)
        # As one leaves it that died after its announcement.
        (root / PENDING).write_text('"a.json"')
        await watched.until(lambda: watched.store.marker() != marker and len(watched.asked) > asked)

    tell(root, story, open_events=None)


def test_a_marker_that_could_not_be_made_for_a_dropped_file_is_made_as_soon_as_it_can(root: Path) -> None:
    async def story(watched: Watched) -> None:
        marker = (root / MARKER).read_text()
        (root / MARKER).unlink()
        (root / MARKER / "in the way").mkdir(parents=True)
        drop(root / "a.json")
        await watched.until(lambda: True in watched.asked)
        watched.asked.clear()
        shutil.rmtree(root / MARKER)
        await watched.until(lambda: False in watched.asked)
        assert (watched.store.marker() or "") != marker

    tell(root, story, open_events=None)


def test_a_file_that_is_put_back_after_a_change_nobody_saw_is_news(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer.deploy(FolderStore(root), writer.checked(writer.parsed(pipeline("a"))))
    backup = shutil.copy2(root / "a.json", root.parent / "a.json")
    drop(root / "a.json")

    async def story(watched: Watched) -> None:
        await watched.asked_by(lambda: shutil.copy2(backup, root / "a.json"), caplog, "a.json' has changed")

    tell(root, story)


def test_half_a_file_is_not_judged(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = pipeline("a")
    slow = Intervals(Debounce(settle=0.1, burst=5, quiet=600), gather=0.01, check=0.1)

    async def story(watched: Watched) -> None:
        with (root / "a.json").open("wb", buffering=0) as file:
            file.write(whole[:10])
            await watched.asked_by(lambda: drop(root / "beside.json"), caplog, "beside.json' is new")
            file.write(whole[10:])
        await watched.until(lambda: "'a.json' is new, and is good" in caplog.text)

    tell(root, story, intervals=slow)
    assert "wrong" not in caplog.text


class LateEvents(FileEvents):
    """File events that wait in their queue until they may be read, as on a busy machine."""

    may_be_read = threading.Event()

    def dispatch(self, event: FileSystemEvent) -> None:
        assert self.may_be_read.wait(LIMIT)
        super().dispatch(event)


def test_half_a_file_is_not_judged_though_a_look_sees_it_before_its_events_are_read(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = pipeline("a")
    store, asked = CountedStore(root), list[bool]()
    intervals = Intervals(Debounce(settle=0.02, quiet=600), gather=0.01, check=0.02, look=0.02)
    LateEvents.may_be_read.clear()

    async def look(watched: Watched) -> None:
        looks = store.looks
        await watched.until(lambda: store.looks > looks + 10)

    async def story() -> None:
        watched = Watched(root)
        watcher = FolderWatcher(store, asked.append, open_events=lambda _, wake: LateEvents(wake), intervals=intervals)
        task = asyncio.create_task(watcher.run())
        try:
            await watched.until(lambda: bool(asked))
            with (root / "a.json").open("wb", buffering=0) as file:
                file.write(whole[:10])
                await look(watched)
                file.write(whole[10:])
            await look(watched)
            LateEvents.may_be_read.set()
            await watched.until(lambda: "'a.json' is new, and is good" in caplog.text)
        finally:
            LateEvents.may_be_read.set()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(story())
    assert "wrong" not in caplog.text
    assert "has changed" not in caplog.text


@pytest.mark.slow
def test_a_thousand_files_are_one_or_two_markers(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = root.parent / "source"
    for number in range(1000):
        drop(source / f"{number % 10}" / f"p{number}.json")

    async def story(watched: Watched) -> None:
        await asyncio.to_thread(shutil.copytree, source, root, dirs_exist_ok=True)
        await watched.until(lambda: "configs: each is new, and is good" in caplog.text)

    assert len(tell(root, story, intervals=Intervals()).asked) <= 3


@pytest.mark.parametrize("open_events", [open_file_events, None], ids=["events", "poll"])
def test_a_config_map_whose_link_is_swapped_is_noticed(
    root: Path, caplog: pytest.LogCaptureFixture, open_events: OpenEvents | None
) -> None:
    # As Kubernetes lays it out.
    drop(root / "..1" / "a.json")
    (root / "..data").symlink_to("..1")
    (root / "a.json").symlink_to("..data/a.json")

    def swap() -> None:
        (root / "..2").mkdir()
        (root / "..2" / "a.json").write_bytes(pipeline("a") + b"\n")
        (root / "..data_tmp").symlink_to("..2")
        (root / "..data_tmp").rename(root / "..data")
        shutil.rmtree(root / "..1")

    async def story(watched: Watched) -> None:
        await watched.asked_by(swap, caplog, "'a.json' has changed, and is good")

    tell(root, story, open_events=open_events)


def test_a_checkout_whose_link_is_swapped_is_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # As git-sync lays it out: the store lies below the link.
    drop(tmp_path / "1" / "configs" / "a.json")
    drop(tmp_path / "2" / "configs" / "b.json")
    (tmp_path / "current").symlink_to("1")

    def swap() -> None:
        (tmp_path / "new").symlink_to("2")
        (tmp_path / "new").rename(tmp_path / "current")

    async def story(watched: Watched) -> None:
        await watched.asked_by(swap, caplog, "'b.json' is new")

    tell(tmp_path / "current" / "configs", story)
    assert "'a.json' is removed" in caplog.text


def test_a_link_that_is_not_followed_is_named_once_and_the_rest_is_watched(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "configs"
    drop(root / "a.json")
    line = "folder 'x' can't be listed, so its configs stay as they were: It is a link to a folder above the store"

    async def story(watched: Watched) -> None:
        (root / "x").symlink_to("/")
        await watched.until(lambda: line in caplog.text)
        await watched.asked_by(lambda: drop(root / "b.json"), caplog, "'b.json' is new")

    tell(root, story)
    assert caplog.text.count(line) == 1


def test_another_path_of_a_folder_and_a_name_that_is_not_utf_8_are_named_once_however_often_the_store_is_listed(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    drop(root / "2026-11" / "a.json")
    lines = [
        "folder 'current' is listed under another path already",
        r"'\udcff.json' in folder '.' is not a name in UTF-8",
    ]

    async def story(watched: Watched) -> None:
        (root / "current").symlink_to("2026-11")
        (root / os.fsdecode(b"\xff.json")).touch()
        await watched.until(lambda: all(line in caplog.text for line in lines))
        before = watched.store.looks
        await watched.until(lambda: watched.store.looks > before + 3)
        (root / "again").symlink_to("2026-11")
        await watched.until(lambda: "'again' is listed under another path" in caplog.text)
        for _ in range(3):
            watched.store.list_keys()
            watched.store.stamps()

    caplog.set_level(logging.INFO, "dag_factory")
    tell(root, story, open_events=None)
    assert [caplog.text.count(line) for line in lines] == [1, 1]


def test_of_very_many_names_that_are_left_out_most_are_counted(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(130):
        (root / os.fsdecode(b"\xff%d.json" % number)).touch()
    WatchedFolder(FolderStore(root)).look()
    assert len(caplog.records) == 101
    assert "30 more files or folders" in caplog.text


def test_a_folder_that_is_not_there_yet_or_goes_for_a_while_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "configs"

    async def story(watched: Watched) -> None:
        await watched.until(lambda: "can't be listed" in caplog.text)
        drop(root / "a.json")
        await watched.until(lambda: bool(watched.asked))
        root.rename(tmp_path / "away")
        await watched.until(lambda: caplog.text.count("can't be listed") == 2)
        (tmp_path / "away").rename(root)
        await watched.asked_by(lambda: drop(root / "b.json"), caplog, "'b.json' is new")

    tell(root, story)
    assert "'a.json'" not in caplog.text


def test_the_second_process_waits_for_the_leader_lock(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> list[bool]:
        watched = Watched(root)
        with LeaderLock(root):
            task = asyncio.create_task(
                FolderWatcher(watched.store, watched.ask, open_events=open_file_events, intervals=QUICK).run()
            )
            await watched.until(lambda: "Another process watches" in caplog.text)
            drop(root / "a.json")
            await asyncio.sleep(0.5)
            assert watched.asked == []
        await watched.until(lambda: bool(watched.asked))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return watched.asked

    assert asyncio.run(run()) == [False]


class ReadOnly(FolderStore):
    """A store on which nothing can be written."""

    def bump(self, covering: object = None) -> str:
        raise StoreError("read-only")


def test_where_nothing_can_be_written_parses_are_asked_for_without_a_marker_twice(root: Path) -> None:
    async def run() -> None:
        watched = Watched(root)
        task = asyncio.create_task(
            FolderWatcher(ReadOnly(root), watched.ask, open_events=open_file_events, intervals=QUICK).run()
        )
        await watched.until(lambda: watched.asked == [True, True])
        drop(root / "a.json")
        await watched.until(lambda: watched.asked == [True] * 4)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


def test_with_more_folders_than_the_kernel_is_asked_to_watch_it_polls(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(201):
        (root / f"{number}").mkdir()

    async def story(watched: Watched) -> None:
        await watched.asked_by(lambda: drop(root / "7" / "a.json"), caplog, "'7/a.json' is new")

    tell(root, story)
    assert "there are more than 200 folders), so config_store is polled" in caplog.text


def test_a_store_that_was_missing_for_a_while_is_said_and_asked_for_again_though_no_file_has_changed(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    drop(root / "a.json")
    store = FolderStore(root, Memory(tmp_path / "state", str(root)))
    away = tmp_path / "away"
    asked: list[bool] = []

    async def story() -> None:
        watcher = asyncio.create_task(
            FolderWatcher(store, asked.append, open_events=open_file_events, intervals=QUICK).run()
        )

        async def until(condition: Callable[[], bool]) -> None:
            while not condition():
                await asyncio.sleep(0.02)

        try:
            await until(lambda: bool(asked) and (root / ".store").exists())
            root.rename(away)
            root.mkdir()  # the mount point without the mount
            await until(lambda: "Until the store is back, nothing is deployed or deleted" in caplog.text)
            assert list(root.iterdir()) == []
            await asyncio.sleep(10 * QUICK.retry)
            assert caplog.text.count("Until the store is back") == 1  # and not at each attempt
            before, marker = len(asked), FolderStore(away).marker()
            root.rmdir()
            away.rename(root)
            await until(lambda: len(asked) > before and store.marker() != marker)
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)

    asyncio.run(asyncio.wait_for(story(), LIMIT))
    assert "is back" in caplog.text
    assert "is removed" not in caplog.text


class UnmountedOnce(FolderStore):
    """A store that is unmounted just after its first listing."""

    is_mounted = True

    def snapshot(self) -> Snapshot:
        snapshot = super().snapshot()
        if self.is_mounted:
            self.is_mounted = False
            self.root.rename(self.root.with_name("away"))
            self.root.mkdir()
        return snapshot


def test_a_store_that_is_unmounted_just_after_its_first_start_is_not_taken_for_an_empty_one(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    drop(root / "a.json")
    memory = Memory(tmp_path / "state", str(root))
    store = UnmountedOnce(root, memory)

    async def story() -> None:
        watcher = asyncio.create_task(FolderWatcher(store, lambda _: None, intervals=QUICK).run())
        try:
            while "Until the store is back" not in caplog.text:
                await asyncio.sleep(0.02)
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)

    asyncio.run(asyncio.wait_for(story(), LIMIT))
    assert list(root.iterdir()) == []
    assert memory.known() == Known(None, is_empty=False)
    assert "is removed" not in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("turns", range(6))
def test_a_file_event_at_the_moment_of_its_end_does_not_keep_it_from_ending(root: Path, turns: int) -> None:
    drop(root / "a.json")
    wakes: list[Callable[[], None]] = []
    asked: list[bool] = []

    def opened(folders: Mapping[Path, Identity], wake: Callable[[], None]) -> FileEvents | None:
        wakes.append(wake)
        return open_file_events(folders, wake)

    async def end() -> None:
        watcher = asyncio.create_task(FolderWatcher(FolderStore(root), asked.append, open_events=opened).run())
        while not asked:
            await asyncio.sleep(0.02)
        # By then it waits for an event, and for a second.
        await asyncio.sleep(0.5)
        wakes[0]()
        for _ in range(turns):
            await asyncio.sleep(0)
        watcher.cancel()
        done, _ = await asyncio.wait([watcher], timeout=5)
        watcher.cancel()
        assert done

    asyncio.run(end())


def test_an_unexpected_error_while_changes_are_checked_is_logged_without_its_text_and_later_ones_are_logged(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(watched: Watched) -> None:
        watched.store.is_faulty = True
        line = "Changed configs can't be logged (RuntimeError, test_folder_watcher.py line "
        await watched.asked_by(lambda: (root / "defaults.yaml").write_text("displayName: All\n"), caplog, line)
        await watched.asked_by(lambda: drop(root / "b.json"), caplog, "'b.json' is new")

    tell(root, story)
    assert "hunter2" not in caplog.text


class UnendingEvents(FileEvents):
    """File events that can't be ended as the kernel says."""

    def close(self) -> None:
        super().close()
        raise OSError(errno.EIO, "Input/output error")


def test_file_events_that_can_not_be_ended_do_not_keep_it_from_ending(root: Path) -> None:
    def opened(folders: Mapping[Path, Identity], wake: Callable[[], None]) -> FileEvents | None:
        return UnendingEvents(wake)

    async def end() -> None:
        asked: list[bool] = []
        watcher = asyncio.create_task(
            FolderWatcher(FolderStore(root), asked.append, open_events=opened, intervals=QUICK).run()
        )
        while not asked:
            await asyncio.sleep(0.02)
        watcher.cancel()
        done, _ = await asyncio.wait([watcher], timeout=5)
        watcher.cancel()
        assert done
        assert watcher.cancelled()

    asyncio.run(asyncio.wait_for(end(), LIMIT))


class FarEvents(FileEvents):
    """File events that must not be asked in the event loop: that asks the file system, for each of very many files."""

    asked_in_loop: ClassVar[list[str]] = []

    def is_being_written(self, file: Path, seen_at: float) -> bool:
        self._ask("is_being_written")
        return super().is_being_written(file, seen_at)

    def forget(self, files: Iterable[Path]) -> None:
        self._ask("forget")
        super().forget(files)

    def _ask(self, name: str) -> None:
        if threading.current_thread() is threading.main_thread():
            self.asked_in_loop.append(name)


def test_what_is_asked_of_the_file_system_for_each_changed_file_is_asked_outside_of_the_event_loop(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(watched: Watched) -> None:
        await watched.until(lambda: watched.store.looks > 1)
        writer.deploy(FolderStore(root), writer.checked(writer.parsed(pipeline("deployed"))))
        await watched.asked_by(lambda: drop(root / "a.json"), caplog, "'a.json' is new")

    FarEvents.asked_in_loop.clear()
    tell(root, story, open_events=lambda _, wake: FarEvents(wake))
    assert FarEvents.asked_in_loop == []


class HangingPath(PosixPath):
    """A path on a file system that does not answer until it is told to."""

    answers = threading.Event()
    asked = threading.Event()
    # Whether a thread was asked to wait that everything else in the process needs.
    is_loop_blocked = False

    def __fspath__(self) -> str:
        type(self).asked.set()
        if threading.current_thread() is threading.main_thread():
            type(self).is_loop_blocked = True
        else:
            assert type(self).answers.wait(LIMIT)
        return str(super().__fspath__())


@pytest.fixture
def hanging(root: Path) -> Iterator[Path]:
    HangingPath.answers.clear()
    HangingPath.asked.clear()
    HangingPath.is_loop_blocked = False
    yield HangingPath(root)
    HangingPath.answers.set()


def test_a_file_system_that_hangs_blocks_nothing_else_in_the_process_and_is_watched_once_it_answers(
    root: Path, hanging: Path
) -> None:
    async def story() -> None:
        watched = Watched(root)
        watched.store.root = hanging
        watcher = asyncio.create_task(FolderWatcher(watched.store, watched.ask, intervals=QUICK).run())
        try:
            # When it asks for the lock.
            await watched.until(HangingPath.asked.is_set)
            HangingPath.answers.set()
            await watched.until(lambda: bool(watched.asked))
            # And while it watches.
            HangingPath.answers.clear()
            HangingPath.asked.clear()
            await watched.until(HangingPath.asked.is_set)
            HangingPath.answers.set()
            looks = watched.store.looks
            await watched.until(lambda: watched.store.looks > looks + 1)
        finally:
            HangingPath.answers.set()
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)

    asyncio.run(story())
    assert not HangingPath.is_loop_blocked


def test_while_another_process_leads_a_file_system_that_hangs_blocks_nothing_either(
    root: Path, hanging: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        watched = Watched(root)
        watched.store.root = hanging
        HangingPath.answers.set()
        watcher = asyncio.create_task(FolderWatcher(watched.store, watched.ask, intervals=QUICK).run())
        await watched.until(lambda: "Another process watches" in caplog.text)
        HangingPath.answers.clear()
        HangingPath.asked.clear()
        await watched.until(HangingPath.asked.is_set)
        # Nor does it keep the watcher from ending.
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)

    with LeaderLock(root):
        asyncio.run(story())
    assert not HangingPath.is_loop_blocked
