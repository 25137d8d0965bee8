"""``encrypt``: makes the reference to write into a config in place of a secret."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import suppress
from getpass import getpass

from dag_factory.cli.exits import command
from dag_factory.configs.dag_ids import MAX_DAG_ID, NO_DAG_ID, clean_dag_id, names_a_dag
from dag_factory.errors import CommandError
from dag_factory.portable.secrets.references import encrypted
from dag_factory.portable.secrets.sealing import Keys


@command
def encrypt(args: argparse.Namespace) -> None:
    """Print the reference for a value on standard input; as an argument, `ps` would show the value."""
    dag_id = _dag_id(args.dag_id)
    value = getpass("Value: ") if sys.stdin.isatty() else sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if not value:
        raise CommandError("The value is empty. Write it to standard input.")
    print(json.dumps(encrypted(_number(value) if args.number else value, dag_id, Keys())))


def _dag_id(name: str) -> str:
    # A config can't have such a name, so no reference for it would ever work.
    if not names_a_dag(name):
        raise CommandError(f"--dag-id {NO_DAG_ID}.")
    dag_id = clean_dag_id(name)
    if len(dag_id) > MAX_DAG_ID:
        raise CommandError(f"--dag-id is too long: a DAG id has at most {MAX_DAG_ID} characters. Use a shorter name.")
    return dag_id


def _number(text: str) -> float:
    with suppress(ValueError):
        found = json.loads(text)
        if isinstance(found, (int, float)) and not isinstance(found, bool):
            return found
    raise CommandError("The value is not a number. Leave --number out for a text.")
