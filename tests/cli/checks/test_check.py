"""How checks are run: none raises, none waits for ever, and what one needs comes first."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

import pytest

from dag_factory.cli.checks.check import Check, Finding, Level, Result, examine, fail, ok, unknown, warn, within
from dag_factory.cli.checks.site import Site
from dag_factory.errors import MissingStoreError

SITE = Site()


def checks(**looks: Callable[[Site], list[Finding]]) -> list[Check]:
    return [Check(name, "about", look, seconds=0.2) for name, look in looks.items()]


def found(result: Result) -> list[tuple[str, str]]:
    return [(finding.level.value, str(finding)) for finding in result.findings]


def test_each_check_gives_what_it_finds_in_their_order() -> None:
    some = checks(a=lambda _: [ok("fine")], b=lambda _: [warn("slow", "Wait."), fail("broken", "Fix it.")])
    assert [(each.name, found(each)) for each in examine(some, SITE)] == [
        ("a", [("ok", "fine")]),
        ("b", [("warn", "slow. Wait."), ("fail", "broken. Fix it.")]),
    ]
    assert [each.name for each in examine(some, SITE, ["b"])] == ["b"]


def test_what_a_check_raises_is_what_it_finds_and_its_text_is_shown_only_where_it_is_ours() -> None:
    def missing(_: Site) -> list[Finding]:
        raise MissingStoreError("config_store '/x' is not a folder. Create it, or mount it.")

    def defect(_: Site) -> list[Finding]:
        raise ValueError("canary-secret")

    (first, second) = examine(checks(a=missing, b=defect), SITE)
    assert found(first) == [("fail", "config_store '/x' is not a folder. Create it, or mount it.")]
    ((level, text),) = found(second)
    assert level == "unknown"
    assert "ValueError" in text
    assert re.search(r"ValueError, \w+\.py line \d+", text)
    assert "canary" not in text


def test_a_check_that_hangs_is_given_up_and_the_others_go_on() -> None:
    release = threading.Event()

    def hang(_: Site) -> list[Finding]:
        release.wait()
        return []

    hung, fine = examine(checks(a=hang, b=lambda _: [ok("fine")]), SITE)
    release.set()
    assert hung.findings[0].level is Level.UNKNOWN
    assert "no answer within" in hung.findings[0].text
    assert found(fine) == [("ok", "fine")]


@pytest.mark.parametrize(
    ("other", "is_looked"),
    [([warn("so so", "")], True), ([fail("gone", "")], False), ([unknown("?")], False)],
    ids=["warn", "fail", "unknown"],
)
def test_a_check_that_needs_another_one_looks_only_where_that_could(other: list[Finding], is_looked: bool) -> None:
    some = [Check("store", "", lambda _: other), Check("locks", "", lambda _: [ok("fine")], ("store",))]
    (result,) = examine(some, SITE, ["locks"])
    assert found(result) == (
        [("ok", "fine")] if is_looked else [("unknown", "not looked at, since the check 'store' has failed")]
    )


def test_a_check_without_a_finding_says_so() -> None:
    (result,) = examine(checks(a=lambda _: []), SITE)
    assert found(result) == [("ok", "nothing to look at")]


def test_an_error_of_work_with_a_limit_is_its_own() -> None:
    def work() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        within(10, work)
