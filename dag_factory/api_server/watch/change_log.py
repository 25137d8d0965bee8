"""The log lines for changed configs: one for each, good or what is wrong and where, never a value."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from dag_factory.configs.problem import Problem
from dag_factory.portable.plain_text import one_line
from dag_factory.store import ConfigStore
from dag_factory.store.config_files import is_defaults
from dag_factory.store.examination import LAST_GOOD, Examination

log = logging.getLogger(__name__)

NEW, CHANGED, REMOVED = "is new", "has changed", "is removed"
# If more are good, they are only counted. If more are wrong, those with the same cause share a line.
MAX_LINES = 20
# The most names in a line, and the most problems shown of one config.
_NAMES_IN_LINE = 100
_MOST_PROBLEMS = 20


def report(store: ConfigStore, changes: Mapping[str, str]) -> None:
    """
    Validate configs that have changed, and log the results.

    :param changes: NEW, CHANGED or REMOVED by key
    :raises StoreError: where the store can't be listed
    """
    reader = _Reader(store)
    good: dict[str, list[str]] = {NEW: [], CHANGED: [], REMOVED: []}
    wrong: list[_Wrong] = []
    for key, change in sorted(changes.items()):
        try:
            said = _check_heirs(reader, key) if is_defaults(key) else _check(reader, key, change)
        except KeyError:
            good[REMOVED].append(f"config '{key}' {REMOVED}")
        except _Wrong as found:
            found.key, found.change = key, change
            wrong.append(found)
        else:
            good[change].append(f"config '{key}' {change}{said}")
    for change, lines in good.items():
        if len(lines) > MAX_LINES:
            lines[:] = [f"{len(lines)} configs: each {change}{'' if change == REMOVED else ', and is good'}"]
        for line in lines:
            log.info("%s", one_line(line))
    for line in [*_lines(wrong), *_doubtful(reader.doubts)]:
        log.warning("%s", one_line(line))


class _Wrong(Exception):
    """A config is wrong: its problems, and whether its last good version keeps running."""

    key = ""
    change = ""

    def __init__(self, problems: Sequence[Problem], after: str = "", sentence: str = "") -> None:
        super().__init__()
        self.problems = problems
        self.after = after
        self.sentence = sentence

    @property
    def cause(self) -> str:
        """A text that is the same for configs with the same mistake."""
        first = self.problems[0]
        return f"{replace(first, config=None, line=None)}".rstrip(".") + self.after

    def __str__(self) -> str:
        if self.sentence:
            return f"config '{self.key}' {self.change}; {self.sentence}"
        problems = [str(replace(each, config=_other(each.config, self.key))) for each in self.problems[:_MOST_PROBLEMS]]
        more = len(self.problems) - len(problems)
        counted = f" in {len(self.problems)} fields" if len(self.problems) > 1 else ""
        said = "; ".join(each.rstrip(".") for each in problems) + (f"; and {more} more" if more else "")
        return f"config '{self.key}' {self.change}, and is wrong{counted}: {said}{self.after}"


class _Reader:
    """The configs of a store as they are now, examined, and the warnings for good ones."""

    def __init__(self, store: ConfigStore) -> None:
        self.store = store
        self._examination = Examination(store)
        self.doubts: dict[str, Sequence[Problem]] = {}

    def dag_id(self, key: str) -> str:
        """
        Return the DAG id of a good config.

        :raises KeyError: where it was removed meanwhile
        :raises _Wrong: where it is wrong
        """
        found = self._examination.of(key)
        if found is None:
            raise KeyError(key)
        if found.problems:
            after = "; its last good version keeps running" if found.state == LAST_GOOD else ""
            raise _Wrong([*found.problems, *found.warnings], after)
        if found.warnings:
            self.doubts[key] = found.warnings
        return found.dag_id


def _check(reader: _Reader, key: str, change: str) -> str:
    """
    Return what the log line says after the change, empty for a removed config.

    :raises KeyError: where it was removed meanwhile
    :raises _Wrong: where it is wrong
    """
    return "" if change == REMOVED else f", and is good: DAG '{reader.dag_id(key)}'"


def _check_heirs(reader: _Reader, defaults: str) -> str:
    """Check the configs that inherit defaults; raises _Wrong where some are wrong."""
    folder = PurePosixPath(defaults).parent
    keys = [
        key for key in reader.store.list_keys() if not is_defaults(key) and PurePosixPath(key).is_relative_to(folder)
    ]
    wrong: list[_Wrong] = []
    for key in keys:
        try:
            reader.dag_id(key)
        except KeyError:
            continue
        except _Wrong as found:
            found.key = key
            wrong.append(found)
    if wrong:
        first = wrong[0]
        problem = replace(first.problems[0], config=first.problems[0].config or first.key)
        names = ", ".join(f"'{each.key}'" for each in wrong)
        # The defaults may not be the cause: the first problem names the file and field.
        raise _Wrong(
            (problem,),
            sentence=f"of the {len(keys)} configs that inherit it, {len(wrong)} are wrong ({names}). "
            f"The first: {str(problem).rstrip('.')}{first.after}",
        )
    return f"; all {len(keys)} configs that inherit it are good"


def _lines(wrong: Sequence[_Wrong]) -> Iterator[str]:
    """Yield the lines for wrong configs: each is named, and very many with the same cause share lines."""
    if len(wrong) <= MAX_LINES:
        yield from map(str, wrong)
        return
    causes: dict[str, list[_Wrong]] = {}
    for each in wrong:
        causes.setdefault(each.sentence or each.cause, []).append(each)
    for cause, group in causes.items():
        if len(group) == 1:
            yield str(group[0])
            continue
        yield f"{len(group)} configs are wrong: {cause}"
        names = [f"'{each.key}'" + (f" ({place})" if (place := each.problems[0].place) else "") for each in group]
        for start in range(0, len(names), _NAMES_IN_LINE):
            yield f"configs with this problem: {', '.join(names[start : start + _NAMES_IN_LINE])}"


def _doubtful(doubts: Mapping[str, Sequence[Problem]]) -> Iterator[str]:
    """Yield the lines for warnings in good configs; those for defaults come once."""
    said: set[tuple[str | None, str | None]] = set()
    causes: dict[str, list[str]] = {}
    for key, problems in sorted(doubts.items()):
        for problem in problems[:_MOST_PROBLEMS]:
            file = problem.config or key
            if (file, problem.exact_field) not in said:
                said.add((file, problem.exact_field))
                place = f" ({problem.place})" if problem.place else ""
                cause = str(replace(problem, config=None, line=None))
                causes.setdefault(cause, []).append(f"config '{file}'{place}")
    for cause, files in causes.items():
        for start in range(0, len(files), _NAMES_IN_LINE):
            yield f"{', '.join(files[start : start + _NAMES_IN_LINE])}: {cause}"


def _other(config: str | None, key: str) -> str | None:
    return config if config != key else None
