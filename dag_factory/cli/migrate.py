"""``migrate``: moves the pipelines of openmetadata-managed-apis here."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime, timezone
from pathlib import Path

from dag_factory.cli.database import use_database
from dag_factory.cli.exits import FOUND, command
from dag_factory.cli.init import make_store
from dag_factory.cli.loaders import loader_folder, write_loaders
from dag_factory.cli.migration.airflow_state import history, plugin_version
from dag_factory.cli.migration.handover import wait_for_loader
from dag_factory.cli.migration.migration import Migration, Migrator
from dag_factory.cli.migration.report import as_json, lines
from dag_factory.cli.output import print_json, print_lines, progress
from dag_factory.dag.bundle_list import is_own
from dag_factory.dag.loader_folder import LoaderFolder
from dag_factory.errors import LoaderError, MissingStoreError
from dag_factory.settings import airflow_settings
from dag_factory.store import ConfigStore, configured_store


@command
def migrate(args: argparse.Namespace) -> int:
    """Move what the plugin has left; return 1 where something is left to be done by hand."""
    use_database()
    loaders = loader_folder(args.dags_folder)
    folder = Path(args.folder).expanduser().absolute()
    backup = Path(args.backup).expanduser() if args.backup else folder
    stamp = f"{datetime.now(timezone.utc):%Y%m%dT%H%M%S}"
    if not args.dry_run:
        note(make_store())
    migrator = Migrator(
        folder,
        loaders.path.absolute(),
        _store(dry=args.dry_run),
        backup=backup / f".before_migration_{stamp}",
        progress=progress,
    )
    migrator.look()
    found, version = migrator.found, plugin_version()
    before, problem = history(found.dag_ids), None
    if not args.dry_run:
        migrator.move(remove=args.remove)
        problem = hand_over(loaders, found) if args.remove else None
    said = {"remove": args.remove, "dry": args.dry_run}
    if args.output == "json":
        print_json(as_json(found, before, version, **said))
    else:
        print_lines(lines(found, before, version, **said))
    if problem is not None:
        raise problem
    remain = not args.remove and not args.dry_run and bool(found.files)
    return 0 if found.is_complete and version is None and not remain else FOUND


def hand_over(loaders: LoaderFolder, found: Migration) -> LoaderError | None:
    """Have the loader make the DAGs of removed files; return why it can't."""
    removed = [each.generated.path for each in found.files if each.stays is None]
    # A run that was killed has removed files, maybe without having written the loader.
    alone = set(found.dag_ids).difference(each.dag_id for each in found.files)
    if not removed and (not alone or loaders.found()):
        return None
    try:
        if not any(map(is_own, airflow_settings.dag_bundles())):
            note(write_loaders(loaders))
    except LoaderError as error:
        return error
    note(wait_for_loader(loaders, removed, found.dag_ids))
    return None


def note(text: str) -> None:
    """Print what goes on beside the report, which a program may read."""
    print_lines([text], sys.stderr)


def _store(*, dry: bool) -> ConfigStore | None:
    try:
        return configured_store()
    except MissingStoreError:
        if dry:
            return None
        raise
