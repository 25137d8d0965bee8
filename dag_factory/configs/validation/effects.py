"""Fields that are right by themselves, and have no effect beside the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dag_factory.configs.document import Document, mapping_at
from dag_factory.configs.problem import EFFECT, WARNING, Problem

_SECTION = "airflowConfig"
# Those in which OpenMetadata's server and schema write the default.
_UTC = frozenset({"UTC", "Etc/UTC", "GMT"})


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
    if airflow.get("retryDelay") is not None and "retries" not in airflow:
        yield _useless("retryDelay", "retries")


def without_inherited(problems: Iterable[Problem], key: str) -> list[Problem]:
    """
    Return located problems without those about the effect of a field of defaults: other configs may need it.

    :param key: of the config that has the problems
    """
    return [problem for problem in problems if problem.kind != EFFECT or problem.config in (None, key)]


def _useless(name: str, lacking: str) -> Problem:
    problem = f"has no effect, since {lacking} is missing"
    return Problem(f"{_SECTION}.{name}", EFFECT, problem, f"Write {lacking} beside it, or leave it out", WARNING)
