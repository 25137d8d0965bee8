"""What is counted of Airflow's database, for whom, and in how many queries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = """
import json
from datetime import datetime, timedelta, timezone
from airflow import settings
from airflow.models import DagModel, DagRun, import_all_models
from airflow.models.base import Base
from airflow.models.dag import DagTag
from airflow.models.dagbundle import DagBundleModel
from airflow.utils.session import create_session
from pytest import MonkeyPatch
from sqlalchemy import event
from dag_factory.api_server.api.answers import Refused
from dag_factory.api_server.page.overview import overview
from dag_factory.api_server.page.standings import visible_to
from tests.airflow_versions import AUTH_MANAGER

# Faster than a migration, and the same tables.
import_all_models()
Base.metadata.create_all(settings.engine)
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
# DAG: its tags, the states of its runs (the oldest first), and whether it is paused, and stale.
DAGS = {
    "good": (["OpenMetadata", "type:metadata", "service:pg", "team:ours"], ["failed", "running"], True, False),
    "failed": (["OpenMetadata", "type:lineage", "service:pg", "config-warning"], ["success", "failed"], False, False),
    "kept": (["OpenMetadata", "type:usage", "service:secret", "config-error", "last-good"], [], False, False),
    "broken": (["OpenMetadata", "config-error"], ["queued"], True, False),
    "gone": (["OpenMetadata", "type:dbt", "service:old"], ["failed"], True, True),
    "another": (["type:report", "service:report", "config-error"], ["failed"], True, False),
}
with create_session() as session:
    session.add(DagBundleModel(name="ours"))
    session.flush()
    for dag_id, (tags, runs, paused, stale) in DAGS.items():
        session.add(DagModel(dag_id=dag_id, bundle_name="ours", relative_fileloc="a.py", fileloc="a.py",
                             is_paused=paused, is_stale=stale))
        session.flush()
        session.add_all(DagTag(name=name, dag_id=dag_id) for name in tags)
        for number, state in enumerate(runs):
            # What Airflow's list takes for the last run is the one that was made last, such as that of a backfill.
            moment = NOW - timedelta(days=number)
            session.add(DagRun(dag_id=dag_id, run_id=str(number), run_type="manual", state=state, run_after=moment,
                               start_date=moment))
            session.flush()

class AuthManager:
    "Lets users read those DAGs that they are."
    def is_authorized_dag(self, *, method, details, user):
        assert (method, details.id) == ("GET", None)
        return bool(user)
    def get_authorized_dag_ids(self, *, user, method="GET"):
        return set(user)

MonkeyPatch().setattr(AUTH_MANAGER, AuthManager())
statements = []
event.listen(settings.engine, "before_cursor_execute", lambda c, cur, statement, *_: statements.append(statement))

def seen(*user):
    try:
        visible = visible_to(user)
        return {**overview(visible.pipelines), "are_all": visible.are_all}
    except Refused as refusal:
        return [refusal.status, refusal.sentence]

found = {"all": seen(*DAGS)}
found["statements"] = len(statements)
found["some"] = seen("good", "another")
found["none"] = seen()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home: Path = tmp_path_factory.mktemp("airflow")
    env = {**os.environ, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_pipelines_that_airflow_still_parses_are_counted_by_their_state_and_last_run(found: dict[str, Any]) -> None:
    assert found["all"] == {
        "counts": {
            "all": 4, "good": 2, "last_good": 1, "broken": 1, "warnings": 1, "paused": 2, "running": 1, "failed": 1,
        },
        "types": ["lineage", "metadata", "usage"],
        "services": ["pg", "secret"],
        "are_all": True,
    }  # fmt: skip


@pytest.mark.slow
def test_a_user_gets_the_counts_and_names_of_those_pipelines_alone_that_they_may_read(found: dict[str, Any]) -> None:
    assert found["some"] == {
        "counts": {
            "all": 1, "good": 1, "last_good": 0, "broken": 0, "warnings": 0, "paused": 1, "running": 1, "failed": 0,
        },
        "types": ["metadata"],
        "services": ["pg"],
        "are_all": False,
    }  # fmt: skip


def test_a_user_who_may_read_no_dags_is_refused(found: dict[str, Any]) -> None:
    assert found["none"] == [403, "The user lacks Airflow's permission to read DAGs. Ask Airflow's operator for it."]


def test_however_many_pipelines_there_are_two_queries_count_them(found: dict[str, Any]) -> None:
    assert found["statements"] == 2
