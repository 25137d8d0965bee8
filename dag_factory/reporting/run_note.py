"""The note on each run in Airflow: what it has counted, which version of its config it has used, and why it failed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dag_factory.portable.openmetadata.counts import COUNTS_XCOM, REASON_XCOM, Counts, total
from dag_factory.portable.plain_text import one_line
from dag_factory.store.config_version import CONFIG_XCOM, version_text

_SUMMARY_XCOM = "return_value"

_COUNTS = r"(?P<records>\d+) records?, (?P<warnings>\d+) warnings?, (?P<errors>\d+) errors?"
# One of the three always follows the key. "Config was changed by Ann" is a user's note.
_VERSION = r"(?:, version (?P<version>\S+?))?(?:, digest (?P<digest>[0-9a-f]+)|, not known)?"
_CONFIG = rf"Config (?P<key>.+?)(?=, (?:version|digest|not known)){_VERSION}"
_FAILED = "The task failed: "
_NOTE = re.compile(rf"(?:{_COUNTS})?(?:\. )?(?:{_CONFIG})?(?:\. )?(?:{_FAILED}(?P<reason>.+))?")
# What is longer is not ours, and could make the pattern take seconds.
_LONGEST = 5_000


def write_note(dag_id: str, run_id: str) -> None:
    """
    Write what a run's task has counted, the version of the config that it has used, and why it failed, into its note.

    A note that a user has written stays as it is. That of an earlier try, before the run was cleared, is replaced.

    For the scheduler and the API server. A task can't write notes: it has no access to Airflow's database, and its API
    has no call for them.
    """
    from airflow.models import DagRun
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        run = session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
        if run is None or (run.note and not read_note(run.note)):
            return
        query = select(XComModel).where(
            XComModel.dag_id == dag_id,
            XComModel.run_id == run_id,
            XComModel.key.in_([CONFIG_XCOM, _SUMMARY_XCOM, COUNTS_XCOM, REASON_XCOM]),
        )
        left = {each.key: XComModel.deserialize_value(each) for each in session.scalars(query)}
        summary = left.get(_SUMMARY_XCOM) or left.get(COUNTS_XCOM)
        if note := run_note(left.get(CONFIG_XCOM), summary, left.get(REASON_XCOM)):
            run.note = note


def run_note(version: object, summary: object, reason: object = None) -> str:
    """
    Return the text of a note, empty where nothing is known.

    :param version: of the config, see `dag_factory.store.config_version`
    :param summary: what the steps of the run's workflow have counted
    :param reason: why the task failed
    """
    counts = total(summary)
    said = [_counts_text(counts)] if counts is not None else []
    said += [version_note(version)] if isinstance(version, dict) else []
    said += [f"{_FAILED}{one_line(reason)}"] if isinstance(reason, str) and reason.strip() else []
    return ". ".join(said)


def version_note(version: dict[str, Any]) -> str:
    """Return the part of a note that names the config and its version."""
    return f"Config {version.get('key')}, {version_text(version)}"


def read_note(note: str | None) -> Mapping[str, Any]:
    """
    Return what a note of ours says, its ``reason`` as well as ``records``, ``warnings``, ``errors``, ``key``,
    ``version`` and ``digest``.

    Empty where a user has replaced the note.
    """
    found = _NOTE.fullmatch((note or "")[:_LONGEST])
    if found is None:
        return {}
    said = {name: text for name, text in found.groupdict().items() if text is not None}
    return {name: int(text) if name in ("records", "warnings", "errors") else text for name, text in said.items()}


def _counts_text(counts: Counts) -> str:
    named = counts._asdict().items()
    return ", ".join(f"{count} {name if count != 1 else name.removesuffix('s')}" for name, count in named)
