"""
Prints the JSON schemas of what openmetadata-ingestion takes as a pipeline's source config, by pipeline type.

For another process, since its imports are large and warn.
"""

from __future__ import annotations

import json
from typing import Any, get_args

from metadata.generated.schema.metadataIngestion.workflow import SourceConfig

from dag_factory.portable.openmetadata.pipeline_types import PIPELINE_TYPES


def schemas() -> dict[str, list[dict[str, Any]]]:
    models = [kind for kind in get_args(SourceConfig.model_fields["config"].annotation) if kind is not type(None)]
    return {
        name: [model.model_json_schema() for model in models if model.__name__.endswith(kind.source_config)]
        for name, kind in PIPELINE_TYPES.items()
    }


if __name__ == "__main__":
    print(json.dumps(schemas()))
