"""
What openmetadata-managed-apis keeps of pipelines that are deployed to it: a document and a generated DAG file of each.

``python -m benchmarks.predecessor_kept ENVIRONMENT`` writes the documents that the tests of ``migrate`` use.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.home import airflow_home
from benchmarks.predecessor_configs import ROOT, documents, without_server
from sandbox.server import OpenMetadataServer

KEPT = ROOT / "tests" / "cli" / "migration" / "dag_generated_configs"

# A deploy without what follows it: that Airflow parses the file.
DEPLOY = """
import json, sys
from pathlib import Path
from metadata.generated.schema.entity.services.ingestionPipelines.ingestionPipeline import IngestionPipeline
from openmetadata_managed_apis.api.config import DAG_GENERATED_CONFIGS
from openmetadata_managed_apis.operations.deploy import DagDeployer
for document in json.load(sys.stdin):
    deployer = DagDeployer(IngestionPipeline.model_validate(document))
    config = Path(DAG_GENERATED_CONFIGS) / f"{deployer.dag_id}.json"
    deployer.store_and_validate_dag_file(deployer.store_airflow_pipeline_config(config))
"""


def deploy(  # noqa: PLR0913 - by name
    python: Path,
    pipelines: Iterable[Mapping[str, Any]],
    *,
    home: Path,
    configs: Path,
    dags: Path,
    env: Mapping[str, str],
) -> None:
    """
    Deploy pipelines to openmetadata-managed-apis.

    :param python: the interpreter that has it
    :param home: for Airflow's files
    :param configs: gets the documents
    :param dags: gets the DAG files
    :param env: of the process; their server must answer
    """
    settings = {
        "AIRFLOW__OPENMETADATA_AIRFLOW_APIS__DAG_GENERATED_CONFIGS": str(configs),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
    }
    subprocess.run(
        [str(python), "-W", "ignore", "-c", DEPLOY],
        input=json.dumps(list(pipelines)),
        env={**airflow_home(home, store=configs), **env, **settings},
        stdout=subprocess.DEVNULL,
        text=True,
        check=True,
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.predecessor_kept", description=__doc__)
    parser.add_argument("environment", type=Path, help="virtual environment with openmetadata-managed-apis; see README")
    python = parser.parse_args().environment.absolute() / "bin" / "python"
    with TemporaryDirectory() as name, OpenMetadataServer(Path(name) / "absent.db", log=Path(name) / "log") as server:
        configs, dags = Path(name) / "configs", Path(name) / "dags"
        deploy(
            python, documents(server).values(), home=Path(name) / "airflow", configs=configs, dags=dags, env=server.env
        )
        KEPT.mkdir(parents=True, exist_ok=True)
        for file in sorted(configs.iterdir()):
            (KEPT / file.name).write_text(without_server(file.read_text(), server))
            print(f"{file.name} of {(dags / file.name).with_suffix('.py').name}")


if __name__ == "__main__":
    main()
