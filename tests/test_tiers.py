"""What the fast tier refuses, and which tests share an Airflow."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
from types import ModuleType

import pytest

from dag_factory.task.runner.interpreter import SCRIPT
from tests.fast_tier.guard import Guard
from tests.fast_tier.no_ingestion import NotFast
from tests.tiers import MOST_AIRFLOWS, STARTS_ONE, airflow_of, is_whole


def test_openmetadata_ingestion_is_found_and_not_imported() -> None:
    assert importlib.util.find_spec("metadata") is not None
    with pytest.raises(NotFast, match="Mark the test"):
        importlib.import_module("metadata")


def test_what_another_test_has_imported_is_hidden_and_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = ModuleType("metadata")
    monkeypatch.setitem(sys.modules, "metadata", imported)
    with Guard().guarded(), pytest.raises(NotFast, match="Mark the test"):
        importlib.import_module("metadata.ingestion")
    assert sys.modules["metadata"] is imported


def test_nor_is_it_in_a_child() -> None:
    done = subprocess.run([sys.executable, "-c", "import metadata"], capture_output=True, text=True, check=False)
    assert "NotFast: openmetadata-ingestion is imported" in done.stderr


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ([sys.executable, "-m", "airflow", "db", "migrate"], "a process of Airflow's is started"),
        (
            [sys.executable, "-I", "leash.py", "3", "/venv/bin/airflow", "scheduler"],
            "a process of Airflow's is started",
        ),
        ([sys.executable, "-I", "-u", str(SCRIPT)], "a child does a job"),
    ],
    ids=["a command", "on a leash", "a job"],
)
def test_no_process_that_takes_long_is_started(command: list[str], problem: str) -> None:
    with pytest.raises(NotFast, match=problem):
        subprocess.run(command, check=True)


def test_no_other_machine_is_asked() -> None:
    with socket.socket() as asking, pytest.raises(NotFast, match="a server at 192"):
        asking.connect(("192.0.2.1", 80))


@pytest.mark.ingestion
def test_with_its_marker_a_test_may_do_so() -> None:
    # What an import would ask; the import itself takes seconds.
    code = "from importlib.util import find_spec; print(type(find_spec('metadata').loader).__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "SourceFileLoader\n"
    assert "fast_tier" not in os.environ.get("PYTHONPATH", "")


def airflows_in(session: pytest.Session) -> list[str | None]:
    """Return the Airflow that each test of a session needs, in the order in which they run."""
    return [airflow_of(item) for item in session.items if isinstance(item, pytest.Function)]


def test_all_that_need_one_airflow_follow_one_another(request: pytest.FixtureRequest) -> None:
    airflows = airflows_in(request.session)
    stretches = [name for name, before in zip(airflows, [None, *airflows], strict=False) if name and name != before]
    assert len(stretches) == len(set(stretches))


def test_there_are_no_more_airflows_than_the_whole_can_afford(request: pytest.FixtureRequest) -> None:
    airflows = set(filter(is_whole, filter(None, airflows_in(request.session))))
    assert len(airflows) <= MOST_AIRFLOWS, sorted(airflows)
    # A file whose tests have none of a fixture's is to be counted, or known not to start one.
    assert {name for name in airflows if "::" not in name} <= STARTS_ONE
