"""Which ids of Airflow's DAGs no new pipeline may have, as Airflow's database says it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

SCRIPT = """
import json
from airflow import settings
from airflow.models import DagModel, import_all_models
from airflow.models.base import Base
from airflow.models.dag import DagTag
from airflow.models.dagbundle import DagBundleModel
from airflow.models.errors import ParseImportError
from airflow.utils.session import create_session
from dag_factory.api_server.foreign_dags import foreign_dag_ids, has_foreign_dag

# Faster than a migration, and the same tables.
import_all_models()
Base.metadata.create_all(settings.engine)
with create_session() as session:
    session.add_all([DagBundleModel(name="ours"), DagBundleModel(name="theirs")])
    session.flush()
    for dag_id, tag, file, is_stale in (
        ("pipeline", "OpenMetadata", "loader.py", False),
        ("tagged", "finance", "tagged.py", False),
        ("untagged", None, "untagged.py", False),
        ("removed", "finance", "removed.py", True),
        ("broken", "finance", "broken.py", True),
    ):
        dag = DagModel(dag_id=dag_id, bundle_name="theirs", relative_fileloc=file, is_stale=is_stale)
        dag.tags = [DagTag(name=tag, dag_id=dag_id)] if tag else []
        session.add(dag)
    session.add(ParseImportError(bundle_name="theirs", filename="broken.py", stacktrace="SyntaxError"))
    # A file of the same name, which is another one.
    session.add(ParseImportError(bundle_name="ours", filename="removed.py", stacktrace="SyntaxError"))
ids = ("pipeline", "tagged", "untagged", "removed", "broken", "unknown")
found = {
    "taken": sorted(foreign_dag_ids()),
    "not for a new pipeline": [each for each in ids if has_foreign_dag(each, or_stale=False)],
    "not a pipeline's": [each for each in ids if has_foreign_dag(each)],
}
Base.metadata.drop_all(settings.engine)
found["without tables"] = [foreign_dag_ids(), has_foreign_dag("tagged")]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(found_by: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    return found_by(SCRIPT)


def test_an_id_is_free_where_its_file_no_longer_returns_it_but_not_where_the_file_is_broken(
    found: dict[str, Any],
) -> None:
    assert found["taken"] == ["broken", "tagged", "untagged"]
    assert found["not for a new pipeline"] == ["tagged", "untagged", "broken"]


def test_calls_about_the_dag_of_a_removed_file_are_refused_all_the_same(found: dict[str, Any]) -> None:
    assert found["not a pipeline's"] == ["tagged", "untagged", "removed", "broken"]


def test_without_tables_nothing_is_known(found: dict[str, Any]) -> None:
    assert found["without tables"] == [None, False]
