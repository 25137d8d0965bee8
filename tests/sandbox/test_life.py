from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from dag_factory.store import open_store
from dag_factory.store.catalog import Catalog
from sandbox.life import APPLICATIONS, DBT_MANIFEST, FOLDER, PIPELINES, RUNS, Runs, plant
from sandbox.overview import EXAMPLE
from sandbox.pipeline_service import PipelineServiceError
from sandbox.run import SETTINGS
from tests.stored import check, problem_of

SECTION = "AIRFLOW__OPENMETADATA_DAG_FACTORY__"


def test_there_are_a_dozen_pipelines_of_several_types_and_one_of_them_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path)
    (tmp_path / EXAMPLE.name).write_text(EXAMPLE.read_text())
    monkeypatch.setenv(
        f"{SECTION}ALLOWED_APPLICATIONS", str(SETTINGS["openmetadata_dag_factory"]["allowed_applications"])
    )
    found = {config.key: problem_of(config) for config in Catalog(open_store(str(tmp_path)), check).all()}
    assert len(found) >= 13
    broken = {key: problem for key, problem in found.items() if problem is not None}
    assert list(broken) == [f"{FOLDER}/shop/refunds.yaml"], broken
    types = {yaml.safe_load(path.read_text()).get("pipelineType") for path in PIPELINES.rglob("*.yaml")}
    assert len(types - {None}) >= 7


def test_what_a_user_has_changed_or_removed_stays_so(tmp_path: Path) -> None:
    plant(tmp_path)
    (tmp_path / FOLDER / "tools" / "kafka.yaml").unlink()
    (tmp_path / FOLDER / "tools" / "superset.yaml").write_text("changed")
    plant(tmp_path)
    assert not (tmp_path / FOLDER / "tools" / "kafka.yaml").exists()
    assert (tmp_path / FOLDER / "tools" / "superset.yaml").read_text() == "changed"


def test_what_runs_is_there_with_what_it_needs() -> None:
    names = {yaml.safe_load(path.read_text()).get("name") for path in PIPELINES.rglob("*.yaml")}
    assert set(RUNS) <= names
    assert (APPLICATIONS / "table_counter.py").is_file()
    assert DBT_MANIFEST.is_file()


class Service:
    """A pipeline service that knows two pipelines, whose runs end at the second look."""

    def __init__(self) -> None:
        self.triggered: list[str] = []
        self.looks = 0
        self.run_id = ""

    def trigger(self, name: str, conf: dict[str, Any]) -> None:
        if name == "unknown":
            raise PipelineServiceError("trigger answered 404")
        self.triggered.append(name)
        self.run_id, self.looks = conf["pipelineRunId"], 0

    def status(self, name: str) -> list[dict[str, str]]:
        self.looks += 1
        return [{"runId": self.run_id, "pipelineState": "running" if self.looks < 2 else "success"}]


def test_runs_follow_one_another_and_one_that_can_t_start_stops_no_other() -> None:
    service: Any = Service()
    runs = Runs(service, ["one", "unknown", "two"])
    said = [runs.step() for _ in range(10)]
    assert [line for line in said if line] == ["one: success", "unknown: trigger answered 404", "two: success"]
    assert service.triggered == ["one", "two"]
