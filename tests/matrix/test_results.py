"""The table in docs/versions.md: what is found is written, what is not looked at stays, what failed is named."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tools.matrix.cells import CELLS
from tools.matrix.looks import FAST_TESTS, LOOKS, Outcome
from tools.matrix.results import BEGIN, END, shown_cells, write

FIRST, LAST = CELLS[0], CELLS[-1]
MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)


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
    assert row(page, LAST.name)[:3] == ["not run", "1 DAGs", "not run"]


def test_the_day_of_a_row_is_that_of_its_oldest_result(page: Path) -> None:
    write({FIRST: {FAST_TESTS.title: Outcome("9 passed")}, LAST: {"samples": Outcome("1 DAGs")}}, MONDAY, page)
    write({FIRST: {"samples": Outcome("2 DAGs")}, LAST: {"samples": Outcome("2 DAGs")}}, TUESDAY, page)
    assert (row(page, FIRST.name)[-1], row(page, LAST.name)[-1]) == ("2026-01-05", "2026-01-06")
    write({FIRST: {look.title: Outcome("new") for look in LOOKS}}, TUESDAY, page)
    assert row(page, FIRST.name) == [*["new"] * len(LOOKS), "2026-01-06"]


def test_of_a_cell_that_was_not_looked_at_all_stays(page: Path) -> None:
    write({FIRST: {"samples": Outcome("1 DAGs")}}, MONDAY, page)
    before = page.read_text()
    write({FIRST: {}}, TUESDAY, page)
    assert page.read_text() == before


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
