"""Pipelines of the sandbox's sample service, as documents and as files of a store."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from tests.places import ROOT

SAMPLE: dict[str, Any] = json.loads((ROOT / "configs" / "sample_sqlite_metadata.json").read_text())
TASK = "ingestion_task"


def sample(name: str, **fields: Any) -> dict[str, Any]:
    """Return the sample config as another pipeline, with some fields of its own."""
    return {**copy.deepcopy(SAMPLE), "name": name, "fullyQualifiedName": f"sample_sqlite.{name}", **fields}


def drop(folder: Path, document: dict[str, Any]) -> str:
    """Put a config into a folder of the store as a user does, and return its name."""
    folder.mkdir(parents=True, exist_ok=True)
    name = str(document["name"])
    (folder / f"{name}.json").write_text(json.dumps(document))
    return name
