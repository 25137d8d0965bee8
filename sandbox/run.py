"""
The whole thing at once: ``python -m sandbox.run``.

Starts a sandbox OpenMetadata server and Airflow, drops the sample config into the config store, runs its DAG and shows
what was ingested; then it stays until Ctrl-C.
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

import httpx

from sandbox import source
from sandbox.client import AirflowApiError
from sandbox.files import write_whole
from sandbox.process import ProcessDied
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack

REPOSITORY = Path(__file__).resolve().parents[1]
SAMPLE = REPOSITORY / "configs" / "sample_sqlite_metadata.json"
LOG_TAIL_LINES = 40
CHECK_SECONDS = 1.0


class RunError(RuntimeError):
    """Something that was started didn't do what it is there for."""


class Progress:
    """Says what is going on, each line with the seconds since the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """Print a line at once, also where the output is no terminal."""
        print(f"[{time.monotonic() - self._started:5.1f} s] {text}", flush=True)


def run(state: Path, *, once: bool, progress: Progress) -> None:
    """
    Start everything in the folder ``state``, ingest, and stay, or end if ``once``.

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
            config = {"openmetadata_dag_factory": {"config_store": store.resolve()}}
            with AirflowStack(home, dags_folder=REPOSITORY / "dags", config=config, env=server.env) as airflow:
                progress.say(f"Airflow: {airflow.url}")
                with published(endpoints, describe(airflow, server, store)):
                    try:
                        use(airflow, server, store, once=once, progress=progress)
                    finally:
                        progress.say("Stopping ...")
    finally:
        progress.say("Stopped.")


def use(airflow: AirflowStack, server: OpenMetadataServer, store: Path, *, once: bool, progress: Progress) -> None:
    """Ingest, and then stay unless ``once``; see ``run``."""
    try:
        ingest(airflow, server, store, progress)
    except (RunError, TimeoutError) as error:
        if once:
            raise
        # Airflow stays up, so that it can be looked into.
        progress.say(str(error))
    if not once:
        stay(airflow, server, progress)


def ingest(airflow: AirflowStack, server: OpenMetadataServer, store: Path, progress: Progress) -> None:
    """
    Drop the sample config into the store, run its DAG and show what arrived in OpenMetadata.

    :raises RunError: if the run failed, with the end of the log of each failed task, or if no table arrived
    """
    dag_id = SAMPLE.stem
    write_whole(store / SAMPLE.name, SAMPLE.read_text(encoding="utf-8"))
    progress.say(f"Dropped {SAMPLE.name} into {store}; waiting for its DAG ...")
    airflow.wait_for_dag(dag_id)
    airflow.unpause(dag_id)
    run_id = airflow.trigger(dag_id)
    progress.say(f"DAG '{dag_id}' is there; run '{run_id}' ...")
    state = airflow.wait_for_run(dag_id, run_id)
    progress.say(f"The run ended: {state}")
    if state != "success":
        raise RunError(f"Run '{run_id}' of DAG '{dag_id}' failed.\n{failed_logs(airflow, dag_id, run_id)}")
    tables = server.get("/sandbox/summary")["fqns"]["tables"]
    if not tables:
        raise RunError(f"Run '{run_id}' of DAG '{dag_id}' succeeded, but no table arrived in OpenMetadata.")
    progress.say(f"{len(tables)} tables arrived in OpenMetadata:")
    for name in tables:
        print(f"  {name}", flush=True)


def failed_logs(airflow: AirflowStack, dag_id: str, run_id: str) -> str:
    """Return the last lines of the log of each failed task."""
    tails = []
    for task_id, state in airflow.task_states(dag_id, run_id).items():
        if state == "failed":
            lines = airflow.task_log(dag_id, run_id, task_id).splitlines()[-LOG_TAIL_LINES:]
            tails.append("\n".join([f"The end of the log of task '{task_id}':", *lines]))
    return "\n".join(tails) or f"No task failed: {airflow.task_states(dag_id, run_id)}"


def stay(airflow: AirflowStack, server: OpenMetadataServer, progress: Progress) -> None:
    """Show where everything is, and return never; raises ProcessDied if one of the processes ends."""
    progress.say("Ready. Ctrl-C stops everything.")
    print(f"  Airflow       {airflow.url}  (user {airflow.username}, password {airflow.password})")
    print(f"  OpenMetadata  {server.url}", flush=True)
    while True:
        time.sleep(CHECK_SECONDS)
        airflow.check()
        server.check()


def describe(airflow: AirflowStack, server: OpenMetadataServer, store: Path) -> dict[str, Any]:
    """Return what a program must know to use what was started."""
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
    """Let a file hold the content, for its owner to read, for as long as it is true."""
    write_whole(path, json.dumps(content, indent=2) + "\n")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Hold the state directory alone; the lock ends with this process, however that ends."""
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
    """Remove a folder, in which processes of a run that was killed may still be writing for a moment."""
    if folder.exists():
        aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix="discarded-"))
        folder.rename(aside / folder.name)
        shutil.rmtree(aside, ignore_errors=True)


def listen_for_the_end() -> None:
    """Take what a supervisor and a closing terminal send for Ctrl-C, and take any of them once: then we stop."""
    # Whoever starts with nohup wants to survive the terminal.
    hangup = [] if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else [signal.SIGHUP]
    numbers = [signal.SIGINT, signal.SIGTERM, *hangup]

    def stop(*_: object) -> None:
        # make passes on what its whole group gets too, so the same signal may well come twice.
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
        # To stop it is how it ends; but with --once something was promised.
        return 1 if options.once else 0
    except (RunError, ProcessDied, AirflowApiError, TimeoutError, OSError, httpx.HTTPError) as error:
        print(f"{error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
