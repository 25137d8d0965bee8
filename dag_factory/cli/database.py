"""Lets a command use Airflow's database."""

from __future__ import annotations

import os

# Where it is set, Airflow looks for Connections in its database too. Its components set it for themselves, and so do
# its own commands that need one; in any other process, only the environment and the secrets backends are asked.
_CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"


def use_database() -> None:
    """Let this process find the Connections of Airflow's database: a config store may need one."""
    os.environ.setdefault(_CONTEXT, "server")
