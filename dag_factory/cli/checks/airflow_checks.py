"""Checks of the Airflow around us: is our plugin installed, do database, processes and API server answer?"""

from __future__ import annotations

from datetime import datetime, timezone
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from dag_factory import __version__
from dag_factory.cli.checks.check import Finding, fail, ok, unknown, warn
from dag_factory.cli.checks.loader_checks import shown
from dag_factory.cli.checks.site import NoDatabaseError, Site
from dag_factory.settings import airflow_settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_ENTRY_POINTS = {"airflow.plugins": "openmetadata_dag_factory", "apache_airflow_provider": "provider_info"}
_PROCESSES = {"SchedulerJob": "scheduler", "DagProcessorJob": "DAG processor"}
# After the first of these, Airflow itself calls a process unhealthy.
_LATE_SECONDS, _SILENT_SECONDS = 30.0, 120.0
_ANSWER_SECONDS = 5.0
_PATH = "/api/v1/openmetadata/health"
_NOT_FOUND = 404


def plugin(_: Site) -> list[Finding]:
    """Return whether Airflow finds our plugin and our provider in this environment."""
    from airflow import __version__ as airflow_version

    for group, name in _ENTRY_POINTS.items():
        found = [point for point in entry_points(group=group) if point.value.startswith("dag_factory.")]
        if not found:
            return [
                fail(
                    f"Airflow does not find the entry point '{name}' of this package in {group}",
                    "Install the package with pip in the environment of each of Airflow's components.",
                )
            ]
        try:
            found[0].load()
        except Exception as error:  # noqa: BLE001 - whatever it is, Airflow can't load it either
            return [fail(f"the entry point '{name}' can't be loaded ({type(error).__name__})", "Install it again.")]
    return [ok(f"openmetadata-dag-factory {__version__} is installed beside Airflow {airflow_version}")]


def database(site: Site) -> list[Finding]:
    """Return whether Airflow's database answers, and is fit for production."""
    if site.database_problem is not None:
        return [
            fail(
                f"Airflow's database can't be asked: {site.database_problem}",
                "Run the command where Airflow's configuration is, and airflow db check. Checks that need no database "
                "are made anyway.",
            )
        ]
    kind = site.ask(lambda session: session.get_bind().dialect.name)
    if kind == "sqlite":
        return [
            warn(
                "Airflow's database is SQLite: each write locks out all others, so runs and parses wait for each other",
                "Use PostgreSQL in production.",
            )
        ]
    return [ok(f"Airflow's database answers ({kind})")]


def processes(site: Site) -> list[Finding]:
    """Return whether Airflow's scheduler and DAG processor are alive."""
    try:
        beats = site.ask(_heartbeats)
    except NoDatabaseError as error:
        return [unknown(f"whether they run is unknown: {error}")]
    findings = []
    now = datetime.now(timezone.utc)
    for job, name in _PROCESSES.items():
        beat = beats.get(job)
        if beat is None:
            findings.append(fail(f"no {name} runs", f"Start it: airflow {name.lower().replace(' ', '-')}"))
            continue
        seconds = (now - beat).total_seconds()
        if seconds > _LATE_SECONDS:
            level = fail if seconds > _SILENT_SECONDS else warn
            way_out = "Is it running? A DAG processor that writes thousands of DAGs is silent meanwhile."
            findings.append(level(f"the {name} was last alive {shown(seconds)} ago", way_out))
        else:
            findings.append(ok(f"the {name} was alive {shown(seconds)} ago"))
    return findings


def api(_: Site) -> list[Finding]:
    """Return whether the API that an OpenMetadata server calls can be reached from here."""
    import httpx

    url = f"{airflow_settings.api_url()}{_PATH}"
    try:
        # A user and a password may stand in it.
        address = str(httpx.URL(url).copy_with(userinfo=b""))
    except httpx.InvalidURL:
        return [warn("[api] base_url is not a URL", "Set it to the address of Airflow's API server.")]
    try:
        answer = httpx.get(url, timeout=_ANSWER_SECONDS, follow_redirects=False)
    except httpx.HTTPError as error:
        return [
            warn(
                f"{address} can't be reached from this machine ({type(error).__name__})",
                "Is the API server running, and [api] base_url its address? Ignore this where it is for others only.",
            )
        ]
    if answer.status_code == _NOT_FOUND:
        return [
            fail(
                f"Airflow's API server answers, and {_PATH} is unknown to it",
                "Install this package where the API server runs, and restart it; its log says why a plugin fails.",
            )
        ]
    try:
        said = answer.json()
        version = str(said["version"]) if said.get("status") == "healthy" else None
    except (ValueError, KeyError, AttributeError):
        version = None
    if version is None:
        return [
            warn(
                f"{address} answers {answer.status_code}, not an answer of this package's API",
                "Is [api] base_url the address of Airflow's API server, or of a login page in front of it?",
            )
        ]
    return [ok(f"{address} answers, with openmetadata-ingestion {version}")]


def _heartbeats(session: Session) -> dict[str, datetime]:
    from airflow.jobs.job import Job
    from sqlalchemy import func, select

    rows = session.execute(
        select(Job.job_type, func.max(Job.latest_heartbeat))
        .where(Job.job_type.in_(_PROCESSES), Job.state == "running")
        .group_by(Job.job_type)
    )
    found = {str(job): beat for job, beat in rows if beat is not None}
    # SQLite has no time zones.
    return {job: beat if beat.tzinfo else beat.replace(tzinfo=timezone.utc) for job, beat in found.items()}
