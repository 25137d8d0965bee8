"""What people read of a migration, beside what is done to files."""

from __future__ import annotations

from pathlib import Path

from dag_factory.cli.migration.airflow_state import History
from dag_factory.cli.migration.assessment import Assessment
from dag_factory.cli.migration.differences import Difference
from dag_factory.cli.migration.migration import Migration
from dag_factory.cli.migration.report import as_json, lines

NOTHING = Migration(Path("/configs"), Path("/dags"), is_in_place=False)


def text(found: Migration = NOTHING, history: History | None = None, plugin: str | None = None) -> str:
    return "\n".join(lines(found, history, plugin, remove=True, dry=False))


def test_a_plugin_that_is_still_installed_is_named_with_what_it_does() -> None:
    assert "openmetadata-managed-apis 2.0.7.0 is still installed" in text(plugin="2.0.7.0")
    assert "/pluginsv2/api/v2/openmetadata, where an OpenMetadata server looks first" in text(plugin="2.0.7.0")
    assert "still installed" not in text()


def test_what_airflow_has_of_the_pipelines_is_counted_with_what_is_of_airflow_2() -> None:
    history = History(dags=20, paused=3, runs=120, of_airflow_2=100, unfinished=1)
    said = "Airflow knows 20 of these DAGs, 3 of them paused, with 120 runs, 100 of them from Airflow 2. They stay."
    assert said in text(history=history)
    assert "1 run queued or running: let them end before the generated files are removed" in text(history=history)
    assert "Airflow 2" not in text(history=History(dags=1, runs=1))
    assert as_json(NOTHING, history, None, remove=True, dry=False)["history"]["unfinished"] == 1


def test_pipelines_are_grouped_by_what_is_different_for_them() -> None:
    mailed = [
        Assessment(f"{name}.json", name, "new", differences=(Difference("airflowConfig.email", "is mailed", "a@b.c"),))
        for name in ("orders", "refunds")
    ]
    variable = Difference("sourceConfig.config.includes.0", "is no longer replaced", "$SHOP")
    found = Migration(
        Path("/c"), Path("/d"), is_in_place=False, judged=[*mailed, Assessment("a", "people", "new", None, (variable,))]
    )
    assert "airflowConfig.email is mailed (2 pipelines):\n  orders: a@b.c.\n  refunds: a@b.c." in text(found)
    said = "A text like $NAME is no longer replaced (1 pipeline):\n  people: $SHOP in sourceConfig.config.includes.0."
    assert said in text(found)
