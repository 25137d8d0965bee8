"""``encrypt``: makes the reference to write into a config in place of a secret."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import suppress
from getpass import getpass

from dag_factory.cli.exits import command
from dag_factory.configs.dag_ids import clean_dag_id
from dag_factory.errors import CommandError
from dag_factory.secrets.references import encrypted
from dag_factory.secrets.sealing import Keys


@command
def encrypt(args: argparse.Namespace) -> None:
    """Print the reference for a value on standard input; as an argument, `ps` would show the value."""
    value = getpass("Value: ") if sys.stdin.isatty() else sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if not value:
        raise CommandError("The value is empty. Write it to standard input.")
    print(json.dumps(encrypted(_number(value) if args.number else value, clean_dag_id(args.dag_id), Keys())))


def _number(text: str) -> float:
    with suppress(ValueError):
        found = json.loads(text)
        if isinstance(found, (int, float)) and not isinstance(found, bool):
            return found
    raise CommandError("The value is not a number. Leave --number out for a text.")
