"""OpenMetadata servers that fail, with a real Airflow: all DAGs stay, no parse calls them, each run says why."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sandbox.failing import HTML, Authority, HttpServer, Reply, SocketServer, behind_tls, dying, hang, running
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack
from tests.e2e.pipelines import TASK, drop, sample

pytestmark = [pytest.mark.e2e, pytest.mark.together("waits")]

TOKEN = "eyJhbGciOiJub25lIn0.e30.canary"


@dataclass
class Outage:
    """A pipeline whose server fails, and what its run's log is to say."""

    dag_id: str
    host_port: str
    says: str
    fields: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        connection = {"hostPort": self.host_port, "securityConfig": {"jwtToken": TOKEN}}
        server = {"authProvider": "openmetadata", **connection}
        return sample(self.dag_id, openMetadataServerConnection=server, **self.fields)


@contextmanager
def outages_of(
    tmp_path: Path, isolated_python: str, listeners: list[HttpServer | SocketServer]
) -> Iterator[list[Outage]]:
    """Have servers fail in each way; those to which a connection can be counted are added to ``listeners``."""
    with ExitStack() as context, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))

        def port(server: HttpServer | SocketServer) -> int:
            listeners.append(server)
            context.enter_context(running(server) if isinstance(server, HttpServer) else server)
            return server.port

        other = port(HttpServer())
        self_signed = HttpServer()
        behind_tls(self_signed, Authority(tmp_path).context())
        hanging = {"airflowConfig": {"workflowTimeout": 15}}
        isolated = {"dagFactory": {"runner": {"python": isolated_python}}}
        yield [
            Outage("outage_down", f"http://127.0.0.1:{unused.getsockname()[1]}/api", "is down: nothing listens there"),
            Outage("outage_hangs", f"http://127.0.0.1:{port(SocketServer(hang))}/api", "has not answered within 20 s"),
            Outage(
                "outage_page",
                f"http://127.0.0.1:{port(HttpServer(otherwise=Reply(200, HTML)))}/api",
                "does not answer as OpenMetadata's API does",
            ),
            Outage(
                "outage_redirect",
                f"http://127.0.0.1:{port(moved_to(other))}/api",
                f"redirects to http://127.0.0.1:{other}",
            ),
            Outage(
                "outage_certificate", f"https://127.0.0.1:{port(self_signed)}/api", "certificate that can't be trusted"
            ),
            # These two answer the check, and nothing after it.
            Outage("outage_amid", f"http://127.0.0.1:{port(dying())}/api", "airflowConfig.workflowTimeout", hanging),
            Outage(
                "outage_amid_isolated",
                f"http://127.0.0.1:{port(dying())}/api",
                "airflowConfig.workflowTimeout",
                {**hanging, **isolated},
            ),
        ]


def moved_to(port: int) -> HttpServer:
    return HttpServer(otherwise=Reply(302, b"", {"Location": f"http://127.0.0.1:{port}/login"}))


def asked(listeners: list[HttpServer | SocketServer]) -> int:
    return sum(len(each.requests) if isinstance(each, HttpServer) else each.connections for each in listeners)


def test_every_dag_stays_no_parse_asks_a_server_and_each_run_ends_with_the_reason(
    airflow: AirflowStack,
    openmetadata: OpenMetadataServer,
    config_store: Path,
    isolated_python: str,
    tmp_path: Path,
) -> None:
    listeners: list[HttpServer | SocketServer] = []
    with outages_of(tmp_path, isolated_python, listeners) as outages:
        stays(airflow, config_store, outages, listeners)


def stays(
    airflow: AirflowStack, config_store: Path, outages: list[Outage], listeners: list[HttpServer | SocketServer]
) -> None:
    for outage in outages:
        drop(config_store, outage.document())
    for outage in outages:
        airflow.wait_for_dag(outage.dag_id)
    for _ in range(2):
        airflow.parse_again("outage_hangs")
    assert asked(listeners) == 0

    runs = {outage.dag_id: airflow.trigger(outage.dag_id) for outage in outages}
    for outage in outages:
        run_id = runs[outage.dag_id]
        state = airflow.wait_for_run(outage.dag_id, run_id)
        log = airflow.task_log(outage.dag_id, run_id, TASK)
        assert state == "failed", log
        assert outage.says in log
        assert "canary" not in log
        # With its retries, which this pipeline has none of, Airflow would have tried again.
        assert "AirflowFailException" not in log

    # Where the redirect led, nobody has gone.
    assert not isinstance(listeners[0], SocketServer)
    assert listeners[0].requests == []
    airflow.parse_again("outage_hangs")
    listed = {each["dag_id"] for each in airflow.api("GET", "/api/v2/dags", params={"limit": 100})["dags"]}
    assert set(runs) <= listed
    assert airflow.import_errors() == {}
