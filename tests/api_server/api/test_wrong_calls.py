"""Wrong calls get one plain sentence: nothing is written, and nothing of a document shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from dag_factory.configs.pipeline import AirflowConfig, DagFactory, EntityReference, IngestionPipeline, Runner
from dag_factory.store.last_good import FOLDER
from dag_factory.store.own_files import is_own_file
from sandbox.stack import AirflowStack
from tests.e2e.pipelines import SAMPLE

pytestmark = pytest.mark.e2e

CANARY = "canary-7c1e55"


@pytest.fixture(scope="module")
def http(airflow: AirflowStack) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=f"{airflow.url}/api/v1/openmetadata",
        auth=(airflow.username, airflow.password),
        headers={"Content-Type": "application/json"},
        trust_env=False,
        timeout=60,
    ) as client:
        yield client


def document(**fields: Any) -> bytes:
    return json.dumps({**SAMPLE, "description": CANARY, **fields}).encode()


NESTED: dict[str, type[BaseModel]] = {
    "service": EntityReference,
    "airflow_config": AirflowConfig,
    "dag_factory": DagFactory,
    "runner": Runner,
}


def paths(model: type[BaseModel], *above: str) -> Iterator[tuple[str, ...]]:
    """Yield the path of every field that the API reads of a document."""
    for name, field in model.model_fields.items():
        path = (*above, field.alias or name)
        yield path
        nested = NESTED.get(name)
        if nested is not None:
            yield from paths(nested, *path)


FIELDS = {".".join(path): path for path in paths(IngestionPipeline)}
CALLS = ["deploy", "trigger", "enable", "disable", "kill", "run_automation"]
MEGABYTES = 50

BODIES: dict[str, tuple[bytes, int]] = {
    "nothing": (b"", 400),
    "blanks": (b"  \n ", 400),
    "no JSON": (f"name: {CANARY}".encode(), 400),
    "half of it": (document(name="half")[:-20], 400),
    "a list": (f'["{CANARY}"]'.encode(), 400),
    "a text": (f'"{CANARY}"'.encode(), 400),
    "a number": (b"1" * 5000, 400),
    "a key twice": (f'{{"dag_id": "{CANARY}", "name": "x", "dag_id": "y"}}'.encode(), 400),
    "no UTF-8": (b'{"name": "\xff\xfe"}', 400),
    "NaN": (b'{"name": NaN}', 400),
    "too large": (document(name="large", description=CANARY * 2**18), 413),
    "nested deeply": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 400),
    "nested": (b'{"a":' * 500 + b"1" + b"}" * 500, 400),
}
DOCUMENTS: dict[str, bytes] = {
    "no name": document(name=None),
    "a name that leaves nothing of a DAG id": document(name="🚀"),
    "dots for a name": document(name=".."),
    "an empty name": document(name=""),
    "a name that is a list": document(name=[CANARY]),
    "a name too long": document(name=CANARY * 50),
    "NUL in the name": document(name=f"nul\x00{CANARY}"),
    "half of a pair": document(name="half").replace(b'"half"', b'"\\ud800"'),
    "a type that is none": document(name="wrong", pipelineType=CANARY),
    "no type": document(name="wrong", pipelineType=None),
    "no service": document(name="wrong", service=None),
    "a cron that is none": document(name="wrong", airflowConfig={"scheduleInterval": CANARY}),
    "retries that are a text": document(name="wrong", airflowConfig={"retries": CANARY}),
    "a wrong reference": document(name="wrong", x={"$env": CANARY, "y": 1}),
}
NAMES = [
    "", "../../../etc/passwd", "..", "/", "~", "%", "%2e%2e%2f", "..\\..", "nul\x00", "two\r\nlines", "x" * 300,
    "no_such_pipeline", "a/b", "x" * 20_000, "🚀", "___", "\u202e",
]  # fmt: skip


def check(answer: httpx.Response, *statuses: int) -> str:
    assert answer.status_code in statuses, answer.text
    body = answer.json()
    sentence = body.pop("error")
    # A document that is wrong has them one by one, besides.
    assert body.keys() <= {"problems"}
    assert "\n" not in sentence
    assert "Traceback" not in answer.text
    assert CANARY not in answer.text
    assert sentence[0].isupper() or sentence.startswith("'")
    return str(sentence)


@pytest.fixture(autouse=True)
def nothing_shows(airflow: AirflowStack) -> Iterator[None]:
    log = airflow.home / "logs" / "api-server.log"
    before = log.stat().st_size
    yield
    with log.open("rb") as written:
        written.seek(before)
        new = written.read().decode(errors="replace")
    assert CANARY not in new
    assert "Traceback" not in new
    assert "while answering" not in new


def stored(store: Path) -> set[Path]:
    """Return what is in a store, but for what it keeps for itself, which a parse may replace at any time."""
    return {
        path for path in store.rglob("*") if not is_own_file(path.name) and FOLDER not in path.relative_to(store).parts
    }


@pytest.fixture(autouse=True)
def nothing_is_written(config_store: Path) -> Iterator[None]:
    before = stored(config_store)
    yield
    assert stored(config_store) == before


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", BODIES)
def test_a_body_that_is_no_json_object_of_a_fair_size_is_refused(http: httpx.Client, call: str, kind: str) -> None:
    body, status = BODIES[kind]
    check(http.post(call, content=body), status)


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
@pytest.mark.parametrize("call", CALLS)
def test_a_body_of_50_megabytes_is_refused_whether_its_size_is_announced_or_not(
    http: httpx.Client, call: str, announced: bool
) -> None:
    def body() -> Iterator[bytes]:
        for _ in range(MEGABYTES):
            yield CANARY.encode().ljust(2**20)

    headers = {"Content-Length": str(MEGABYTES * 2**20)} if announced else {}
    check(http.post(call, content=body(), headers=headers), 413)


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_document_that_is_no_pipeline_is_refused_by_the_field_that_is_wrong(http: httpx.Client, kind: str) -> None:
    check(http.post("deploy", content=DOCUMENTS[kind]), 400)


@pytest.mark.parametrize("wrong", [{CANARY: CANARY}, [[CANARY]]], ids=["a mapping", "a list"])
@pytest.mark.parametrize("field", FIELDS)
def test_a_field_of_a_wrong_type_is_refused_by_its_name(http: httpx.Client, field: str, wrong: object) -> None:
    body: dict[str, Any] = json.loads(document(name="wrong_type"))
    *above, name = FIELDS[field]
    holder = body
    for each in above:
        holder = holder.setdefault(each, {})
    # These may be a mapping.
    holder[name] = [wrong] if field in ("service", "airflowConfig", "dagFactory", "dagFactory.runner") else wrong
    assert f"'{field}" in check(http.post("deploy", content=json.dumps(body)), 400)


@pytest.mark.parametrize("name", NAMES, ids=[repr(name[:20]) for name in NAMES])
def test_a_name_that_no_pipeline_has_is_a_plain_4xx_everywhere(http: httpx.Client, name: str) -> None:
    for call in ("trigger", "enable", "disable", "kill"):
        check(http.post(call, json={"dag_id": name}), 400, 404)
    asked = {"dag_id": name, "task_id": "ingestion_task"}
    for call in ("status", "last_dag_logs"):
        check(http.get(call, params=asked), 400, 404)
    deleted = http.delete("delete", params={"dag_id": name})
    if deleted.status_code != 200:
        check(deleted, 400)
    else:  # what is not there is as it was asked to be
        assert deleted.json()["message"].endswith("' is unknown.")


ESCAPES = {
    "../../etc/passwd": "_etc_passwd",
    "/tmp/absolute": "_tmp_absolute",
    "..\\..\\windows": "_windows",
    "%2e%2e%2fescaped": "_2e_2e_2fescaped",
    "two\r\nlines": "two_lines",
    ".hidden": "_hidden",
    "$(id)": "_id_",
}


def test_a_pipeline_whose_name_is_a_path_is_stored_under_its_clean_id(http: httpx.Client, config_store: Path) -> None:
    around = {path.name for path in config_store.parent.iterdir()}
    before = stored(config_store)
    for name, dag_id in ESCAPES.items():
        answer = http.post("deploy", content=document(name=name, fullyQualifiedName=f"escapes.{name}"))
        assert answer.json()["dag_id"] == dag_id, answer.text
    assert stored(config_store) - before == {config_store / f"{dag_id}.json" for dag_id in ESCAPES.values()}
    assert {path.name for path in config_store.parent.iterdir()} == around
    for name, dag_id in ESCAPES.items():
        deleted = http.delete("delete", params={"dag_id": name})
        assert deleted.json() == {"message": f"Pipeline '{dag_id}' is deleted."}


@pytest.mark.parametrize("dag_id", [None, 1, ["a"], {"a": 1}, True])
def test_a_name_that_is_no_text_is_refused(http: httpx.Client, dag_id: object) -> None:
    for call in ("trigger", "enable", "disable", "kill"):
        assert "'dag_id'" in check(http.post(call, json={"dag_id": dag_id}), 400)


def test_a_conf_or_a_run_s_id_of_a_wrong_form_is_refused(http: httpx.Client) -> None:
    wrong = ({"testCases": CANARY}, {"testCases": [{CANARY: 1}]}, {"sourceConfigOverride": [CANARY]})
    for conf in ([CANARY], CANARY, {"pipelineRunId": f"../{CANARY}"}, {"pipelineRunId": [CANARY]}, *wrong):
        check(http.post("trigger", json={"dag_id": "any", "conf": conf}), 400)
    check(http.post("trigger", params={"run_id": "a/b"}, json={"dag_id": "any"}), 400)


def test_a_wrong_parameter_is_named(http: httpx.Client) -> None:
    assert "'dag_id'" in check(http.get("status"), 400)
    assert "'task_id'" in check(http.get("last_dag_logs", params={"dag_id": "any"}), 400)
    for after in ("-1", "x", "1" * 500):
        answer = http.get("last_dag_logs", params={"dag_id": "any", "task_id": "any", "after": after})
        assert "'after'" in check(answer, 400)


def test_a_call_that_there_is_not_is_a_404_and_a_wrong_method_a_405(http: httpx.Client) -> None:
    check(http.get("no_such_call"), 404)
    check(http.get("deploy"), 405)


AUTOMATION = {
    "id": "0b0fcd3c-5a4f-4c7e-9d26-2c1cbb4b7a11",
    "name": "test",
    "openMetadataServerConnection": {"hostPort": "http://h/api", "securityConfig": {"jwtToken": CANARY}},
}
AUTOMATIONS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "'id'"),
    "no id": ({**AUTOMATION, "id": None}, "'id'"),
    "an id that is a path": ({**AUTOMATION, "id": f"../{CANARY}"}, "'id'"),
    "an id that is a list": ({**AUTOMATION, "id": [CANARY]}, "'id'"),
    "no name": ({**AUTOMATION, "name": ""}, "'name'"),
    "a name that is a list": ({**AUTOMATION, "name": [CANARY]}, "'name'"),
    "no connection": ({**AUTOMATION, "openMetadataServerConnection": CANARY}, "'openMetadataServerConnection'"),
    "a connection to nowhere": (
        {**AUTOMATION, "openMetadataServerConnection": {"securityConfig": CANARY}},
        "'openMetadataServerConnection'",
    ),
    "an address that is a list": (
        {**AUTOMATION, "openMetadataServerConnection": {"hostPort": [CANARY]}},
        "'openMetadataServerConnection'",
    ),
    "NUL in the name": ({**AUTOMATION, "name": f"nul\x00{CANARY}"}, "'name'"),
    **{f"the id {name[:20]!r}": ({**AUTOMATION, "id": name}, "'id'") for name in NAMES},
}


@pytest.mark.parametrize("kind", AUTOMATIONS)
def test_an_automation_that_is_none_is_refused_by_the_field_that_is_wrong(http: httpx.Client, kind: str) -> None:
    document, field = AUTOMATIONS[kind]
    assert field in check(http.post("run_automation", json=document), 400)
