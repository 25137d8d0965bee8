"""What our types hand to openmetadata-ingestion, beside what openmetadata-managed-apis makes of the same documents."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from benchmarks.predecessor_configs import CONFIGS, DOCUMENTS, documents, without_server
from dag_factory.portable.openmetadata.pipeline_types import PIPELINE_TYPES
from sandbox.server import OpenMetadataServer
from tests.forked_python import ForkedPython

# In another process, for the imports are heavy. The workflows' modules are replaced: what counts is what they get.
CAPTURE = """
import json, sys
from types import SimpleNamespace
from metadata.generated.schema.entity.services.ingestionPipelines.status import IngestionStatus
from metadata.generated.schema.metadataIngestion.application import OpenMetadataApplicationConfig
from metadata.generated.schema.metadataIngestion.workflow import OpenMetadataWorkflowConfig
from dag_factory.portable.ingestion.run import PreparedRun, PipelineRun
from dag_factory.portable.openmetadata.pipeline_types import PIPELINE_TYPES

class Workflow:
    workflow_config = SimpleNamespace(successThreshold=90)
    @classmethod
    def create(cls, config):
        configs.append(config)
        return cls()
    def execute(self): pass
    def raise_from_status(self): pass
    def raise_from_status_internal(self): pass
    def calculate_success(self): return 100
    def build_ingestion_status(self): return IngestionStatus([])
    def workflow_steps(self): return []

for kind, document in json.load(sys.stdin).items():
    configs = []
    module, _, name = PIPELINE_TYPES[kind].workflow.rpartition(".")
    sys.modules[module] = SimpleNamespace(**{name: Workflow})
    run_id = "b6a7ba5c-8b6f-4b0e-8f0e-3c1f1d7a5c1e"
    prepared = PreparedRun(document, document["fullyQualifiedName"], run_id, ["metadata."])
    PipelineRun(prepared, on_secret=lambda _: None).execute()
    model = OpenMetadataApplicationConfig if kind == "application" else OpenMetadataWorkflowConfig
    config = model.model_validate(configs[0]).model_dump_json(exclude_defaults=False, mask_secrets=False)
    print("CONFIG", json.dumps({"type": kind, "config": json.loads(config)}))
"""

ALWAYS = {"pipelineRunId": "theirs is made up at each parse of a file; ours is that of the run"}
STAGING = "theirs is one place for all pipelines, and each run empties it, also while another one uses it"
RAISE = {"workflowConfig.raiseOnError": "theirs leaves it out for this type, and so fails tasks that are not to fail"}
UNTYPED = "theirs is an empty object, of which openmetadata-ingestion has to guess what it is"
WANTED = {
    "usage": {"stage.config.filename": STAGING, "bulkSink.config.filename": STAGING},
    "profiler": RAISE,
    "autoClassification": RAISE,
    "TestSuite": RAISE,
    "elasticSearchReindex": {
        **RAISE,
        "source.serviceConnection.config": UNTYPED,
        "source.serviceConnection.config.type": UNTYPED,
    },
}
# policyAgent is newer than the predecessor's builders.
WITHOUT_PREDECESSOR = {"policyAgent"}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory, forked_ingestion: ForkedPython) -> dict[str, dict[str, Any]]:
    """The workflow config that we make of each document, as openmetadata-ingestion understands it."""
    folder = tmp_path_factory.mktemp("predecessor")
    with OpenMetadataServer(folder / "absent.db", log=folder / "openmetadata.log") as server:
        done = forked_ingestion.run(CAPTURE, env=os.environ, said=json.dumps(documents(server)))
        assert done.returncode == 0, done.stderr
        built = [
            json.loads(without_server(line.removeprefix("CONFIG "), server))
            for line in done.stdout.splitlines()
            if line.startswith("CONFIG ")
        ]
    return {each["type"]: each["config"] for each in built}


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_config_is_key_by_key_the_predecessor_s_but_for_what_was_wrong(
    ours: dict[str, dict[str, Any]], kind: str
) -> None:
    theirs = flat(json.loads((CONFIGS / f"{kind}.json").read_text()))
    mine = flat(ours[kind])
    different = {key for key in {*mine, *theirs} if mine.get(key, ...) != theirs.get(key, ...)}
    assert different == {*ALWAYS, *WANTED.get(kind, {})}


def test_every_type_has_a_predecessor_s_config_where_there_is_one() -> None:
    assert {path.stem for path in CONFIGS.glob("*.json")} == set(PIPELINE_TYPES) - WITHOUT_PREDECESSOR


def flat(value: Any, path: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the values of a document by their dotted path."""
    if not isinstance(value, dict) or not value:
        return {".".join(path): value}
    found: dict[str, Any] = {}
    for key, each in value.items():
        found |= flat(each, (*path, key))
    return found
