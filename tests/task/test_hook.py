"""The type of Connection `openmetadata`: its form, and the test of one that asks the server who the token is."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from dag_factory.settings.connection_form import FIELDS, HOOK_CLASS
from dag_factory.task.hook import OpenMetadataHook
from sandbox.failing import HttpServer, SocketServer, hang, running
from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack
from tests.airflow_versions import BEFORE_3_2, BEFORE_3_3
from tests.forked_python import ForkedPython

TOKEN = "eyJhbGciOiJub25lIn0.canary.x"
SECTION = "AIRFLOW__OPENMETADATA_DAG_FACTORY__"


def connection(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> OpenMetadataHook:
    monkeypatch.setenv("AIRFLOW_CONN_OM", json.dumps({"conn_type": "openmetadata", **fields}))
    return OpenMetadataHook("om")


def test_a_connection_says_which_server_and_whose_token_it_is(
    monkeypatch: pytest.MonkeyPatch, openmetadata: OpenMetadataServer
) -> None:
    host, port = openmetadata.url.removeprefix("http://").split(":")
    hook = connection(monkeypatch, host=host, port=int(port), schema="http", password=openmetadata.token)
    is_good, said = hook.test_connection()
    assert is_good, said
    assert said.startswith("OpenMetadata 2.")
    assert said.endswith(f"at {host}:{port} answers, and accepts the token, that of 'ingestion-bot'.")


def test_a_wrong_token_is_said_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, openmetadata: OpenMetadataServer
) -> None:
    is_good, said = connection(monkeypatch, host=openmetadata.url, password=TOKEN).test_connection()
    assert not is_good
    assert "refuses the token (401)" in said
    assert "canary" not in said


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"password": TOKEN}, "whose host is empty.*Fill in its host"),
        ({"host": "om", "extra": "[]", "password": TOKEN}, "extra is not a JSON object"),
        ({"host": "http://[", "password": TOKEN}, "neither a host name"),
        ({"host": "127.0.0.1", "port": 1, "password": TOKEN}, "is down: nothing listens there"),
        ({"host": "om", "extra": {"hostPort": "http://evil/api"}, "password": TOKEN}, "hostPort is not tested"),
        ({"host": "om", "extra": {"extraHeaders": {"Host": "evil"}}, "password": TOKEN}, "sets another host"),
        ({"host": "om", "extra": {"sslConfig": "/missing.pem"}, "password": TOKEN}, "can't be used: FileNotFoundError"),
    ],
    ids=["no host", "extra", "bad host", "down", "another host", "header", "certificate"],
)
def test_what_is_wrong_is_said_without_the_token(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], words: str
) -> None:
    is_good, said = connection(monkeypatch, **fields).test_connection()
    if BEFORE_3_2 and fields.get("extra") == "[]":
        words = "which Airflow does not find"  # it takes no such Connection from the environment
    assert not is_good
    assert re.search(words, said), said
    assert "canary" not in said


def test_a_connection_that_is_missing_is_said() -> None:
    is_good, said = OpenMetadataHook("nowhere").test_connection()
    assert (is_good, "'nowhere', which Airflow does not find" in said) == (False, True)


def test_a_server_that_configs_may_not_report_to_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{SECTION}ALLOWED_SERVERS", "om.example")
    with running(HttpServer()) as server:
        is_good, said = connection(monkeypatch, host="127.0.0.1", port=server.port, password=TOKEN).test_connection()
    assert not is_good
    assert "is not open to configs" in said
    assert server.requests == []


def test_a_server_that_does_not_answer_is_waited_for_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    with SocketServer(hang) as server:
        connection(monkeypatch, host="127.0.0.1", port=server.port, password=TOKEN)
        is_good, said = OpenMetadataHook("om", answer_seconds=0.5).test_connection()
    assert not is_good
    assert "has not answered within" in said


def test_a_token_that_only_a_worker_can_read_is_not_sent(
    monkeypatch: pytest.MonkeyPatch, openmetadata: OpenMetadataServer
) -> None:
    is_good, said = connection(monkeypatch, host=openmetadata.url, password="/etc/passwd").test_connection()
    assert is_good
    assert "No token was checked" in said


@pytest.mark.skipif(BEFORE_3_2, reason="Airflow 3.1 asks the hook for its form")
def test_its_form_needs_no_import_of_the_hook_and_is_what_airflow_shows(
    tmp_path: Path, forked_python: ForkedPython
) -> None:
    script = (
        "import json, sys;"
        "from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService;"
        "form = next(each for each in HookMetaService.hook_meta_data() if each.connection_type == 'openmetadata');"
        "print(json.dumps([form.model_dump(), 'dag_factory.task.hook' in sys.modules]))"
    )
    done = forked_python.run(script, env={**os.environ, "AIRFLOW_HOME": str(tmp_path)})
    form, is_imported = json.loads(done.stdout.splitlines()[-1])
    # Airflow 3.2 reads the form from the provider's description too, but imports each hook to check it.
    assert is_imported is BEFORE_3_3
    assert form["hook_class_name"] == HOOK_CLASS
    assert form["hook_name"] == "OpenMetadata"
    assert form["standard_fields"]["login"]["hidden"]
    assert form["standard_fields"]["password"]["title"] == "Token of the bot"
    assert form["standard_fields"]["port"]["placeholder"] == "8585"
    assert set(form["extra_fields"]) == set(FIELDS)


def test_airflow_3_1_is_told_the_same_by_the_hook() -> None:
    assert set(OpenMetadataHook.get_connection_form_widgets()) == set(FIELDS)
    assert OpenMetadataHook.get_ui_field_behaviour()["hidden_fields"] == ["login"]


def test_what_describes_the_provider_is_cheap() -> None:
    before = set(sys.modules)
    for name in [each for each in before if each.startswith("dag_factory.settings.connection_form")]:
        del sys.modules[name]
    from dag_factory.settings.provider import get_provider_info

    assert get_provider_info()["connection-types"][0]["connection-type"] == "openmetadata"
    assert set(sys.modules) - before <= {
        "dag_factory.settings.provider",
        "dag_factory.settings.connection_form",
        "dag_factory.settings.options",
    }


@pytest.mark.e2e
def test_airflow_shows_the_form_and_tests_a_connection(airflow: AirflowStack, openmetadata: OpenMetadataServer) -> None:
    (form,) = (
        each for each in airflow.api("GET", "/ui/connections/hook_meta") if each["connection_type"] == "openmetadata"
    )
    assert form["hook_class_name"] == HOOK_CLASS
    assert form["extra_fields"]["verifySSL"]["schema"]["title"] == FIELDS["verifySSL"]["label"]
    host, port = openmetadata.url.removeprefix("http://").split(":")
    body = {"connection_id": "om_tested", "conn_type": "openmetadata", "host": host, "port": int(port)}
    found = airflow.api("POST", "/api/v2/connections/test", json={**body, "password": openmetadata.token})
    assert found["status"], found
    assert "'ingestion-bot'" in found["message"]
    # As Airflow has a host that is a URL, by way of the Connection's own URI.
    by_url = {**body, "host": f"{openmetadata.url}/api", "port": None, "password": TOKEN}
    found = airflow.api("POST", "/api/v2/connections/test", json=by_url)
    assert not found["status"]
    assert "refuses the token (401)" in found["message"]
    assert "canary" not in found["message"]
