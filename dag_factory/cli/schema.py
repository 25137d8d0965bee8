"""``schema``: prints the JSON Schema from which an editor completes and checks configs."""

from __future__ import annotations

import argparse
import sys

from dag_factory.cli.exits import command
from dag_factory.cli.output import print_json
from dag_factory.configs import ingestion_versions
from dag_factory.configs.json_schema.document import config_schema, defaults_schema
from dag_factory.configs.schemas import is_ahead, of_version
from dag_factory.errors import CommandError
from dag_factory.portable.openmetadata.pipeline_types import PIPELINE_TYPES


@command
def schema(args: argparse.Namespace) -> None:
    """Print the schema of a config, or of a `defaults.yaml`."""
    version = args.ingestion_version or ingestion_versions.configured().of(None)
    schemas = of_version(version)
    known = [name for name in PIPELINE_TYPES if schemas.source_configs(name)]
    if args.pipeline_type is not None and args.pipeline_type not in known:
        raise CommandError(
            f"'{args.pipeline_type}' is not a pipelineType that openmetadata-ingestion {schemas.version} runs. "
            f"Write one of {', '.join(known)}"
        )
    if is_ahead(version):
        print(
            f"The source configs of openmetadata-ingestion {version} are unknown. These are those of "
            f"{schemas.version}.",
            file=sys.stderr,
        )
    made = defaults_schema if args.defaults else config_schema
    print_json(made(schemas, pipeline_type=args.pipeline_type))
