"""
Airflow's API server with either of its auth managers, and no other part of Airflow: quick to start.

Run as a program it is that server, in one process: Airflow's own app with our plugin in it. Beside it the process
parses the loader when the store changes, and writes the DAGs as the DAG processor does. So what is deployed is known,
and no run is ever started.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from sandbox.client import wait_until
from sandbox.fab import FabAirflowStack
from sandbox.process import Process
from sandbox.stack import AirflowStack
from tests.places import FEWER_COLLECTIONS, ROOT

if TYPE_CHECKING:
    from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager
    from flask import Flask

BUNDLE = "dags-folder"
# By these our plugin finds the app that the server has made, as it does in the real one.
APPS = "core"
POLL_SECONDS = 0.1


class ApiServerAlone(AirflowStack):
    """An `AirflowStack` that is nothing but its API server."""

    def start(self, timeout: float = 180) -> None:
        """Start the server, and return when it answers."""
        self.prepare()
        path = os.pathsep.join([str(FEWER_COLLECTIONS), str(ROOT)])
        self.processes["api-server"] = Process(
            [self._python, "-m", "tests.api_server.api.api_server_alone", self.username, self.password],
            env={**self._env, "PYTHONPATH": path, "AIRFLOW_API_APPS": APPS},
            log=self.home / "logs" / "api-server.log",
            cwd=self.home,
        )

        def look() -> tuple[bool | None, str]:
            self.check()
            try:
                answer = httpx.get(f"{self.url}/api/v1/openmetadata/health", trust_env=False)
            except httpx.TransportError as error:
                return None, repr(error)
            return answer.is_success or None, answer.text

        wait_until(look, "the API server to answer", timeout)


class FabApiServerAlone(ApiServerAlone, FabAirflowStack):
    """The same on FAB, whose roles know each DAG by its name."""


def flask_app_of(manager: FabAuthManager) -> Flask:
    """Return the app in whose context FAB does all its work."""
    assert manager.flask_app is not None
    return manager.flask_app


def parse() -> None:
    """Write the DAGs of the loader into the database; with FAB, the permissions of each DAG too."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.configuration import conf
    from airflow.models.dagbundle import DagBundleModel
    from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager
    from airflow.utils.session import create_session

    from tests.airflow_versions import bag_of, sync_bag_to_db

    folder = Path(conf.get("core", "dags_folder"))
    with create_session() as session:
        session.merge(DagBundleModel(name=BUNDLE))
    bag = bag_of(folder, root=folder, bundle=BUNDLE)
    assert not bag.import_errors, bag.import_errors
    manager = get_auth_manager()
    with create_session() as session:
        sync_bag_to_db(bag, BUNDLE, None, session=session)
    if isinstance(manager, FabAuthManager):
        with flask_app_of(manager).app_context():
            for dag_id in bag.dags:
                manager.security_manager.sync_perm_for_dag(dag_id)


def add_administrator(username: str, password: str) -> None:
    """Make FAB's first user; the simple auth manager has its users from the configuration."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager

    manager = get_auth_manager()
    if isinstance(manager, FabAuthManager):
        with flask_app_of(manager).app_context():
            security = manager.security_manager
            role = security.find_role("Admin")
            security.add_user(username, "Ada", "Admin", f"{username}@example.com", role, password=password)


def main() -> None:
    """Be the server."""
    import uvicorn
    from airflow.api_fastapi.app import cached_app
    from airflow.configuration import conf
    from airflow.utils.db import initdb

    from dag_factory.store import configured_store

    # It makes the tables as they are now, which is faster than by their history.
    initdb()
    app = cached_app(apps=APPS)
    add_administrator(*sys.argv[1:3])
    host, port = conf.get("api", "host"), conf.getint("api", "port")
    threading.Thread(target=lambda: uvicorn.run(app, host=host, port=port, log_config=None), daemon=True).start()
    store = configured_store()
    parsed: Mapping[str, str] | None = None
    # In the main thread, since Airflow limits the time of a parse by a signal.
    while True:
        found = store.revisions()
        if found != parsed:
            parse()
            parsed = found
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main()
