"""``show``: one config as it runs, merged over its defaults, with the file and line that each value comes from."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone
from typing import Any

from dag_factory import settings
from dag_factory.cli.chosen_store import chosen_store, path_of
from dag_factory.cli.exits import command
from dag_factory.cli.list import findings_in, placed, state_text
from dag_factory.cli.output import print_json, print_lines, print_table
from dag_factory.configs.dag_ids import clean_dag_id
from dag_factory.configs.document import Document
from dag_factory.errors import CommandError, ConfigError, SettingsError
from dag_factory.portable.plain_text import cut, one_line
from dag_factory.settings.options import IN_PROCESS, SECTION
from dag_factory.store import ConfigStore
from dag_factory.store.config import BrokenConfig, Config
from dag_factory.store.config_files import ConfigFiles
from dag_factory.store.config_version import config_version, version_text
from dag_factory.store.examination import Examination, Examined
from dag_factory.store.origins import Value, shown, values_of, with_shown_names
from dag_factory.task.runner.installed_ingestion import installed_ingestion
from dag_factory.task.runner.interpreter import choose

# Of a value in the table. JSON has all of it.
_LONGEST = 300


@command
def show(args: argparse.Namespace) -> None:
    """Print the config of a DAG id."""
    store, allowed = chosen_store(args.store)
    examination = Examination(store, allowed)
    dag_id = clean_dag_id(args.dag_id)
    config = examination.find(dag_id)
    if config is None:
        raise CommandError(f"No config has the DAG id '{dag_id}'. `openmetadata-dag-factory list` shows all of them.")
    found = examination.of_config(config)
    document, key = _in_files(store, config)
    values = values_of(document, key, store)
    if args.output == "json":
        print_json(_as_json(store, found, config, document, values))
        return
    print_lines([*_lines(store, found, config), ""])
    print_table(("field", "value", "from"), [_row(store, value) for value in values])


def _in_files(store: ConfigStore, config: Config | BrokenConfig) -> tuple[Document, str | None]:
    """Return what the files say, and the config's key; where they can't be read, what runs, which is in no file."""
    contents = ConfigFiles(store).contents(config.key)
    if contents is not None and contents.document is not None:
        return contents.document, config.key
    return config.document, None


def _lines(store: ConfigStore, found: Examined, config: Config | BrokenConfig) -> list[str]:
    lines = [
        f"{found.dag_id}: {state_text(found)}",
        f"File: {path_of(store, found.key)}",
        f"Runs: {_runs(config)}",
        f"Schedule: {found.summary.schedule_text(found.dag_id, settings.schedule_spread_seconds())}",
        f"Interpreter: {_interpreter(config)[0]}",
    ]
    for level, problems in (("Error", found.problems), ("Warning", found.warnings)):
        lines += [f"{level}: {placed(store, each)}" for each in problems]
    return lines


def _runs(config: Config | BrokenConfig) -> str:
    """Return which version of a config runs."""
    if isinstance(config, BrokenConfig):
        return "nothing"
    version = version_text(config_version(config))
    if config.trouble is None:
        return f"this config ({version})"
    since = config.trouble.since
    when = f" since {datetime.fromtimestamp(int(since), timezone.utc):%Y-%m-%d %H:%M:%S} UTC" if since else ""
    return f"its last good version ({version}), and not this config{when}"


def _interpreter(config: Config | BrokenConfig) -> tuple[str, dict[str, str | None]]:
    """Return which interpreter runs a config, and its openmetadata-ingestion as far as this machine shows."""
    named = _named_interpreter(config.document)
    try:
        # A config must not start any program, not even as the user who looks at it.
        python = choose(named) or IN_PROCESS
    except (ConfigError, SettingsError) as error:
        return f"none: {getattr(error, 'problem', error)}", {"python": named, "ingestion": None}
    found = installed_ingestion(python)
    where = "the task's process" if python == IN_PROCESS else python
    by = "" if named is not None else f", by the setting [{SECTION}] python"
    said = found if found.version is not None else f"which {found.problem}"
    return f"{where}{by}, {said}", {"python": python, "ingestion": found.version}


def _named_interpreter(document: Document) -> str | None:
    """Return the interpreter that a config names, None where it names none, or nothing that could be one."""
    found: Any = document
    for name in ("dagFactory", "runner", "python"):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else None


def _row(store: ConfigStore, value: Value) -> tuple[str, str, str]:
    origin = f"{path_of(store, value.file)}:{value.line}" if value.file is not None else ""
    return (one_line(value.field), cut(one_line(value.text), _LONGEST), origin)


def _as_json(
    store: ConfigStore, found: Examined, config: Config | BrokenConfig, document: Document, values: list[Value]
) -> dict[str, Any]:
    return {
        "dag_id": found.dag_id,
        "state": found.state,
        "file": path_of(store, found.key),
        "runs": config_version(config) if isinstance(config, Config) else None,
        "interpreter": _interpreter(config)[1],
        "problems": findings_in(store, found.problems),
        "warnings": findings_in(store, found.warnings),
        "config": with_shown_names(shown(document)),
        "from": {each.field: {"file": path_of(store, each.file), "line": each.line} for each in values if each.file},
    }
