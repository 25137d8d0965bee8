"""``validate``: checks configs, and prints all that is wrong or doubtful in them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dag_factory.cli.chosen_store import chosen_store, configured_folder, path_of, reading
from dag_factory.cli.exits import FOUND, command
from dag_factory.cli.finding_formats import FORMATS
from dag_factory.configs.allowed import allowed_for_authors
from dag_factory.errors import CommandError
from dag_factory.store import ConfigStore
from dag_factory.store.findings import Findings, findings_of_files, findings_of_store, findings_of_text
from dag_factory.store.folder.authored import Authored, authored, key_in, root_of
from dag_factory.store.folder.folder_store import FolderStore

STDIN = "-"


@command
def validate(args: argparse.Namespace) -> int:
    """Print the findings; return 1 where there are errors, with `--strict` also where there are warnings."""
    found = _found(args)
    print(FORMATS[args.output](found), end="")
    return FOUND if found.errors or (args.strict and found.warnings) else 0


def _found(args: argparse.Namespace) -> Findings:
    root = Path(args.store) if args.store else None
    if STDIN in args.paths:
        if len(args.paths) > 1:
            raise CommandError("- is standard input, and takes no other PATH beside it.")
        return _of_stdin(args.stdin_name, root)
    if args.paths:
        return _together([_of_authored(each) for each in authored(map(Path, args.paths), root, configured_folder())])
    store, allowed = chosen_store(args.store)
    return _shown(findings_of_store(store, allowed=allowed, read=reading(store)), store)


def _of_stdin(name: str | None, root: Path | None) -> Findings:
    data = sys.stdin.buffer.read()
    # Without a name, the beginning shows whether it is JSON, so that problems are those of JSON.
    path = Path(name or ("stdin.json" if data.lstrip().startswith(b"{") else "stdin.yaml"))
    if name is None:
        found = findings_of_text(_Text(path.name, data), path.name, allowed_for_authors())
        return replace(found, problems=tuple(replace(each, config="<stdin>") for each in found.problems))
    store = FolderStore(root or root_of(path.parent, configured_folder()))
    key = key_in(store.root, path)
    if key is None:
        raise CommandError(f"'{path}' is not in the store '{store.root}'. Name its own store with --store.")
    return _shown(findings_of_text(_Text(key, data, store), key, allowed_for_authors()), store)


class _Text:
    """A text as if it were a file beside others."""

    def __init__(self, key: str, data: bytes, others: FolderStore | None = None) -> None:
        self._key = key
        self._data = data
        self._others = others

    def read(self, key: str) -> bytes:
        if key == self._key:
            return self._data
        if self._others is None:
            raise KeyError(key)
        return self._others.read(key)


def _of_authored(chosen: Authored) -> Findings:
    # It may be any folder, so nothing is remembered of it.
    store = FolderStore(chosen.root)
    allowed = allowed_for_authors()
    found = []
    if chosen.folders:
        found.append(findings_of_store(store, chosen.folders, allowed, reading(store)))
    if chosen.keys:
        found.append(findings_of_files(store, chosen.keys, allowed))
    return _shown(_together(found), store)


def _together(found: Sequence[Findings]) -> Findings:
    if len(found) == 1:
        return found[0]
    return Findings(sum(each.files for each in found), tuple(problem for each in found for problem in each.problems))


def _shown(found: Findings, store: ConfigStore) -> Findings:
    """Return findings whose files are named as the caller can open them."""
    named = tuple(replace(each, config=path_of(store, each.config or "")) for each in found.problems)
    return replace(found, problems=named)
