"""What openmetadata-managed-apis leaves in an Airflow, made without it."""

from __future__ import annotations

import html
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.places import TESTS

# Written by the plugin itself, see benchmarks/predecessor_kept.py.
KEPT = TESTS / "cli" / "migration" / "dag_generated_configs"


def generated(config: Path | str) -> str:
    """Return a DAG file that does what the plugin's do, statement by statement."""
    return "\n".join(
        [
            '"""Rendered for one pipeline."""',
            "from airflow import DAG",
            "from openmetadata_managed_apis.workflows import workflow_factory",
            "",
            f'workflow = workflow_factory.WorkflowFactory.create("{html.escape(str(config))}")',
            "workflow.generate_dag(globals())",
            "dag = workflow.get_dag()",
        ]
    )


def keep(document: Mapping[str, Any], configs: Path, dags: Path | None = None) -> Path:
    """Keep a document as a deploy does, with its DAG file; return the document's file."""
    file = configs / f"{document['name']}.json"
    configs.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document))
    if dags is not None:
        dags.mkdir(parents=True, exist_ok=True)
        (dags / f"{document['name']}.py").write_text(generated(file))
    return file


def left_behind(configs: Path, dags: Path) -> list[str]:
    """Copy what the plugin has kept, make the DAG files, and return the names of the pipelines."""
    shutil.copytree(KEPT, configs, dirs_exist_ok=True)
    dags.mkdir(parents=True, exist_ok=True)
    for file in configs.iterdir():
        (dags / f"{file.stem}.py").write_text(generated(file))
    return sorted(file.stem for file in configs.iterdir())
