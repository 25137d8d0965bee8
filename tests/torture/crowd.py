"""Many at once: writers, a watcher and people in processes that are killed at random, and readers that are not."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from dag_factory.api_server.watch.file_events import open_file_events
from dag_factory.api_server.watch.folder_watcher import FolderWatcher
from dag_factory.api_server.watch.intervals import Intervals
from dag_factory.api_server.watch.pending_changes import Debounce
from dag_factory.store import writer
from dag_factory.store.catalog import Catalog
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.own_files import PENDING
from tests.torture.calls import contents, deploy, drop, load, set_up, version_of
from tests.torture.judge import NEW
from tests.torture.processes import forked

WRITERS, READERS = 4, 2
INTERVALS = Intervals(
    Debounce(settle=0.05, burst=0.5, quiet=0.1), gather=0.01, poll=0.05, check=0.05, look=0.2, retry=0.05
)
PAUSE_SECONDS = 0.01


def watcher(store: FolderStore) -> FolderWatcher:
    return FolderWatcher(store, lambda even_if_seen: None, open_events=open_file_events, intervals=INTERVALS)


class Announcing(FolderStore):
    """A store that logs which change each of its markers covers: name, version, and whether it is a deletion."""

    def __init__(self, root: Path, log: Path, change: list[object]) -> None:
        super().__init__(root, lock_seconds=60)
        self._log, self._change = log, change

    def bump(self, covering: Mapping[str, str | None] | None = None) -> str:
        marker = super().bump(covering)
        append(self._log, [marker, *self._change])
        return marker


@dataclass
class Figures:
    deploys: int = 0
    looks: int = 0
    kills: int = 0
    markers: int = 0

    def __str__(self) -> str:
        return (
            f"{self.deploys} deploys and deletes, {self.kills} kills, {self.looks} looks at all configs, "
            f"{self.markers} markers seen"
        )


class Crowd:
    """
    A store that many work on at once.

    :param folder: holds the store and the logs
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._root = folder / "configs"
        self._random = random.Random(seed)
        self.findings: list[str] = []
        self.figures = Figures()

    def run(self, seconds: float) -> None:
        """Let them work for some time, kill one of them now and then, and look whether all was seen."""
        set_up(self._root)
        mortal: dict[int, Callable[[], object]] = {}
        writers = [partial(self._write, number) for number in range(WRITERS)]
        works: list[Callable[[], object]] = [*writers, self._watch, self._drop, self._load]
        for work in works:
            mortal[forked(work)] = work
        readers = [forked(partial(self._read, number)) for number in range(READERS)]
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(self._random.uniform(0, 0.2))
            pid = self._random.choice(list(mortal))
            work = mortal.pop(pid)
            end(pid)
            self.figures.kills += 1
            mortal[forked(work)] = work
        for pid in (*mortal, *readers):
            end(pid)
        self._check()

    def _write(self, number: int) -> None:
        """Deploy one pipeline again and again, a newer version each time; the first of the writers deletes it too."""
        name, log = f"p{number}", self._folder / f"writer{number}"
        # More than any version that was deployed and could not be logged any more.
        version = max((entry[2] for entry in entries(log)), default=0) + 10
        while True:
            version += 1
            is_deletion = number == 0 and version % 3 == 0
            store = Announcing(self._root, log, [name, version, is_deletion])
            if is_deletion:
                writer.delete(store, name)
            else:
                deploy(store, name, version)
            time.sleep(PAUSE_SECONDS)

    def _drop(self) -> None:
        """Do as people do: with a whole file, and with half of one first."""
        store, version = FolderStore(self._root), 0
        while True:
            version += 1
            drop(store, "team/person.yaml", "person", version)
            with (self._root / "torn.json").open("w") as file:
                file.write('{"name": ')
                file.flush()
                time.sleep(0.1)
                file.write('"torn"}')
            time.sleep(0.1)

    def _watch(self) -> None:
        asyncio.run(watcher(FolderStore(self._root)).run())

    def _load(self) -> None:
        while True:
            load(FolderStore(self._root))
            time.sleep(PAUSE_SECONDS)

    def _read(self, number: int) -> None:
        """Look at the marker, then at all configs, again and again."""
        log, store = self._folder / f"reader{number}", FolderStore(self._root)
        while True:
            marker = store.marker()
            documents = (config.document for config in Catalog(store).all())
            seen = {doc["name"]: int(str(doc["displayName"])[1:]) for doc in documents if "displayName" in doc}
            append(log, [marker, seen])
            time.sleep(PAUSE_SECONDS)

    def _check(self) -> None:
        written = [entry for number in range(WRITERS) for entry in entries(self._folder / f"writer{number}")]
        self.figures.deploys = len(written)
        for number in range(READERS):
            self._check_reader(number, written)
        store = FolderStore(self._root)
        self._quiet(store)
        for key, data in contents(self._root).items():
            if key != "torn.json" and not key.endswith(".part"):
                version_of(data, key)
        load(store)
        if store.loaded() != store.marker():
            self.findings.append("the last load has not noted the last marker")
        left = [path.name for path in self._root.rglob("*") if NEW.fullmatch(path.name) or path.name == PENDING]
        if left:
            self.findings.append(f"{left} are left")

    def _quiet(self, store: FolderStore) -> None:
        """Let a last watcher take up what there is."""

        async def watched() -> None:
            watching = asyncio.create_task(watcher(store).run())
            await asyncio.sleep(1)
            watching.cancel()

        asyncio.run(watched())

    def _check_reader(self, number: int, written: list[list[Any]]) -> None:
        looks = entries(self._folder / f"reader{number}")
        self.figures.looks += len(looks)
        self.figures.markers += len({marker for marker, _ in looks})
        last = ""
        for marker, seen in looks:
            if marker < last:
                self.findings.append(f"reader {number} saw marker {marker} after {last}")
            last = marker
            for name, version, is_deletion in covered_by(marker, written):
                found = seen.get(name)
                # What is newer was on its way to a marker of its own.
                is_seen = found is None or found > version if is_deletion else found is not None and found >= version
                if not is_seen and not (found is None and name == "p0"):
                    self.findings.append(f"reader {number} saw {name} v{found} by a marker that covers v{version}")


def covered_by(marker: str, written: list[list[Any]]) -> list[list[Any]]:
    """Return what is the newest of each pipeline that a marker covers: name, version and whether it is deleted."""
    newest: dict[str, list[Any]] = {}
    for covering, *what in written:
        if covering <= marker:
            newest[what[0]] = max(newest.get(what[0], what), what, key=lambda each: each[1])
    return list(newest.values())


def append(log: Path, entry: object) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, json.dumps(entry).encode() + b"\n")
    os.close(descriptor)


def entries(log: Path) -> list[list[Any]]:
    found = []
    if log.exists():
        for line in log.read_text().splitlines():
            with suppress(ValueError):
                found.append(json.loads(line))
    return found


def end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
