"""The commands for authors of configs."""

from __future__ import annotations

from airflow.cli.cli_config import ActionCommand, Arg, lazy_load_command

COMMANDS = (
    ActionCommand(
        name="schema",
        help="Print the JSON Schema from which an editor completes and checks configs",
        description=(
            "Print the JSON Schema of a config, or of a defaults.yaml, with the source configs that the installed "
            "openmetadata-ingestion takes; where none is installed, those of the newest version that is known here. "
            "Write it to a file, and name that in the first line of each config: "
            "# yaml-language-server: $schema=config.schema.json"
        ),
        func=lazy_load_command("dag_factory.cli.schema.schema"),
        args=(
            Arg(("--pipeline-type",), help="For configs of one pipelineType only, such as metadata or profiler"),
            Arg(("--defaults",), help="That of a defaults.yaml, in which nothing is required", action="store_true"),
            Arg(("--ingestion-version",), help="Of this version of openmetadata-ingestion, such as 1.13"),
        ),
    ),
)
