"""A canary in every secret field of every sample: deployed over the API and run, it shows nowhere."""

from __future__ import annotations

import json
import os
import re
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from dag_factory.portable.secrets.redaction import encrypt
from dag_factory.portable.secrets.references import FERNET
from sandbox.client import run_path, wait_until
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack
from tests.e2e.database import dumped
from tests.forked_python import ForkedPython
from tests.places import TESTS

SAMPLES = sorted((TESTS / "samples").glob("*.json"))
CANARY = "canary8e51d"
NUMBER = 805_190_461_277
# What people put into mappings that are free in form: no model knows of these.
FREE = ("sourceConfig", "config", "connectionOptions")
GIVEN_AWAY = {
    "dsn": f"postgresql://reader:{CANARY}9001@db.example/sales",
    "odbc": f"Driver=x;Server=y;Pwd={CANARY}9002",
    "jwks": f"eyJhbGciOiJub25lIn0.{CANARY}9003",
    "stage": f"https://a.blob.core.windows.net/c?sv=2022-11-02&sig={CANARY}9004",
    "call": f"Bearer {CANARY}9005",
    "properties": [{"name": "X-Api-Key", "value": f"{CANARY}9006"}, {"key": "pass", "value": f"{CANARY}9007"}],
    "password": NUMBER,
}
# Of these a run gets as far as openmetadata-ingestion's own checks, where the server accepts its token.
RUN_FAR = {"sqlite_metadata_daily", "sqlite_svc_dbt", "pg_svc_lineage", "openmetadata_application"}


def paths_of_secrets(python: ForkedPython) -> list[list[str | int]]:
    done = python.run(Path(__file__).with_name("secret_fields.py").read_text(), env=os.environ)
    assert done.returncode == 0, done.stderr
    found: list[list[str | int]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def secret_fields(forked_ingestion: ForkedPython) -> list[list[str | int]]:
    return paths_of_secrets(forked_ingestion)


def plant(document: Any, path: list[str | int], canary: str) -> Any:
    """Return a document with a canary at a path, what leads there made where it is missing."""
    if not path:
        return canary
    step, *rest = path
    if isinstance(step, int):
        return [plant(document[0] if isinstance(document, list) and document else None, rest, canary)]
    beneath = document if isinstance(document, dict) else {}
    return {**beneath, step: plant(beneath.get(step), rest, canary)}


def planted(document: dict[str, Any], paths: list[list[str | int]]) -> dict[str, Any]:
    for number, path in enumerate(paths):
        document = plant(document, path, f"{CANARY}{number:04}")
    config = document["sourceConfig"]["config"]
    for connection in config["serviceConnections"]:
        connection["serviceName"] = "sample_sqlite"  # without a name, a suite is refused
    return {**document, "sourceConfig": {"config": {**config, FREE[-1]: GIVEN_AWAY}}}


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for child in value.values() for text in texts(child)]
    if isinstance(value, list):
        return [text for child in value for text in texts(child)]
    return [value] if isinstance(value, str) else []


def test_the_models_name_secrets_all_over_a_pipeline(secret_fields: list[list[str | int]]) -> None:
    assert len(secret_fields) > 120
    leaves = {path[-1] for path in secret_fields}
    assert {"jwtToken", "password", "awsSecretAccessKey", "sslKey", "dbtCloudAuthToken", "privateKey"} <= leaves
    planted_in = {"sourceConfig", "openMetadataServerConnection"}
    assert {path[0] for path in secret_fields} == planted_in


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_field_that_the_models_call_a_secret_is_encrypted(
    sample: Path, secret_fields: list[list[str | int]]
) -> None:
    document = planted(json.loads(sample.read_text()), secret_fields)
    canaries = [text for text in texts(document) if CANARY in text]
    assert len(canaries) == len(secret_fields) + len(texts(GIVEN_AWAY)) - len(("X-Api-Key", "pass"))
    kept: list[str | float] = []

    def keep(value: str | float) -> dict[str, str]:
        kept.append(value)
        return {FERNET: "…"}

    at_rest = json.dumps(encrypt(document, keep))
    assert CANARY not in at_rest
    assert str(NUMBER) not in at_rest
    assert {*canaries, NUMBER} <= set(kept)


class Watched:
    """The API, whose every answer is kept."""

    def __init__(self, airflow: AirflowStack) -> None:
        self._http = httpx.Client(
            base_url=f"{airflow.url}/api/v1/openmetadata",
            auth=(airflow.username, airflow.password),
            trust_env=False,
            timeout=120,
        )
        self.answers: list[str] = []

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def call(self, method: str, name: str, status: int = 200, **options: Any) -> Any:
        answer = self._http.request(method, name, **options)
        self.answers.append(answer.text)
        assert answer.status_code == status, re.sub(CANARY, "…", answer.text)
        return answer.json()


def contents(folder: Path) -> dict[Path, bytes]:
    """Return what each file below a folder holds, but for those that vanish meanwhile."""
    found = {}
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError, IsADirectoryError):
            found[path] = path.read_bytes()
    return found


def run_automation(api: Watched, airflow: AirflowStack, document: dict[str, Any]) -> None:
    """Have a document taken for an automation, which fails, as the API server's log tells in the end."""
    api.call("POST", "run_automation", json=document)
    api.call("POST", "run_automation", 400, json={**document, "id": CANARY})
    log = airflow.home / "logs" / "api-server.log"
    end = f"Automation {document['id']} has failed"
    wait_until(lambda: (end in log.read_text() or None, "no end"), "the automation to end", timeout=120)


@pytest.mark.e2e
@pytest.mark.together("waits")
def test_no_canary_shows_in_the_store_in_a_log_in_an_answer_or_in_airflow_s_database(
    airflow: AirflowStack, openmetadata: OpenMetadataServer, config_store: Path, forked_ingestion: ForkedPython
) -> None:
    secret_fields = paths_of_secrets(forked_ingestion)
    server = {"hostPort": openmetadata.env["OPENMETADATA_HOST_PORT"]}
    token = {"jwtToken": {"$env": "OPENMETADATA_JWT_TOKEN"}}
    documents = []
    for sample in SAMPLES:
        document = planted(json.loads(sample.read_text()), secret_fields)
        connection = {**document["openMetadataServerConnection"], **server}
        service = {**document["service"], "name": "sample_sqlite", "type": "databaseService"}
        whole = {**document, "openMetadataServerConnection": connection, "service": service}
        documents.append(whole)
        if sample.stem in RUN_FAR:
            accepted = {**whole, "openMetadataServerConnection": {**connection, "securityConfig": token}}
            documents.append({**accepted, "name": f"{sample.stem}_accepted", "fullyQualifiedName": "sample_sqlite.a"})

    runs: dict[str, str] = {}
    with Watched(airflow) as api:
        for document in documents:
            name = document["name"]
            if document["pipelineType"] == "dataInsight":
                api.call("POST", "deploy", 400, json=document)
                continue
            api.call("POST", "deploy", json=document)
            assert "nothing has changed" in api.call("POST", "deploy", json=document)["message"]
            runs[name] = api.call("POST", "trigger", json={"dag_id": name})["run_id"]
            # What is wrong is named in the answer, in the log, and in the docs of the DAG. A plain word in place of a
            # service would be quoted as its name.
            for wrong in ({"airflowConfig": {"retries": CANARY}}, {"service": [CANARY]}, {"pipelineType": CANARY}):
                api.call("POST", "deploy", 400, json={**document, **wrong})
            another = {"id": str(uuid.uuid4()), "fullyQualifiedName": "another"}
            api.call("POST", "deploy", 409, json={**document, **another})
            api.call("POST", "trigger", 400, json={"dag_id": name, "conf": [CANARY]})
        for name, run_id in runs.items():
            airflow.wait_for_run(name, run_id, timeout=600)
            api.call("GET", "status", params={"dag_id": name})
            (task_id,) = airflow.task_states(name, run_id)
            assert api.call("GET", "last_dag_logs", params={"dag_id": name, "task_id": task_id})[task_id]
            task = f"{run_path(name, run_id)}/taskInstances/{task_id}"
            for path in (task, f"{task}/xcomEntries", run_path(name, run_id), f"/api/v2/dags/{name}/details"):
                api.answers.append(airflow.request("GET", path).text)
            assert airflow.api("GET", task)["rendered_fields"] == {}
        run_automation(api, airflow, next(document for document in documents if "id" in document))
        stored = {path.name: content for path, content in contents(config_store).items()}
        for name in runs:
            api.call("DELETE", "delete", params={"dag_id": name})

    assert {f"{name}.json" for name in runs} <= stored.keys()
    places = {f"configs/{name}": content for name, content in stored.items()}
    places |= {f"answer {number}": answer.encode() for number, answer in enumerate(api.answers)}
    places |= {str(path): content for path, content in contents(airflow.home).items()}
    places["the database"] = dumped(airflow).encode()
    assert sum("logs/dag_id=" in place for place in places) >= len(runs)

    def named(canary: bytes) -> str:
        number = canary.removeprefix(CANARY.encode()).decode()
        path = secret_fields[int(number)] if number and int(number) < len(secret_fields) else number
        return str(path)

    pattern = re.compile(rf"{CANARY}\d*|{NUMBER}".encode())
    found = {place: set(pattern.findall(content)) for place, content in places.items()}
    leaks = {place: sorted(map(named, canaries)) for place, canaries in found.items() if canaries}
    assert leaks == {}
