"""
The commands of ``airflow openmetadata-dag-factory`` and of the program of the same name, one per file.

Runs in a process of its own that a user starts; Airflow imports this file whenever ``airflow`` starts. It may import
all but the API, the page and the plugin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.cli.cli_config import ActionCommand, CLICommand

NAME = "openmetadata-dag-factory"


def all_commands() -> tuple[ActionCommand, ...]:
    """Return our commands, in the order in which help lists them."""
    # Imported here: the program has something to say before Airflow is imported.
    from dag_factory.cli.declared import authoring, moving, operating, secrets, setting_up

    return (*setting_up.COMMANDS, *authoring.COMMANDS, *operating.COMMANDS, *moving.COMMANDS, *secrets.COMMANDS)


def commands() -> list[CLICommand]:
    """Return our commands as one of Airflow's; Airflow 3.2 and later call this each time that ``airflow`` starts."""
    from airflow.cli.cli_config import GroupCommand

    from dag_factory.task.warm_start import prepare_celery

    # The only code of ours that a Celery worker runs before it forks.
    prepare_celery()
    return [GroupCommand(name=NAME, help="Run OpenMetadata ingestion pipelines", subcommands=all_commands())]
