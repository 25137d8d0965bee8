"""
Prints the JSON schemas of what openmetadata-ingestion takes as a pipeline's source config, by pipeline type.

A program of its own, since its imports are large and warn.
"""

from __future__ import annotations

import json
from typing import Any, get_args

from metadata.generated.schema.metadataIngestion.workflow import SourceConfig

# Which of the models belong to a pipeline type, by how their names end.
ENDINGS = {
    "metadata": "ServiceMetadataPipeline", "usage": "QueryUsagePipeline", "lineage": "QueryLineagePipeline",
    "profiler": "ProfilerPipeline", "autoClassification": "AutoClassificationPipeline",
    "TestSuite": "TestSuitePipeline", "dbt": "DbtPipeline", "application": "ApplicationPipeline",
    "elasticSearchReindex": "MetadataToElasticSearchPipeline", "policyAgent": "PolicyAgentPipeline",
}  # fmt: skip


def schemas() -> dict[str, list[dict[str, Any]]]:
    models = [kind for kind in get_args(SourceConfig.model_fields["config"].annotation) if kind is not type(None)]
    return {
        name: [model.model_json_schema() for model in models if model.__name__.endswith(ending)]
        for name, ending in ENDINGS.items()
    }


if __name__ == "__main__":
    print(json.dumps(schemas()))
