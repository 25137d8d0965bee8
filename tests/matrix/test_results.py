"""The table in docs/versions.md: what is found is written, what is not looked at stays, what failed is named."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tools.matrix.cells import CELLS
from tools.matrix.looks import FAST_TESTS, LOOKS, Outcome, of_report
from tools.matrix.results import BEGIN, END, shown_cells, write

FIRST, LAST = CELLS[0], CELLS[-1]
MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)
REPORT = """<testsuites><testsuite>
<testcase classname="tests.store.test_x" name="test_y[a b]" file="tests/store/test_x.py" />
<testcase classname="tests.store.test_x" name="test_z" file="tests/store/test_x.py"><skipped /></testcase>
<testcase classname="tests.store.test_x" name="test_w" file="tests/store/test_x.py"><failure>no</failure></testcase>
</testsuite></testsuites>
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    page = tmp_path / "versions.md"
    page.write_text(f"# Before\n\n{BEGIN}\n{END}\n\nAfter.\n")
    return page


def row(page: Path, name: str) -> list[str]:
    rows = [[part.strip() for part in line.strip("|").split("|")] for line in page.read_text().splitlines()]
    (found,) = (parts for parts in rows if "/".join(parts[:2]) == name)
    return found[3:]


def test_what_was_not_run_is_said_to_be_so(page: Path) -> None:
    write({}, MONDAY, page)
    assert [row(page, cell.name) for cell in CELLS] == [[*["not run"] * len(LOOKS), ""]] * len(CELLS)
    assert page.read_text().startswith("# Before\n")
    assert page.read_text().endswith("\n\nAfter.\n")
    assert len(shown_cells(page.read_text())) == len(CELLS)


def test_a_look_replaces_its_own_result_and_no_other(page: Path) -> None:
    write({FIRST: {FAST_TESTS.title: Outcome("9 passed")}, LAST: {"samples": Outcome("1 DAGs")}}, MONDAY, page)
    write({FIRST: {"samples": Outcome("2 DAGs")}}, TUESDAY, page)
    assert row(page, FIRST.name)[:3] == ["9 passed", "2 DAGs", "not run"]
    assert row(page, FIRST.name)[-1] == "2026-01-06"
    assert row(page, LAST.name)[-1] == "2026-01-05"


def test_what_failed_is_named_until_it_does_not(page: Path) -> None:
    failed = Outcome("1 failed", ("tests/x.py::test_y[a|b]",))
    write({FIRST: {FAST_TESTS.title: failed}, LAST: {FAST_TESTS.title: failed}}, MONDAY, page)
    assert row(page, FIRST.name)[0] == "**1 failed**"
    write({LAST: {"samples": Outcome("2 DAGs")}}, TUESDAY, page)
    lines = page.read_text().splitlines()
    assert f"- {FIRST.name}, fast tests: `tests/x.py::test_y[a|b]`" in lines
    assert f"- {LAST.name}, fast tests ({LAST.may_fail}): `tests/x.py::test_y[a|b]`" in lines
    write({cell: {FAST_TESTS.title: Outcome("1 passed")} for cell in (FIRST, LAST)}, TUESDAY, page)
    assert "test_y" not in page.read_text()


def test_of_many_failures_the_first_are_named(page: Path) -> None:
    write({FIRST: {FAST_TESTS.title: Outcome("30 failed", tuple(map(str, range(30))))}}, MONDAY, page)
    assert "`19` and 10 others" in page.read_text()


def test_pytest_s_report_becomes_names_that_pytest_knows(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    assert of_report(report, 1) == Outcome("1 passed, 1 failed, 1 skipped", ("tests/store/test_x.py::test_w",))


def test_a_run_that_ended_before_its_tests_did_is_no_success(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text("<testsuites><testsuite/></testsuites>")
    assert of_report(report, 2).failed == ("pytest ended with 2",)
