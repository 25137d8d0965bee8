"""Moving over from openmetadata-managed-apis: its folder of configs, as it is, holds the same pipelines."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dag_factory.dag.builder import build_dag
from dag_factory.errors import ConfigError
from dag_factory.store import open_store
from dag_factory.store.catalog import Catalog
from tests.airflow_versions import DagSerialization
from tests.forked_python import ForkedPython
from tests.stored import good

SAMPLES = Path(__file__).parent / "samples"

# The plugin reads a deployed document into the model of openmetadata-ingestion, and keeps what that writes.
REWRITE = """
import json, sys
from pathlib import Path
from metadata.generated.schema.entity.services.ingestionPipelines.ingestionPipeline import IngestionPipeline
source, target = map(Path, json.load(sys.stdin))
for path in source.glob("*.json"):
    pipeline = IngestionPipeline.model_validate_json(path.read_text())
    (target / path.name).write_text(json.dumps(pipeline.model_dump(mode="json", exclude_defaults=False)))
"""


def test_the_configs_that_the_plugin_has_kept_give_the_dags_that_the_server_s_own_documents_give(
    tmp_path: Path, forked_ingestion: ForkedPython
) -> None:
    done = forked_ingestion.run(REWRITE, env=os.environ, said=json.dumps([str(SAMPLES), str(tmp_path)]))
    assert done.returncode == 0, done.stderr
    kept, sent = (good(Catalog(open_store(str(folder))).all()) for folder in (tmp_path, SAMPLES))
    assert [config.dag_id for config in kept] == [config.dag_id for config in sent]
    for old, new in zip(kept, sent, strict=True):
        try:
            expected = DagSerialization.to_dict(build_dag(new))
        except ConfigError as error:
            with pytest.raises(ConfigError) as same:
                build_dag(old)
            assert str(same.value) == str(error)
            continue
        found = DagSerialization.to_dict(build_dag(old))
        # The plugin's model fills in defaults, so the docs show some more of the source config.
        for dag in (expected["dag"], found["dag"]):
            del dag["doc_md"]
        assert json.dumps(found, sort_keys=True) == json.dumps(expected, sort_keys=True)
