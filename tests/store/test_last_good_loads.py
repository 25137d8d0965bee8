"""Last good versions as Airflow's DagBag loads them: the same DAG, but for what it says of its config."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from dag_factory.dag.dags import Dags
from dag_factory.dag.descriptions import read
from dag_factory.dag.load_settings import LoadSettings
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store.config import Config
from tests.dag.test_loader import DISTURB, POLICY, SAMPLES, Parse, parse

__all__ = ["parse"]

DAG_ID = "pg_metadata_hourly"
CANARY = "canary-91aa"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with two pipelines."""
    # Airflow writes it into each DAG, and it would follow from Airflow's home.
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path / "dags"))
    store = tmp_path / "store"
    store.mkdir()
    for name in (DAG_ID, "pg_svc_lineage"):
        (store / f"{name}.json").write_text(json.dumps(without_token(name), indent=2))
    return store


def without_token(name: str) -> dict[str, Any]:
    """Return a sample that a loader warns of in nothing: its token is a reference."""
    document: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    document["openMetadataServerConnection"]["securityConfig"]["jwtToken"] = {"$env": "OPENMETADATA_TOKEN"}
    return document


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:300])


def without_words(dag: dict[str, Any]) -> dict[str, Any]:
    """Return a serialized DAG without what a broken config adds to it."""
    description = str(dag["dag"].get("description"))
    _, _, own = description.partition("\n") if read(description) else ("", "", description)
    tags = sorted(set(dag["dag"]["tags"]) - {"config-error", "last-good"})
    return {**dag["dag"], "doc_md": None, "tags": tags, "description": own}


def test_a_config_that_is_truncated_runs_as_it_was_and_says_so(parse: Parse, store: Path) -> None:
    before = parse(store)["dags"]
    truncate(store / f"{DAG_ID}.json")
    result = parse(store)
    assert result["errors"] == {}
    after = result["dags"]
    assert after["pg_svc_lineage"] == before["pg_svc_lineage"]
    assert without_words(after[DAG_ID]) == without_words(before[DAG_ID])
    assert after[DAG_ID]["dag"]["timetable"]["__var"]["expression"] == "0 * * * *"
    assert set(after[DAG_ID]["dag"]["tags"]) == {*before[DAG_ID]["dag"]["tags"], "config-error", "last-good"}
    assert after[DAG_ID]["dag"]["description"].startswith(
        f"Config error, the last good version runs. {DAG_ID}.json:10:15: is not JSON"
    )
    docs = after[DAG_ID]["dag"]["doc_md"]
    assert docs.startswith("### The config is broken, so its last good version runs")
    assert "| Problem | is not JSON" in docs
    assert "| Since | 20" in docs
    assert "| Version that runs | version " in docs
    assert docs.endswith(before[DAG_ID]["dag"]["doc_md"])
    assert f"config '{DAG_ID}.json': is not JSON" in result["log"]
    assert "The last good version runs" in result["log"]


def test_a_broken_config_gives_the_same_bytes_whatever_the_clock_and_the_process(
    parse: Parse, store: Path, tmp_path: Path
) -> None:
    parse(store)
    truncate(store / f"{DAG_ID}.json")
    (store / "pg_svc_lineage.json").write_text("[]")
    first = parse(store, before=DISTURB.format(clock="2024-02-29 12:00"), PYTHONHASHSEED="1", TZ="UTC")
    second = parse(
        store,
        before=DISTURB.format(clock="2031-07-01 03:00"),
        PYTHONHASHSEED="2",
        TZ="Asia/Tokyo",
        AIRFLOW_HOME=str(tmp_path / "another"),
    )
    assert set(first["dags"]) == {DAG_ID, "pg_svc_lineage"}
    assert json.dumps(first["dags"], sort_keys=True) == json.dumps(second["dags"], sort_keys=True)


def test_a_new_worker_builds_the_same(parse: Parse, store: Path, tmp_path: Path) -> None:
    parse(store)
    truncate(store / f"{DAG_ID}.json")
    whole = parse(store)["dags"][DAG_ID]
    worker = parse(store, _AIRFLOW_PARSING_CONTEXT_DAG_ID=DAG_ID, AIRFLOW_HOME=str(tmp_path / "worker"))
    assert worker["dags"] == {DAG_ID: whole}


def test_broken_defaults_leave_all_configs_that_inherit_them_as_they_were_and_empty_ones_are_none(
    parse: Parse, store: Path
) -> None:
    folder = store / "team"
    folder.mkdir()
    sample = without_token(DAG_ID)
    for name in ("one", "two", "three"):
        (folder / f"{name}.yaml").write_text(json.dumps({**sample, "name": name}))
    names = {"one", "two", "three"}
    (folder / "defaults.yaml").write_text("loggerLevel: DEBUG")
    before = parse(store)["dags"]
    (folder / "defaults.yaml").write_text(f"password: @{CANARY}")
    after = parse(store)["dags"]
    for name in names:
        assert without_words(after[name]) == without_words(before[name])
        assert "| Config | team/defaults.yaml |" in after[name]["dag"]["doc_md"]
        assert CANARY not in json.dumps(after[name])
    for empty in ("", "# nothing yet\n", "---\n", "null"):
        (folder / "defaults.yaml").write_text(empty)
    result = parse(store)["dags"]
    assert all("config-error" not in result[name]["dag"]["tags"] for name in names)


def test_removed_it_is_gone_and_mended_it_is_as_it_is(parse: Parse, store: Path) -> None:
    before = parse(store)["dags"]
    path = store / f"{DAG_ID}.json"
    good = path.read_bytes()
    truncate(path)
    parse(store)
    path.write_bytes(good)
    assert parse(store)["dags"] == before
    path.unlink()
    assert set(parse(store)["dags"]) == {"pg_svc_lineage"}
    path.write_text("{")
    assert "so nothing runs" in parse(store)["dags"][DAG_ID]["dag"]["doc_md"]
    assert len(list(store.glob(".last_good/??/*"))) == 1


@pytest.mark.slow
def test_a_store_that_is_read_only_needs_a_folder_for_it(parse: Parse, store: Path, tmp_path: Path) -> None:
    # No permission binds the superuser, a file in place of the folder does.
    (store / ".last_good").touch()
    result = parse(store)
    assert result["log"].count("Last good versions of configs can't be kept") <= 1
    truncate(store / f"{DAG_ID}.json")
    assert "so nothing runs" in parse(store)["dags"][DAG_ID]["dag"]["doc_md"]

    setting = {"AIRFLOW__OPENMETADATA_DAG_FACTORY__LAST_GOOD_FOLDER": str(tmp_path / "elsewhere")}
    shutil.copy(SAMPLES / f"{DAG_ID}.json", store)
    parse(store, **setting)
    truncate(store / f"{DAG_ID}.json")
    assert "its last good version runs" in parse(store, **setting)["dags"][DAG_ID]["dag"]["doc_md"]
    assert (store / ".last_good").is_file()


def test_what_airflow_s_operator_forbids_runs_in_no_version(parse: Parse, store: Path) -> None:
    parse(store)
    truncate(store / f"{DAG_ID}.json")
    result = parse(store, before=POLICY)  # refuses whatever runs each hour
    assert result["errors"] == {}
    assert "is not JSON" in result["dags"][DAG_ID]["dag"]["doc_md"]
    assert "so nothing runs" in result["dags"][DAG_ID]["dag"]["doc_md"]
    assert "its last good version runs" in parse(store)["dags"][DAG_ID]["dag"]["doc_md"]


def test_what_the_settings_forbid_runs_in_no_version(parse: Parse, store: Path) -> None:
    path = store / f"{DAG_ID}.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "x": {"$env": "OPENMETADATA_X"}}))
    parse(store)
    truncate(path)
    narrower = {"AIRFLOW__OPENMETADATA_DAG_FACTORY__ALLOWED_ENV": "OTHERS_*"}
    assert "so nothing runs" in parse(store, **narrower)["dags"][DAG_ID]["dag"]["doc_md"]
    assert "its last good version runs" in parse(store)["dags"][DAG_ID]["dag"]["doc_md"]


def test_a_version_that_airflow_refuses_is_no_last_good_one(parse: Parse, store: Path) -> None:
    before = parse(store)["dags"]
    path = store / f"{DAG_ID}.json"
    document = json.loads(path.read_text())
    document["airflowConfig"]["scheduleInterval"] = "every day"
    document["description"] = "newer"
    path.write_text(json.dumps(document))
    for _ in range(2):
        after = parse(store)["dags"][DAG_ID]
        assert without_words(after) == without_words(before[DAG_ID])
        assert "| Field | airflowConfig.scheduleInterval |" in after["dag"]["doc_md"]


def test_a_config_that_can_not_be_built_is_its_own_problem() -> None:
    document = json.loads((SAMPLES / f"{DAG_ID}.json").read_text())
    configs = [Config("good", "good.json", document), Config("bad", "bad.json", {"name": "bad"})]
    dags = Dags(LoadSettings())
    built = {config.dag_id: dags.of(config) for config in configs}
    assert {dag_id: "config-error" in found[0].tags for dag_id, found in built.items() if found} == {
        "good": False,
        "bad": True,
    }


def test_a_value_that_was_encrypted_for_another_dag_leaves_the_last_good_version(
    parse: Parse, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", f"{'A' * 43}=")
    before = parse(store)["dags"]
    path = store / f"{DAG_ID}.json"
    document = json.loads(path.read_text())
    copied = Keys().seal(CANARY, "pg_svc_lineage")
    document["openMetadataServerConnection"]["securityConfig"]["jwtToken"] = {"$fernet": copied}
    path.write_text(json.dumps(document))
    result = parse(store)
    assert without_words(result["dags"][DAG_ID]) == without_words(before[DAG_ID])
    docs = result["dags"][DAG_ID]["dag"]["doc_md"]
    assert "The config is broken, so its last good version runs" in docs
    assert "was encrypted for another DAG" in docs
    assert copied not in docs
    # With a value of its own it is a good one.
    document["openMetadataServerConnection"]["securityConfig"]["jwtToken"] = {"$fernet": Keys().seal("own", DAG_ID)}
    path.write_text(json.dumps(document))
    assert "config-error" not in parse(store)["dags"][DAG_ID]["dag"]["tags"]
