"""``adopt-store``: accepts a config store that was replaced on purpose."""

from __future__ import annotations

import argparse
import sys

from dag_factory import settings
from dag_factory.cli.database import use_database
from dag_factory.errors import DagFactoryError
from dag_factory.store import configured_memory, open_store


def adopt_store(args: argparse.Namespace) -> None:
    """Forget the store that this machine knows, and remember the one that is there now."""
    del args
    use_database()
    try:
        location = settings.config_store()
        keys = len(open_store(location).list_keys())
        memory = configured_memory(location)
        if memory is not None:
            memory.forget()
        open_store(location, memory).remember()
    except (DagFactoryError, OSError) as error:
        sys.exit(str(error))
    print(f"config_store '{location}' is adopted. It holds {keys} files.")
