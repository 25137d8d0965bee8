from __future__ import annotations

from dag_factory.api_server.watch.pending_changes import Debounce, PendingChanges

DEBOUNCE = Debounce(settle=1, burst=10, quiet=5)


def no(_key: str, _seen_at: float) -> bool:
    return False


def yes(_key: str, _seen_at: float) -> bool:
    return True


def test_what_is_as_it_was_is_no_change() -> None:
    changes = PendingChanges({"a": "1"}, DEBOUNCE)
    changes.see({"a": "1"}, 0)
    assert not changes
    assert changes.ready(100, no) == {}


def test_a_change_is_taken_up_when_nothing_has_changed_for_a_while() -> None:
    changes = PendingChanges({"a": "1", "gone": "1"}, DEBOUNCE)
    changes.see({"a": "2", "new": "1"}, 0)
    assert changes.ready(0.9, no) == {}
    assert changes.ready(1, no) == {"a": "2", "new": "1", "gone": None}


def test_many_changes_one_after_the_other_are_taken_up_together() -> None:
    changes = PendingChanges({}, DEBOUNCE)
    for second in range(6):
        changes.see({f"{number}": "1" for number in range(second + 1)}, second)
        assert changes.ready(second + 0.5, no) == {}
    assert len(changes.ready(6.1, no)) == 6


def test_where_they_never_end_they_are_taken_up_all_the_same() -> None:
    changes = PendingChanges({}, DEBOUNCE)
    taken = 0
    for second in range(50):
        changes.see({f"{number}": "1" for number in range(second + 1)}, second)
        if ready := changes.ready(second, no):
            changes.take(ready, second)
            taken += 1
    assert taken == 4


def test_half_a_file_waits_until_it_is_closed_and_holds_up_no_other() -> None:
    changes = PendingChanges({}, DEBOUNCE)
    for second in range(4):
        changes.see({"whole": "1", "half": f"{second}"}, second)
        ready = changes.ready(second + 0.9, lambda key, _: key == "half")
        assert ready == ({} if second == 0 else {"whole": "1"})
    assert changes.ready(4.1, no) == {"whole": "1", "half": "3"}


def test_a_file_that_nobody_closes_is_read_when_it_has_been_the_same_for_long() -> None:
    changes = PendingChanges({}, DEBOUNCE)
    changes.see({"open": "1"}, 0)
    assert changes.ready(4.9, yes) == {}
    assert changes.ready(5, yes) == {"open": "1"}


def test_a_removal_needs_no_waiting_for_anybody_to_close_anything() -> None:
    changes = PendingChanges({"a": "1"}, DEBOUNCE)
    changes.see({}, 0)
    assert changes.ready(1, yes) == {"a": None}


def test_what_is_taken_is_known_and_the_new_ones_among_them_are_named() -> None:
    changes = PendingChanges({"a": "1", "b": "1"}, DEBOUNCE)
    changes.see({"a": "2", "c": "1"}, 0)
    assert changes.take(changes.ready(2, no), 2) == {"c"}
    assert not changes
    changes.see({"a": "2", "c": "1"}, 3)
    assert not changes
    changes.see({"a": "2", "b": "1", "c": "1"}, 4)
    assert changes.take(changes.ready(6, no), 6) == {"b"}


def test_what_is_changed_back_before_it_is_taken_up_is_no_change() -> None:
    changes = PendingChanges({"a": "1"}, DEBOUNCE)
    changes.see({"a": "2"}, 0)
    changes.see({"a": "1"}, 0.5)
    assert not changes
