"""Builds a pipeline's DAG: a pure function, so the same config always gives the same DAG."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unicodedata import combining, normalize

from airflow.sdk import DAG

from dag_factory.configs.allowed import Allowed
from dag_factory.configs.pipeline import IngestionPipeline, Runner
from dag_factory.configs.timetables.schedule import EPOCH, schedule, timezone_of
from dag_factory.configs.timetables.spread import spread_runs
from dag_factory.dag.docs import describe, describe_problem, owner_names
from dag_factory.dag.trigger_form import add_fields
from dag_factory.errors import ConfigError
from dag_factory.openmetadata.pipeline_types import pipeline_type
from dag_factory.plain_text import cut, one_line, printable
from dag_factory.reporting.failure_mail import failure_mail
from dag_factory.secrets.redaction import redact_beginning
from dag_factory.store.config import BrokenConfig, Config, examine_config
from dag_factory.task.operator import ConfigErrorOperator, IngestionOperator

OWNER = "openmetadata"
TAG = "OpenMetadata"
PROBLEM_TAG = "config-error"
PROBLEM_TASK = "config_error"

# Widths of Airflow's columns; SQLite does not enforce them, PostgreSQL fails the parse of all DAGs.
_MAX_TAG = 100
_MAX_OWNER = 500
_MAX_DISPLAY_NAME = 2000
_MAX_DESCRIPTION = 5000  # not a column's width, but as much as a list can show


def build_dag(
    config: Config,
    opened: Allowed | None = None,
    *,
    longest_run: int | None = None,
    title_tag: bool = False,
    spread: int = 0,
) -> DAG:
    """
    Return the DAG of a config.

    :param opened: what the operator allows configs; None to read the settings
    :param longest_run: seconds after which a run without a ``workflowTimeout`` is ended, None for no limit
    :param title_tag: whether the pipeline's title is one of the DAG's tags
    :param spread: over how many seconds the runs of one cron are spread, unless the config says so
    :raises ConfigError: where validation finds an error; nothing else prevents a DAG
    """
    try:
        if config.is_redacted:
            # It was validated when it was loaded; what is left of it can't be validated again.
            pipeline = IngestionPipeline.from_document(config.document)
        else:
            pipeline = examine_config(config, opened).require_pipeline()
        return _build(pipeline, config, longest_run, title_tag=title_tag, spread=spread)
    except ConfigError as error:
        raise error.within(config.key) from None


def build_placeholder(config: BrokenConfig) -> DAG:
    """Return the placeholder DAG of a broken config; its docs and its task say what is wrong."""
    dag = DAG(
        dag_id=config.dag_id,
        description=cut(one_line(str(config.problem)), 500),
        doc_md=describe_problem(config),
        schedule=None,
        tags=[TAG, PROBLEM_TAG],
        is_paused_upon_creation=False,
    )
    ConfigErrorOperator(task_id=PROBLEM_TASK, problem=str(config.problem), owner=OWNER, retries=0, dag=dag)
    return dag


def _build(
    pipeline: IngestionPipeline, config: Config, longest_run: int | None, *, title_tag: bool, spread: int
) -> DAG:
    kind = pipeline_type(pipeline.pipeline_type)
    airflow = pipeline.airflow_config
    timeout = airflow.workflow_timeout or longest_run
    own = pipeline.dag_factory.spread
    timetable = spread_runs(schedule(airflow), config.dag_id, spread if own is None else own)
    dag = DAG(
        dag_id=config.dag_id,
        dag_display_name=cut(pipeline.title, _MAX_DISPLAY_NAME),
        description=cut(printable(redact_beginning(pipeline.description or "", _MAX_DESCRIPTION)), _MAX_DESCRIPTION)
        or None,
        doc_md=describe(pipeline, config, timeout, timetable),
        schedule=timetable,
        # Sets the timezone, and catchup needs a start. The timetable has the true start and end.
        start_date=EPOCH.in_timezone(timezone_of(airflow)),
        catchup=airflow.pipeline_catchup,
        max_active_tasks=airflow.concurrency,
        max_active_runs=airflow.max_active_runs,
        is_paused_upon_creation=pipeline.starts_paused,
        tags=_tags(pipeline, is_broken=config.trouble is not None, title_tag=title_tag),
    )
    # The task would inherit it, and be left out of earlier runs.
    dag.start_date = None
    IngestionOperator(
        task_id=kind.task_id,
        problem=str(config.trouble.problem) if config.trouble is not None else None,
        owner=cut(one_line(", ".join(owner_names(pipeline))) or OWNER, _MAX_OWNER),
        retries=airflow.retries,
        retry_delay=timedelta(seconds=airflow.retry_delay),
        execution_timeout=timedelta(seconds=timeout) if timeout else None,
        on_failure_callback=failure_mail(airflow.email, pipeline.title),
        dag=dag,
        **_placement(pipeline.dag_factory.runner),
    )
    # After the task is made, which would have a copy of them.
    add_fields(dag, pipeline.pipeline_type)
    return dag


def _placement(runner: Runner) -> dict[str, Any]:
    """Return where Airflow runs a pipeline's task, as far as the pipeline says; the rest are Airflow's defaults."""
    said = {
        "pool": runner.pool,
        "queue": runner.queue,
        "priority_weight": runner.priority_weight,
        "executor": runner.executor,
    }
    return {name: value for name, value in said.items() if value is not None}


def _tags(pipeline: IngestionPipeline, *, is_broken: bool, title_tag: bool) -> list[str]:
    """
    Return tags that many DAGs share, unless ``title_tag``.

    From Airflow 3.4 on, a DAG's tags may be labels of metrics (`[metrics] dag_tags_in_metrics`): a tag for each
    pipeline would make a series for each.
    """
    service = pipeline.service.name if pipeline.service else None
    tags = [TAG, f"type:{pipeline.pipeline_type}", f"service:{service}"]
    tags += [PROBLEM_TAG] if is_broken else []
    tags += [pipeline.title] if title_tag else []
    # To MySQL, tags that differ only in case or accents are the same, and it would refuse all DAGs of the file.
    kept: dict[str, str] = {}
    for tag in (cut(one_line(each), _MAX_TAG) for each in tags):
        kept.setdefault(_collated(tag), tag)
    return list(kept.values())


def _collated(tag: str) -> str:
    """Return a tag without case and accents, as MySQL's collations compare it."""
    return "".join(each for each in normalize("NFKD", tag.casefold()) if not combining(each)).casefold()
