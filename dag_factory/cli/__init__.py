"""
The commands of ``airflow openmetadata-dag-factory``, each in a file of its own.

Runs in a process of its own that a user starts; Airflow imports this file whenever ``airflow`` starts. It may import
all but `api`.
"""

from __future__ import annotations

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand, GroupCommand, lazy_load_command

from dag_factory.task.warm_start import prepare_celery


def commands() -> list[CLICommand]:
    """Return our commands; Airflow 3.2 and later call this each time that ``airflow`` starts."""
    # A worker of Celery asks plugins for nothing before it forks.
    prepare_celery()
    # In `help`, Airflow takes text in brackets for markup, and leaves it out.
    init_command = ActionCommand(
        name="init",
        help="Write the loader into Airflow's DAGs folder, and make the config store",
        description=(
            "Write openmetadata_loader.py into Airflow's DAGs folder and make the folder of the setting config_store, "
            "where they are missing; report what was done and what to do next. It changes nothing that is there, so it "
            "can be run again. Run it as Airflow's user, on each machine that has a DAGs folder of its own. With "
            "--shards 64, 64 loaders divide the pipelines among them, so that a change makes Airflow parse one of "
            "them; those of another number are removed once Airflow has parsed the new ones."
        ),
        func=lazy_load_command("dag_factory.cli.init.init"),
        args=(
            Arg(("--dags-folder",), help="Folder for the loader, in place of Airflow's own DAGs folder"),
            Arg(("--shards",), help="How many loaders there are to be; 1 for a single one", type=int),
            Arg(
                ("--force",),
                help="Overwrite a loader that differs from ours, and remove others without waiting for a parse",
                action="store_true",
            ),
        ),
    )
    bundles_command = ActionCommand(
        name="bundles",
        help="Print the lines for airflow.cfg that replace the DAGs folder by bundles of ours",
        description=(
            "Print the value of dag_bundle_config_list, for airflow.cfg and for the environment, with a bundle that "
            "makes the loaders by itself; with --parts 4, four of them, for a DAG processor each. Then report what is "
            "wrong with the bundles that are configured now. It changes nothing."
        ),
        func=lazy_load_command("dag_factory.cli.bundles.bundles"),
        args=(
            Arg(("--shards",), help="How many loaders there are to be, in all parts together", type=int, default=64),
            Arg(("--parts",), help="How many DAG processors there are, each with a part", type=int, default=1),
        ),
    )
    watch_command = ActionCommand(
        name="watch",
        help="Watch the config store for files that are changed by hand",
        description=(
            "Watch the config store until stopped. What is changed there by hand is reported, one line for each file, "
            "and Airflow is asked for a parse of the loader. The API server does the same, unless the setting "
            "watch_store is off; on each machine, one process at a time watches."
        ),
        func=lazy_load_command("dag_factory.cli.watch.watch"),
        args=(),
    )
    encrypt_command = ActionCommand(
        name="encrypt",
        help="Encrypt a value for one config, read from standard input",
        description=(
            "Read a value from standard input, or from a prompt, and print the reference to write in its place. The "
            "reference works in the config of that DAG only."
        ),
        func=lazy_load_command("dag_factory.cli.encrypt.encrypt"),
        args=(
            Arg(("--dag-id",), help="Id of the DAG, or name of the pipeline, whose config it is for", required=True),
            Arg(("--number",), help="The value is a number, not a text", action="store_true"),
        ),
    )
    rotate_command = ActionCommand(
        name="rotate-key",
        help="Encrypt the config store again with the newest Fernet key",
        description=(
            "Encrypt again, with the newest key, all values in the config store that an older key of [core] fernet_key "
            "has encrypted. After exit code 0 you can remove the older keys; otherwise the output says what needs them."
        ),
        func=lazy_load_command("dag_factory.cli.rotate_key.rotate_key"),
        args=(Arg(("--dropped",), help="Also change files that no deploy wrote", action="store_true"),),
    )
    adopt_command = ActionCommand(
        name="adopt-store",
        help="Accept the config store that is there now in place of the one that this machine knows",
        description=(
            "Accept the store that config_store leads to now in place of the one that this machine knows. Run it on "
            "each machine after you have replaced the store on purpose: until then the new store counts as missing."
        ),
        func=lazy_load_command("dag_factory.cli.adopt_store.adopt_store"),
        args=(),
    )
    return [
        GroupCommand(
            name="openmetadata-dag-factory",
            help="Run OpenMetadata ingestion pipelines",
            subcommands=(init_command, bundles_command, watch_command, encrypt_command, rotate_command, adopt_command),
        )
    ]
