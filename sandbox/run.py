"""
The whole sandbox at once: ``python -m sandbox.run``.

Starts an OpenMetadata server and Airflow, deploys and runs the sample pipeline over the API, as the server would, and
shows what was ingested. Then it stays until Ctrl-C, with a dozen pipelines of several types. What is in the folder
``--state`` stays for the next start, which so takes seconds: Airflow's database and login, the ports, the config store
and what was ingested.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from sandbox import deployed, life, source
from sandbox.client import FINAL_RUN_STATES, wait_until
from sandbox.kept import Home, Kept, discard, port_or_free, recall
from sandbox.overview import PAGE, overview, shown
from sandbox.pipeline_service import PipelineServiceClient, PipelineServiceError
from sandbox.process import ProcessDied
from sandbox.progress import Progress
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowConfig, AirflowStack, merge
from sandbox.state_folder import RunError, locked, published

REPOSITORY = Path(__file__).resolve().parents[1]
# The sample, a pipeline of the type `metadata`; the server asks for its log by the id of its task.
SAMPLE = "sample_sqlite_metadata"
TASK_ID = "ingestion_task"
LOG_TAIL_LINES = 40
CHECK_SECONDS = 1.0
SETTINGS: AirflowConfig = {
    "openmetadata_dag_factory": {
        "allowed_applications": "metadata.,table_counter.",
        "openmetadata_conn_id": deployed.CONN_ID,
    },
    # Between a run, its task and its end, the scheduler's loop runs once each; by default, once in a second.
    "scheduler": {"scheduler_idle_sleep_time": 0.5},
}


class SandboxAirflow(AirflowStack):
    """An Airflow that says what it does while it starts, and whose database is made once."""

    def __init__(  # noqa: PLR0913 - each is another thing
        self, home: Home, kept: Kept, store: Path, server: OpenMetadataServer, progress: Progress, *, triggerer: bool
    ) -> None:
        config = merge(merge(SETTINGS, kept.config), {"openmetadata_dag_factory": {"config_store": store.resolve()}})
        modules = [str(life.APPLICATIONS), *filter(None, [os.environ.get("PYTHONPATH")])]
        env = {
            **server.env,
            "PYTHONPATH": os.pathsep.join(modules),
            "OPENMETADATA_SANDBOX_DBT_MANIFEST": str(life.DBT_MANIFEST),
        }
        super().__init__(
            home.folder,
            dags_folder=REPOSITORY / "dags",
            config=config,
            env=env,
            port=available(kept.airflow_port, "Airflow", progress),
            password=kept.password,
            logs=(home.folder.parent / "logs").resolve(),
            triggerer=triggerer,
        )
        self._home = home
        self._server = server
        self._progress = progress

    def start(self, timeout: float = 180) -> None:
        """Start all processes, make the database first where that is due, and return when all and the server answer."""
        is_made = self._home.is_usable()
        if not is_made:
            self._home.renew()
        self.prepare()
        if not is_made:
            with self._progress.doing("Making Airflow's database, once"):
                self.migrate(timeout)
        with self._progress.doing("Starting Airflow, and a stand-in for the OpenMetadata server"):
            self.start_components()
            self.wait_until_healthy(timeout)
            self._server.wait_until_it_listens()
        self._home.finish()


def run(state: Path, *, once: bool, progress: Progress) -> None:
    """
    Start everything in the folder ``state`` and ingest; then stay, or end if ``once``.

    :raises RunError: with ``once``, if the ingestion failed or brought nothing; else that is only shown
    """
    home, store, endpoints = Home(state / "airflow"), state / "configs", state / "endpoints.json"
    endpoints.unlink(missing_ok=True)
    if once:
        # A run for CI shows what a new Airflow does.
        discard(home.folder)
    is_new = not home.is_usable()
    # Of the last start.
    shutil.rmtree(state / "logs", ignore_errors=True)
    (state / "logs").mkdir(mode=0o700)
    store.mkdir(exist_ok=True)
    kept = recall(state / "kept.json")
    if is_new:
        (state / "openmetadata.json").unlink(missing_ok=True)
    if not once:
        life.plant(store)
    source_database = state / "source.db"
    if not source_database.exists():
        source.create(source_database)
    server = OpenMetadataServer(
        source_database,
        log=state / "logs" / "openmetadata.log",
        port=available(kept.openmetadata_port, "the stand-in for OpenMetadata", progress),
        token=kept.token,
        kept=state / "openmetadata.json",
    )
    try:
        # It starts while Airflow does, which takes longer.
        server.launch()
        # Where nobody looks at Airflow's UI, nobody misses a triggerer there: no pipeline needs one.
        with SandboxAirflow(home, kept, store, server, progress, triggerer=not once) as airflow:
            if not is_new:
                progress.say(
                    f"Started again in {progress.seconds:.0f} s, with the database, login and runs of the last start. "
                    f"To begin anew, remove {shown(state)} first."
                )
            with published(endpoints, describe(airflow, server, store)):
                try:
                    use(airflow, server, state, once=once, progress=progress)
                finally:
                    progress.say("Stopping ...")
    finally:
        server.stop()
        progress.say("Stopped.")


def use(airflow: AirflowStack, server: OpenMetadataServer, state: Path, *, once: bool, progress: Progress) -> None:
    """Ingest what is not there yet, and then stay unless ``once``; see ``run``."""
    with PipelineServiceClient(airflow.url, airflow.username, airflow.password) as client:
        is_due = once or not server.get("/sandbox/summary")["fqns"]["tables"]
        deployed.connect(airflow, server)
        try:
            if is_due:
                ingest(client, server, progress)
        except (RunError, PipelineServiceError, TimeoutError) as error:
            if once:
                raise
            # Airflow stays up, so that the user can find out why.
            progress.say(str(error))
        if once:
            return
        found = describe(airflow, server, state / "configs")
        progress.show(overview(found, server.get("/sandbox/summary"), state))
        progress.say("Ready. Ctrl-C stops everything.")
        stay(airflow, server, life.Runs(client, life.RUNS if is_due else ()), progress)


def ingest(client: PipelineServiceClient, server: OpenMetadataServer, progress: Progress) -> None:
    """
    Have the server deploy its pipelines, run the sample over the API, and show what arrived in OpenMetadata.

    :raises RunError: if a deploy or the run failed, the run with the end of its log, or if no table arrived
    """
    name = SAMPLE
    progress.say(f"Having the OpenMetadata server deploy its pipelines, over {client.detect()} ...")
    try:
        for each in deployed.deploy(server):
            progress.say(f"Deployed: {each}")
    except RuntimeError as error:
        raise RunError(str(error)) from None
    run_id = str(uuid4())
    progress.say(client.trigger(name, {"pipelineRunId": run_id})["message"])
    with progress.doing("Waiting for its run"):
        state = wait_for_run(client, name, run_id)
    progress.say(f"The run ended: {state}")
    if state != "success":
        tail = "\n".join(client.log(name, TASK_ID).splitlines()[-LOG_TAIL_LINES:])
        raise RunError(f"Run '{run_id}' of pipeline '{name}' failed. The end of its log:\n{tail}")
    tables = server.get("/sandbox/summary")["fqns"]["tables"]
    if not tables:
        raise RunError(f"Run '{run_id}' of pipeline '{name}' succeeded, but no table arrived in OpenMetadata.")
    life.create_entities(server)
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


def stay(airflow: AirflowStack, server: OpenMetadataServer, runs: life.Runs, progress: Progress) -> None:
    """Run the other pipelines, and never return; raises ProcessDied if one of the processes ends."""
    while True:
        time.sleep(CHECK_SECONDS)
        airflow.check()
        server.check()
        if outcome := runs.step():
            progress.say(outcome)


def describe(airflow: AirflowStack, server: OpenMetadataServer, store: Path) -> dict[str, Any]:
    """Return the addresses, users and folders of the sandbox, for programs."""
    return {
        "airflow": airflow.url,
        "page": f"{airflow.url}{PAGE}",
        "username": airflow.username,
        "password": airflow.password,
        "openmetadata": server.url,
        "config_store": str(store.resolve()),
        "service": server.get("/sandbox/summary")["service"],
    }


def available(port: int, program: str, progress: Progress) -> int:
    """Return the port that a program had before, or another one where that is in use now, which is said."""
    found = port_or_free(port)
    if found != port:
        progress.say(f"Port {port} is in use by another program, so {program} has port {found} this time.")
    return found


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
    # What a run for CI leaves is not used again, and disturbs nobody's sandbox.
    state = options.state / "once" if options.once else options.state
    try:
        # mkdir gives the folders above one the usual mode.
        options.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(state):
            run(state, once=options.once, progress=Progress())
    except KeyboardInterrupt:
        # Ctrl-C is the normal end, but not with --once.
        return 1 if options.once else 0
    except (RunError, ProcessDied, PipelineServiceError, TimeoutError, OSError, httpx.HTTPError) as error:
        print(f"{error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
