"""Reads configs and validates each by itself, one after the other or in several processes at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import chain
from multiprocessing import get_context
from typing import TYPE_CHECKING

from dag_factory.configs.allowed import Allowed
from dag_factory.configs.problem import ERROR, Problem
from dag_factory.errors import ConfigError, StoreError
from dag_factory.store.claims import named_in
from dag_factory.store.config import Config, examine_config
from dag_factory.store.config_files import ConfigFiles
from dag_factory.store.file_names import stem_id
from dag_factory.store.summary import Summary, summary_of

if TYPE_CHECKING:
    from dag_factory.store import ConfigStore

# With fewer configs, the processes are not worth their start.
_WORTH_IT = 200
_CHUNK = 50


@dataclass(frozen=True)
class Reading:
    """
    What one config says, whatever the others do.

    :param named_id: the DAG id that its name gives, None where it names none
    :param problem: of its file or of its defaults, so that it could not be validated
    :param problems: what validation has found, errors first
    """

    key: str
    named_id: str | None
    problem: ConfigError | None
    problems: tuple[Problem, ...]
    summary: Summary

    @property
    def is_good(self) -> bool:
        """Whether it can run if it gets its DAG id."""
        is_valid = not any(problem.level == ERROR for problem in self.problems)
        return self.problem is None and is_valid and self.named_id is not None


Read = Callable[["ConfigStore", Sequence[str], Allowed], Iterable[Reading]]
"""Reads the configs of a store by their keys, and leaves out those that are gone by now."""


def one_by_one(store: ConfigStore, keys: Sequence[str], allowed: Allowed) -> Iterator[Reading]:
    """Read configs in this process."""
    store.prefetch(keys)
    files = ConfigFiles(store)
    for key in keys:
        if (reading := read_config(files, key, allowed)) is not None:
            yield reading


def in_processes(processes: int) -> Read:
    """
    Return what reads the configs of a folder in several processes, where there are many.

    They are forks, so the caller must not have threads.
    """

    def read(store: ConfigStore, keys: Sequence[str], allowed: Allowed) -> Iterable[Reading]:
        if processes < 2 or len(keys) < _WORTH_IT:
            return one_by_one(store, keys, allowed)
        pool = ProcessPoolExecutor(processes, get_context("fork"), _begin, (store, allowed))
        chunks = [keys[start : start + _CHUNK] for start in range(0, len(keys), _CHUNK)]
        # Begun here and not by the first that is asked for: by then the caller may show progress, in a thread.
        return _all_of(pool, pool.map(_read_some, chunks))

    return read


def _all_of(pool: ProcessPoolExecutor, read: Iterable[list[Reading]]) -> Iterator[Reading]:
    with pool:
        try:
            yield from chain.from_iterable(read)
        except BrokenProcessPool:
            # By then it is not known which configs were not read, and a part of them must not pass for all.
            raise StoreError("A process that read configs was killed. Is there enough memory? Retry.") from None


def _begin(store: ConfigStore, allowed: Allowed) -> None:
    """Prepare a process of the pool."""
    _mine.append((ConfigFiles(store), allowed))


_mine: list[tuple[ConfigFiles, Allowed]] = []


def _read_some(keys: Sequence[str]) -> list[Reading]:
    files, allowed = _mine[-1]
    return [reading for key in keys if (reading := read_config(files, key, allowed)) is not None]


def read_config(files: ConfigFiles, key: str, allowed: Allowed) -> Reading | None:
    """Return what one config says by itself, None where it is missing."""
    contents = files.contents(key)
    if contents is None:
        return None
    document = contents.document or {}
    named_id = named_in(document)
    problems: tuple[Problem, ...] = ()
    if contents.problem is None:
        problems = examine_config(Config(named_id or stem_id(key), key, document), allowed, warnings=True).problems
    return Reading(key, named_id, contents.problem, problems, summary_of(document))
