"""``list``: all configs, each with its state, what it is, when it runs, and its file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dag_factory import settings
from dag_factory.cli.chosen_store import chosen_store, path_of, reading
from dag_factory.cli.exits import command
from dag_factory.cli.finding_formats import finding, place_of
from dag_factory.cli.output import count_of, print_json, print_table
from dag_factory.configs.problem import Problem
from dag_factory.store import ConfigStore
from dag_factory.store.examination import GOOD, Examination, Examined

_COLUMNS = ("id", "state", "type", "service", "schedule", "file", "problem")


@command
def list_configs(args: argparse.Namespace) -> None:
    """Print the configs."""
    store, opened = chosen_store(args.store)
    found = [each for each in Examination(store, opened).all(reading(store)) if _is_wanted(each, args)]
    found.sort(key=lambda each: each.dag_id)
    spread = settings.schedule_spread_seconds()
    if args.output == "json":
        print_json([_values(store, each, spread) for each in found])
    else:
        print_table(_COLUMNS, [_row(store, each, spread) for each in found])


def _is_wanted(each: Examined, args: argparse.Namespace) -> bool:
    is_of_state = bool(each.warnings) if args.state == "warning" else args.state in (None, each.state)
    return is_of_state and args.type in (None, each.summary.type)


def _row(store: ConfigStore, each: Examined, spread: int) -> tuple[str, ...]:
    summary = each.summary
    first = next(iter([*each.problems, *each.warnings]), None)
    return (
        each.dag_id,
        state_text(each),
        summary.type or "",
        summary.service or "",
        summary.schedule_text(each.dag_id, spread),
        path_of(store, each.key),
        placed(store, first) if first is not None else "",
    )


def state_text(each: Examined) -> str:
    """Return the state of a config in words, with its number of warnings where it has no problem."""
    warnings = f", {count_of(len(each.warnings), 'warning')}" if each.warnings and each.state == GOOD else ""
    return each.state.replace("_", " ") + warnings


def placed(store: ConfigStore, problem: Problem) -> str:
    """Return a problem on one line, behind its place."""
    return f"{place_of(replace(problem, config=path_of(store, problem.config or '')))}: {problem.sentence}"


def _values(store: ConfigStore, each: Examined, spread: int) -> dict[str, Any]:
    summary = each.summary
    spread_ones = summary.spread_schedule(each.dag_id, spread)
    return {
        "dag_id": each.dag_id,
        "state": each.state,
        "type": summary.type,
        "service": {"type": summary.service_type, "name": summary.service},
        "schedule": summary.schedule,
        "timezone": summary.timezone,
        "delay_seconds": int(spread_ones.offset.total_seconds()) if spread_ones else 0,
        "file": path_of(store, each.key),
        "problems": findings_in(store, each.problems),
        "warnings": findings_in(store, each.warnings),
    }


def findings_in(store: ConfigStore, problems: Sequence[Problem]) -> list[dict[str, Any]]:
    """Return problems as plain values, their files named as the caller can open them."""
    return [
        finding(replace(each, config=path_of(store, each.config))) if each.config else finding(each)
        for each in problems
    ]
