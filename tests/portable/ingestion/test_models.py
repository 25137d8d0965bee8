"""What openmetadata-ingestion's models refuse is said in one sentence, and not on pages."""

from __future__ import annotations

import json
import os

import pytest

from tests.forked_python import ForkedPython

# In another process: openmetadata-ingestion changes logging, and its imports are heavy.
SCRIPT = """
import json
from metadata.generated.schema.entity.services.databaseService import DatabaseConnection
from metadata.ingestion.api.parser import InvalidWorkflowException, parse_workflow_config_gracefully
from dag_factory.portable.ingestion.models import in_one_sentence

def said(call):
    try:
        call()
    except Exception as error:
        return str(error), (found := in_one_sentence(error, "the config")) and str(found)

source = {"type": "mysql", "serviceName": "shop", "sourceConfig": {"config": {"type": "DatabaseMetadata"}}}
server = {"openMetadataServerConfig": {"hostPort": "http://localhost/api"}}
connection = {"config": {"type": "Mysql", "username": "canary", "hostPort": "db:3306", "future": "canary"}}

def workflow():
    raise ValueError("canary")

print(json.dumps([
    said(lambda: parse_workflow_config_gracefully(
        {"source": {**source, "serviceConnection": connection}, "workflowConfig": server})),
    said(lambda: parse_workflow_config_gracefully({"source": {**source, "future": 1}, "workflowConfig": {}})),
    said(lambda: DatabaseConnection.model_validate(connection)),
    said(workflow),
]))
"""


@pytest.fixture(scope="module")
def said(forked_ingestion: ForkedPython) -> list[list[str | None]]:
    done = forked_ingestion.run(SCRIPT, env=os.environ)
    assert done.returncode == 0, done.stderr
    found: list[list[str | None]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_refusal_is_one_sentence_without_a_value(number: int, said: list[list[str | None]]) -> None:
    theirs, ours = said[number]
    assert theirs is not None
    assert ours is not None
    assert ours.startswith("openmetadata-ingestion 2.")
    assert " refuses the config. " in ours
    assert len(ours.splitlines()) == 1
    assert len(ours) < 300
    assert "canary" not in ours
    assert len(theirs.splitlines()) > 1


def test_any_other_error_is_left_as_it_is(said: list[list[str | None]]) -> None:
    assert said[3] == ["canary", None]
