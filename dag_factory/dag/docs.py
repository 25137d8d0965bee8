"""The docs of a DAG in Airflow's UI (``doc_md``)."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from dag_factory.configs.problem import InvalidError
from dag_factory.configs.shown_config import shown
from dag_factory.configs.timetables.schedule import end_date, start_date
from dag_factory.configs.timetables.spread import SpreadTimetable
from dag_factory.dag.markdown import inline, quoted
from dag_factory.portable.openmetadata.ui_pages import service_path, ui_address
from dag_factory.portable.secrets.redaction import redact_beginning
from dag_factory.store.config_version import config_version, version_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dag_factory.configs.document import Document
    from dag_factory.configs.pipeline import AirflowConfig, IngestionPipeline
    from dag_factory.configs.problem import Problem
    from dag_factory.configs.timetables.bounded import BoundedTimetable
    from dag_factory.errors import ConfigError
    from dag_factory.store.config import BrokenConfig, Config, Trouble

# Docs are stored with every version of a DAG; the config has the whole description.
_MAX_DESCRIPTION = 5_000
_MAX_SOURCE_CONFIG = 20_000
_MOST_PROBLEMS = 50

_encoded = json.JSONEncoder(ensure_ascii=False).encode


def describe(  # noqa: PLR0913 - the last by name
    pipeline: IngestionPipeline,
    config: Config,
    longest_run: int | None = None,
    timetable: BoundedTimetable | None = None,
    warnings: Sequence[Problem] = (),
    *,
    openmetadata_url: str | None = None,
) -> str:
    """
    Return a pipeline's page in Markdown: what it is, when it runs, where it is in OpenMetadata, and its source config
    without secrets.

    It begins with what is wrong, where the last good version of a broken config runs; else with the warnings.

    :param longest_run: seconds after which a run is ended, None for no limit
    :param timetable: of the DAG, which may begin runs later than the cron says
    :param warnings: of the config
    :param openmetadata_url: address of OpenMetadata's UI, None where only the config may have it
    """
    airflow = pipeline.airflow_config
    service = pipeline.service
    rows = {
        "Type": pipeline.pipeline_type,
        "Service": service.name if service else None,
        "Service type": service.type if service else None,
        "Schedule": _schedule(airflow, timetable),
        "Longest run": str(timedelta(seconds=longest_run)) if longest_run else None,
        "Owners": ", ".join(owner_names(pipeline)),
        "Pipeline in OpenMetadata": pipeline.fqn,
        "Config": config.key,
    }
    parts = [f"### {inline(pipeline.title)}"]
    if pipeline.description:
        parts.append(quoted(redact_beginning(pipeline.description, _MAX_DESCRIPTION), _MAX_DESCRIPTION))
    parts.append(_table({name: text for name, text in rows.items() if text}))
    if link := service_link(pipeline, config.document, openmetadata_url):
        parts.append(f"[Open the service in OpenMetadata]({link})")
    if source_config := shown(_source_config(config.document)):
        parts.append(f"#### Source config\n\n{_json(source_config)}")
    if config.trouble is not None:
        parts[:0] = _trouble(config, config.trouble)
    elif warnings:
        parts[:0] = ["### The config runs, with warnings", _listed(warnings)]
    return _as_text(parts)


def _schedule(airflow: AirflowConfig, timetable: BoundedTimetable | None) -> str:
    """Return a pipeline's schedule with start and end, which Airflow does not show, since the DAG has none."""
    if airflow.schedule_interval is None:
        return "on demand"
    bounds = {"from": start_date(airflow), "until": end_date(airflow)}
    parts = [f"{airflow.schedule_interval} ({airflow.pipeline_timezone})"]
    parts += [timetable.begin] if isinstance(timetable, SpreadTimetable) else []
    parts += [f"{word} {moment:%Y-%m-%d %H:%M}" for word, moment in bounds.items() if moment is not None]
    return ", ".join(parts)


def _trouble(config: Config, trouble: Trouble) -> list[str]:
    rows = {"Since": _moment(trouble.since), "Version that runs": version_text(config_version(config))}
    return [
        "### The config is broken, so its last good version runs",
        _table(_problem_rows(config.key, trouble.problem) | {name: text for name, text in rows.items() if text}),
        *_all_problems(trouble.problem),
        "The pipeline keeps running as before. To run the new version, fix the config; to run nothing, remove it.",
    ]


def _problem_rows(key: str, problem: ConfigError) -> dict[str, str]:
    """Return what is wrong, and in which file, which may be one of defaults."""
    rows = {"Config": problem.config or key, "Field": problem.field, "Problem": problem.problem}
    return {name: text for name, text in rows.items() if text}


def _all_problems(problem: ConfigError) -> list[str]:
    """Return the list of all problems, where there are several; the table has the first."""
    problems = problem.problems if isinstance(problem, InvalidError) else ()
    if len(problems) <= 1:
        return []
    return [f"#### All {len(problems)} problems", _listed(problems)]


def _listed(problems: Sequence[Problem]) -> str:
    lines = [f"- {_named(each)}{inline(each.text)}" for each in problems[:_MOST_PROBLEMS]]
    if len(problems) > _MOST_PROBLEMS:
        lines.append(f"- and {len(problems) - _MOST_PROBLEMS} more")
    return "\n".join(lines)


def _named(problem: Problem) -> str:
    return f"**{inline(problem.field)}**: " if problem.field else ""


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    with suppress(OverflowError, ValueError, OSError):
        return f"{datetime.fromtimestamp(int(seconds), timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    return None


def describe_problem(config: BrokenConfig) -> str:
    """Return the page of a config that can't run: what is wrong with it, and what happens once it is fixed."""
    parts = [
        "### This config is broken, so nothing runs",
        _table(_problem_rows(config.key, config.problem)),
        *_all_problems(config.problem),
        "Fix the config to run its pipeline. Or remove the config, and this entry disappears. "
        "No other pipeline is affected.",
    ]
    return _as_text(parts)


def owner_names(pipeline: IngestionPipeline) -> list[str]:
    """Return the names of a pipeline's owners, sorted."""
    return sorted({name for owner in pipeline.owners if (name := owner.name or owner.display_name)})


def service_link(pipeline: IngestionPipeline, document: Document, openmetadata_url: str | None = None) -> str | None:
    """Return the address of the pipeline's service in OpenMetadata's UI, if the document or the operator says where."""
    server = document.get("openMetadataServerConnection")
    address = ui_address(server.get("hostPort") if isinstance(server, dict) else None, openmetadata_url)
    path = service_path(pipeline)
    return f"{address}{path}" if address and path else None


def _source_config(document: Document) -> Any:
    source_config = document.get("sourceConfig")
    return source_config.get("config") if isinstance(source_config, dict) else None


def _json(value: Any) -> str:
    text = _indented(value)
    if len(text) > _MAX_SOURCE_CONFIG:
        text = f"{text[:_MAX_SOURCE_CONFIG]}\n… (shortened)"
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}json\n{text}\n{fence}"


def _indented(value: Any, margin: str = "\n") -> str:
    """Return a value as JSON, indented and sorted, twice as fast as json's own indentation in pure Python."""
    inner = f"{margin}  "
    if isinstance(value, dict) and value:
        items = (f"{_encoded(key)}: {_indented(child, inner)}" for key, child in sorted(value.items()))
        return f"{{{inner}{f',{inner}'.join(items)}{margin}}}"
    if isinstance(value, list) and value:
        return f"[{inner}{f',{inner}'.join(_indented(child, inner) for child in value)}{margin}]"
    return _encoded(value)


def _table(rows: dict[str, str]) -> str:
    lines = ["| | |", "|---|---|", *(f"| {name} | {inline(text)} |" for name, text in rows.items())]
    return "\n".join(lines)


def _as_text(parts: list[str]) -> str:
    # Airflow takes a text that ends in ".md" for the name of a file, and opens it.
    return "\n\n".join(parts) + "\n"
