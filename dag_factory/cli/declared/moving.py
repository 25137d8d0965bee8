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
)
