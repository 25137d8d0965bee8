from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from dag_factory.api_server.watch.file_events import MAX_FOLDERS, FileEvents, Mount, open_file_events, remote_kind
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.folder.listing import identities
from dag_factory.store.own_files import MARKER
from tests.places import ROOT

LIMIT = 30


class Woken:
    """Waits for the next event."""

    def __init__(self) -> None:
        self.event = threading.Event()

    def by(self, change: Callable[[], object]) -> bool:
        self.event.clear()
        change()
        return self.event.wait(LIMIT)


@pytest.fixture
def woken() -> Woken:
    return Woken()


@pytest.fixture
def events(woken: Woken) -> Iterator[FileEvents]:
    events = FileEvents(woken.event.set)
    yield events
    events.close()
    assert not events.works()


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    (tmp_path / "configs").mkdir()
    return FolderStore(tmp_path / "configs")


def test_every_change_of_a_file_is_an_event(events: FileEvents, woken: Woken, store: FolderStore) -> None:
    assert events.cover(store.snapshot().folders)
    assert not events.cover(store.snapshot().folders)
    file, outside = store.root / "a.json", store.root.parent / "b.json"
    assert woken.by(lambda: file.write_text("{}"))
    assert woken.by(lambda: file.write_text("{ }"))
    assert woken.by(lambda: file.rename(store.root / "b.json"))
    assert woken.by(lambda: (store.root / "b.json").rename(outside))
    assert woken.by(lambda: outside.rename(file))
    assert woken.by(lambda: (store.root / "link.json").symlink_to(file))
    assert woken.by(lambda: os.link(file, store.root / "hard.json"))
    assert woken.by(file.unlink)
    assert woken.by((store.root / "folder").mkdir)


def test_folders_come_and_go_and_come_back(events: FileEvents, woken: Woken, store: FolderStore) -> None:
    folder = store.root / "a"
    events.cover(store.snapshot().folders)
    for _ in range(3):
        assert woken.by(folder.mkdir)
        assert events.cover(store.snapshot().folders)
        assert woken.by(lambda: (folder / "b.json").write_text("{}"))
        assert woken.by((folder / "b.json").unlink)
        assert woken.by(folder.rmdir)
        assert not events.cover(store.snapshot().folders)


def test_trees_that_appear_whole_again_and_again_lose_nobody(
    events: FileEvents, woken: Woken, store: FolderStore
) -> None:
    # watchdog's own watch of a whole tree meets such folders twice, and its thread dies where warnings are errors.
    events.cover(store.snapshot().folders)
    for number in range(30):
        deep = store.root / f"{number}" / "b" / "c"
        assert woken.by(partial(deep.mkdir, parents=True))
        events.cover(store.snapshot().folders)
        assert woken.by(partial((deep / "d.json").write_text, "{}"))
        assert events.works()


def test_reading_is_no_event_nor_what_the_store_writes_for_itself(
    events: FileEvents, woken: Woken, store: FolderStore
) -> None:
    store.write("a.json", b"{}")
    events.cover(store.snapshot().folders)
    woken.event.clear()
    for _ in range(3):
        store.read("a.json")
        store.bump()
        store.note_loaded(store.marker() or "")
        store.note({"x": "a.json"})
    # Events come in their order, so that those before it would have come.
    assert not woken.event.is_set()
    assert woken.by(lambda: store.delete("a.json"))
    assert (store.root / MARKER).exists()


def test_a_file_is_being_written_until_it_is_closed(events: FileEvents, woken: Woken, store: FolderStore) -> None:
    events.cover(store.snapshot().folders)
    path = store.root / "a.json"

    def until(is_being_written: bool) -> None:
        # As of a change from before the folder was watched: only what events have reported counts.
        while events.is_being_written(path, -math.inf) is not is_being_written:
            assert woken.event.wait(LIMIT)
            woken.event.clear()

    with path.open("w") as file:
        file.write("{")
        file.flush()
        until(True)
        assert not events.is_being_written(store.root / "b.json", -math.inf)
    until(False)
    with path.open("a") as file:
        file.write(" ")
        file.flush()
        until(True)
        path.unlink()
        until(False)


def test_a_linked_folder_is_watched_where_it_leads_to(events: FileEvents, woken: Woken, store: FolderStore) -> None:
    elsewhere = store.root.parent / "elsewhere"
    elsewhere.mkdir()
    (store.root / "link").symlink_to(elsewhere)
    events.cover(store.snapshot().folders)
    assert woken.by(lambda: (elsewhere / "a.json").write_text("{}"))


def test_more_folders_than_there_may_be_threads_are_refused(events: FileEvents, tmp_path: Path) -> None:
    for number in range(MAX_FOLDERS + 1):
        (tmp_path / f"{number}").mkdir()
    with pytest.raises(OSError, match="more than 200 folders"):
        events.cover(identities(tmp_path.iterdir()))


def test_a_folder_that_is_gone_is_refused(events: FileEvents, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        events.cover({tmp_path / "nothing": (1, 2)})


def test_a_change_counts_as_being_written_until_its_event_has_come_and_so_does_the_next_one(
    events: FileEvents, woken: Woken, store: FolderStore
) -> None:
    path, outside = store.root / "a.json", store.root.parent / "outside.json"
    events.cover(store.snapshot().folders)
    # A look at what was there before has come in between.
    events.cover(store.snapshot().folders)
    assert events.is_being_written(path, time.monotonic())
    outside.write_text("{}")
    assert woken.by(lambda: outside.rename(path))
    assert not events.is_being_written(path, time.monotonic())
    events.forget([path])
    assert events.is_being_written(path, time.monotonic())


def test_no_event_is_waited_for_of_what_was_there_before_its_folder_was_watched_nor_of_a_file_elsewhere(
    events: FileEvents, store: FolderStore
) -> None:
    (store.root.parent / "elsewhere.json").write_text("{}")
    (store.root / "link.json").symlink_to(store.root.parent / "elsewhere.json")
    seen_at = time.monotonic()
    events.cover(store.snapshot().folders)
    events.cover(store.snapshot().folders)
    assert not events.is_being_written(store.root / "a.json", seen_at)
    assert not events.is_being_written(store.root / "link.json", time.monotonic())
    assert events.is_being_written(store.root / "a.json", time.monotonic())


def test_a_link_that_leads_to_itself_is_one_file_among_others(events: FileEvents, store: FolderStore) -> None:
    link = store.root / "loop.json"
    link.symlink_to(link)
    events.cover(store.snapshot().folders)
    assert not events.is_being_written(link, time.monotonic())
    events.forget([link])


def test_a_local_folder_has_file_events(tmp_path: Path) -> None:
    events = open_file_events([tmp_path], lambda: None)
    assert events is not None
    assert events.works()
    events.close()


@pytest.mark.slow
def test_the_watcher_imports_watchdog_only_when_it_watches(tmp_path: Path) -> None:
    script = (
        "import dag_factory.api_server.watch.start, dag_factory.api_server.api.app, dag_factory.cli, sys, json;"
        "print(json.dumps('watchdog' in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"AIRFLOW_HOME": str(tmp_path), "PATH": ""},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) is False


MOUNTS = [
    Mount("/", "ext4"),
    Mount("/srv/nfs", "nfs4"),
    Mount("/srv/nfs/local", "tmpfs"),
    Mount("/srv/with space", "cifs"),
    Mount("/srv/bucket", "fuse.s3fs"),
    Mount("/srv/covered", "nfs"),
    Mount("/srv/covered", "xfs"),
    Mount("/srv/hostshare", "virtiofs"),
]


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/srv", None),
        ("/srv/nfs", "nfs4"),
        ("/srv/nfs/configs/sales", "nfs4"),
        ("/srv/nfsnot", None),
        ("/srv/nfs/local/configs", None),
        ("/srv/with space/configs", "cifs"),
        ("/srv/bucket", "fuse.s3fs"),
        ("/srv/covered", None),
        ("/srv/hostshare/configs", "virtiofs"),
    ],
)
def test_a_folder_lies_on_the_mount_nearest_to_it(folder: str, kind: str | None) -> None:
    assert remote_kind(Path(folder), MOUNTS) == kind


def test_a_link_is_followed_to_where_the_files_are(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/srv/nfs/configs")
    assert remote_kind(tmp_path / "link", MOUNTS) == "nfs4"


def test_where_no_mount_is_known_every_folder_is_a_local_one(tmp_path: Path) -> None:
    assert remote_kind(tmp_path, []) is None
