"""The commands that move pipelines from elsewhere to here, and from here to elsewhere."""

from __future__ import annotations

from airflow.cli.cli_config import ActionCommand, Arg, lazy_load_command

from dag_factory.cli.output import ARG_OUTPUT

COMMANDS = (
    ActionCommand(
        name="migrate",
        help="Move the pipelines of openmetadata-managed-apis here",
        description=(
            "Take the configs that openmetadata-managed-apis has kept into the config store, their secrets encrypted, "
            "and report what behaves differently for which pipeline. With --remove, also remove the DAG files that it "
            "has generated, each once its config is good in the store, and write the loader in their place. DAG ids, "
            "pause states and runs stay. It can be run again at any time. Exit code 1 means that something is left to "
            "be done by hand."
        ),
        func=lazy_load_command("dag_factory.cli.migrate.migrate"),
        args=(
            Arg(("folder",), help="The plugin's folder dag_generated_configs", metavar="DAG_GENERATED_CONFIGS"),
            Arg(("--dags-folder",), help="Folder of the generated files, in place of Airflow's own DAGs folder"),
            Arg(("--remove",), help="Remove the generated files whose configs are good", action="store_true"),
            Arg(("--dry-run",), help="Change nothing, and report what would be done", action="store_true"),
            Arg(("--backup",), help="Folder for copies of what is changed, in place of the plugin's folder"),
            ARG_OUTPUT,
        ),
    ),
    ActionCommand(
        name="export",
        help="Write the config store into one file, without secrets in the clear",
        description=(
            "Write all configs and defaults of the config store into a tar, compressed where its name ends in .gz or "
            ".tgz. Secrets that stand in the clear are encrypted for their DAG, with [core] fernet_key, or left out. "
            "What can't be encrypted is left out and named: secrets in a defaults.yaml, and files that can't be read."
        ),
        func=lazy_load_command("dag_factory.cli.export.export"),
        args=(
            Arg(("file",), metavar="FILE", help="Name of the new file, such as store.tar.gz"),
            Arg(
                ("--secrets",),
                help="What becomes of secrets: encrypted, or left out (encrypted ones too)",
                choices=("encrypted", "left-out"),
                default="encrypted",
            ),
            ARG_OUTPUT,
        ),
    ),
    ActionCommand(
        name="import",
        help="Bring the configs of an exported file into the config store",
        description=(
            "Write the configs of a file that export has made into the config store, a folder or object storage, and "
            "ask Airflow for a parse. All of it is checked first. Where the store has a config with other values, "
            "nothing is written unless --overwrite is given. It can be run again after it was stopped."
        ),
        func=lazy_load_command("dag_factory.cli.import_.import_"),
        args=(
            Arg(("file",), metavar="FILE", help="The file that export has made"),
            Arg(("--overwrite",), help="Overwrite configs that differ", action="store_true"),
            ARG_OUTPUT,
        ),
    ),
    ActionCommand(
        name="detach",
        help="Make what Airflow has stored of our DAGs readable without this package",
        description=(
            "Before this package is uninstalled: give the stored DAGs a timetable of Airflow's own, so that their "
            "pages and runs can be read without ours. The loaders must be removed, and the DAGs stale. Airflow's "
            "database is changed; pipelines, runs and logs stay."
        ),
        func=lazy_load_command("dag_factory.cli.detach.detach"),
        args=(Arg(("--dry-run",), help="Change nothing, and say how many there are", action="store_true"),),
    ),
)
