from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.folder.listing import identities
from dag_factory.store.folder.own_files import MARKER
from dag_factory.watch.folder_events import MAX_FOLDERS, FolderEvents

LIMIT = 30


class Hinted:
    """Counts hints, and waits for the next one."""

    def __init__(self) -> None:
        self.event = threading.Event()

    def by(self, change: Callable[[], object]) -> bool:
        self.event.clear()
        change()
        return self.event.wait(LIMIT)


@pytest.fixture
def hinted() -> Hinted:
    return Hinted()


@pytest.fixture
def events(hinted: Hinted) -> Iterator[FolderEvents]:
    events = FolderEvents(hinted.event.set)
    yield events
    events.close()
    assert not events.works()


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    (tmp_path / "configs").mkdir()
    return FolderStore(tmp_path / "configs")


def test_whatever_changes_a_file_is_hinted_at(events: FolderEvents, hinted: Hinted, store: FolderStore) -> None:
    assert events.cover(store.snapshot().folders)
    assert not events.cover(store.snapshot().folders)
    file, outside = store.root / "a.json", store.root.parent / "b.json"
    assert hinted.by(lambda: file.write_text("{}"))
    assert hinted.by(lambda: file.write_text("{ }"))
    assert hinted.by(lambda: file.rename(store.root / "b.json"))
    assert hinted.by(lambda: (store.root / "b.json").rename(outside))
    assert hinted.by(lambda: outside.rename(file))
    assert hinted.by(lambda: (store.root / "link.json").symlink_to(file))
    assert hinted.by(lambda: os.link(file, store.root / "hard.json"))
    assert hinted.by(file.unlink)
    assert hinted.by((store.root / "folder").mkdir)


def test_folders_come_and_go_and_come_back(events: FolderEvents, hinted: Hinted, store: FolderStore) -> None:
    folder = store.root / "a"
    events.cover(store.snapshot().folders)
    for _ in range(3):
        assert hinted.by(folder.mkdir)
        assert events.cover(store.snapshot().folders)
        assert hinted.by(lambda: (folder / "b.json").write_text("{}"))
        assert hinted.by((folder / "b.json").unlink)
        assert hinted.by(folder.rmdir)
        assert not events.cover(store.snapshot().folders)


def test_trees_that_appear_whole_again_and_again_lose_nobody(
    events: FolderEvents, hinted: Hinted, store: FolderStore
) -> None:
    # watchdog's own watch of a whole tree meets such folders twice, and its thread dies where warnings are errors.
    events.cover(store.snapshot().folders)
    for number in range(30):
        deep = store.root / f"{number}" / "b" / "c"
        assert hinted.by(partial(deep.mkdir, parents=True))
        events.cover(store.snapshot().folders)
        assert hinted.by(partial((deep / "d.json").write_text, "{}"))
        assert events.works()


def test_reading_is_not_hinted_at_nor_what_the_store_writes_for_itself(
    events: FolderEvents, hinted: Hinted, store: FolderStore
) -> None:
    store.write("a.json", b"{}")
    events.cover(store.snapshot().folders)
    hinted.event.clear()
    for _ in range(3):
        store.read("a.json")
        store.bump()
        store.note_loaded(store.marker() or "")
        store.note({"x": "a.json"})
    # Events come in their order, so that those before it would have been hinted at.
    assert not hinted.event.is_set()
    assert hinted.by(lambda: store.delete("a.json"))
    assert (store.root / MARKER).exists()


def test_a_file_is_being_written_until_it_is_closed(events: FolderEvents, hinted: Hinted, store: FolderStore) -> None:
    events.cover(store.snapshot().folders)
    path = store.root / "a.json"

    def until(is_being_written: bool) -> None:
        while events.is_being_written(path) is not is_being_written:
            assert hinted.event.wait(LIMIT)
            hinted.event.clear()

    with path.open("w") as file:
        file.write("{")
        file.flush()
        until(True)
        assert not events.is_being_written(store.root / "b.json")
    until(False)
    with path.open("a") as file:
        file.write(" ")
        file.flush()
        until(True)
        path.unlink()
        until(False)


def test_a_linked_folder_is_watched_where_it_leads_to(events: FolderEvents, hinted: Hinted, store: FolderStore) -> None:
    elsewhere = store.root.parent / "elsewhere"
    elsewhere.mkdir()
    (store.root / "link").symlink_to(elsewhere)
    events.cover(store.snapshot().folders)
    assert hinted.by(lambda: (elsewhere / "a.json").write_text("{}"))


def test_more_folders_than_there_may_be_threads_are_refused(events: FolderEvents, tmp_path: Path) -> None:
    for number in range(MAX_FOLDERS + 1):
        (tmp_path / f"{number}").mkdir()
    with pytest.raises(OSError, match="more than 200 folders"):
        events.cover(identities(tmp_path.iterdir()))


def test_a_folder_that_is_gone_is_refused(events: FolderEvents, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        events.cover({tmp_path / "nothing": (1, 2)})
