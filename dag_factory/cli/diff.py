"""``diff``: how the config store differs from the OpenMetadata server."""

from __future__ import annotations

import argparse

from dag_factory.api_server.sync import configured
from dag_factory.api_server.sync.difference import Difference
from dag_factory.cli.exits import FOUND, command
from dag_factory.cli.output import print_json, print_lines
from dag_factory.cli.server_options import as_json, chosen, prepare, print_pipelines, remarks


@command
def diff(args: argparse.Namespace) -> int:
    """Print the pipelines that differ; return 1 where there are any."""
    prepare()
    found = configured.difference(chosen(args))
    if args.output == "json":
        print_json(_as_json(found))
    else:
        print_pipelines(found.differing)
        print_lines([_summary(found), *remarks(found)])
    return FOUND if found.differing else 0


def _summary(found: Difference) -> str:
    compared = f"{found.compared} pipelines of the server compared"
    if not found.differing:
        return f"{compared}: no difference."
    states = dict.fromkeys(each.state for each in found.differing)
    counted = ", ".join(f"{len(found.of(state))} {state}" for state in states)
    return f"{compared}: {counted}."


def _as_json(found: Difference) -> dict[str, object]:
    return {
        "differing": as_json(found.differing),
        "undeployed": as_json(found.undeployed),
        "on_server": found.on_server,
        "compared": found.compared,
        "elsewhere": found.elsewhere,
        "written_by_hand": found.written_by_hand,
        "not_comparable": found.not_comparable,
        "skipped": found.skipped,
        "is_complete": found.is_complete,
    }
