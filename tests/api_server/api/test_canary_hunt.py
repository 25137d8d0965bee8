"""A hundred canaries under names that nobody listed, in runs that succeed and that fail, in process and isolated."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from sandbox.client import run_path
from sandbox.mailbox import Mailbox
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack
from tests.e2e.database import dumped
from tests.e2e.pipelines import SAMPLE, TASK, sample

CANARY = "c4naryB81c05"

# What a canary may look like where it stands, with the part of it that is secret.
FORMS = [
    "{}", "https://api.example/v1?key={}", "https://f.azurewebsites.net/api/f?code={}",
    "https://hooks.slack.com/services/T0/B0/{}", "jdbc:oracle:thin:scott/{}@//db:1521/x", "Bearer {}",
    "postgresql://reader:{}@db.example/sales", "Server=a;Pwd={}",
]  # fmt: skip
NAMES = ["pin", "webhook", "access", "creds", "auth", "salt", "keytab", "session", "pat", "motto"]
# A workflow goes past whatever stands there, so that its run can succeed.
PASSED_OVER = [
    ("futureField",), ("airflowConfig", "futureField"), ("service", "futureField"),
    ("openMetadataServerConnection", "futureField"), ("changeDescription", "fieldsAdded"), ("ingestionRunner", "more"),
    ("airflowConfig", "connectionOptions"), ("service", "connection", "config"),
]  # fmt: skip
REFUSED = [
    ("sourceConfig", "futureField"),
    ("sourceConfig", "config", "futureField"),
    ("sourceConfig", "config", "schemaFilterPattern", "headers"),
]


def planted(name: str, where: list[tuple[str, ...]], **fields: Any) -> tuple[dict[str, Any], int]:
    """Return a document with canaries of every form and name below some places, and how many."""
    document: dict[str, Any] = sample(name)
    count = 0
    for path in where:
        place = document
        for step in path:
            place = place.setdefault(step, {})
        for odd in NAMES:
            form = FORMS[count % len(FORMS)]
            place[odd] = [form.format(f"{CANARY}{count:04}"), {"n": 8151617 * 10**6 + count, "none": None}]
            count += 1
    return {**document, **fields}, count


class Processes:
    """Looks at the arguments and the environment of all processes for as long as the context lasts."""

    def __enter__(self) -> Processes:
        self.leaks: set[str] = set()
        self.looks = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.is_set():
            for process in psutil.process_iter():
                with suppress(psutil.Error, OSError):
                    if any(CANARY in text for text in (*process.cmdline(), *process.environ().values())):
                        self.leaks.add(" ".join(process.cmdline())[:80])
            self.looks += 1
            time.sleep(0.2)


def answers(airflow: AirflowStack, dag_id: str, run_id: str) -> Iterator[str]:
    """Yield what Airflow's own REST API says of a DAG and its run."""
    task = f"{run_path(dag_id, run_id)}/taskInstances/{TASK}"
    for path in (
        "/api/v2/dags", f"/api/v2/dags/{dag_id}/details", f"/api/v2/dagSources/{dag_id}",
        f"/api/v2/dags/{dag_id}/tasks",
        run_path(dag_id, run_id), task, f"{task}/xcomEntries", f"{task}/xcomEntries/return_value", f"{task}/logs/1",
        f"{task}/links", "/api/v2/eventLogs?limit=1000", "/api/v2/importErrors",
    ):  # fmt: skip
        yield airflow.request("GET", path).text


@pytest.mark.e2e
def test_no_canary_under_a_name_that_nobody_listed_shows_anywhere(
    airflow: AirflowStack, openmetadata: OpenMetadataServer, config_store: Path, isolated_python: str
) -> None:
    isolated = {"dagFactory": {"runner": {"python": isolated_python}}}
    mailed = {"airflowConfig": {**SAMPLE.get("airflowConfig", {}), "email": "team@example.com", "retries": 0}}
    plants = [
        planted("hunt_here", PASSED_OVER),
        planted("hunt_isolated", PASSED_OVER, **isolated),
        planted("hunt_failing", [*PASSED_OVER[:1], *REFUSED], **mailed),
        planted("hunt_failing_isolated", REFUSED, **isolated),
        planted("hunt_dropped", PASSED_OVER),
    ]
    documents = [document for document, _ in plants]
    assert sum(count for _, count in plants) >= 100
    (config_store / "hunt_dropped.json").write_text(json.dumps(documents[-1]))
    shown: list[str] = []
    runs = {}
    with Mailbox() as mailbox, Processes() as processes:
        airflow.request("DELETE", "/api/v2/connections/smtp_default")
        airflow.api("POST", "/api/v2/connections", json={"connection_id": "smtp_default", **mailbox.connection})
        try:
            for document in documents[:-1]:
                answer = airflow.request("POST", "/api/v1/openmetadata/deploy", json=document)
                shown.append(answer.text)
                assert answer.status_code == 200
            for document in documents:
                airflow.wait_for_dag(document["name"])
                runs[document["name"]] = airflow.trigger(document["name"])
            states = {name: airflow.wait_for_run(name, run_id, timeout=300) for name, run_id in runs.items()}
            assert mailbox.received.wait(60)
            mails = [str(mail) for mail in mailbox.mails]
        finally:
            airflow.request("DELETE", "/api/v2/connections/smtp_default")
    logs = {name: airflow.task_log(name, run_id, TASK) for name, run_id in runs.items()}
    for name, run_id in runs.items():
        shown += answers(airflow, name, run_id)

    stored = {path: path.read_bytes() for path in config_store.rglob("hunt_*") if path.is_file()}
    places = {str(path): content for path, content in stored.items() if "hunt_dropped" not in path.name}
    places |= {str(path): path.read_bytes() for path in airflow.home.rglob("*") if path.is_file()}
    places |= {f"answer {number}": text.encode() for number, text in enumerate(shown)}
    places |= {f"mail {number}": text.encode() for number, text in enumerate(mails)}
    places["the database"] = dumped(airflow).encode()
    leaks = [place for place, content in places.items() if CANARY.encode() in content or b"8151617000" in content]
    assert leaks == []
    assert {name: state for name, state in states.items() if (state == "failed") != ("failing" in name)} == {}, logs
    assert not processes.leaks
    assert processes.looks > 5
