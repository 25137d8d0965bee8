"""Which of several deadlines comes first."""

from __future__ import annotations

from dag_factory.task.runner.deadlines import Deadlines


def test_without_a_deadline_none_comes_first() -> None:
    assert Deadlines[str]().first() is None


def test_the_earliest_comes_first_with_the_seconds_until_then() -> None:
    deadlines = Deadlines[str]()
    deadlines.set("late", 2000)
    deadlines.set("early", 1000)
    what, seconds = deadlines.first() or ("", 0.0)
    assert what == "early"
    assert 0 < seconds <= 1000


def test_one_that_has_passed_stays_first_until_it_is_removed() -> None:
    deadlines = Deadlines[str]()
    deadlines.set("later", 1000)
    deadlines.set("passed", -1)
    assert deadlines.first() == ("passed", 0.0)
    deadlines.remove("passed")
    assert (deadlines.first() or ("",))[0] == "later"


def test_one_that_is_set_is_not_put_off() -> None:
    deadlines = Deadlines[str]()
    deadlines.set("end", -1)
    deadlines.set("end", 1000)
    assert deadlines.first() == ("end", 0.0)
