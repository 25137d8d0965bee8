"""``adopt-store``: accepts a config store that was replaced on purpose."""

from __future__ import annotations

import argparse

from dag_factory import settings
from dag_factory.cli.database import use_database
from dag_factory.cli.exits import command
from dag_factory.cli.output import print_lines
from dag_factory.store import configured_memory, open_store


@command
def adopt_store(args: argparse.Namespace) -> None:
    """Forget the store that this machine knows, and remember the one that is there now."""
    del args
    use_database()
    location = settings.config_store()
    keys = len(open_store(location).list_keys())
    memory = configured_memory(location)
    if memory is not None:
        memory.forget()
    open_store(location, memory).remember()
    print_lines([f"config_store '{location}' is adopted. It holds {keys} files."])
