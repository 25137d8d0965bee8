"""Builds a pipeline's DAG: a pure function, so the same config always gives the same DAG."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from unicodedata import combining, normalize

from airflow.sdk import DAG

from dag_factory.configs.allowed import Allowed
from dag_factory.configs.document import Document
from dag_factory.configs.pipeline import IngestionPipeline, Runner
from dag_factory.configs.problem import EFFECT, Problem
from dag_factory.configs.timetables.schedule import EPOCH, schedule, timezone_of
from dag_factory.configs.timetables.spread import spread_runs
from dag_factory.configs.timetables.written import read_back, written
from dag_factory.dag import descriptions
from dag_factory.dag.docs import describe, describe_problem, owner_names
from dag_factory.dag.plan import PlaceholderPlan, Plan
from dag_factory.dag.tags import LAST_GOOD_TAG, PROBLEM_TAG, SERVICE_PREFIX, TAG, TYPE_PREFIX, WARNING_TAG
from dag_factory.dag.trigger_form import add_fields
from dag_factory.errors import ConfigError
from dag_factory.portable.openmetadata.pipeline_types import PIPELINE_TYPES, pipeline_type
from dag_factory.portable.plain_text import cut, one_line, printable
from dag_factory.portable.secrets.redaction import redact_beginning
from dag_factory.reporting.failure_mail import FailureMail, failure_mail
from dag_factory.store.config import BrokenConfig, Config, examine_config
from dag_factory.task.operator import ConfigErrorOperator, IngestionOperator

if TYPE_CHECKING:
    from pendulum import DateTime

OWNER = "openmetadata"
PROBLEM_TASK = "config_error"

# Widths of Airflow's columns; SQLite does not enforce them, PostgreSQL fails the parse of all DAGs.
_MAX_TAG = 100
_MAX_OWNER = 500
_MAX_DISPLAY_NAME = 2000
_MAX_DESCRIPTION = 5000  # not a column's width, but as much as a list can show


def build_dag(config: Config, allowed: Allowed | None = None, **settings: Any) -> DAG:
    """Return the DAG of a config: the one that its plan describes, see `plan_of`, which has the same parameters."""
    return build(plan_of(config, allowed, **settings))


def build_placeholder(config: BrokenConfig) -> DAG:
    """Return the placeholder DAG of a broken config; its docs and its task say what is wrong."""
    return build(plan_of_placeholder(config))


def plan_of(  # noqa: PLR0913 - the last by name
    config: Config,
    allowed: Allowed | None = None,
    *,
    longest_run: int | None = None,
    title_tag: bool = False,
    spread: int = 0,
    openmetadata_url: str | None = None,
) -> Plan:
    """
    Return all that the DAG of a config is built from. It holds no secret.

    :param allowed: what the operator allows configs; None to read the settings
    :param longest_run: seconds after which a run without a ``workflowTimeout`` is ended, None for no limit
    :param title_tag: whether the pipeline's title is one of the DAG's tags
    :param spread: over how many seconds the runs of one cron are spread, unless the config says so
    :param openmetadata_url: address of OpenMetadata's UI, None where only the config may have it
    :raises ConfigError: where validation finds an error; nothing else prevents a DAG
    """
    try:
        verdict = examine_config(config, allowed, warnings=True)
        pipeline = verdict.require_pipeline()
        warnings = _shown(verdict.warnings) if config.trouble is None else []
        return _planned(
            pipeline,
            config,
            longest_run,
            warnings,
            title_tag=title_tag,
            spread=spread,
            openmetadata_url=openmetadata_url,
        )
    except ConfigError as error:
        raise error.within(config.key) from None


def plan_of_placeholder(config: BrokenConfig) -> PlaceholderPlan:
    """Return all that the placeholder DAG of a broken config is built from; docs and task say what is wrong."""
    reason = descriptions.line_of_error(descriptions.BROKEN, config.problem, config.key)
    tags = _unique([TAG, PROBLEM_TAG, *_readable_tags(config.document)])
    return PlaceholderPlan(config.dag_id, str(config.problem), describe_problem(config), reason, tags)


def build(plan: Plan | PlaceholderPlan) -> DAG:
    """Return the DAG that a plan describes."""
    return _pipeline(plan) if isinstance(plan, Plan) else _placeholder(plan)


def _pipeline(plan: Plan) -> DAG:
    dag = DAG(
        dag_id=plan.dag_id,
        dag_display_name=plan.title,
        description=plan.description,
        doc_md=plan.docs,
        schedule=read_back(plan.schedule),
        # Sets the timezone, and catchup needs a start. The timetable has the true start and end.
        start_date=_epoch_in(plan.timezone),
        catchup=plan.catchup,
        max_active_tasks=plan.max_active_tasks,
        max_active_runs=plan.max_active_runs,
        is_paused_upon_creation=plan.starts_paused,
        tags=plan.tags,
    )
    # The task would inherit it, and be left out of earlier runs.
    dag.start_date = None
    IngestionOperator(
        task_id=pipeline_type(plan.pipeline_type).task_id,
        problem=plan.problem,
        owner=plan.owner,
        retries=plan.retries,
        retry_delay=timedelta(seconds=plan.retry_seconds),
        execution_timeout=timedelta(seconds=plan.timeout_seconds) if plan.timeout_seconds else None,
        on_failure_callback=FailureMail(tuple(plan.mail_to), plan.mail_title) if plan.mail_to else None,
        dag=dag,
        **plan.placement,
    )
    # After the task is made, which would have a copy of them.
    add_fields(dag, plan.pipeline_type)
    return dag


def _placeholder(plan: PlaceholderPlan) -> DAG:
    dag = DAG(
        dag_id=plan.dag_id,
        description=plan.description,
        doc_md=plan.docs,
        schedule=None,
        tags=plan.tags,
        is_paused_upon_creation=False,
    )
    ConfigErrorOperator(task_id=PROBLEM_TASK, problem=plan.problem, owner=OWNER, retries=0, dag=dag)
    return dag


def _shown(warnings: Iterable[Problem]) -> list[Problem]:
    """
    Return the warnings that are shown, in an order that does not depend on that of the fields.

    Whether a field has an effect is for its author: it may stand in the defaults, where other configs need it.
    """
    return sorted((each for each in warnings if each.kind != EFFECT), key=lambda each: (each.field or "", each.text))


def _planned(  # noqa: PLR0913 - the last by name
    pipeline: IngestionPipeline,
    config: Config,
    longest_run: int | None,
    warnings: Sequence[Problem],
    *,
    title_tag: bool,
    spread: int,
    openmetadata_url: str | None,
) -> Plan:
    airflow = pipeline.airflow_config
    timeout = airflow.workflow_timeout or longest_run
    own = pipeline.dag_factory.spread
    ticks = schedule(airflow, pipeline.dag_factory.moved_at)
    timetable = spread_runs(ticks, config.dag_id, spread if own is None else own)
    mail = failure_mail(airflow.email, pipeline.title)
    return Plan(
        dag_id=config.dag_id,
        title=cut(pipeline.title, _MAX_DISPLAY_NAME),
        description=_description(pipeline, config, warnings),
        docs=describe(pipeline, config, timeout, timetable, warnings, openmetadata_url=openmetadata_url),
        schedule=written(timetable),
        timezone=timezone_of(airflow).name,
        catchup=airflow.pipeline_catchup,
        max_active_tasks=airflow.concurrency,
        max_active_runs=airflow.max_active_runs,
        starts_paused=pipeline.starts_paused,
        tags=_tags(pipeline, _state_tags(config, warnings), title_tag=title_tag),
        pipeline_type=pipeline.pipeline_type,
        problem=str(config.trouble.problem) if config.trouble is not None else None,
        owner=cut(one_line(", ".join(owner_names(pipeline))) or OWNER, _MAX_OWNER),
        retries=airflow.retries,
        retry_seconds=airflow.retry_delay,
        timeout_seconds=timeout,
        mail_to=list(mail.recipients) if mail is not None else [],
        mail_title=mail.title if mail is not None else "",
        placement=_placement(pipeline.dag_factory.runner),
    )


def _description(pipeline: IngestionPipeline, config: Config, warnings: Sequence[Problem]) -> str | None:
    """Return what is wrong with a config, or doubtful, in the first line, and then what its author has written."""
    lines = [printable(redact_beginning(pipeline.description or "", _MAX_DESCRIPTION))]
    if config.trouble is not None:
        lines.insert(0, descriptions.line_of_error(descriptions.LAST_GOOD, config.trouble.problem, config.key))
    elif warnings:
        lines.insert(0, descriptions.line_of(descriptions.WARNING, warnings[0], config.key, len(warnings) - 1))
    return cut("\n".join(filter(None, lines)), _MAX_DESCRIPTION) or None


@lru_cache(maxsize=1000)
def _epoch_in(timezone: str) -> DateTime:
    return EPOCH.in_timezone(timezone)


def _placement(runner: Runner) -> dict[str, Any]:
    """Return where Airflow runs a pipeline's task, as far as the pipeline says; the rest are Airflow's defaults."""
    said = {
        "pool": runner.pool,
        "queue": runner.queue,
        "priority_weight": runner.priority_weight,
        "executor": runner.executor,
    }
    return {name: value for name, value in said.items() if value is not None}


def _state_tags(config: Config, warnings: Sequence[Problem]) -> list[str]:
    if config.trouble is not None:
        return [PROBLEM_TAG, LAST_GOOD_TAG]
    return [WARNING_TAG] if warnings else []


def _tags(pipeline: IngestionPipeline, state: list[str], *, title_tag: bool) -> list[str]:
    """
    Return tags that many DAGs share, unless ``title_tag``.

    From Airflow 3.4 on, a DAG's tags may be labels of metrics (`[metrics] dag_tags_in_metrics`): a tag for each
    pipeline would make a series for each.
    """
    service = pipeline.service.name if pipeline.service else None
    tags = [TAG, f"{TYPE_PREFIX}{pipeline.pipeline_type}", f"{SERVICE_PREFIX}{service}", *state]
    return _unique([*tags, *([pipeline.title] if title_tag else [])])


def _readable_tags(document: Document) -> list[str]:
    """Return the type and the service that a broken config names, as far as they can be read."""
    kind, service = document.get("pipelineType"), document.get("service")
    name = service.get("name") if isinstance(service, dict) else None
    types = [f"{TYPE_PREFIX}{kind}"] if isinstance(kind, str) and kind in PIPELINE_TYPES else []
    return types + ([f"{SERVICE_PREFIX}{name}"] if isinstance(name, str) and name.strip() else [])


def _unique(tags: Iterable[str]) -> list[str]:
    # To MySQL, tags that differ only in case or accents are the same, and it would refuse all DAGs of the file.
    kept: dict[str, str] = {}
    for tag in (cut(one_line(each), _MAX_TAG) for each in tags):
        kept.setdefault(_collated(tag), tag)
    return list(kept.values())


def _collated(tag: str) -> str:
    """Return a tag without case and accents, as MySQL's collations compare it."""
    return "".join(each for each in normalize("NFKD", tag.casefold()) if not combining(each)).casefold()
