"""The commands for those who write configs, and for their CI. They need no Airflow that is set up."""

from __future__ import annotations

from airflow.cli.cli_config import ActionCommand, Arg, lazy_load_command

from dag_factory.cli.output import ARG_OUTPUT

ARG_STORE = Arg(
    ("--store",),
    help="The folder of the config store, where it can't be found from the files. A config inherits the defaults of "
    "all folders down from there",
    metavar="FOLDER",
)

COMMANDS = (
    ActionCommand(
        name="validate",
        help="Check configs, and print all errors and warnings",
        description=(
            "Check configs and files of defaults as a deploy, the watcher and a load do, and print all errors and "
            "warnings with file, line and column, and the way out. Without a PATH the configured store is checked. "
            "Nothing is changed. Exit code 1: there are errors; with --strict, errors or warnings."
        ),
        func=lazy_load_command("dag_factory.cli.validate.validate"),
        args=(
            Arg(
                ("paths",),
                help="Files, or folders with all below them; - reads standard input",
                nargs="*",
                metavar="PATH",
            ),
            ARG_STORE,
            Arg(
                ("--stdin-name",),
                help="The file that standard input will be: its folder's defaults count",
                metavar="PATH",
            ),
            Arg(("--strict",), help="Exit code 1 for warnings too", action="store_true"),
            Arg(
                ("--output",),
                help="How to print it: a line for each, JSON, SARIF 2.1.0, or annotations of GitHub's actions",
                choices=("text", "json", "sarif", "github"),
                default="text",
            ),
        ),
    ),
    ActionCommand(
        name="schema",
        help="Print the JSON Schema from which an editor completes and checks configs",
        description=(
            "Print the JSON Schema of a config, or of a defaults.yaml, with the source configs of the "
            "openmetadata-ingestion that runs the pipelines: the setting ingestion_version, or the installed one, or "
            "else the newest that is known here. Write it to a file, and name that in the first line of each config: "
            "# yaml-language-server: $schema=config.schema.json"
        ),
        func=lazy_load_command("dag_factory.cli.schema.schema"),
        args=(
            Arg(("--pipeline-type",), help="For configs of one pipelineType only, such as metadata or profiler"),
            Arg(
                ("--defaults",), help="The schema of a defaults.yaml, in which nothing is required", action="store_true"
            ),
            Arg(("--ingestion-version",), help="For this version of openmetadata-ingestion, such as 1.13"),
        ),
    ),
    ActionCommand(
        name="list",
        help="List all configs with their states",
        description=(
            "List the configs of the configured store, or of a folder: the id of the DAG, whether it is good, runs its "
            "last good version or is broken, what it is, when it runs, and its file."
        ),
        func=lazy_load_command("dag_factory.cli.list.list_configs"),
        args=(
            Arg(("store",), help="A folder of configs in place of the configured store", nargs="?", metavar="FOLDER"),
            Arg(
                ("--state",),
                help="Only those in a state; `warning` is any config with warnings",
                choices=("good", "last_good", "broken", "warning"),
            ),
            Arg(("--type",), help="Only those of a pipeline type, such as metadata"),
            ARG_OUTPUT,
        ),
    ),
    ActionCommand(
        name="show",
        help="Show one config as it runs: merged, and where each value comes from",
        description=(
            "Show the config of a DAG id, merged over the defaults of its folders: the file and line that each value "
            "comes from, what is wrong with it, and what runs of it now. Secrets are hidden."
        ),
        func=lazy_load_command("dag_factory.cli.show.show"),
        args=(
            Arg(("dag_id",), help="Id of the DAG, or name of the pipeline", metavar="ID"),
            Arg(("--store",), help="A folder of configs in place of the configured store", metavar="FOLDER"),
            ARG_OUTPUT,
        ),
    ),
)
