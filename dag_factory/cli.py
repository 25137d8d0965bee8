"""The commands that Airflow's command line has from us: ``airflow openmetadata-dag-factory …``."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from contextlib import suppress
from getpass import getpass

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand, GroupCommand, lazy_load_command


def commands() -> list[CLICommand]:
    """Return our commands; Airflow 3.2 and later ask for them, each time that ``airflow`` starts."""
    watch_command = ActionCommand(
        name="watch",
        help="Watch the config store for files that are changed by hand",
        description=(
            "Watch the config store until stopped. What is changed there by hand is reported, one line for each file, "
            "and Airflow is asked for a parse of the loader. The API server does the same, unless the setting "
            "watch_store is off; on each machine, one process at a time watches."
        ),
        func=lazy_load_command("dag_factory.cli.watch"),
        args=(),
    )
    encrypt_command = ActionCommand(
        name="encrypt",
        help="Encrypt a value for one config, read from standard input",
        description=(
            "Read a value from standard input, or from a prompt, and print the reference to write in its place. The "
            "reference works in the config of that DAG only."
        ),
        func=lazy_load_command("dag_factory.cli.encrypt"),
        args=(
            Arg(("--dag-id",), help="Id of the DAG, or name of the pipeline, whose config it is for", required=True),
            Arg(("--number",), help="The value is a number, not a text", action="store_true"),
        ),
    )
    rotate_command = ActionCommand(
        name="rotate-key",
        # Airflow takes what stands in brackets for markup in this line, and leaves it out.
        help="Encrypt the config store again with the newest Fernet key",
        description=(
            "Encrypt again, with the newest key, all values in the config store that an older key of [core] fernet_key "
            "has encrypted. After exit code 0 you can remove the older keys; otherwise the output says what needs them."
        ),
        func=lazy_load_command("dag_factory.cli.rotate_key"),
        args=(Arg(("--dropped",), help="Also change files that no deploy wrote", action="store_true"),),
    )
    adopt_command = ActionCommand(
        name="adopt-store",
        help="Accept the config store that is there now in place of the one that this machine knows",
        description=(
            "Accept the store that config_store leads to now in place of the one that this machine knows. Run it on "
            "each machine after you have replaced the store on purpose: until then the new store counts as missing."
        ),
        func=lazy_load_command("dag_factory.cli.adopt_store"),
        args=(),
    )
    return [
        GroupCommand(
            name="openmetadata-dag-factory",
            help="Run OpenMetadata ingestion pipelines",
            subcommands=(watch_command, encrypt_command, rotate_command, adopt_command),
        )
    ]


def watch(args: argparse.Namespace) -> None:
    """Watch the config store until the process is asked to end."""
    del args
    asyncio.run(_watch())


async def _watch() -> None:
    from dag_factory import settings
    from dag_factory.store import configured_store
    from dag_factory.watch.parses import Loader, configured_parses
    from dag_factory.watch.start import watch as watch_store

    parses = configured_parses(configured_store)
    loader = Loader(configured_store, settings.dags_folder())
    watching = asyncio.create_task(watch_store(configured_store, parses, loader, poll=settings.watch_store() == "poll"))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, watching.cancel)
    with suppress(asyncio.CancelledError):
        await watching
    await parses.stop()


def encrypt(args: argparse.Namespace) -> None:
    """Print the reference to a value that is read from standard input; as an argument, `ps` would show it."""
    from dag_factory.configs.dag_ids import clean_dag_id
    from dag_factory.errors import DagFactoryError
    from dag_factory.secrets.references import encrypted
    from dag_factory.secrets.sealing import Keys

    value = getpass("Value: ") if sys.stdin.isatty() else sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if not value:
        sys.exit("The value is empty. Write it to standard input.")
    try:
        reference = encrypted(_number(value) if args.number else value, clean_dag_id(args.dag_id), Keys())
    except DagFactoryError as error:
        sys.exit(f"{str(error).rstrip('.')}.")
    print(json.dumps(reference))


def _number(text: str) -> float:
    with suppress(ValueError):
        found = json.loads(text)
        if isinstance(found, (int, float)) and not isinstance(found, bool):
            return found
    sys.exit("The value is not a number. Leave --number out for a text.")


def rotate_key(args: argparse.Namespace) -> None:
    """Seal the config store again with the newest key; exit with 1 where older keys are still needed."""
    from dag_factory.errors import DagFactoryError
    from dag_factory.secrets.sealing import Keys
    from dag_factory.store import configured_store
    from dag_factory.store.rotation import rotate

    try:
        rotation = rotate(configured_store(), Keys(), dropped=args.dropped)
    except DagFactoryError as error:
        sys.exit(f"{str(error).rstrip('.')}.")
    lines = [f"{len(rotation.resealed)} configs encrypted again, {rotation.unchanged} unchanged."]
    if rotation.copies:
        lines.append(f"{rotation.copies} last good versions encrypted again.")
    lines += [f"{key}: unchanged, since no deploy wrote it. Run with --dropped to change it." for key in rotation.left]
    lines += [f"{key}: {problem.rstrip('.')}." for key, problem in rotation.failed.items()]
    print("\n".join(lines))
    if not rotation.is_complete:
        sys.exit("Older keys of [core] fernet_key are still needed.")


def adopt_store(args: argparse.Namespace) -> None:
    """Forget the store that this machine knows, where another one is there."""
    del args
    from dag_factory import settings
    from dag_factory.errors import DagFactoryError
    from dag_factory.store import configured_memory, open_store

    try:
        location = settings.config_store()
        keys = len(open_store(location).list_keys())
        memory = configured_memory(location)
        if memory is not None:
            memory.forget()
        open_store(location, memory).remember()
    except (DagFactoryError, OSError) as error:
        sys.exit(str(error))
    print(f"config_store '{location}' is adopted. It holds {keys} files.")
