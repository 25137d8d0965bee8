"""An Airflow on several machines: CeleryExecutor over Redis and PostgreSQL, each machine with folders of its own."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import psutil
from sqlalchemy import create_engine, text

from dag_factory.cli.bundles import bundle_list
from sandbox.client import AirflowClient, wait_until
from sandbox.files import write_whole
from sandbox.postgres import PostgresServer
from sandbox.process import Process
from sandbox.redis import RedisServer
from sandbox.scoped import Scoped
from sandbox.stack import AirflowConfig, airflow_cfg, child_environment, default_config, free_port, merge
from tests.places import ROOT

PASSWORD = "only-for-this-test"
CONTROL = {"api-server": ["api-server"], "scheduler": ["scheduler", "--skip-serve-logs"]}
SECOND_API = {"api-server": ["api-server"]}
WORKER = {"worker": ["celery", "worker", "--skip-serve-logs"]}
# Airflow notices a worker that is gone after five minutes; a test has less time.
HEARTBEAT_SECONDS = 30
SHARDS = 16


class Machine(Scoped):
    """
    One machine: a home of its own, with its own DAGs folder, logs and state, and an address of its own.

    :raises ValueError: where its configuration names a path that isn't in its home
    """

    def __init__(self, home: Path, address: str, config: AirflowConfig, env: Mapping[str, str]) -> None:
        self.home = home
        self.address = address
        self._config = merge(
            config,
            {
                "core": {"dags_folder": home / "dags", "simple_auth_manager_passwords_file": home / "passwords.json"},
                "dag_processor": {"dag_bundle_storage_path": home / "bundles"},
                "logging": {"base_log_folder": home / "logs"},
                "openmetadata_dag_factory": {"state_folder": home / "state"},
            },
        )
        paths = [value for options in self._config.values() for value in options.values() if isinstance(value, Path)]
        if shared := [path for path in paths if not path.is_relative_to(home)]:
            raise ValueError(f"{home.name} would share {shared}")
        here = {"AIRFLOW_HOME": str(home), "MACHINE_ADDRESS": address, "PYTHONPATH": str(Path(__file__).parent)}
        self._env = child_environment({**env, **here})
        self._processes: dict[str, Process] = {}

    def start(self) -> None:
        """Write the machine's configuration, and its loader where no bundle makes loaders."""
        (self.home / "dags").mkdir(parents=True)
        if "dag_bundle_config_list" not in self._config["dag_processor"]:
            shutil.copy(ROOT / "dags" / "openmetadata_loader.py", self.home / "dags")
        write_whole(self.home / "passwords.json", json.dumps({"admin": PASSWORD}))
        write_whole(self.home / "airflow.cfg", airflow_cfg(self._config))

    def run(self, *arguments: str) -> None:
        """Run one of Airflow's commands to its end."""
        self._spawn("command", [sys.executable, "-m", "airflow", *arguments]).wait(300)
        del self._processes["command"]

    def start_processes(self, commands: Mapping[str, list[str]]) -> None:
        """Start processes of Airflow, and beside a worker the server of its logs, on this machine's address only."""
        for name, arguments in commands.items():
            # Two nodes of one name are one to Celery.
            named = ["--celery-hostname", f"celery@{self.address}"] if commands == WORKER else []
            self._spawn(name, [sys.executable, "-m", "airflow", *arguments, *named])
        if commands == WORKER:
            port = str(self._config["logging"]["worker_log_server_port"])
            app = ["airflow.utils.serve_logs.log_server:get_app", "--factory"]
            command = [sys.executable, "-m", "uvicorn", *app, "--host", self.address, "--port", port]
            self._spawn("log-server", command)

    def kill(self) -> None:
        """End all processes at once by SIGKILL, as a machine that loses its power."""
        for process in self._processes.values():
            with suppress(psutil.NoSuchProcess):
                leash = psutil.Process(process.pid)
                for each in [leash, *leash.children(recursive=True)]:
                    with suppress(psutil.NoSuchProcess):
                        each.kill()

    def check(self) -> None:
        """Raise ProcessDied if one of the processes has ended."""
        for process in self._processes.values():
            process.check()

    def let_go(self) -> None:
        """Ask all processes to stop, and return at once, so that several machines can stop at the same time."""
        for process in self._processes.values():
            process.let_go()

    def stop(self) -> None:
        """Stop all processes."""
        self.let_go()
        for process in self._processes.values():
            process.stop()

    def _spawn(self, name: str, command: list[str]) -> Process:
        log = self.home / f"{name}.log"
        self._processes[name] = Process(command, env=self._env, log=log, cwd=self.home)
        return self._processes[name]


class Cluster(Scoped):
    """
    A machine with API server and scheduler, one with a second API server, one for each DAG processor, and workers; what
    they share are the database, the broker and the config store.

    :param store: the config store, as ``config_store`` names it
    :param env: for all machines
    :param parts: how many DAG processors there are, each with a bundle of a part of the pipelines; 0 for one with a
        loader in a DAGs folder
    """

    def __init__(self, folder: Path, *, store: str, env: Mapping[str, str], parts: int = 0) -> None:
        self._folder = folder
        self._store = store
        self._env = env
        self._parts = parts
        self._stack = ExitStack()
        self._config: dict[str, dict[str, object]] = {}
        self.url = f"http://127.0.0.1:{free_port()}"
        self.second_url = f"http://127.0.0.1:{free_port()}"
        self.client = AirflowClient(self.url, "admin", PASSWORD)
        self._second_client = AirflowClient(self.second_url, "admin", PASSWORD)
        self.machines: dict[str, Machine] = {}

    def start(self) -> None:
        """Start everything, and return when both API servers answer and scheduler and DAG processor are healthy."""
        database = self._stack.enter_context(PostgresServer())
        broker = self._stack.enter_context(RedisServer())
        self._config = merge(
            default_config(self._folder, self.url, self._folder, database.url()),
            {
                "core": {
                    "executor": "CeleryExecutor",
                    "parallelism": 16,
                    "hostname_callable": "machine_address.address",
                },
                "celery": {
                    "broker_url": broker.url,
                    "result_backend": f"db+{database.url()}",
                    "worker_concurrency": 2,
                },
                "scheduler": {
                    "task_instance_heartbeat_timeout": HEARTBEAT_SECONDS,
                    "task_instance_heartbeat_timeout_detection_interval": 5,
                },
                "openmetadata_dag_factory": {"config_store": self._store},
            },
        )
        if self._parts:
            bundles = json.dumps(bundle_list(SHARDS, self._parts))
            self._config = merge(self._config, {"dag_processor": {"dag_bundle_config_list": bundles}})
        control = self.add("control", {})
        control.run("db", "migrate")
        control.start_processes(CONTROL)
        port = self.second_url.rpartition(":")[2]
        self.add("control-2", SECOND_API, {"api": {"port": port, "base_url": self.second_url}})
        for part in range(max(self._parts, 1)):
            named = ["--bundle-name", bundle_list(SHARDS, self._parts)[part]["name"]] if self._parts else []
            self.add(f"parser-{part + 1}", {"dag-processor": ["dag-processor", *named]})
            # Each stores all bundles that are new to Airflow, so two that start at the same moment fail each other.
            wait_until(lambda: self._stored_bundles(database.url()), "Airflow to have its bundles", timeout=120)
        wait_until(self._look, "Airflow to be healthy", timeout=300)

    def add(self, name: str, commands: Mapping[str, list[str]], config: AirflowConfig | None = None) -> Machine:
        """Add a machine that runs processes of Airflow, and return it."""
        address = f"127.0.0.{11 + len(self.machines)}"
        settings = merge(self._config, config or {})
        machine = self._stack.enter_context(Machine(self._folder / name, address, settings, self._env))
        self.machines[name] = machine
        machine.start_processes(commands)
        return machine

    def machine_at(self, address: str) -> Machine:
        """Return the machine with an address."""
        return next(machine for machine in self.machines.values() if machine.address == address)

    def stop(self) -> None:
        """Stop everything."""
        for machine in self.machines.values():
            machine.let_go()
        self._stack.close()
        self.client.stop()
        self._second_client.stop()

    def _stored_bundles(self, database: str) -> tuple[bool | None, object]:
        self._check()
        engine = create_engine(database)
        try:
            with engine.connect() as connection:
                names = connection.scalars(text("SELECT name FROM dag_bundle")).all()
        finally:
            engine.dispose()
        return bool(names) or None, names

    def _check(self) -> None:
        for machine in self.machines.values():
            machine.check()

    def _look(self) -> tuple[bool | None, object]:
        self._check()
        try:
            health = self.client.health()
            # It has the same database, so nothing but its answer is of interest.
            self._second_client.health()
        except httpx.HTTPError as error:
            return None, error
        parts = ("metadatabase", "scheduler", "dag_processor")
        return (True if all(health.get(part) == "healthy" for part in parts) else None), health
