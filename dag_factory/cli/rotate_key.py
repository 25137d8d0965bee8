"""``rotate-key``: encrypts the config store again, so that an old Fernet key can be removed."""

from __future__ import annotations

import argparse
import sys

from dag_factory.cli.database import use_database
from dag_factory.cli.exits import FOUND, command
from dag_factory.cli.output import print_lines
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store import configured_store
from dag_factory.store.rotation import rotate


@command
def rotate_key(args: argparse.Namespace) -> int:
    """Seal the config store again with the newest key; return 1 where older keys are still needed."""
    use_database()
    rotation = rotate(configured_store(), Keys(), all_files=args.all_files)
    lines = [f"{len(rotation.resealed)} configs encrypted again, {rotation.unchanged} unchanged."]
    if rotation.copies:
        lines.append(f"{rotation.copies} last good versions encrypted again.")
    lines += [
        f"{key}: unchanged, since no deploy wrote it. Run with --all-files to change it." for key in rotation.left
    ]
    lines += [f"{key}: {problem.rstrip('.')}." for key, problem in rotation.failed.items()]
    print_lines(lines)
    if rotation.is_complete:
        return 0
    print("Older keys of [core] fernet_key are still needed.", file=sys.stderr)
    return FOUND
