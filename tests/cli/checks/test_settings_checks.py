from __future__ import annotations

from pathlib import Path

import pytest

from dag_factory.api_server.watch.leader_lock import LeaderLock
from dag_factory.cli.checks.settings_checks import risky_settings
from dag_factory.cli.checks.site import Site
from tests.cli.checks.conftest import OURS, Machine


class Large(Site):
    """A site whose store seems to have many pipelines."""

    pipelines = 10_000


@pytest.fixture
def calm(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine none of whose settings hurts."""
    monkeypatch.setenv(f"{OURS}ALLOWED_SERVERS", "om.example.com")
    monkeypatch.setenv(f"{OURS}WARM_START", "False")
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES", "2")
    machine.loaders()
    return machine


def said(site: Site) -> str:
    return "\n".join(f"{each.level.value}: {each}" for each in risky_settings(site))


def test_a_small_installation_with_airflow_s_defaults_is_fine(calm: Machine) -> None:
    calm.drop("orders")
    assert calm.said("settings") == ["ok: none costs or risks more than it should, with 1 pipeline"]


def test_with_many_pipelines_what_airflow_does_by_default_costs_too_much(calm: Machine) -> None:
    text = said(Large())
    assert (
        "[dag_processor] min_file_process_interval is 30: while nothing changes, parsing 10000 pipelines takes 200%"
        in text
    )
    assert "Set it to 14400: each change asks for its own parse" in text
    assert "1 loader for 10000 pipelines: each change has Airflow parse and write 10000 of them" in text
    assert "init --shards 192" in text
    assert "[scheduler] max_dagruns_to_create_per_loop is 10, with 10000 pipelines. Set it to 50" in text
    assert "[openmetadata_dag_factory] schedule_spread_seconds is 0, with 10000 pipelines. Set it to 1800" in text


def test_what_is_recommended_for_many_pipelines_does_not_hurt(calm: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    calm.loaders(64)
    (calm.dags / "openmetadata_loader.py").unlink()
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL", "14400")
    monkeypatch.setenv("AIRFLOW__SCHEDULER__MAX_DAGRUNS_TO_CREATE_PER_LOOP", "50")
    monkeypatch.setenv(f"{OURS}SCHEDULE_SPREAD_SECONDS", "1800")
    assert said(Large()) == "ok: none costs or risks more than it should, with 10000 pipelines"


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        (f"{OURS}ALLOWED_SERVERS", "", "allowed_servers is empty: who may deploy can have a run report to any host"),
        ("AIRFLOW__CORE__TEST_CONNECTION", "Enabled", "[core] test_connection is Enabled"),
        ("AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES", "500", "parsing_processes is 500, and this machine has"),
        (
            "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT",
            "20",
            "(20 s) is not above [core] dagbag_import_timeout",
        ),
        ("AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT", "0", "is not above"),
        (f"{OURS}WATCH_STORE", "off", "watch_store is off, and no process of this machine watches"),
        (f"{OURS}WATCH_STORE", "sometimes", "watch_store is invalid. Set it to one of"),
    ],
)
def test_a_setting_that_hurts_is_named_with_its_cost(
    calm: Machine, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(variable, value)
    found = calm.said("settings")
    assert len(found) == 1
    assert found[0].startswith("warn: ")
    assert words in found[0]


def test_where_another_process_watches_watch_store_may_be_off(calm: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{OURS}WATCH_STORE", "off")
    with LeaderLock(Path(calm.store)):
        assert calm.said("settings")[0].startswith("ok: ")
    assert calm.said("settings")[0].startswith("warn: ")


def test_ids_as_tags_hurt_where_there_are_many(calm: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__METRICS__OTEL_ON", "True")
    assert "metrics_dag_id" not in said(Large())
    monkeypatch.setenv(f"{OURS}METRICS_DAG_ID", "True")
    assert "metrics_dag_id is on: 10000 DAGs are as many series" in said(Large())


def test_without_a_store_the_settings_are_looked_at_all_the_same(calm: Machine) -> None:
    calm.store.rmdir()
    assert calm.said("settings")[-1].startswith(("ok: ", "warn: "))
