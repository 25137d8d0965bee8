"""
Redeploys all pipelines at once, as after a rotation of the token of OpenMetadata's bot.

Each deploy is made as an OpenMetadata server makes it. Prints how many were accepted, in which time, how many parses
Airflow was asked for, and after how long Airflow shows all of them.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from benchmarks.configs import document
from benchmarks.deploy import divided, seconds_until, wait_for_all
from benchmarks.figures import percentile, table
from benchmarks.written import Database
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.shards import shard_of
from sandbox import source
from sandbox.client import AirflowClient
from sandbox.pipeline_service import PipelineServiceClient, PipelineServiceError
from sandbox.postgres import PostgresServer
from sandbox.server import OpenMetadataServer

CONNECTIONS = 16


@dataclass(frozen=True)
class Answer:
    """
    The answer to one deploy.

    :param status: HTTP status, None where the connection broke
    :param seconds: until the answer
    :param reason: the message of a refusal
    """

    name: str
    status: int | None
    seconds: float
    reason: str = ""


@dataclass(frozen=True)
class Burst:
    """All answers, in the order in which they came, and the seconds from the first call to the last answer."""

    answers: list[Answer]
    seconds: float

    @property
    def accepted(self) -> list[Answer]:
        """Those with status 200."""
        return [answer for answer in self.answers if answer.status == httpx.codes.OK]


def burst(airflow: AirflowClient, pipelines: Iterable[dict[str, Any]], connections: int = CONNECTIONS) -> Burst:
    """Deploy pipelines over some connections, each of which makes one call after the other."""
    waiting: SimpleQueue[dict[str, Any]] = SimpleQueue()
    for pipeline in pipelines:
        waiting.put(pipeline)
    answers: list[Answer] = []

    def work() -> None:
        with PipelineServiceClient(airflow.url, airflow.username, airflow.password) as client:
            client.detect()
            for pipeline in _taken(waiting):
                answers.append(_deploy(client, pipeline))

    began = time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        for done in [pool.submit(work) for _ in range(connections)]:
            done.result()
    return Burst(answers, time.perf_counter() - began)


def _taken(waiting: SimpleQueue[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    while True:
        try:
            yield waiting.get_nowait()
        except Empty:
            return


def _deploy(client: PipelineServiceClient, pipeline: dict[str, Any]) -> Answer:
    began = time.perf_counter()
    try:
        client.deploy(pipeline)
    except PipelineServiceError as error:
        return Answer(pipeline["name"], error.status, time.perf_counter() - began, str(error))
    except httpx.TransportError as error:
        return Answer(pipeline["name"], None, time.perf_counter() - began, repr(error))
    return Answer(pipeline["name"], httpx.codes.OK, time.perf_counter() - began)


def rotated(names: Sequence[str], server: dict[str, str], token: str, *, paused: bool = True) -> list[dict[str, Any]]:
    """Return pipelines to redeploy with another token; the description of each shows that it is new."""
    fresh = {**server, "OPENMETADATA_JWT_TOKEN": token}
    return [
        {**document(name, number, fresh, paused=paused), "description": new_description(name)}
        for number, name in enumerate(names)
    ]


def new_description(name: str) -> str:
    """Return the description of a redeployed pipeline."""
    return f"{name} with its new token."


def parses_asked_for(airflow: AirflowClient) -> int:
    """Return how many parses Airflow was asked for through its REST API, by its audit log."""
    asked = airflow.api("GET", "/api/v2/eventLogs", params={"event": "reparse_dag_file", "limit": 1})
    return int(asked["total_entries"])


def shows_new(airflow: AirflowClient, name: str) -> bool:
    """Return whether Airflow shows a pipeline as it was redeployed."""
    answer = airflow.request("GET", f"/api/v2/dags/{name}")
    return answer.is_success and answer.json()["description"] == new_description(name)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.burst", description=__doc__)
    parser.add_argument("--pipelines", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--shards", type=int, default=1, help="how many loaders: one, or a bundle (%(default)s)")
    parser.add_argument("--listing", type=float, default=180, help="seconds to list all DAGs first (%(default)s)")
    parser.add_argument("--limit", type=float, default=180, help="seconds that the last is waited for (%(default)s)")
    options = parser.parse_args()
    with TemporaryDirectory() as name, ExitStack() as context:
        folder = Path(name)
        source.create(folder / "source.db")
        server = context.enter_context(OpenMetadataServer(folder / "source.db", log=folder / "openmetadata.log"))
        database = context.enter_context(PostgresServer()).url()
        airflow = context.enter_context(divided(folder, options.pipelines, server, database, options.shards))
        listed = wait_for_all(airflow, options.pipelines, options.listing)
        names = [f"pipeline_{number:05}" for number in range(options.pipelines)]
        pipelines = rotated(names, dict(server.env), "eyJhbGciOiJub25lIn0.e30.rotated")
        asked_before = parses_asked_for(airflow)
        done = burst(airflow, pipelines, options.connections)
        store = FolderStore(folder / "configs")
        seen, shown = wait_until_shown(Database(database), store, done, options.shards, options.limit)
        rows = [
            ["DAGs listed before", f"{listed:,}"],
            ["accepted", f"{len(done.accepted):,} of {len(pipelines):,}"],
            ["seconds", f"{done.seconds:.1f}"],
            ["deploys per second", f"{len(done.accepted) / done.seconds:.1f}"],
            ["seconds of one, p50 / p95 / most", spread_of(done)],
            ["parses asked for", f"{parses_asked_for(airflow) - asked_before}"],
            ["parses have seen all, seconds after the last answer", f"{seen:.1f}"],
            ["Airflow shows all, seconds after the last answer", f"{shown:.1f}"],
        ]
        print(table(["", ""], rows))
        for (status, reason), count in Counter((each.status, each.reason[:200]) for each in done.answers).most_common(
            6
        ):
            print(f"{count:,} answered {status} {reason}")


def wait_until_shown(database: Database, store: FolderStore, done: Burst, of: int, limit: float) -> tuple[float, float]:
    """Return after how many seconds parses have seen all that was accepted, and Airflow shows all of it."""
    began = time.perf_counter()
    wanted = store.marker() or ""
    concerned = {shard_of(answer.name, of) for answer in done.accepted}
    described = f"%{new_description('')}"

    def is_seen() -> bool:
        return all((store.loaded(shard) or "") >= wanted for shard in concerned)

    seen = seconds_until(is_seen, began, limit)
    return seen, seconds_until(lambda: database.described(described) >= len(done.accepted), began, limit)


def spread_of(done: Burst) -> str:
    """Return ``p50 / p95 / most`` of the seconds until an answer."""
    seconds = [answer.seconds for answer in done.answers]
    return " / ".join(f"{figure:.2f}" for figure in (percentile(seconds, 0.5), percentile(seconds, 0.95), max(seconds)))


if __name__ == "__main__":
    main()
