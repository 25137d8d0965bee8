"""Checks of what runs pipelines and of the OpenMetadata server: does it answer, which versions, what time is it?"""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from dag_factory import settings
from dag_factory.cli.checks.check import Finding, fail, ok, split, unknown, warn
from dag_factory.cli.checks.site import NoDatabaseError, Site
from dag_factory.configs.document import Document
from dag_factory.configs.server_connection import CONN_ID, server_fields
from dag_factory.errors import ConfigError, ServerError, SettingsError
from dag_factory.portable.openmetadata.installed_version import DISTRIBUTION
from dag_factory.portable.openmetadata.versions import fits
from dag_factory.portable.secrets.references import find_connection
from dag_factory.reporting.server_client import Answer, ServerClient, shown, token_of
from dag_factory.settings.options import IN_PROCESS, SECTION
from dag_factory.task.runner.installed_ingestion import installed_ingestion
from dag_factory.task.server_check import require_answers

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

ANSWER_SECONDS = 5.0

CLOCKS_SECONDS = 5.0
"""By so much clocks may differ: an outcome is recognized by when its run began (`dag_factory.reporting.ended_runs`)."""

_NUMBERS = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def ingestion(_: Site) -> list[Finding]:
    """Return which version of openmetadata-ingestion each interpreter has that may run pipelines."""
    said = settings.ingestion_version()
    findings = [_interpreter(python) for python in _pythons()]
    actual = installed_ingestion(settings.python()).version
    if said is not None and actual is not None and said != actual:
        findings.append(
            warn(
                f"[{SECTION}] ingestion_version is {said}, and the workers have {actual}, as far as this machine shows",
                "Set it to the version that the workers have, or leave it empty.",
            )
        )
    return findings


def server(_: Site) -> list[Finding]:
    """Return whether the OpenMetadata server answers, accepts the token, and fits the version of ingestion."""
    connection = _connection()
    if connection is None:
        return [ok(f"{CONN_ID} is empty: each config names its own server, which is not asked")]
    try:
        require_answers(connection, answer_seconds=ANSWER_SECONDS, retry_seconds=0)
    except ServerError as error:
        return [split(fail, error)]
    theirs = _version_of(_asked(connection))
    name = f"the OpenMetadata server {shown(connection)}"
    if theirs is None:
        return [warn(f"{name} does not say which version it has", "Is it OpenMetadata?")]
    others = [_unfit(python, theirs) for python in sorted(settings.allowed_pythons() - {settings.python()})]
    return [_compared(name, theirs), *(each for each in others if each is not None)]


def _compared(name: str, theirs: str) -> Finding:
    """Return whether the default interpreter has the version of a server."""
    ours = settings.ingestion_version() or installed_ingestion(settings.python()).version
    if ours is None:
        return ok(f"{name} answers, version {theirs}; this machine has no openmetadata-ingestion to compare it with")
    text = f"{name} has version {theirs}, and the workers have {DISTRIBUTION} {ours}"
    if not fits(ours, theirs):
        return fail(text, "No pipeline can run then. Install the version of the server in the workers.")
    if _numbers(ours) != _numbers(theirs):
        return warn(text, "Older servers refuse to deploy then. Install the version of the server in the workers.")
    return ok(f"{name} answers and accepts the token, version {theirs}, as the workers' ingestion {ours}")


def _unfit(python: str, theirs: str) -> Finding | None:
    """Return a finding where an interpreter that configs may name can't run pipelines, else None."""
    ours = installed_ingestion(python).version
    if fits(ours, theirs) is not False:
        return None
    return warn(
        f"'{python}' has {DISTRIBUTION} {ours}, and the server has version {theirs}: pipelines that name this "
        "interpreter fail unless they name another server",
        f"Take it out of [{SECTION}] allowed_pythons, or install the version of the server for it.",
    )


def clock(site: Site) -> list[Finding]:
    """Return by how much the clocks of the OpenMetadata server and of Airflow's database differ from this machine's."""
    findings = []
    try:
        findings.append(_differs("Airflow's database", site.ask(_database_seconds)))
    except NoDatabaseError as error:
        findings.append(unknown(f"the time of Airflow's database is unknown: {error}"))
    connection = _connection()
    if connection is not None:
        began = time.time()
        answer = _asked(connection)
        if answer is not None and (there := _seconds_of(answer.date)) is not None:
            # The header has whole seconds, and the answer took some time.
            here = began if there < began else min(there, time.time())
            findings.append(_differs(f"the OpenMetadata server {shown(connection)}", there - here))
    return findings


def _pythons() -> list[str]:
    return list(dict.fromkeys([settings.python(), *sorted(settings.allowed_pythons())]))


def _interpreter(python: str) -> Finding:
    found = installed_ingestion(python)
    where = "beside Airflow" if python == IN_PROCESS else f"for '{python}'"
    if found.version is not None:
        return ok(f"{found} is installed {where}")
    if python == IN_PROCESS:
        return ok(f"{DISTRIBUTION} is not installed {where} on this machine; the workers need it")
    text = f"'{python}' {found.problem}"
    if not found.is_there:
        return warn(text, "Ignore this unless it is a worker; else install it.")
    return fail(text, f"Install {DISTRIBUTION} for it, or set [{SECTION}] python to another one.")


def _connection() -> Document | None:
    """
    Return the connection to the server that all pipelines use, None where each config has its own.

    :raises SettingsError: where the Connection is missing or wrong
    """
    conn_id = settings.openmetadata_conn_id()
    if conn_id is None:
        return None
    try:
        fields = server_fields(find_connection(conn_id, field=CONN_ID))
    except ConfigError as error:
        raise SettingsError(f"{CONN_ID} {error.problem}") from None
    return fields if fields.get("hostPort") else None


def _asked(connection: Document) -> Answer | None:
    import httpx

    try:
        token = token_of(connection)
    except ServerError:
        token = None
    client = ServerClient(connection, token=token, seconds=ANSWER_SECONDS)
    try:
        return client.ask("GET", "/system/version")
    except (httpx.HTTPError, ServerError):
        return None
    finally:
        client.close()


def _version_of(answer: Answer | None) -> str | None:
    try:
        found = (answer.object() or {}).get("version") if answer is not None else None
    except ValueError:
        return None
    return found if isinstance(found, str) and _NUMBERS.match(found) else None


def _numbers(text: str) -> tuple[str, ...] | None:
    found = _NUMBERS.match(text)
    return found.groups() if found is not None else None


def _seconds_of(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, IndexError):
        return None


def _database_seconds(session: Session) -> float:
    """Return by how many seconds a database's clock is ahead of this machine's."""
    from sqlalchemy import text

    queries = {
        "postgresql": "SELECT EXTRACT(EPOCH FROM CURRENT_TIMESTAMP)",
        "mysql": "SELECT UNIX_TIMESTAMP(CURRENT_TIMESTAMP(3))",
    }
    query = queries.get(session.get_bind().dialect.name)
    if query is None:
        return 0.0  # a file of this machine
    before = time.time()
    return float(session.scalar(text(query)) or 0) - (before + time.time()) / 2


def _differs(whose: str, seconds: float) -> Finding:
    if abs(seconds) <= CLOCKS_SECONDS:
        return ok(f"the clock of {whose} differs by {abs(seconds):.1f} s")
    way = "Set both by NTP: a run's outcome may be taken for that of another try, and schedules are late or early."
    return warn(f"the clock of {whose} is {abs(seconds):.0f} s {'ahead' if seconds > 0 else 'behind'}", way)
