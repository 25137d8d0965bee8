from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from sandbox.overview import overview
from sandbox.progress import Progress


def test_it_says_where_everything_is_and_three_things_to_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "state" / "configs"
    (store / "shop").mkdir(parents=True)
    (store / ".last_good").mkdir()
    for name in ("one.json", "shop/two.yaml", "shop/defaults.yaml", ".last_good/one.json", "notes.txt"):
        (store / name).write_text("")
    monkeypatch.chdir(tmp_path)
    endpoints = {
        "airflow": "http://127.0.0.1:41235",
        "page": "http://127.0.0.1:41235/plugin/openmetadata",
        "username": "admin",
        "password": "pass[word]",
        "openmetadata": "http://127.0.0.1:41236",
        "config_store": str(store),
    }
    text = io.StringIO()
    counts = {"tables": 14, "lineage": 2, "runs": {"one": []}}
    Progress(Console(file=text, width=40)).show(overview(endpoints, counts, tmp_path / "state"))
    said = text.getvalue()
    for place in (*endpoints.values(), "14 tables", "2 configs", "state/logs"):
        assert place in said or place == str(store)
    assert "customers.yaml state/configs/\n" in said
    assert "openmetadata-dag-factory validate state/configs\n" in said
    assert "AIRFLOW_HOME=state/airflow" in said
    assert said.count("openmetadata-dag-factory doctor\n") == 1
    assert "\n  Pipelines     http://127.0.0.1:41235/plugin/openmetadata (in its menu: OpenMetadata)\n" in said
