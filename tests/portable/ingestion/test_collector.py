"""Python's garbage collector, while much is imported."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from dag_factory.portable.ingestion.collector import collecting_rarely


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
