"""A machine on which this package is set up, without a database of Airflow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dag_factory.cli.checks.all_checks import CHECKS
from dag_factory.cli.checks.check import Check, Result, examine
from dag_factory.cli.checks.site import Site
from dag_factory.dag.loader_folder import LoaderFolder
from dag_factory.store.shards import shards
from tests.e2e.pipelines import sample

OURS = "AIRFLOW__OPENMETADATA_DAG_FACTORY__"


class Machine:
    """The folders of a machine, and what the checks find there."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.store = home / "configs"
        self.dags = home / "dags"

    def drop(self, *names: str) -> None:
        for name in names:
            (self.store / f"{name}.json").write_text(json.dumps(sample(name)))

    def loaders(self, of: int = 1) -> None:
        LoaderFolder(self.dags).make(shards(of))

    def look(self, *names: str) -> dict[str, Result]:
        """Return what some checks find, as a new process would."""
        return {result.name: result for result in examine(CHECKS, Site(), names)}

    def said(self, name: str) -> list[str]:
        """Return what one check finds: the level, then the text."""
        return [f"{each.level.value}: {each}" for each in self.look(name)[name].findings]

    def everything(self) -> str:
        return "\n".join(str(each) for result in self.look().values() for each in result.findings)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    made.store.mkdir()
    monkeypatch.setenv(f"{OURS}CONFIG_STORE", str(made.store))
    monkeypatch.setenv(f"{OURS}STATE_FOLDER", str(tmp_path / "state"))
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(made.dags))
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "A" * 43 + "=")
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{tmp_path}/missing/airflow.db")
    # Nothing listens there.
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://127.0.0.1:1")
    return made


@pytest.fixture
def every_check() -> tuple[Check, ...]:
    return CHECKS
