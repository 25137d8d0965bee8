"""All that is wrong or doubtful in a store, or in some of its files: configs, defaults, and what is not read at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from dag_factory.configs.allowed import Allowed
from dag_factory.configs.problem import ERROR, WARNING, Problem, problems_in
from dag_factory.configs.validation.effects import without_inherited
from dag_factory.configs.validation.positions import Positions
from dag_factory.store.config_files import ConfigFiles, Readable, defaults_keys, is_defaults
from dag_factory.store.examination import Examination, problems_of_defaults
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.folder.misnamed import NOT_READ, not_read
from dag_factory.store.own_files import is_key
from dag_factory.store.reading import Read, one_by_one, read_config

if TYPE_CHECKING:
    from dag_factory.store import ConfigStore


@dataclass(frozen=True)
class Findings:
    """
    What is wrong or doubtful.

    :param files: how many files were judged
    :param problems: errors and warnings, sorted by file and place; each names its file as `config`
    """

    files: int
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> int:
        """How many of them are errors."""
        return sum(problem.level == ERROR for problem in self.problems)

    @property
    def warnings(self) -> int:
        """How many of them are warnings."""
        return len(self.problems) - self.errors


def findings_of_store(
    store: ConfigStore, folders: Sequence[str] = ("",), allowed: Allowed | None = None, read: Read = one_by_one
) -> Findings:
    """
    Return what is wrong in a store, each config judged beside all others.

    :param folders: whose files are judged; an empty one is the whole store
    :param allowed: what the operator allows configs; None to read the settings
    :param read: reads the configs
    :raises StoreError: where the store can't be listed
    """
    examination = Examination(store, allowed)
    examined = [each for each in examination.all(read) if _is_in(each.key, folders)]
    found = [_named(problem, each.key) for each in examined for problem in (*each.problems, *each.warnings)]
    keys = [key for key in store.list_keys() if is_defaults(key) and _is_in(key, folders)]
    for key in keys:
        found += [_named(problem, key) for problem in examination.of_defaults(key)]
    inherited = {key for each in examined for key in defaults_keys(each.key)}
    found += [_without_heirs(key) for key in keys if key not in inherited]
    found += [_unlisted(key, why) for key, why in examination.unlisted.items() if _is_in(key, folders)]
    if isinstance(store, FolderStore):
        found += [each for each in not_read(store.root, store.snapshot().folders) if _is_in(each.config or "", folders)]
    return _sorted(found, len(examined) + len(keys))


def findings_of_files(store: FolderStore, keys: Iterable[str], allowed: Allowed | None = None) -> Findings:
    """
    Return what is wrong in some files of a folder, and with a file of defaults in the configs that inherit it.

    Other configs are opened only as the catalogue's ``look_up`` does, so a few files of a large store take little time.

    :param allowed: what the operator allows configs; None to read the settings
    :raises StoreError: where the store can't be listed
    """
    examination = Examination(store, allowed)
    found: list[Problem] = []
    configs: dict[str, None] = {}
    files = set()
    for key in keys:
        files.add(key)
        if not is_key(key):
            found.append(_never_read(key))
        elif is_defaults(key):
            found += [_named(problem, key) for problem in examination.of_defaults(key)]
            heirs = [each for each in store.list_keys() if key in defaults_keys(each) and not is_defaults(each)]
            configs.update(dict.fromkeys(heirs))
            found += [] if heirs else [_without_heirs(key)]
        else:
            configs[key] = None
    for key in configs:
        if (examined := examination.of(key)) is not None:
            files.add(key)
            found += [_named(problem, key) for problem in (*examined.problems, *examined.warnings)]
    return _sorted(found, len(files))


def findings_of_text(files: Readable, key: str, allowed: Allowed) -> Findings:
    """
    Return what is wrong with one config or file of defaults, whatever other configs there are.

    :param files: has the file, and its defaults
    :param allowed: what the operator allows configs
    :raises StoreError: where a file can't be read
    """
    if is_defaults(key):
        found = problems_of_defaults(files, key, allowed, ConfigFiles(files), Positions(files.read))
        return _sorted([_named(problem, key) for problem in found], 1)
    reading = read_config(ConfigFiles(files), key, allowed)
    if reading is None:
        return Findings(0, ())
    problems = problems_in(reading.problem) if reading.problem is not None else reading.problems
    located = Positions(files.read).located(problems, key, defaults_keys(key))
    return _sorted([_named(problem, key) for problem in without_inherited(located, key)], 1)


def _is_in(key: str, folders: Iterable[str]) -> bool:
    return any(not folder or PurePosixPath(key).is_relative_to(folder) for folder in folders)


def _named(problem: Problem, key: str) -> Problem:
    return problem if problem.config is not None else replace(problem, config=key)


def _without_heirs(key: str) -> Problem:
    problem = "is read by no config: none lies in its folder or below"
    return Problem(None, "effect", problem, "Move it to the configs that are meant, or remove it", WARNING, config=key)


def _unlisted(key: str, why: str) -> Problem:
    problem = f"can't be listed: {why}"
    return Problem(None, "unlisted", problem, "Its configs are not checked. Fix it, or remove it", config=key)


def _never_read(key: str) -> Problem:
    problem = "is not read as a config: the name of a config ends in .json, .yaml or .yml, and is not hidden"
    return Problem(None, NOT_READ, problem, "If it is one, rename it", WARNING, config=key)


def _sorted(problems: Iterable[Problem], files: int) -> Findings:
    # What is wrong in a file of defaults is found in each config that inherits it.
    once = {(each.config, each.line, each.column, each.exact_field, each.problem): each for each in problems}
    return Findings(files, tuple(sorted(once.values(), key=_place)))


def _place(problem: Problem) -> tuple[str, int, int, str, str]:
    return (problem.config or "", problem.line or 0, problem.column or 0, problem.level, problem.field or "")
