"""OpenMetadata's secrets managers, and what they hand out: real ingestion code in a child without Airflow."""

from __future__ import annotations

import json
import os
import re
import threading
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from airflow.configuration import conf

from dag_factory.errors import WorkflowError
from dag_factory.portable.ingestion.run import PreparedRun
from dag_factory.portable.secrets.masking import Mask
from dag_factory.task.runner.child_process import Child
from dag_factory.task.runner.interpreter import environment
from dag_factory.task.runner.secrets_manager_section import KEYS, SECTION, section_for
from sandbox.server import OpenMetadataServer
from tests.forked_python import ForkedPython

MODULES = Path(__file__).parent / "worker_modules"
PREFIX = "AIRFLOW__OPENMETADATA_SECRETS_MANAGER__"
TOKEN_ID = "/prod/bots/token"
PASSWORD = "canary-9a41-password"
ACCESS_KEY = "AKIACANARY0123456789"
SECRET_KEY = "canary-9a41-secret-key"


class Aws(ThreadingHTTPServer):
    """As much of AWS's Secrets Manager as to hand out one secret."""

    def __init__(self, secret: str) -> None:
        super().__init__(("127.0.0.1", 0), _AwsCall)
        self.secret = secret
        self.asked: list[str] = []
        self.signed_by: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _AwsCall(BaseHTTPRequestHandler):
    server: Aws

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["SecretId"]
        self.server.asked.append(asked)
        self.server.signed_by.add(re.findall(r"Credential=([^,]+)", self.headers["Authorization"])[0])
        answer = json.dumps({"Name": asked, "SecretString": self.server.secret}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def aws(openmetadata: OpenMetadataServer) -> Iterator[Aws]:
    with Aws(openmetadata.token) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def python_with_applications(isolated_python: str, tmp_path: Path) -> str:
    """The interpreter without Airflow, with applications of ours."""
    path = tmp_path / "python"
    path.write_text(Path(isolated_python).read_text().replace("sys\n", f"sys\nsys.path.append({str(MODULES)!r})\n", 1))
    path.chmod(0o755)
    return str(path)


def application(server: OpenMetadataServer, **connection: Any) -> PreparedRun:
    """Create an application at the server, and the service that it looks at, and return a run of it."""
    database = {
        "type": "Postgres",
        "username": "u",
        "authType": {"password": PASSWORD},
        "hostPort": "127.0.0.1:1",
        "database": "d",
    }
    request = {"name": "of_the_teller", "serviceType": "Postgres", "connection": {"config": database}}
    server.put("/api/v1/services/databaseServices", request)
    itself = server.put("/api/v1/services/metadataServices", {"name": "OpenMetadata", "serviceType": "OpenMetadata"})
    app = {"sourcePythonClass": "token_teller.TokenTeller", "appConfig": {"service": "of_the_teller"}}
    pipeline = {
        "name": f"teller_{uuid.uuid4().hex}",
        "pipelineType": "application",
        "sourceConfig": {"config": {"type": "Application", **app}},
        "airflowConfig": {},
        "service": {"type": "metadataService", "id": itself["id"]},
    }
    created = server.put("/api/v1/services/ingestionPipelines", pipeline)
    way = {"hostPort": f"{server.url}/api", "authProvider": "openmetadata", **connection}
    document = {**created, "openMetadataServerConnection": way}
    return PreparedRun(document, created["fullyQualifiedName"], str(uuid.uuid4()), ("token_teller.",))


def test_a_token_in_a_secrets_manager_is_asked_for_by_ingestion_with_what_airflow_s_config_says_of_it(
    openmetadata: OpenMetadataServer,
    aws: Aws,
    python_with_applications: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    section = {"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    for name, value in section.items():
        monkeypatch.setenv(PREFIX + name, value)
    assert conf.get(SECTION, "aws_region") == "eu-central-1"
    prepared = application(
        openmetadata,
        securityConfig={"jwtToken": f"secret:{TOKEN_ID}"},
        secretsManagerProvider="managed-aws",
        secretsManagerLoader="airflow",
    )
    mask = Mask(in_airflow=False)
    variables = {**environment(python_with_applications), "AWS_ENDPOINT_URL": aws.url}
    end = Child(python_with_applications, variables, mask).run("run", asdict(prepared))
    assert end["state"] == "success"
    assert "TokenTeller" in end["summary"]
    assert set(aws.asked) == {TOKEN_ID}
    assert {signer.split("/")[0] for signer in aws.signed_by} == {ACCESS_KEY}
    assert {signer.split("/")[2] for signer in aws.signed_by} == {"eu-central-1"}
    runs = openmetadata.get("/sandbox/summary")["runs"][prepared.pipeline_fqn]
    assert [run["pipelineState"] for run in runs] == ["success"]
    # Nobody but the secrets manager and the server knew these before ingestion read them.
    assert "logged: *** and ***" in caplog.text
    assert "printed: *** ***" in caplog.text
    assert openmetadata.token not in caplog.text
    assert "canary" not in caplog.text
    assert SECRET_KEY in mask.secrets
    # What stood for Airflow is gone when the application runs.
    assert "told: the SDK is False" in caplog.text


def test_a_secrets_manager_that_can_t_be_made_is_named(
    python_with_applications: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}AWS_REGION", "nowhere-1")
    way = {"hostPort": "http://h/api", "secretsManagerProvider": "aws", "secretsManagerLoader": "airflow"}
    prepared = PreparedRun({"pipelineType": "metadata", "openMetadataServerConnection": way}, "p", "run")
    child = Child(python_with_applications, environment(python_with_applications), Mask(in_airflow=False))
    with pytest.raises(WorkflowError, match=r"^the secrets manager 'aws' can't be .*Invalid AWS Region"):
        child.run("run", asdict(prepared))


def test_what_airflow_s_config_says_is_read_for_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}AZURE_KEY_VAULT_NAME", "vault")

    def found(**connection: Any) -> dict[str, Any] | None:
        return section_for({"openMetadataServerConnection": connection})

    said = found(secretsManagerProvider="azure-kv", secretsManagerLoader="airflow")
    assert said == {"provider": "azure-kv", "values": {"azure_key_vault_name": "vault"}}
    assert found(secretsManagerProvider="azure-kv", secretsManagerLoader="env") is None
    assert found(secretsManagerProvider="db", secretsManagerLoader="airflow") is None
    assert found(secretsManagerLoader="airflow") is None
    assert section_for({}) is None


def test_all_that_the_loaders_of_openmetadata_ingestion_ask_for_is_known() -> None:
    metadata = find_spec("metadata")
    assert metadata is not None
    assert metadata.origin is not None
    sources = (Path(metadata.origin).parent / "utils" / "secrets").glob("*.py")
    asked = re.findall(
        r"conf\.get\w*\(\s*SECRET_MANAGER_AIRFLOW_CONF,\s*\"(\w+)\"", " ".join(map(Path.read_text, sources))
    )
    assert set(asked) == set(KEYS)


def test_a_secret_is_told_once_before_it_is_read_and_only_as_long_as_that_is_wanted(
    forked_ingestion: ForkedPython,
) -> None:
    script = """
from metadata.ingestion.models.custom_pydantic import _CustomSecretStr as Secret
from dag_factory.portable.ingestion.secrets_read import report_secrets_read
told = []
read = Secret.get_secret_value
with report_secrets_read(told.append):
    for secret in ("one", "two", "one", ""):
        Secret(secret).get_secret_value()
    Secret("secret:/a/reference").get_secret_value(skip_secret_manager=True)
Secret("three").get_secret_value()
print(told, Secret.get_secret_value is read)
"""
    done = forked_ingestion.run(script, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "['one', 'two'] True"
