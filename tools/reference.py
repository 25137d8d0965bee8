"""
What of docs/ is made from the code: ``python -m tools.reference`` writes it into the pages.

A page has such a part between two comments, ``<!-- made by tools/reference.py: settings -->`` and ``<!-- end -->``;
what stands before and after it is written by hand. A test compares the pages with the code.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from airflow.cli.cli_config import ActionCommand, Arg
from pydantic import BaseModel

from dag_factory.cli import all_commands
from dag_factory.configs.allowed import SERVER
from dag_factory.configs.pipeline import AirflowConfig, DagFactory, EntityReference, IngestionPipeline, Runner
from dag_factory.configs.schemas import PIPELINE, kind_at
from dag_factory.settings.options import OPTIONS
from tools.markdown import cell
from tools.source_config_reference import fields_of, source_configs

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
COMMANDS = DOCS / "commands"
_PART = re.compile(
    r"(?P<begin><!-- made by tools/reference\.py: (?P<name>\w+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL
)
CONFIG: dict[str, type[BaseModel]] = {
    "The pipeline": IngestionPipeline,
    "airflowConfig": AirflowConfig,
    "service, and each of owners": EntityReference,
    "dagFactory": DagFactory,
    "dagFactory.runner": Runner,
}
# Of the pipeline, what openmetadata-ingestion reads and no DAG depends on.
OF_RUN = ("loggerLevel", "raiseOnError", "enableStreamableLogs")
TYPES = {"string": "text", "boolean": "true or false", "integer": "whole number"}
BOUNDS = {"minimum": "from", "maximum": "to"}
# A bound that only says what a column of a database holds.
LARGEST = 2**31 - 1
# Where a page says more of a setting.
MORE = {
    "metrics_dag_id": "metrics.md",
    "config_store": "object-storage.md",
    "python": "ingestion.md",
    "check_server_minutes": "commands/diff.md#from-time-to-time",
    "warm_start": "ingestion.md#warm-starts",
    "allowed_env": "configs.md#references-instead-of-secrets",
    "allowed_connections": "configs.md#references-instead-of-secrets",
    "allowed_servers": "configs.md#references-instead-of-secrets",
    "state_folder": "operating.md#when-the-config-store-is-missing",
    "last_good_folder": "operating.md#when-a-config-is-broken",
    "longest_run": "operating.md#when-a-run-doesnt-end",
    "schedule_spread_seconds": "configs.md#not-all-at-once",
    "automation_workers": "server.md#automations",
    "watch_store": "configs.md#drop-change-and-remove-files",
    "openmetadata_conn_id": "configs.md#one-connection-for-all",
}


def settings() -> Iterator[str]:
    """Yield the lines of a table of all settings."""
    yield "| setting | default | meaning |"
    yield "|---|---|---|"
    for name, option in OPTIONS.items():
        value = f"`{option['default']}`" if option["default"] else "empty"
        text = cell(option["description"] or "")
        if option["example"]:
            text += f" Example: `{option['example']}`."
        if name in MORE:
            text += f" [More]({MORE[name]})."
        yield f"| `{name}` | {value} | {text} |"


def config() -> Iterator[str]:
    """Yield the lines of a section for each part of a config: its fields, their types and defaults."""
    for title, model in CONFIG.items():
        yield ""
        yield f"## {title}"
        yield ""
        yield cell(inspect.getdoc(model) or "").partition(" The rest of the document")[0]
        yield ""
        yield "| field | type | default | meaning |"
        yield "|---|---|---|---|"
        schema = model.model_json_schema()
        for name, field in schema["properties"].items():
            taken = ", or ".join(kinds(field))
            fallback = "required" if name in schema.get("required", ()) else default(field)
            yield f"| `{name}` | {taken} | {fallback} | {cell(field.get('description', ''))} |"
        if model is IngestionPipeline:
            yield from fields_of(PIPELINE, OF_RUN)
    yield ""
    yield f"## {SERVER}"
    yield ""
    yield "To which OpenMetadata server a run reports, and with which token."
    yield ""
    yield "| field | type | default | meaning |"
    yield "|---|---|---|---|"
    yield from fields_of(str(kind_at(SERVER)))
    yield ""
    yield f"## {SERVER}.securityConfig"
    yield ""
    yield "How a run authenticates."
    yield ""
    yield "| field | type | default | meaning |"
    yield "|---|---|---|---|"
    yield from fields_of(str(kind_at(SERVER, "securityConfig")))


def kinds(schema: Mapping[str, Any]) -> list[str]:
    """Return the kinds of values that a JSON Schema allows, but for null, which means the default."""
    if "anyOf" in schema:
        return [name for option in schema["anyOf"] for name in kinds(option)]
    if "$ref" in schema or schema.get("type") == "object":
        return ["mapping"]
    name = str(schema.get("type", "any"))
    if name == "array":
        return [f"list of {kinds(schema['items'])[0]}s"]
    bounds = [f"{word} {schema[key]}" for key, word in BOUNDS.items() if abs(schema.get(key, LARGEST)) < LARGEST]
    return [] if name == "null" else [" ".join([TYPES.get(name, name), *bounds])]


def default(field: Mapping[str, Any]) -> str:
    """Return a field's default as JSON; that of a section is the sum of its fields' defaults."""
    value = field.get("default")
    return "none" if value is None or isinstance(value, (dict, list)) else f"`{json.dumps(value)}`"


def commands() -> Iterator[str]:
    """Yield the lines of a section for each command: what it does, and its arguments."""
    for command in all_commands():
        yield ""
        yield f"### {command.name}"
        yield ""
        yield cell(command.description or command.help)
        yield ""
        yield from arguments(command)
        if (COMMANDS / f"{command.name}.md").exists():
            yield f"[Examples](commands/{command.name}.md)"
            yield ""


def arguments(command: ActionCommand) -> Iterator[str]:
    """Yield the lines of a table of a command's arguments; nothing where it has none."""
    if not command.args:
        return
    yield "| argument | meaning |"
    yield "|---|---|"
    for argument in command.args:
        yield f"| {called(argument)} | {meaning(argument)} |"
    yield ""


def called(argument: Arg) -> str:
    """Return how an argument is written on the command line."""
    flags, given = argument.flags, argument.kwargs
    if not flags[0].startswith("-"):
        return f"`{given.get('metavar') or flags[0].upper()}`"
    takes_value = given.get("action") not in {"store_true", "store_false"}
    value = f" {given.get('metavar') or flags[-1].lstrip('-').upper().replace('-', '_')}" if takes_value else ""
    return ", ".join(f"`{flag}{value}`" for flag in flags)


def meaning(argument: Arg) -> str:
    """Return what an argument is for, with its choices and its default."""
    given = argument.kwargs
    text = cell(given.get("help") or "").rstrip(".") + "."
    if given.get("choices"):
        text += f" One of {', '.join(f'`{choice}`' for choice in given['choices'])}."
    if given.get("default") not in {None, False, ()}:
        text += f" Default: `{given['default']}`."
    return text + (" Required." if given.get("required") else "")


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "settings": settings,
    "config": config,
    "source_configs": source_configs,
    "commands": commands,
}


def written(page: str) -> str:
    """Return a page's text with its parts made anew."""

    def made(match: re.Match[str]) -> str:
        lines = "\n".join(PARTS[match["name"]]()).strip("\n")
        return f"{match['begin']}\n{lines}\n\n{match['end']}"

    return _PART.sub(made, page)


def main() -> int:
    """Write the pages that differ, and name them."""
    argparse.ArgumentParser(prog="python -m tools.reference", description=__doc__).parse_args()
    for path in sorted(DOCS.glob("*.md")):
        before = path.read_text(encoding="utf-8")
        if (after := written(before)) != before:
            path.write_text(after, encoding="utf-8")
            print(f"{path.relative_to(ROOT)} is new")
    return 0


if __name__ == "__main__":
    sys.exit(main())
