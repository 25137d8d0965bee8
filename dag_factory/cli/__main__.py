"""
The program ``openmetadata-dag-factory``: the same commands without Airflow's command line.

For authors and CI, who have no Airflow set up, and for Airflow 3.1, whose command line does not have them.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from dag_factory.cli import NAME, all_commands
from dag_factory.cli.database import do_without_airflow
from dag_factory.cli.exits import written_out

# They are started by editors, and before each commit.
_WITHOUT_AIRFLOW = frozenset({"validate", "schema", "list", "show", "ingestion-env"})

if not _WITHOUT_AIRFLOW.isdisjoint(sys.argv[1:2]):
    do_without_airflow()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the arguments name."""
    with written_out():  # of --help
        given = parser().parse_args(arguments)
    given.func(given)


def parser() -> ArgumentParser:
    """Return the parser of the command line."""
    made = ArgumentParser(prog=NAME, description="Run OpenMetadata ingestion pipelines on Apache Airflow.")
    choices = made.add_subparsers(required=True, metavar="COMMAND")
    for command in all_commands():
        chosen = choices.add_parser(command.name, help=command.help, description=command.description)
        for argument in command.args:
            argument.add_to_parser(chosen)
        chosen.set_defaults(func=command.func)
    return made


if __name__ == "__main__":
    main()
