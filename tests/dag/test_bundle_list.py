from __future__ import annotations

import json

import pytest

from dag_factory.dag.bundle_list import bundle_problems, own_bundles
from dag_factory.store.parts import Part

LIST = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"
LOCAL = {"name": "dags-folder", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {}}


def configure(monkeypatch: pytest.MonkeyPatch, *bundles: dict[str, object]) -> None:
    listed = [
        {"name": f"ours_{number}", "classpath": "dag_factory.IngestionBundle", "kwargs": kwargs}
        for number, kwargs in enumerate(bundles)
    ]
    monkeypatch.setenv(LIST, json.dumps([LOCAL, *listed]))


def parts(of: int, shards: int) -> list[dict[str, object]]:
    return [{"shards": shards, "part": number, "parts": of} for number in range(of)]


def test_our_bundles_are_those_of_our_class(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, *parts(2, 8))
    assert [(bundle.name, bundle.part) for bundle in own_bundles()] == [
        ("ours_0", Part(0, 2, 8)),
        ("ours_1", Part(1, 2, 8)),
    ]
    assert bundle_problems() == []


def test_without_a_bundle_of_ours_nothing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch)
    assert own_bundles() == []
    assert bundle_problems() == []


def test_a_part_that_is_missing_or_there_twice_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two, _ = parts(3, 8)
    configure(monkeypatch, one, two, two)
    twice, missing = bundle_problems()
    assert twice.startswith("Part 1 of 3 is made by several bundles: ours_1, ours_2.")
    assert missing.startswith("No bundle makes part 2 of 3:")


def test_bundles_of_different_numbers_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, {"shards": 8}, *parts(2, 16))
    (problem,) = bundle_problems()
    assert problem.startswith("The bundles differ in shards or parts: 'ours_0' (8 shards, 1 parts), 'ours_1'")


def test_a_bundle_that_is_wrong_is_said_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, {"shards": 0}, {"shards": 8})
    assert [bundle.name for bundle in own_bundles()] == ["ours_1"]
    assert bundle_problems() == ["bundle 'ours_0': shards is 0. Set it to a number of 1 to 4096."]
