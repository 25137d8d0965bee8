"""Fields that are valid by themselves, but have no effect: another one is missing, or their time has passed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from pydantic import ValidationError

from dag_factory.configs.document import Document, mapping_at
from dag_factory.configs.pipeline import AirflowConfig
from dag_factory.configs.problem import EFFECT, WARNING, Problem
from dag_factory.configs.timetables.schedule import PipelineTimetable, end_date, schedule, start_date
from dag_factory.configs.timetables.spread import ticks_a_day
from dag_factory.errors import ConfigError

_SECTION = "airflowConfig"
# Those in which OpenMetadata's server and schema write the default.
_UTC = frozenset({"UTC", "Etc/UTC", "GMT"})
_MANY_RUNS = 1000


def without_effect(document: Document) -> Iterator[Problem]:
    """Yield a warning for each field of a schedule that changes nothing, since another one is missing."""
    airflow = mapping_at(document, _SECTION) or {}
    cron, zone = airflow.get("scheduleInterval"), airflow.get("pipelineTimezone")
    is_on_demand = cron is None or (isinstance(cron, str) and not cron.strip())
    if is_on_demand and isinstance(zone, str) and zone not in _UTC and airflow.get("startDate") is None:
        yield _useless("pipelineTimezone", "scheduleInterval")
    if airflow.get("pipelineCatchup") is True:
        if is_on_demand:
            yield _useless("pipelineCatchup", "scheduleInterval")
        elif airflow.get("startDate") is None:
            yield _useless("pipelineCatchup", "startDate")
    if not is_on_demand and airflow.get("endDate") is not None:
        yield from _has_ended(airflow["endDate"], zone)
    spread = (mapping_at(document, "dagFactory") or {}).get("spread")
    if is_on_demand and isinstance(spread, int) and spread:
        yield _useless("spread", "scheduleInterval", "dagFactory")
    if airflow.get("pipelineCatchup") is True and not is_on_demand:
        yield from _many_runs(airflow)
    if airflow.get("retryDelay") is not None and "retries" not in airflow:
        yield _useless("retryDelay", "retries")


def _has_ended(end: object, zone: object) -> Iterator[Problem]:
    """Yield a warning for an end that has passed. It depends on the clock, so it is never part of a DAG."""
    try:
        ended = end_date(AirflowConfig.model_validate({"endDate": end, "pipelineTimezone": zone}))
    except (ConfigError, ValidationError):
        return  # an error, which another check reports
    if ended is not None and ended < datetime.now(timezone.utc):
        problem = "has passed, so nothing is scheduled any more"
        yield Problem(f"{_SECTION}.endDate", EFFECT, problem, "Write a later date, or leave it out", WARNING)


def without_inherited(problems: Iterable[Problem], key: str) -> list[Problem]:
    """
    Return located problems without those about the effect of a field of defaults: other configs may need it.

    :param key: of the config that has the problems
    """
    return [problem for problem in problems if problem.kind != EFFECT or problem.config in (None, key)]


def _many_runs(airflow: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a warning where catching up means very many runs. How many depends on the clock, as `_has_ended` does."""
    fields = {name: airflow.get(name) for name in ("scheduleInterval", "pipelineTimezone", "startDate", "endDate")}
    try:
        config = AirflowConfig.model_validate(fields)
        timetable, start, end = schedule(config), start_date(config), end_date(config)
    except (ConfigError, ValidationError):
        return  # an error, which another check reports
    if start is None or not isinstance(timetable, PipelineTimetable):
        return
    now = datetime.now(timezone.utc)
    runs = (min(now, end or now) - start).days * (ticks_a_day(timetable) or 0)
    if runs > _MANY_RUNS:
        problem = f"makes more than {_MANY_RUNS} runs at once, one for each tick since startDate"
        yield Problem(f"{_SECTION}.pipelineCatchup", EFFECT, problem, "Write a later startDate, or false", WARNING)


def _useless(name: str, lacking: str, section: str = _SECTION) -> Problem:
    problem = f"has no effect, since {lacking} is missing"
    way_out = f"Write {lacking}{' beside it' if section == _SECTION else f' in {_SECTION}'}, or leave it out"
    return Problem(f"{section}.{name}", EFFECT, problem, way_out, WARNING)
