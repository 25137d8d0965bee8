"""A run stages nothing where a folder would do harm, whatever its config says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dag_factory.errors import ConfigError
from dag_factory.task.staging_place import check_staging_place

OURS = "AIRFLOW__OPENMETADATA_DAG_FACTORY__"


def document(location: object) -> dict[str, Any]:
    return {"pipelineType": "usage", "sourceConfig": {"config": {"stageFileLocation": location}}}


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds one for each setting, named like it."""
    monkeypatch.setenv(f"{OURS}CONFIG_STORE", str(tmp_path / "config_store"))
    monkeypatch.setenv(f"{OURS}STATE_FOLDER", str(tmp_path / "state_folder"))
    monkeypatch.setenv(f"{OURS}LAST_GOOD_FOLDER", str(tmp_path / "last_good_folder"))
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path / "dags_folder"))
    bundle = {
        "name": "own",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(tmp_path / "dag_bundle_config_list")},
    }
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
    return tmp_path


SETTINGS = ["config_store", "state_folder", "last_good_folder", "dags_folder", "dag_bundle_config_list"]


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("below", ["", "victim.json", "sales/staging", "../other/../{}/x"])
def test_a_folder_of_a_setting_is_refused_with_what_is_in_it(folders: Path, setting: str, below: str) -> None:
    location = str(folders / setting / below.format(setting))
    with pytest.raises(
        ConfigError, match=rf"lies in the folder of \[\w+\] {setting}, .* Name another folder"
    ) as refused:
        check_staging_place(document(location))
    assert refused.value.field == "sourceConfig.config.stageFileLocation"
    assert str(folders) not in str(refused.value)


def test_so_is_a_link_to_one(folders: Path) -> None:
    (folders / "config_store").mkdir()
    (folders / "link").symlink_to("config_store")
    with pytest.raises(ConfigError, match="config_store"):
        check_staging_place(document(str(folders / "link" / "victim.json")))


def test_so_is_one_of_a_store_that_is_named_by_a_link_or_a_url(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folders / "real").mkdir()
    (folders / "config_store").symlink_to("real")
    for store in (str(folders / "config_store"), f"file://{folders}/config_store"):
        monkeypatch.setenv(f"{OURS}CONFIG_STORE", store)
        with pytest.raises(ConfigError, match="config_store"):
            check_staging_place(document(str(folders / "real" / "x")))


@pytest.mark.parametrize("location", [None, "", 5, "{}/staging", "{}/config_store_2", "{}"], ids=str)
def test_any_other_is_accepted(folders: Path, location: object) -> None:
    check_staging_place(document(location.format(folders) if isinstance(location, str) else location))


def test_object_storage_reserves_no_folder(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{OURS}CONFIG_STORE", "s3://bucket/prefix")
    check_staging_place(document(str(folders / "config_store")))


@pytest.mark.parametrize("source_config", [None, "x", {}, {"config": None}], ids=str)
def test_a_document_without_a_source_config_is_left_to_the_workflow(folders: Path, source_config: object) -> None:
    check_staging_place({"sourceConfig": source_config})
