"""
The whole sandbox at once: ``python -m sandbox.run``.

Starts an OpenMetadata server and Airflow, deploys and runs the sample pipeline over the API, as the server would, and
shows what was ingested; then it stays until Ctrl-C.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from sandbox import source
from sandbox.client import FINAL_RUN_STATES, wait_until
from sandbox.files import write_whole
from sandbox.pipeline_service import PipelineServiceClient, PipelineServiceError
from sandbox.process import ProcessDied
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowConfig, AirflowStack

REPOSITORY = Path(__file__).resolve().parents[1]
SAMPLE = REPOSITORY / "configs" / "sample_sqlite_metadata.json"
# The task of the sample, a pipeline of the type `metadata`; the server asks for its log by this id.
TASK_ID = "ingestion_task"
LOG_TAIL_LINES = 40
CHECK_SECONDS = 1.0


class RunError(RuntimeError):
    """The sandbox can't be run, or its ingestion failed."""


class Progress:
    """Prints what happens, each line with the seconds since the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """Print a line at once, even if the output is not a terminal."""
        print(f"[{time.monotonic() - self._started:5.1f} s] {text}", flush=True)


def run(state: Path, *, once: bool, progress: Progress) -> None:
    """
    Start everything in the folder ``state`` and ingest; then stay, or end if ``once``.

    :raises RunError: with ``once``, if the ingestion failed or brought nothing; else that is only shown
    """
    home, store, endpoints = state / "airflow", state / "configs", state / "endpoints.json"
    discard(home)
    endpoints.unlink(missing_ok=True)
    store.mkdir(exist_ok=True)
    logs = home / "logs"
    home.mkdir(mode=0o700)

    progress.say("Making the source database and starting the OpenMetadata server ...")
    source_database = state / "source.db"
    source.create(source_database)
    try:
        with OpenMetadataServer(source_database, log=logs / "openmetadata.log") as server:
            progress.say(f"OpenMetadata server: {server.url}")
            progress.say(f"Starting Airflow (its logs: {logs}) ...")
            config: AirflowConfig = {
                "openmetadata_dag_factory": {"config_store": store.resolve()},
                # What `init` recommends: every change asks for its own parse.
                "dag_processor": {"min_file_process_interval": 14_400},
            }
            with AirflowStack(home, dags_folder=REPOSITORY / "dags", config=config, env=server.env) as airflow:
                progress.say(f"Airflow: {airflow.url}")
                with published(endpoints, describe(airflow, server, store)):
                    try:
                        use(airflow, server, once=once, progress=progress)
                    finally:
                        progress.say("Stopping ...")
    finally:
        progress.say("Stopped.")


def use(airflow: AirflowStack, server: OpenMetadataServer, *, once: bool, progress: Progress) -> None:
    """Ingest, and then stay unless ``once``; see ``run``."""
    try:
        with PipelineServiceClient(airflow.url, airflow.username, airflow.password) as client:
            ingest(client, server, progress)
    except (RunError, PipelineServiceError, TimeoutError) as error:
        if once:
            raise
        # Airflow stays up, so that the user can find out why.
        progress.say(str(error))
    if not once:
        stay(airflow, server, progress)


def ingest(client: PipelineServiceClient, server: OpenMetadataServer, progress: Progress) -> None:
    """
    Deploy the sample over the API, run it, and show what arrived in OpenMetadata.

    :raises RunError: if the run failed, with the end of its log, or if no table arrived
    """
    pipeline = json.loads(SAMPLE.read_text(encoding="utf-8"))
    name = pipeline["name"]
    progress.say(f"Deploying {SAMPLE.name} as an OpenMetadata server does, over {client.detect()} ...")
    progress.say(client.deploy(pipeline)["message"])
    run_id = str(uuid4())
    progress.say(client.trigger(name, {"pipelineRunId": run_id})["message"])
    state = wait_for_run(client, name, run_id)
    progress.say(f"The run ended: {state}")
    if state != "success":
        tail = "\n".join(client.log(name, TASK_ID).splitlines()[-LOG_TAIL_LINES:])
        raise RunError(f"Run '{run_id}' of pipeline '{name}' failed. The end of its log:\n{tail}")
    tables = server.get("/sandbox/summary")["fqns"]["tables"]
    if not tables:
        raise RunError(f"Run '{run_id}' of pipeline '{name}' succeeded, but no table arrived in OpenMetadata.")
    progress.say(f"{len(tables)} tables arrived in OpenMetadata:")
    for table in tables:
        print(f"  {table}", flush=True)


def wait_for_run(client: PipelineServiceClient, name: str, run_id: str, timeout: float = 300) -> str:
    """Wait until a run has ended and return its state, ``success`` or ``failed``."""

    def look() -> tuple[str | None, str]:
        runs = client.status(name)
        states = [run["pipelineState"] for run in runs if run["runId"] == run_id]
        return next((state for state in states if state in FINAL_RUN_STATES), None), str(runs)

    return wait_until(look, f"run '{run_id}' of pipeline '{name}' to end", timeout)


def stay(airflow: AirflowStack, server: OpenMetadataServer, progress: Progress) -> None:
    """Show where everything is, and never return; raises ProcessDied if one of the processes ends."""
    progress.say("Ready. Ctrl-C stops everything.")
    print(f"  Airflow       {airflow.url}  (user {airflow.username}, password {airflow.password})")
    print(f"  OpenMetadata  {server.url}", flush=True)
    while True:
        time.sleep(CHECK_SECONDS)
        airflow.check()
        server.check()


def describe(airflow: AirflowStack, server: OpenMetadataServer, store: Path) -> dict[str, Any]:
    """Return the addresses, users and folders of the sandbox, for programs."""
    return {
        "airflow": airflow.url,
        "username": airflow.username,
        "password": airflow.password,
        "openmetadata": server.url,
        "config_store": str(store.resolve()),
        "service": server.get("/sandbox/summary")["service"],
    }


@contextmanager
def published(path: Path, content: dict[str, Any]) -> Iterator[None]:
    """Write a file that only its owner can read, and remove it at the end of the context."""
    write_whole(path, json.dumps(content, indent=2) + "\n")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Lock the state folder against other sandboxes; the lock ends with this process, however that ends."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (state / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"{state} is in use by another run. Stop that one first, or use another folder: --state FOLDER."
            ) from None
        yield


def discard(folder: Path) -> None:
    """Remove a folder, to which processes of a killed run may still write for a moment."""
    if folder.exists():
        aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix="discarded-"))
        folder.rename(aside / folder.name)
        shutil.rmtree(aside, ignore_errors=True)


def listen_for_the_end() -> None:
    """Treat the signals of supervisors and closing terminals as Ctrl-C, and heed only the first of all."""
    # With nohup, the process is meant to survive the terminal.
    hangup = [] if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else [signal.SIGHUP]
    numbers = [signal.SIGINT, signal.SIGTERM, *hangup]

    def stop(*_: object) -> None:
        # make passes on what its whole group gets too, so the same signal may come twice.
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in numbers:
        signal.signal(number, stop)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.run", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the ingestion; exit code 1 if it failed")
    parser.add_argument(
        "--state", type=Path, default=REPOSITORY / ".run", help="where everything is kept (%(default)s)"
    )
    options = parser.parse_args(arguments)
    listen_for_the_end()
    try:
        with locked(options.state):
            run(options.state, once=options.once, progress=Progress())
    except KeyboardInterrupt:
        # Ctrl-C is the normal end, but not with --once.
        return 1 if options.once else 0
    except (RunError, ProcessDied, PipelineServiceError, TimeoutError, OSError, httpx.HTTPError) as error:
        print(f"{error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
