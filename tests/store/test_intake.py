from __future__ import annotations

import pytest

from dag_factory.store.intake import Intake, take_in
from tests.store.any_store import Kind, opened


def test_each_is_stored_where_its_file_is_as_it_was_and_the_marker_covers_it(kind: Kind) -> None:
    kind.put("there.json", "old")
    kind.put("changed.json", "by somebody else")
    store = opened(kind)
    intakes = [
        Intake("new.json", b"1"),
        Intake("there.json", b"2", replaces=b"old"),
        Intake("changed.json", b"3", replaces=b"old"),
        Intake("gone.json", b"4", replaces=b"old"),
    ]
    before = store.marker()
    problems = {intake.key: problem and problem.config for intake, problem in take_in(store, intakes)}
    assert problems == {"new.json": None, "there.json": None, "changed.json": "changed.json", "gone.json": "gone.json"}
    assert {key: kind.text(key) for key in store.list_keys()} == {
        "new.json": "1",
        "there.json": "2",
        "changed.json": "by somebody else",
    }
    assert store.marker() not in (None, before)


@pytest.mark.slow
def test_what_was_yielded_is_covered_though_the_rest_is_never_asked_for(kind: Kind) -> None:
    store = opened(kind)
    found = take_in(store, (Intake(f"{number}.json", b"1") for number in range(120)))
    next(found)
    assert store.marker() is not None
    assert 0 < len(store.list_keys()) < 120
    assert len(list(found)) == 119
    assert len(store.list_keys()) == 120
