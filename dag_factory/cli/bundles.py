"""``bundles``: prints the lines for airflow.cfg with which Airflow takes the loaders from bundles of ours."""

from __future__ import annotations

import argparse
import json
from typing import Any

from dag_factory.cli.checks.loader_checks import bundle_conflicts
from dag_factory.cli.exits import command
from dag_factory.cli.output import print_lines
from dag_factory.dag.bundle_list import CLASSPATH, is_own
from dag_factory.portable.plain_text import printable
from dag_factory.settings import airflow_settings
from dag_factory.store.parts import Part

NAME = "openmetadata"
VARIABLE = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"
_PROCESSORS = "# One DAG processor parses all parts. Or start several, each with some of them:"


@command
def bundles(args: argparse.Namespace) -> None:
    """Print the lines, and what is wrong with the bundles that are configured now."""
    print(printable(lines(args.shards, args.parts)))
    for problem in bundle_conflicts():
        print_lines(["", f"As it is configured now: {problem}"])


def bundle_list(shards: int, parts: int) -> list[dict[str, Any]]:
    """
    Return our bundles in the form of ``dag_bundle_config_list``.

    :raises SettingsError: where the number of shards is not allowed
    """
    division = [Part(number, parts, shards) for number in range(max(parts, 1))]
    return [
        {
            "name": NAME if parts == 1 else f"{NAME}_{part.number}",
            "classpath": CLASSPATH,
            "kwargs": {"shards": shards} if parts == 1 else {"shards": shards, "part": part.number, "parts": parts},
        }
        for part in division
    ]


def lines(shards: int, parts: int) -> str:
    """
    Return the lines for airflow.cfg, the same for the environment, and what else to do.

    :raises SettingsError: where the number of shards is not allowed
    """
    listed = bundle_list(shards, parts)
    value = json.dumps(listed)
    in_file = [f"    {json.dumps(each)}{',' if each is not listed[-1] else ''}" for each in listed]
    others = [f"'{each.get('name')}'" for each in airflow_settings.dag_bundles() if not is_own(each)]
    keep = f"Beside them, keep what you still need of {', '.join(others)}. " if others else ""
    start = [f"airflow dag-processor --bundle-name {each['name']}" for each in listed]
    return "\n".join(
        [
            "# In airflow.cfg, the same on every machine:",
            "[dag_processor]",
            "dag_bundle_config_list = [",
            *in_file,
            "    ]",
            "",
            "# The same in the environment:",
            f"{VARIABLE}='{value}'",
            "",
            f"# {keep}Then restart all of Airflow's processes.",
            *([_PROCESSORS, *(f"#   {each}" for each in start)] if parts > 1 else []),
        ]
    )
