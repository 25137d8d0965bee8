"""A store in a bucket, in a real Airflow: DAG processor and worker get the credentials from one of its Connections."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from sandbox.server import OpenMetadataServer
from sandbox.stack import AirflowStack
from tests.airflow_versions import OUR_COMMANDS
from tests.e2e.pipelines import sample
from tests.e2e.runs import reported, run
from tests.object_storage import S3, connection_to

pytestmark = pytest.mark.e2e

# The other loader's store is a folder: this one is for the processes that parse this file, or run a task of it.
LOADER = """
import os

os.environ["AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE"] = "s3://the_bucket@{bucket}/configs"

from dag_factory import load_dags

globals().update({{f"dag {{dag_id}}": dag for dag_id, dag in load_dags().items()}})
"""


def test_a_config_in_a_bucket_runs_with_the_credentials_of_a_connection(
    airflow: AirflowStack, dags_folder: Path, s3: S3, openmetadata: OpenMetadataServer, tmp_path: Path
) -> None:
    bucket, document = s3.bucket(), sample("in_a_bucket")
    s3.request("PUT", f"/{bucket}/configs/in_a_bucket.json", json.dumps(document).encode())
    connection = {"connection_id": "the_bucket", **json.loads(connection_to(s3.endpoint))}
    airflow.api("POST", "/api/v2/connections", json={**connection, "extra": json.dumps(connection["extra"])})
    loader = dags_folder / "loader_of_a_bucket.py"
    loader.write_text(LOADER.format(bucket=bucket))
    try:
        done = run(airflow, "in_a_bucket")
        assert done.state == "success"
        assert set(reported(openmetadata, "sample_sqlite.in_a_bucket").values()) == {"success"}
        # What the load has left beside the config, with the same credentials.
        listed = s3.request("GET", f"/{bucket}?list-type=2").decode()
        assert "<Key>configs/.store</Key>" in listed
        assert "<Key>configs/.last_good/" in listed
        # A command of ours, which is none of Airflow's components, finds the Connection too.
        ours = "AIRFLOW__OPENMETADATA_DAG_FACTORY__"
        done_by_hand = subprocess.run(
            [*OUR_COMMANDS, "adopt-store"],
            env={
                **os.environ,
                "AIRFLOW_HOME": str(airflow.home),
                f"{ours}CONFIG_STORE": f"s3://the_bucket@{bucket}/configs",
                f"{ours}STATE_FOLDER": str(tmp_path),
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "is adopted. It holds 1 files" in done_by_hand.stdout, done_by_hand.stderr
    finally:
        loader.unlink()
        airflow.api("DELETE", "/api/v2/connections/the_bucket")
