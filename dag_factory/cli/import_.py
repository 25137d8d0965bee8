"""``import``: writes what ``export`` has written into the config store."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from dag_factory.cli.asked_parses import Asked, have_parsed
from dag_factory.cli.database import use_database
from dag_factory.cli.exits import FOUND, command
from dag_factory.cli.output import count_of, print_json, print_lines, progress
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store import configured_store
from dag_factory.store.archive.reading import Archive
from dag_factory.store.archive.restoring import Restored, restore


@command
def import_(args: argparse.Namespace) -> int:
    """Write an archive into the config store; return 1 where a config was left as it was, or can't be decrypted."""
    use_database()
    done = restore(configured_store(), Archive(Path(args.file)), Keys(), overwrite=args.overwrite, shown=progress)
    asked = have_parsed(None) if done.written else None
    if args.output == "json":
        print_json({**asdict(done), "parsed": asked.is_seen if asked is not None else None})
    else:
        print_lines(_lines(done, asked))
    return FOUND if done.differing or done.sealed_elsewhere else 0


def _lines(done: Restored, asked: Asked | None) -> Iterator[str]:
    for key in done.differing:
        yield f"{key}: differs from the store's."
    if done.differing and not done.written:
        yield "Nothing was written. Run with --overwrite to overwrite these."
        return
    for key, problem in done.sealed_elsewhere.items():
        yield f"{key}: {problem.rstrip('.')}."
    yield f"{count_of(len(done.written), 'file')} written, {done.unchanged} unchanged."
    if asked is not None:
        yield f"{asked.said} 'openmetadata-dag-factory validate' says what is wrong with configs."
