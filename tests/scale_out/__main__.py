"""
An Airflow on more than one machine, for real: ``python -m tests.scale_out``.

Deploys pipelines over two API servers at once, runs them on two workers, reads the logs of both over the API, kills a
run, kills a worker with SIGKILL in the midst of several runs, and lets another worker join. By default the machines
share a bucket, the database and the broker and nothing else, and each of two DAG processors has a bundle of its own.
Prints what it saw; the exit code is 1 where something is not as it must be.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sandbox import source
from sandbox.client import FINAL_RUN_STATES, run_path, wait_until
from sandbox.pipeline_service import PipelineServiceClient, PipelineServiceError
from sandbox.server import OpenMetadataServer
from tests.e2e.pipelines import SAMPLE, TASK, sample
from tests.e2e.runs import reported
from tests.object_storage import Proxy, Request, connection_to, served
from tests.scale_out.machines import HEARTBEAT_SECONDS, PASSWORD, WORKER, Cluster

HANGS = "scale_out_hangs"
# What an answer takes, so that a run lasts for some time: by itself, it is over within a second.
SLOW_SECONDS = 0.3
# What an OpenMetadata server answers before a run, and when it hears of a run's state.
OF_RUNS = ("/api/v1/system/version", "/api/v1/users/loggedInUser", "/api/v1/services/ingestionPipelines")


class Trial:
    """Does one thing after the other with a cluster, and prints each with its time."""

    def __init__(
        self,
        cluster: Cluster,
        api: PipelineServiceClient,
        second: PipelineServiceClient,
        openmetadata: OpenMetadataServer,
    ) -> None:
        self._cluster = cluster
        self._openmetadata = openmetadata
        self._api = api
        self._second = second
        self._began = time.monotonic()
        self.failures: list[str] = []

    def step(self, what: str, work: Callable[[], object]) -> None:
        """Do something, and print what came of it; an error is noted, and the next step goes on."""
        began = time.monotonic()
        try:
            found = work()
        except Exception as error:  # noqa: BLE001 - of any step
            self.failures.append(what)
            found = f"FAILED: {type(error).__name__}: {error}"
        print(f"{began - self._began:6.1f} s  {what}: {found} ({time.monotonic() - began:.1f} s)", flush=True)

    def deploy(self, names: list[str], server: dict[str, Any] | None = None, **airflow_config: object) -> str:
        """Deploy pipelines, every other one over the second API server, and wait until all are listed."""
        fields = {"airflowConfig": {"scheduleInterval": None, **airflow_config}, **(server or {})}

        def send(api: PipelineServiceClient, some: list[str]) -> None:
            for name in some:
                api.deploy(sample(name, **fields))

        began = time.monotonic()
        with ThreadPoolExecutor() as threads:
            for sent in [threads.submit(send, self._api, names[::2]), threads.submit(send, self._second, names[1::2])]:
                sent.result()
        answered = time.monotonic() - began
        for name in names:
            self._cluster.client.wait_for_dag(name, timeout=120)
        made = Counter(str(self._cluster.client.api("GET", f"/api/v2/dags/{name}")["bundle_name"]) for name in names)
        return f"{len(names)} deployed over two API servers in {answered:.1f} s, listed by {dict(sorted(made.items()))}"

    def contend(self, names: list[str]) -> str:
        """Deploy the same pipelines over both API servers at once; each call must be answered by 200 or 503."""

        def send(api: PipelineServiceClient, name: str) -> int:
            try:
                api.deploy(sample(name, airflowConfig={"scheduleInterval": None}))
            except PipelineServiceError as error:
                return error.status or 0
            return 200

        with ThreadPoolExecutor() as threads:
            calls = [threads.submit(send, api, name) for name in names for api in (self._api, self._second)]
            answers = Counter(call.result() for call in calls)
        if not set(answers) <= {200, 503} or answers[200] < len(names):
            raise AssertionError(dict(answers))
        return f"answers {dict(sorted(answers.items()))}"

    def run(self, names: list[str], workers: int) -> str:
        """Run pipelines, and check that the work was shared and that the API has the log of each."""
        runs = {name: self._trigger(name) for name in names}
        for name, run_id in runs.items():
            state = self._cluster.client.wait_for_run(name, run_id, timeout=900)
            if state != "success":
                raise AssertionError(f"{name}: {state}. {self._api.log(name, TASK)[-2000:]}")
        ran = Counter(self._worker_of(name, run_id) for name, run_id in runs.items())
        if len(ran) < workers:
            raise AssertionError(f"ran on {dict(ran)} only")
        unread = [name for name in names if "Workflow" not in self._second.log(name, TASK)]
        if unread:
            raise AssertionError(f"no log of {unread}: {self._second.log(unread[0], TASK)[-2000:]}")
        received = self._openmetadata.get("/sandbox/summary")["runs"]
        states = {name: [each["pipelineState"] for each in received.get(f"sample_sqlite.{name}", [])] for name in names}
        if unreported := [name for name, some in states.items() if some[-1:] != ["success"]]:
            raise AssertionError(f"OpenMetadata has no success of {unreported}")
        return f"{len(runs)} of {len(names)} succeeded, by worker {dict(sorted(ran.items()))}, all reported, logs read"

    def hang(self, url: str) -> str:
        """Deploy a pipeline whose server answers nothing but questions and reports about runs."""
        document = sample(HANGS, airflowConfig={"scheduleInterval": None}, **reached_by(url))
        # Others are made known to the server by their first run, which this one does not come to.
        service = self._openmetadata.get(f"/api/v1/services/databaseServices/name/{document['service']['name']}")
        request = {
            "name": HANGS,
            "pipelineType": document["pipelineType"],
            "service": {"id": service["id"], "type": "databaseService"},
            "sourceConfig": document["sourceConfig"],
            "airflowConfig": {},
        }
        self._openmetadata.put("/api/v1/services/ingestionPipelines", request)
        self._api.deploy(document)
        self._cluster.client.wait_for_dag(HANGS, timeout=120)
        return "deployed"

    def kill_run(self) -> str:
        """Kill a run that hangs, over the API."""
        run_id = self._running()
        began = time.monotonic()
        self._api.kill(HANGS)
        state = self._cluster.client.wait_for_run(HANGS, run_id, timeout=60)
        if state != "failed":
            raise AssertionError(state)
        seconds = time.monotonic() - began
        return f"{state} {seconds:.1f} s after the call, and OpenMetadata has {self._reported()}"

    def kill_worker(self, names: list[str]) -> str:
        """Kill all processes of the worker that runs the hanging pipeline, while it runs another, which is retried."""
        run_id = self._running()
        address = self._worker_of(HANGS, run_id)
        runs = {name: self._trigger(name) for name in names}
        lost: list[str] = []

        def look() -> tuple[bool | None, object]:
            for name, each in runs.items():
                task = self._task(name, each)
                if task["state"] == "running" and task["hostname"] == address:
                    lost.append(name)
            return (True if lost else None), lost

        wait_until(look, f"one of {len(runs)} runs on {address}", timeout=300)
        self._cluster.machine_at(address).kill()
        began = time.monotonic()
        state = self._cluster.client.wait_for_run(HANGS, run_id, timeout=HEARTBEAT_SECONDS + 120)
        if state != "failed":
            raise AssertionError(state)
        seconds = time.monotonic() - began
        has = self._reported()
        states = Counter(self._cluster.client.wait_for_run(name, each, timeout=600) for name, each in runs.items())
        tasks = {name: self._task(name, each) for name, each in runs.items()}
        again = {name: task["hostname"] for name, task in tasks.items() if task["try_number"] > 1}
        if set(states) != {"success"} or not again or address in again.values():
            raise AssertionError(f"{dict(states)}, retried on {again}, {address} died")
        return (
            f"{address} died; its run without retries failed after {seconds:.0f} s (heartbeat {HEARTBEAT_SECONDS} s), "
            f"and OpenMetadata has {has}. Of {len(runs)} runs with a retry, {states['success']} succeeded, "
            f"{len(again)} of them by a second try on {', '.join(set(again.values()))}, the last after "
            f"{time.monotonic() - began:.0f} s"
        )

    def join(self, names: list[str]) -> str:
        """Add a worker, and run pipelines until it has run one."""
        began = time.monotonic()
        machine = self._cluster.add("worker-3", WORKER)

        def look() -> tuple[bool | None, object]:
            runs = {name: self._trigger(name) for name in names}
            for name, run_id in runs.items():
                self._cluster.client.wait_for_run(name, run_id, timeout=600)
            ran = Counter(self._worker_of(name, run_id) for name, run_id in runs.items())
            return (True if machine.address in ran else None), dict(ran)

        wait_until(look, "a run on the new worker", timeout=300)
        return f"{machine.address} has run one of its first {time.monotonic() - began:.0f} s after its start"

    def _trigger(self, name: str) -> str:
        return str(self._api.trigger(name)["run_id"])

    def _running(self) -> str:
        """Start a run that hangs, and return its id once its workflow has begun."""
        run_id = self._trigger(HANGS)

        def look() -> tuple[bool | None, object]:
            states = self._cluster.client.task_states(HANGS, run_id)
            state = states.get(TASK)
            if state in FINAL_RUN_STATES:
                raise AssertionError(f"it ended: {self._api.log(HANGS, TASK)[-2000:]}")
            return (True if state == "running" else None), states

        wait_until(look, "the run to hang", timeout=120)
        time.sleep(5)
        return run_id

    def _worker_of(self, name: str, run_id: str) -> str:
        return str(self._task(name, run_id)["hostname"])

    def _task(self, name: str, run_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._cluster.client.api("GET", f"{run_path(name, run_id)}/taskInstances")
        task: dict[str, Any] = answer["task_instances"][0]
        return task

    def _reported(self) -> str:
        """Return the state of the last run of the hanging pipeline as OpenMetadata has it, once that is final."""

        def look() -> tuple[str | None, object]:
            states = list(reported(self._openmetadata, f"sample_sqlite.{HANGS}").values())
            return (states[-1] if states and states[-1] != "running" else None), states

        return f"'{wait_until(look, 'a report of the run', timeout=60)}'"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.scale_out", description=__doc__)
    parser.add_argument("--pipelines", type=int, default=10, help="how many are deployed and run (%(default)s)")
    parser.add_argument("--store", choices=("s3", "folder"), default="s3", help="what all share (%(default)s)")
    parser.add_argument(
        "--parts", type=int, default=2, help="DAG processors, each with a bundle; 0: one, with a loader (%(default)s)"
    )
    parser.add_argument("--folder", type=Path, help="where everything is kept; a temporary one by default")
    options = parser.parse_args(arguments)
    names = [f"scale_out_{number:02}" for number in range(options.pipelines)]
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scale-out-")))
        folder.mkdir(parents=True, exist_ok=True)
        store, env = shared_store(options.store, folder, stack)
        source.create(folder / "source.db")
        server = stack.enter_context(OpenMetadataServer(folder / "source.db", log=folder / "openmetadata.log"))
        silent = stack.enter_context(delaying(server, 3600))
        slow = stack.enter_context(delaying(server, SLOW_SECONDS))
        cluster = stack.enter_context(
            Cluster(folder / "machines", store=store, env={**server.env, **env}, parts=options.parts)
        )
        for number in (1, 2):
            cluster.add(f"worker-{number}", WORKER)
        api = stack.enter_context(PipelineServiceClient(cluster.url, "admin", PASSWORD))
        second = stack.enter_context(PipelineServiceClient(cluster.second_url, "admin", PASSWORD))
        trial = Trial(cluster, api, second, server)
        trial.step("deploy", lambda: trial.deploy(names))
        trial.step("two writers of each", lambda: trial.contend(names[:10]))
        trial.step("run on two workers", lambda: trial.run(names, 2))
        trial.step("a pipeline that hangs", lambda: trial.hang(silent.endpoint))
        trial.step("kill a run", trial.kill_run)
        retried = [f"scale_out_retried_{number}" for number in range(4)]
        trial.step(
            "pipelines that are retried",
            lambda: trial.deploy(retried, reached_by(slow.endpoint), retries=1, retryDelay=1),
        )
        trial.step("kill a worker", lambda: trial.kill_worker(retried))
        trial.step("run on the worker that is left", lambda: trial.run(names[:4], 1))
        trial.step("a worker joins", lambda: trial.join(names[:4]))
        print(f"machine: {os.cpu_count()} cores; failed: {', '.join(trial.failures) or 'nothing'}")
        return 1 if trial.failures else 0


def reached_by(url: str) -> dict[str, Any]:
    """Return the field of a pipeline by which its runs reach the OpenMetadata server at another URL."""
    return {"openMetadataServerConnection": {**SAMPLE["openMetadataServerConnection"], "hostPort": f"{url}/api"}}


@contextmanager
def delaying(server: OpenMetadataServer, seconds: float) -> Iterator[Proxy]:
    """Pass on to an OpenMetadata server at once what concerns runs, and all else after a while."""

    def wait(request: Request) -> float | None:
        return None if request.path.startswith(OF_RUNS) else seconds

    with Proxy(int(server.url.rpartition(":")[2])) as proxy:
        proxy.fault = wait
        yield proxy


def shared_store(kind: str, folder: Path, stack: ExitStack) -> tuple[str, dict[str, str]]:
    """Return a new store as ``config_store`` names it, and what each machine's environment needs for it."""
    if kind == "s3":
        server = stack.enter_context(served(folder / "s3.log"))
        return f"s3://the_bucket@{server.bucket()}/configs", {"AIRFLOW_CONN_THE_BUCKET": connection_to(server.endpoint)}
    (folder / "store").mkdir()
    return str(folder / "store"), {}


if __name__ == "__main__":
    sys.exit(main())
