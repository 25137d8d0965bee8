"""A real Airflow of separate processes under one home directory, for the sandbox and the end-to-end tests."""

from __future__ import annotations

import base64
import configparser
import io
import json
import os
import secrets
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from sandbox.client import AirflowClient
from sandbox.files import write_whole
from sandbox.process import Process
from sandbox.template import Template

USERNAME = "admin"
# The API server takes longest to import, so it comes first.
COMPONENTS = {
    "api-server": ["api-server"],
    "dag-processor": ["dag-processor"],
    # The log servers would listen on every interface. The API server reads the log files itself: same machine.
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
# As Airflow's health check names them.
TO_BE_HEALTHY = ("metadatabase", "scheduler", "triggerer", "dag_processor")
POLL_SECONDS = 0.1
# For so many seconds a process waits while another one writes to the SQLite file.
SQLITE_SECONDS = 60
# Airflow's API server waits in its event loop, and so may hold up the very request that it waits for: the start of a
# task, say. It has to give up before the task does, which waits 5 s for an answer.
API_SERVER_SQLITE_SECONDS = 3
# Imported in advance for components and commands that are forked.
MODULES = (
    "airflow.cli.cli_parser",
    "airflow.jobs.scheduler_job_runner",
    "airflow.dag_processing.manager",
    "airflow.executors.local_executor",
    "airflow.api_fastapi.core_api.app",
    "airflow.api_fastapi.core_api.routes.public",
    "airflow.api_fastapi.core_api.routes.ui",
    "airflow.api_fastapi.execution_api.app",
)

AirflowConfig = Mapping[str, Mapping[str, object]]


class AirflowStack(AirflowClient):
    """
    Runs ``airflow db migrate``, then API server, scheduler (LocalExecutor), DAG processor and triggerer.

    All listen on free ports of 127.0.0.1. The configuration is ``home/airflow.cfg``, so ``AIRFLOW_HOME=… airflow``
    works from any shell; this process's environment is never changed. When ``stop`` returns, or this process dies in
    any way, no process is left. The API server waits less than the others for a SQLite file.

    ``config`` is merged over the sections and options of airflow.cfg; ``env`` over the processes' environment, which
    is this one's without its ``AIRFLOW_…`` variables. ``database`` is an SQLAlchemy URL; without one, a SQLite file
    in ``home`` is used. ``roles`` are further users of the simple auth manager, name by role (``viewer``, ``user``,
    ``op``, ``admin``); ``passwords`` then has everybody's. ``python`` is the interpreter that has Airflow, this one by
    default. ``base_path`` is the path below which the API server is served, such as ``/airflow``. Without ``triggerer``
    there is none: only deferrable operators need it. ``port`` and ``password`` are the API server's and the user's,
    made up by default; ``logs`` is the folder for what the processes print, ``home/logs`` by default. With ``forked``,
    all are forked from one process that has imported Airflow. That is quicker, but doesn't check that each starts by
    itself; and all wait as long for a SQLite file.
    """

    def __init__(  # noqa: PLR0913 - all by name, each with a default
        self,
        home: Path,
        *,
        dags_folder: Path,
        database: str | None = None,
        config: AirflowConfig | None = None,
        env: Mapping[str, str] | None = None,
        roles: Mapping[str, str] | None = None,
        python: str = sys.executable,
        base_path: str = "",
        triggerer: bool = True,
        port: int | None = None,
        password: str | None = None,
        logs: Path | None = None,
        forked: bool = False,
    ) -> None:
        url = f"http://127.0.0.1:{port or free_port()}{base_path}"
        super().__init__(url, USERNAME, password or secrets.token_urlsafe(12))
        self.home = home.resolve()
        self.logs = logs or self.home / "logs"
        self._python = python
        self._components = [name for name in COMPONENTS if triggerer or name != "triggerer"]
        self._healthy = {name: "healthy" for name in TO_BE_HEALTHY if triggerer or name != "triggerer"}
        self.processes: dict[str, Process] = {}
        self._forked = forked
        self.template: Template | None = None
        users = {USERNAME: "admin", **(roles or {})}
        self.passwords = {**{name: secrets.token_urlsafe(12) for name in users}, USERNAME: self.password}
        everybody = {"simple_auth_manager_users": ",".join(f"{name}:{role}" for name, role in users.items())}
        defaults = merge(default_config(self.home, self.url, dags_folder.resolve(), database), {"core": everybody})
        self._config = merge(defaults, config or {})
        self._env = child_environment({**(env or {}), "AIRFLOW_HOME": str(self.home)})
        self._api_server_env = self._env
        if self._config["database"]["sql_alchemy_conn"] == sqlite_url(self.home, SQLITE_SECONDS):
            url = sqlite_url(self.home, API_SERVER_SQLITE_SECONDS)
            self._api_server_env = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url, **self._env}

    def start(self, timeout: float = 180) -> None:
        """
        Start all processes and return when every one of them is healthy.

        :raises ProcessDied: if one ended; its message shows the end of its log
        :raises TimeoutError: if one isn't healthy in time, and says which
        """
        self.prepare()
        self.migrate(timeout)
        self.start_components()
        self.wait_until_healthy(timeout)

    def prepare(self) -> None:
        """Write the configuration and the password into the home directory, readable by the owner only."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        passwords = Path(str(self._config["core"]["simple_auth_manager_passwords_file"]))
        write_whole(passwords, json.dumps(self.passwords))
        write_whole(self.home / "airflow.cfg", airflow_cfg(self._config))

    def migrate(self, timeout: float = 180) -> None:
        """Create or upgrade the tables of the database."""
        self.command("db", "migrate", timeout=timeout)

    def command(self, *arguments: str, timeout: float = 180) -> None:
        """Run one of Airflow's commands to its end; raises ProcessDied where it fails."""
        name = "-".join(arguments[:2])
        self._spawn(name, list(arguments)).wait(timeout)
        self.stop_component(name)

    def start_components(self) -> None:
        """Start all components, without waiting for one of them."""
        for name in self._components:
            self.start_component(name)

    def start_component(self, name: str) -> Process:
        """Start one of ``COMPONENTS``, also again after it was stopped."""
        return self._spawn(name, COMPONENTS[name])

    def stop_component(self, name: str) -> None:
        """Stop one component and everything below it."""
        self.processes.pop(name).stop()

    def wait_until_healthy(self, timeout: float = 180) -> None:
        """Wait until Airflow's own health check finds every component healthy."""
        deadline = time.monotonic() + timeout
        health: dict[str, str] = {}
        while not self._healthy.items() <= health.items():
            self.check()
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"Airflow wasn't healthy within {timeout:.0f} s: {health or 'no answer'}. "
                    f"Its logs are in {self.logs}."
                )
            time.sleep(POLL_SECONDS)
            with suppress(httpx.TransportError, httpx.HTTPStatusError):
                health = self.health()

    def option(self, section: str, name: str) -> str:
        """Return an option of airflow.cfg."""
        return str(self._config[section][name])

    def check(self) -> None:
        """Raise ProcessDied if a process that should run has ended."""
        if self.template is not None:
            self.template.check()
        for process in self.processes.values():
            process.check()

    def stop(self) -> None:
        """Stop all processes, all at the same time, and return when they are gone; close the connections to them."""
        for process in self.processes.values():
            process.let_go()
        for name in list(self.processes):
            self.stop_component(name)
        if self.template is not None:
            self.template.stop()
            self.template = None
        super().stop()

    def _spawn(self, name: str, arguments: list[str]) -> Process:
        if self._forked and self.template is None:
            log = self.logs / "template.log"
            self.template = Template(self._python, MODULES, env=self._env, cwd=self.home, log=log)
            self.template.start()
        process = Process(
            [self._python, "-m", "airflow", *arguments],
            env=self._api_server_env if name == "api-server" else self._env,
            log=self.logs / f"{name}.log",
            # `-m` puts the working directory on sys.path, so it must not be the caller's.
            cwd=self.home,
            template=self.template,
        )
        self.processes[name] = process
        return process


def default_config(home: Path, url: str, dags_folder: Path, database: str | None) -> dict[str, dict[str, object]]:
    """Return the sections and options of an airflow.cfg for development: quick to notice, cheap to run."""
    address = urlsplit(url)
    return {
        "core": {
            "dags_folder": dags_folder,
            "load_examples": False,
            "executor": "LocalExecutor",
            # LocalExecutor forks that many workers at its start.
            "parallelism": 4,
            "execution_api_server_url": f"{url}/execution/",
            "fernet_key": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "simple_auth_manager_users": f"{USERNAME}:admin",
            "simple_auth_manager_passwords_file": home / "passwords.json",
            # The default asks the DNS, for seconds where there is none.
            "hostname_callable": "socket.gethostname",
            # Airflow stores changes of a DAG at most once in so many seconds.
            "min_serialized_dag_update_interval": 1,
        },
        "database": {"sql_alchemy_conn": database or sqlite_url(home, SQLITE_SECONDS)},
        "api": {
            "host": address.hostname,
            "port": address.port,
            "base_url": url,
            "secret_key": secrets.token_urlsafe(64),
        },
        "api_auth": {"jwt_secret": secrets.token_urlsafe(64)},
        # As is recommended to users: a parse costs a second of a core, and each change asks for its own. So the regular
        # one is for what nothing has told of, some hours later.
        "dag_processor": {
            "refresh_interval": 3,
            "bundle_refresh_check_interval": 1,
            "min_file_process_interval": 14_400,
            # The default is one folder for all Airflows of a machine.
            "dag_bundle_storage_path": home / "bundles",
        },
        "logging": {
            "base_log_folder": home / "logs",
            # Nothing may listen there: on the default port, another Airflow may.
            "worker_log_server_port": free_port(),
            "trigger_log_server_port": free_port(),
        },
    }


def sqlite_url(home: Path, seconds: float) -> str:
    """Return the URL of a database in a home directory, for a process that waits so long while it is locked."""
    return f"sqlite:///{home / 'airflow.db'}?timeout={seconds}"


def airflow_cfg(config: AirflowConfig) -> str:
    """Return the text of an airflow.cfg."""
    parser = configparser.RawConfigParser()
    # Airflow interpolates on reading, so a percent sign must be doubled.
    parser.read_dict(
        {
            section: {option: str(value).replace("%", "%%") for option, value in options.items()}
            for section, options in config.items()
        }
    )
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()


def merge(below: AirflowConfig, above: AirflowConfig) -> dict[str, dict[str, object]]:
    """Return both, section by section; ``above`` overrides the options of ``below``."""
    return {
        section: {**below.get(section, {}), **above.get(section, {})} for section in dict.fromkeys([*below, *above])
    }


def child_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child: ``env``, merged over this process's."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        # Without byte code, every process compiles Airflow at each start.
        if not name.startswith("AIRFLOW_") and name != "PYTHONDONTWRITEBYTECODE"
    }
    local = "127.0.0.1,localhost"
    proxied = {
        name: f"{os.environ[name]},{local}" if os.environ.get(name) else local for name in ("NO_PROXY", "no_proxy")
    }
    return {**inherited, **proxied, "PYTHONUNBUFFERED": "1", **env}


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
