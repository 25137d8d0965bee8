"""``init``: writes the loaders into Airflow's DAGs folder and makes the config store, where they are missing."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from configparser import Error as ConfigParserError
from functools import partial
from pathlib import Path

from airflow.configuration import AIRFLOW_CONFIG
from airflow.exceptions import AirflowConfigException

from dag_factory import settings
from dag_factory.cli.checks.recommended import FILE_PROCESS_INTERVAL, TO_LOOK_THROUGH
from dag_factory.cli.database import use_database
from dag_factory.cli.exits import command, fail
from dag_factory.cli.loaders import loader_folder, retire_loaders, wait_until_parsed, write_loaders
from dag_factory.cli.recommended import recommended, values_to_look_through
from dag_factory.errors import DagFactoryError, MissingStoreError, SettingsError, StoreError
from dag_factory.portable.plain_text import printable
from dag_factory.settings import airflow_settings
from dag_factory.settings.options import SECTION
from dag_factory.store import configured_store, memory_of, open_store
from dag_factory.store.config_files import is_defaults
from dag_factory.store.objects.location import local_path
from dag_factory.store.objects.object_store import ObjectStore


@command
def init(args: argparse.Namespace) -> None:
    """Make what is missing, and report that and what to do next; exit with 3 where something can't be made."""
    use_database()
    if args.settings:
        if problems := _reported(lambda: recommended(_pipelines())):
            fail("\n".join(problems))
        return
    problems = _reported(make_store) + _reported(lambda: replace_loaders(args))
    problems = problems or _reported(lambda: f"\n{what_next()}")
    if problems:
        fail("\n".join(problems))


def replace_loaders(args: argparse.Namespace) -> str:
    """
    Write the loaders, then remove those of another number of shards; return what was done.

    :raises DagFactoryError: where that can't be done
    """
    files = loader_folder(args.dags_folder)
    # Said before the waiting.
    print(printable(write_loaders(files, args.shards, force=args.force)), flush=True)
    return retire_loaders(files, args.shards, force=args.force, is_parsed=partial(wait_until_parsed, files))


def make_store() -> str:
    """
    Make the config store where it is missing; return what was done.

    If this machine knows a store, a missing folder means that the store is not mounted, so none is made.

    :raises MissingStoreError: where the store that this machine knows is missing, or something else is in its place
    :raises StoreError: where it can't be made
    :raises SettingsError: where a setting has no usable value
    """
    location = settings.config_store()
    root = settings.expanded(local_path(location) or location, "config_store")
    memory = memory_of(location)
    # Otherwise it would seem that no store is known.
    if memory.path.parent.exists():
        _require_readable(memory.path.parent, f"[{SECTION}] state_folder ")
        if memory.path.exists():
            _require_readable(memory.path)
    store = open_store(location, memory)
    if isinstance(store, ObjectStore):
        # Buckets are the operator's to create: they cost money.
        store.check()
        return f"config_store '{store.location}' is there already, with {len(store.list_keys())} objects."
    try:
        store.check()
    except MissingStoreError:
        if os.path.lexists(root):
            raise
        if memory.known() is not None:
            raise MissingStoreError(
                f"config_store '{root}' is missing, but this machine knows a store there. Mount it. If it is gone for "
                "good, make the folder and run 'airflow openmetadata-dag-factory adopt-store'."
            ) from None
        return _made(root)
    count = len(store.list_keys())
    note = "" if os.access(root, os.W_OK) else " This user can't write to it. Airflow's API server must, for deploys."
    return f"config_store '{root}' is there already, with {count} files.{note}"


def what_next() -> str:
    """
    Return what is left to do once the files are there.

    :raises SettingsError: where a setting has no usable value
    """
    values = values_to_look_through()
    lines = [f"1. Look through these settings of the section [{SECTION}]:"]
    for name, why in TO_LOOK_THROUGH.items():
        lines += [f"   {name} = {values[name]}", f"      {why}."]
    return "\n".join(
        [
            *lines,
            f"   To list all of them: airflow config list --section {SECTION} --include-descriptions",
            "2. Have Airflow's DAG processor parse only what has changed. Every change asks for its own parse:",
            f"   [dag_processor] min_file_process_interval = {FILE_PROCESS_INTERVAL.value(0)}",
            f"      it is {airflow_settings.file_process_seconds()} now, so all pipelines are parsed that often.",
            "   All settings that are recommended for as many pipelines as there are:",
            "   airflow openmetadata-dag-factory init --settings",
            "   With more than some hundred pipelines, divide the loader, so that a change has a part of them parsed:",
            "   airflow openmetadata-dag-factory init --shards 64",
            "3. Restart Airflow's API server, scheduler, DAG processor and workers, so that they load the plugin.",
            "4. Put a config into the config store, or let an OpenMetadata server deploy one.",
        ]
    )


def _pipelines() -> int:
    """Return how many configs the store has."""
    return sum(not is_defaults(key) for key in configured_store().list_keys())


def _made(root: Path) -> str:
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        # Configs may hold secrets.
        root.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"config_store '{root}' can't be made: {error.strerror}. Run the command as a user who can make it, or set "
            f"[{SECTION}] config_store to another folder."
        ) from error
    return f"config_store '{root}' was made. Only this user can read and write it."


def _require_readable(path: Path, what: str = "") -> None:
    """Raise SettingsError where this user can't read a file or a folder."""
    if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
        raise SettingsError(f"{what}'{path}' can't be read by this user. Run the command as Airflow's user.")


def _reported(step: Callable[[], str]) -> list[str]:
    """Print what a step returns; return its problem, if it has one."""
    try:
        if done := _configured(step):
            print(printable(done))
    except DagFactoryError as error:
        return [str(error)]
    return []


def _configured(step: Callable[[], str]) -> str:
    """
    Return what a step returns.

    :raises SettingsError: where Airflow's configuration can't be read
    """
    # To Airflow, a file that it can't open is missing, and it goes on with its defaults.
    if os.path.lexists(AIRFLOW_CONFIG):
        _require_readable(Path(AIRFLOW_CONFIG))
    try:
        return step()
    except (AirflowConfigException, ConfigParserError) as error:
        # The exception's text may quote a value.
        raise SettingsError(
            f"Airflow's configuration can't be read ({type(error).__name__}). 'airflow config list' says what is wrong."
        ) from error
