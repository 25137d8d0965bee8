"""Where everything of a running sandbox is, and what to try with it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

EXAMPLE = Path(__file__).parent / "examples" / "customers.yaml"
# Airflow shows the plugin's page there, in its own frame.
PAGE = "/plugin/openmetadata"


def overview(endpoints: Mapping[str, Any], counts: Mapping[str, Any], state: Path) -> RenderableType:
    """
    Return where each thing is, a line each, and three things to try next.

    :param endpoints: what ``endpoints.json`` holds
    :param counts: the server's ``/sandbox/summary``
    :param state: the folder in which everything is kept
    """
    # Lines, since in a terminal that is narrow a table cuts or folds addresses, which can't be clicked then.
    parts: list[RenderableType] = [Text()]
    for name, value in places(endpoints, counts, state):
        parts.append(Text.assemble((f"  {name:<14}", "bold"), value))
    parts += [Text(), Text("Try next:")]
    for number, (what, command) in enumerate(to_try(endpoints, state), 1):
        parts += [Text(f"  {number}. {what}"), Text(f"     {command}", style="bold")]
    return Group(*parts, Text())


def places(endpoints: Mapping[str, Any], counts: Mapping[str, Any], state: Path) -> Iterator[tuple[str, str]]:
    """Yield the name of each place, and where it is."""
    store = Path(endpoints["config_store"])
    yield "Airflow", endpoints["airflow"]
    yield "Pipelines", f"{endpoints['page']} (in its menu: OpenMetadata)"
    yield "Login", f"{endpoints['username']}, password {endpoints['password']}"
    yield "OpenMetadata", f"{endpoints['openmetadata']} (a stand-in for the server)"
    yield "Config store", f"{shown(store)} ({len(configs(store))} configs, one of them broken on purpose)"
    yield (
        "Ingested",
        f"{counts['tables']} tables, {counts['lineage']} edges of lineage, by {len(counts['runs'])} pipelines",
    )
    yield "Logs", shown(state / "logs")


def to_try(endpoints: Mapping[str, Any], state: Path) -> Iterator[tuple[str, str]]:
    """Yield what to try next, and its command in the current folder."""
    store = shown(Path(endpoints["config_store"]))
    program = shown(Path(sys.executable).with_name("openmetadata-dag-factory"))
    yield "Drop a config. Within seconds it is a DAG:", f"cp {shown(EXAMPLE)} {store}/"
    yield "Find out what is wrong with the broken one:", f"{program} validate {store}"
    yield "Ask whether all is well:", f"AIRFLOW_HOME={shown(state / 'airflow')} {program} doctor"


def configs(store: Path) -> list[Path]:
    """Return the files of configs in a store, without its hidden files and its defaults."""
    return [
        path
        for path in store.rglob("*")
        if path.suffix in {".json", ".yaml", ".yml"}
        and path.stem != "defaults"
        and not any(part.startswith(".") for part in path.relative_to(store).parts)
    ]


def shown(path: Path) -> str:
    """Return a path as a user in the current folder writes it."""
    # Not resolved: an environment's interpreter is a link.
    relative = os.path.relpath(path.absolute())
    return relative if not relative.startswith("..") else str(path.absolute())
