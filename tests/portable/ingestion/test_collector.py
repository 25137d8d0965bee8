"""Python's garbage collector, while much is imported, and while a workflow runs."""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from dag_factory.portable.ingestion.collector import collecting_on_request_rarely, collecting_rarely
from sandbox.server import OpenMetadataServer
from tests.e2e.pipelines import create, prepared, sample
from tests.forked_python import ForkedPython

# Runs two pipelines. Of the second it prints what it has measured, how often the profiler asked for a search of all
# objects, how often there was one, and whether it has left the collector as it was.
RUNS = """
import gc, json, sys
from types import SimpleNamespace
from dag_factory.portable.ingestion.orders import RUN, execute
from metadata.profiler.interface.sqlalchemy import profiler_interface

searches, requests, collect = [], [], gc.collect
metadata, profiler = json.load(sys.stdin)
execute(RUN, metadata, on_secret=id, on_folder=id)
profiler_interface.gc = SimpleNamespace(collect=lambda: requests.append(gc.collect()))
gc.callbacks.append(lambda phase, of: searches.append(phase) if of["generation"] == 2 and phase == "start" else None)
outcome = execute(RUN, profiler, on_secret=id, on_folder=id)
print(json.dumps([outcome["summary"], len(requests), len(searches), gc.collect is collect]))
"""


@pytest.fixture(params=[700, 0, 50_000], ids=["as usual", "off", "rarer still"])
def threshold(request: pytest.FixtureRequest) -> Iterator[int]:
    """The number of new objects after which Python looks for unused ones."""
    before = gc.get_threshold()
    gc.set_threshold(request.param, *before[1:])
    yield request.param
    gc.set_threshold(*before)


def test_python_looks_for_unused_objects_less_often_and_then_as_before(threshold: int) -> None:
    with pytest.raises(ImportError), collecting_rarely():
        meanwhile, *_ = gc.get_threshold()
        raise ImportError
    assert meanwhile == {700: 20_000}.get(threshold, threshold)
    assert gc.get_threshold()[0] == threshold


def test_of_many_requests_from_many_threads_one_has_all_objects_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[int] = []

    def collect(generation: int = 2) -> int:
        searched.append(generation)
        time.sleep(0.05)
        return 7

    monkeypatch.setattr(gc, "collect", collect)
    with collecting_on_request_rarely(), ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: gc.collect(), range(200)))
    assert sorted(found) == [0] * 199 + [7]
    assert searched == [2]


def test_once_some_time_has_passed_they_are_searched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[int] = []
    seconds = count(100.0)

    def collect(generation: int = 2) -> int:
        searched.append(generation)
        return 0

    monkeypatch.setattr(gc, "collect", collect)
    monkeypatch.setattr(time, "monotonic", lambda: next(seconds))
    with pytest.raises(ZeroDivisionError), collecting_on_request_rarely():
        for _ in range(120):
            gc.collect(0)
        raise ZeroDivisionError
    # Each look at this clock takes a second, so does a search, and the pause after it fifty.
    assert 2 <= len(searched) <= 4
    assert set(searched) == {0}
    before = len(searched)
    gc.collect()
    gc.collect()
    assert len(searched) == before + 2


def test_a_run_that_measures_columns_has_few_searches(
    forked_ingestion: ForkedPython, openmetadata: OpenMetadataServer
) -> None:
    profiler = sample("measured", pipelineType="profiler", sourceConfig={"config": {"type": "Profiler"}})
    create(openmetadata, profiler)
    runs = [prepared(document, openmetadata.env) for document in (sample("known"), profiler)]
    done = forked_ingestion.run(RUNS, env=os.environ, said=json.dumps(runs))
    assert done.returncode == 0, done.stderr
    summary, requests, searches, is_as_it_was = json.loads(done.stdout.splitlines()[-1])
    assert sum(step.get("records", 0) for step in summary.values()) > 100, summary
    assert requests > 100
    assert searches < requests / 2
    assert is_as_it_was
