"""What the commands that ask the OpenMetadata server have in common: which pipelines, and a table of them."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from dag_factory.api_server.sync.difference import Chosen, Difference, Differing
from dag_factory.cli.database import use_database
from dag_factory.cli.output import print_table


def prepare() -> None:
    """Let this process find the Connection, and log no line for each call."""
    use_database()
    logging.getLogger("httpx").setLevel(logging.WARNING)


def chosen(args: argparse.Namespace) -> Chosen:
    """Return which pipelines the arguments name."""
    return Chosen(args.service or "", args.type or "", args.runner or "")


def as_json(pipelines: Iterable[Differing]) -> list[dict[str, Any]]:
    """Return pipelines for a program."""
    return [asdict(each) for each in pipelines]


def print_pipelines(pipelines: Iterable[Differing]) -> None:
    """Print a table of pipelines that differ."""
    rows = [(each.state, each.dag_id, each.pipeline_type, each.service, each.why) for each in pipelines]
    if rows:
        print_table(("STATE", "PIPELINE", "TYPE", "SERVICE", "WHY"), rows)


def remarks(found: Difference) -> list[str]:
    """Return what else there is to say about a difference, a sentence each."""
    said = []
    if not found.is_complete:
        said.append(
            "The server has not listed all pipelines that it counts: they were changed meanwhile, or some are "
            "hidden from the Connection's user."
        )
    if found.not_comparable:
        said.append(f"{found.not_comparable} can't be compared: they are hidden from the Connection's user.")
    if found.undeployed:
        said.append(f"{len(found.undeployed)} have no config here, and the server doesn't count them as deployed.")
    if found.skipped:
        said.append(
            f"{found.skipped} can't be deployed: their service is deleted, they have no name for a DAG id, or they are "
            "nested too deeply."
        )
    if found.elsewhere:
        said.append(f"{found.elsewhere} belong to another runner or another server.")
    if found.written_by_hand:
        said.append(f"{found.written_by_hand} configs were written by hand, and are unknown to the server.")
    return said
