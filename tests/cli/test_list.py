from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dag_factory.cli.__main__ import main
from dag_factory.configs.timetables.spread import SpreadTimetable
from dag_factory.dag.builder import build_dag
from dag_factory.store.config import Config
from tests.documents import REST

PROFILER = {"config": {"type": "Profiler"}}
GOOD = {"pipelineType": "metadata", "service": {"type": "databaseService", "name": "s"}, **REST}


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "configs"
    folder.mkdir()
    cron = {"scheduleInterval": "0 3 * * *", "pipelineTimezone": "Europe/Berlin"}
    files: dict[str, dict[str, Any]] = {
        "good": {"airflowConfig": cron},
        "doubtful": {
            "pipelineType": "profiler",
            "loggerlevel": "INFO",
            "sourceConfig": {"config": {"type": "Profiler"}},
        },
        "broken": {"airflowConfig": {"retries": "two"}},
    }
    for name, fields in files.items():
        (folder / f"{name}.json").write_text(json.dumps({"name": name, **GOOD, **fields}))
    return folder


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    main(["list", *arguments])
    return [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]


@pytest.mark.usefixtures("configs")
def test_each_config_is_a_row_with_its_state_and_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    main(["list", "configs"])
    head, broken, doubtful, good = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    assert [cell.strip() for cell in head if cell.strip()] == [
        "id", "state", "type", "service", "schedule", "file", "problem",
    ]  # fmt: skip
    assert [cell.strip() for cell in good if cell.strip()] == [
        "good", "good", "metadata", "s", "0 3 * * * (Europe/Berlin)", "configs/good.json",
    ]  # fmt: skip
    assert "good, 1 warning" in map(str.strip, doubtful)
    assert "configs/broken.json:1:" in broken[-1].strip()
    assert "airflowConfig.retries is not a whole number" in broken[-1]


@pytest.mark.usefixtures("configs")
def test_states_and_types_are_filters(capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(capsys, "configs", "--state", "broken") == ["broken"]
    assert listed(capsys, "configs", "--state", "good") == ["doubtful", "good"]
    assert listed(capsys, "configs", "--state", "warning") == ["doubtful"]
    assert listed(capsys, "configs", "--state", "last_good") == []
    assert listed(capsys, "configs", "--type", "profiler") == ["doubtful"]


def test_the_configured_store_is_listed_and_left_as_it_is(
    configs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE", str(configs))
    before = sorted(configs.rglob("*"))
    main(["list", "--output", "json"])
    found = {each["dag_id"]: each for each in json.loads(capsys.readouterr().out)}
    assert {name: each["state"] for name, each in found.items()} == {
        "broken": "broken", "doubtful": "good", "good": "good",
    }  # fmt: skip
    assert found["good"] == {
        "dag_id": "good",
        "state": "good",
        "type": "metadata",
        "service": {"type": "databaseService", "name": "s"},
        "schedule": "0 3 * * *",
        "timezone": "Europe/Berlin",
        "delay_seconds": 0,
        "file": "configs/good.json",
        "problems": [],
        "warnings": [],
    }
    (problem,) = found["broken"]["problems"]
    assert (problem["file"], problem["line"], problem["field"]) == ("configs/broken.json", 1, "airflowConfig.retries")
    assert [each["field"] for each in found["doubtful"]["warnings"]] == ["loggerlevel"]
    assert sorted(configs.rglob("*")) == before


@pytest.mark.usefixtures("configs")
def test_the_schedule_is_the_one_that_the_dag_gets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__SCHEDULE_SPREAD_SECONDS", "3600")
    main(["list", "configs", "--output", "json"])
    (found,) = [each for each in json.loads(capsys.readouterr().out) if each["dag_id"] == "good"]
    dag = build_dag(Config("good", "good.json", json.loads(Path("configs/good.json").read_text())), spread=3600)
    spread = dag.timetable
    assert isinstance(spread, SpreadTimetable)
    assert found["delay_seconds"] == spread.offset.total_seconds() > 0
    main(["list", "configs"])
    assert f"{spread.summary} (" in capsys.readouterr().out
    main(["show", found["dag_id"], "--store", "configs"])
    assert f"Schedule: {spread.summary} (" in capsys.readouterr().out
