"""Asks Airflow for parses until they have come: it drops a request for a file that it is parsing at that moment."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol, TypeVar

from dag_factory.api_server.watch.loader_files import DagIds, LoaderFiles
from dag_factory.api_server.watch.parse_requests import DatabaseRequests
from dag_factory.cli.database import has_database
from dag_factory.errors import DagFactoryError
from dag_factory.settings import airflow_settings
from dag_factory.store import ConfigStore, configured_store
from dag_factory.store.markers import unseen
from dag_factory.store.shards import Shard

WAIT_SECONDS = 120.0
AGAIN_SECONDS = 5.0
POLL_SECONDS = 0.5

_NOT_RUNNING = (
    "Airflow was asked for a parse, but its DAG processor does not seem to be running. The change is stored, and shows "
    "once it runs."
)
_NOT_AWAITED = "Airflow was asked for a parse. The change is stored, and shows with the next one."
_NOT_SEEN = (
    "The change is stored, but no parse has seen it within {:.0f} s. It shows with the next one. Is the DAG processor "
    "running, with a loader in its DAGs folder?"
)

T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """
    What came of asking for a parse of a change.

    :param is_seen: whether loads have seen the change
    :param said: what came of it, in sentences
    """

    is_seen: bool
    said: str


class Requests(Protocol):
    """Asks Airflow once for a parse of what a change concerns, as `DatabaseRequests` does."""

    async def send(self, dag_ids: DagIds, without: Collection[Shard] = ()) -> None:
        """Ask once for the files that a change concerns, without those of some shards."""


def ask_until_done(
    left: Callable[[], T],
    ask: Callable[[T], bool],
    what: str,
    *,
    limit_seconds: float = WAIT_SECONDS,
    again_seconds: float = AGAIN_SECONDS,
) -> T:
    """
    Ask Airflow for parses until all that they are to bring has come; return what is still missing after a limit.

    The first request is sent at once, and another one only after some seconds without progress: while parses come one
    after the other, what waits for its own needs no new request.

    :param left: returns what is still to come, something empty where nothing is
    :param ask: asks for the parses of what is left, and returns whether Airflow could be asked. Where it could not at
        first, nothing is waited for
    :param what: what is waited for, as a clause that follows "until"
    """
    ask_at = time.monotonic()
    deadline = ask_at + limit_seconds
    is_first = True
    before = now_left = left()
    while now_left:
        now = time.monotonic()
        if now_left != before:
            before, ask_at = now_left, now + again_seconds
        if now >= ask_at:
            could_be_asked = ask(now_left)
            if is_first and not could_be_asked:
                break
            if is_first and limit_seconds > 0:
                print(f"Waiting until {what}, at most {limit_seconds:.0f} s ...", file=sys.stderr, flush=True)
            is_first, ask_at = False, now + again_seconds
        if now >= deadline:
            break
        time.sleep(min(POLL_SECONDS, again_seconds))
        now_left = left()
    return now_left


def have_parsed(dag_ids: DagIds, *, wait: bool = True) -> Asked:
    """
    Have Airflow parse a change of the configured store, and wait for that where its DAG processor runs.

    It never fails, since the change is made. Ctrl-C ends the waiting, and no more.

    :param dag_ids: what the change concerns, None where that is unknown
    :param wait: False to ask once
    """
    files = LoaderFiles(configured_store, airflow_settings.dags_folder())
    requests = DatabaseRequests(files)
    return ask_for_change(configured_store, files, requests, dag_ids, is_running=parses_now if wait else None)


def ask_for_change(  # noqa: PLR0913 - by name
    store: Callable[[], ConfigStore],
    files: LoaderFiles,
    requests: Requests,
    dag_ids: DagIds,
    *,
    is_running: Callable[[], bool] | None,
    limit_seconds: float = WAIT_SECONDS,
    again_seconds: float = AGAIN_SECONDS,
) -> Asked:
    """
    Do what `have_parsed` does.

    :param store: opens the config store
    :param files: knows which shards a change concerns
    :param requests: asks Airflow
    :param is_running: returns whether Airflow's DAG processor runs; None to ask once, and not wait
    """

    def ask(left: Collection[Shard]) -> bool:
        asyncio.run(requests.send(dag_ids, set(files.shards(dag_ids)).difference(left)))
        return True

    try:
        if is_running is None or not is_running():
            asyncio.run(requests.send(dag_ids))
            return Asked(False, _NOT_AWAITED if is_running is None else _NOT_RUNNING)
        opened = store()
        marker = opened.marker()
        left = ask_until_done(
            lambda: unseen(opened, files.shards(dag_ids), marker),
            ask,
            "Airflow has parsed the change",
            limit_seconds=limit_seconds,
            again_seconds=again_seconds,
        )
    except KeyboardInterrupt:
        return Asked(False, _NOT_AWAITED)
    except DagFactoryError as error:
        return Asked(False, f"It is not known whether Airflow has parsed the change: {str(error).rstrip('.')}.")
    return Asked(False, _NOT_SEEN.format(limit_seconds)) if left else Asked(True, "Airflow has parsed the change.")


def parses_now() -> bool:
    """Return whether, by Airflow's database, a DAG processor runs."""
    if not has_database():
        return False
    from airflow.jobs.dag_processor_job_runner import DagProcessorJobRunner
    from airflow.jobs.job import Job, JobState
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    ours = (Job.job_type == DagProcessorJobRunner.job_type, Job.state == JobState.RUNNING)
    newest = select(Job).where(*ours).order_by(Job.latest_heartbeat.desc()).limit(1)
    try:
        with create_session() as session:
            job = session.scalars(newest).first()
            return job is not None and bool(job.is_alive())
    except SQLAlchemyError:
        return False
