"""Notes of each load in Airflow's DAG processor: when it began, how far it came, and that it ended by itself."""

from __future__ import annotations

import atexit
import fcntl
import json
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from dag_factory.dag.load_history import Limits, LoadHistory, LoadRecord, problem_of
from dag_factory.settings import airflow_settings
from dag_factory.settings.airflow_versions import is_dag_processor
from dag_factory.store.shards import WHOLE, Shard

if TYPE_CHECKING:
    from typing_extensions import Self

    from dag_factory.store import ConfigStore

log = logging.getLogger(__name__)

_MAX_BYTES = 10_000
# Not that of a config: somebody may have put `state_folder` into the config store.
_SUFFIX = ".load"


class LoadNotes:
    """
    Notes a load while it runs. Nothing here raises, and without a file nothing is kept.

    Airflow kills a parse that takes too long, so that it can't report anything itself: the next load finds that the one
    before began and did not end. While a load runs, its process has a lock on the file, so that another DAG processor
    of this machine does not take it for a killed one.

    :param store: gets the problem, for those who can't see the file
    :param path: of the file, None to keep nothing
    :param clock: returns seconds since the epoch
    """

    def __init__(
        self,
        store: ConfigStore,
        path: Path | None,
        limits: Limits,
        shard: Shard = WHOLE,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._path = path
        self._shard = shard
        self._clock = clock
        self._load = LoadRecord(clock(), limits)
        self._loads = LoadHistory()
        self._lock: int | None = None

    @property
    def build_seconds(self) -> float | None:
        """For how many seconds the load may build DAGs, None for no limit."""
        return self._loads.build_seconds(self._load.limits)

    @property
    def seconds(self) -> float:
        """After how many seconds all DAGs were built, 0 before that."""
        return self._load.built or 0.0

    @property
    def problem(self) -> str | None:
        """What is wrong with the loads so far, None where nothing is."""
        return problem_of(self._loads, self._shard)

    def __enter__(self) -> Self:
        """Note that a load has begun, and what was wrong with those before: this one may be killed too."""
        if self._path is not None and self._take_lock(self._path):
            self._loads = read_loads(self._path).began(self._load)
            self._write()
            if self.problem is not None:
                log.error("%s", self.problem)
                self._store.note_load_problem(self.problem, self._shard)
        return self

    def built(self, dags: int | None, *, left_out: int = 0, put_off: int = 0) -> None:
        """
        Note that all DAGs are built.

        :param dags: how many, None where the store could not be read
        :param left_out: how many new configs had to wait for lack of time
        :param put_off: how many configs were not read or judged again for lack of time
        """
        given, before = self.build_seconds, self.problem
        seconds = self._clock() - self._load.began
        self._go_on(replace(self._load, dags=dags, given=given, built=seconds, left_out=left_out, put_off=put_off))
        if self.problem is not None and self.problem != before:
            log.log(logging.ERROR if left_out or put_off else logging.WARNING, "%s", self.problem)
        self._store.note_load_problem(self.problem, self._shard)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Airflow ends a load that takes too long by an exception that is not an Exception.
        if self._load.built is None and kind is not None and issubclass(kind, Exception):
            self._go_on(replace(self._load, built=self._clock() - self._load.began))

    def end(self) -> None:
        """Note that the whole parse has ended by itself."""
        before = self.problem
        self._go_on(replace(self._load, ended=self._clock() - self._load.began))
        if self.problem != before:
            if self.problem is not None:
                log.warning("%s", self.problem)
            self._store.note_load_problem(self.problem, self._shard)

    def _go_on(self, load: LoadRecord) -> None:
        self._load = load
        # What another process has noted meanwhile stays as it is.
        self._loads = self._loads.went_on(load)
        if self._lock is not None:
            self._write()

    def _take_lock(self, path: Path) -> bool:
        with suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(lock)
            else:
                self._lock = lock  # until the process ends
        return self._lock is not None

    def _write(self) -> None:
        noted = {name: load.as_json() for name, load in vars(self._loads).items() if isinstance(load, LoadRecord)}
        text = json.dumps(noted | {"killed": self._loads.killed}).encode()
        with suppress(OSError):
            assert self._lock is not None
            # In place, since the lock is on this very file. A torn note can't be read, and counts as missing.
            os.pwrite(self._lock, text, 0)
            os.ftruncate(self._lock, len(text))


def begin_notes(store: ConfigStore, memory: Path | None, shard: Shard = WHOLE) -> LoadNotes:
    """
    Return the notes of a load. In Airflow's DAG processor they last until its process for this parse ends.

    :param memory: the file in which this machine remembers the store, None where it must not remember anything
    """
    is_parse = memory is not None and is_dag_processor()
    notes = LoadNotes(store, notes_path(memory, shard) if memory and is_parse else None, _limits(), shard)
    if is_parse:
        # Airflow forks a process for each parse. It runs what was registered there when it ends by itself.
        atexit.register(notes.end)
    return notes


def read_loads(path: Path) -> LoadHistory:
    """Return what a file of notes says, nothing where it is missing or can't be read."""
    try:
        with path.open("rb") as file:
            noted = json.loads(file.read(_MAX_BYTES))
        last, complete = (LoadRecord.from_json(noted.get(name)) for name in ("last", "complete"))
        killed = noted.get("killed")
    except (OSError, ValueError, AttributeError):
        return LoadHistory()
    return LoadHistory(last, complete, killed if isinstance(killed, int) else 0)


def notes_path(memory: Path, shard: Shard) -> Path:
    """
    Return the file of notes of a shard's loads.

    :param memory: the file in which this machine remembers the store
    """
    return memory.with_suffix(".loads") / f"{Path(shard.file_name).stem}{_SUFFIX}"


def _limits() -> Limits:
    """Return Airflow's limits; a setting that is not a number is left to Airflow to report."""
    try:
        return Limits(*airflow_settings.load_limits())
    except Exception as error:  # noqa: BLE001 - Airflow's own exception for it has moved between versions
        log.error("Airflow's time limits for a parse can't be read (%s), so a load has none", type(error).__name__)
        return Limits()
