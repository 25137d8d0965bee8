"""``export``: writes the config store into one file."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from dag_factory.cli.database import use_database
from dag_factory.cli.exits import FOUND, command
from dag_factory.cli.output import count_of, print_json, print_lines, progress
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store import configured_store
from dag_factory.store.archive import ENCRYPTED
from dag_factory.store.archive.writing import Exported
from dag_factory.store.archive.writing import export as export_store


@command
def export(args: argparse.Namespace) -> int:
    """Write the config store into a file; return 1 where something is missing from it."""
    use_database()
    path = Path(args.file)
    done = export_store(configured_store(), path, secrets=args.secrets, keys=Keys(), shown=progress)
    if args.output == "json":
        print_json({"file": str(path), **asdict(done)})
    else:
        print_lines(_lines(done, path))
    return FOUND if done.missing or (done.left_out and args.secrets == ENCRYPTED) else 0


def _lines(done: Exported, path: Path) -> Iterator[str]:
    yield f"{count_of(done.files, 'file')} of configs and defaults written to '{path}'."
    for key, fields in done.encrypted.items():
        yield f"{key}: encrypted in the file: {', '.join(fields)}."
    for key in done.rewritten:
        yield f"{key}: rewritten in the file, without its comments."
    for key, fields in done.left_out.items():
        yield f"{key}: left out: {', '.join(fields)}."
    for key, reason in done.missing.items():
        yield f"{key}: is not in the file: {reason.rstrip('.')}."
