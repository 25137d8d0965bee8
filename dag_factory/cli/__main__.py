"""The same commands for Airflow 3.1, whose command line does not have them: ``python -m dag_factory.cli …``."""

from __future__ import annotations

from argparse import ArgumentParser

from airflow.cli.cli_config import ActionCommand, GroupCommand

from dag_factory.cli import commands


def main() -> None:
    """Run the command that the arguments name."""
    parser = ArgumentParser(prog="python -m dag_factory.cli")
    choices = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in commands():
        for command in group.subcommands if isinstance(group, GroupCommand) else ():
            if isinstance(command, ActionCommand):
                chosen = choices.add_parser(command.name, help=command.help, description=command.description)
                for argument in command.args:
                    argument.add_to_parser(chosen)
                chosen.set_defaults(func=command.func)
    arguments = parser.parse_args()
    arguments.func(arguments)


if __name__ == "__main__":
    main()
