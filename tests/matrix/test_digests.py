"""All cells make the same DAGs of the samples: what runs shows that, and so does the page."""

from __future__ import annotations

from tools.matrix.cells import CELLS, Cell
from tools.matrix.digests import summary, unlike
from tools.matrix.looks import SAMPLES
from tools.matrix.results import PAGE, shown_results

OLD, OTHER_PYTHON, NEW = Cell("3.1.8", "3.11", ""), Cell("3.1.8", "3.12", ""), Cell("3.2.2", "3.11", "")
BETA = Cell("3.3.0", "3.12", "", may_fail="a beta")
ONE, TWO, THREE = ("1" * 64, "2" * 64, "3" * 64)


def test_the_plans_are_the_same_in_all_cells_and_what_airflow_writes_in_those_of_one_version() -> None:
    same = summary(1_040, ONE, TWO)
    assert unlike({OLD: same, OTHER_PYTHON: same, NEW: summary(1_040, ONE, THREE)}) == []


def test_other_plans_are_reported_with_the_cells_that_have_them() -> None:
    found = {OLD: summary(9, ONE, TWO), OTHER_PYTHON: summary(9, ONE, TWO), NEW: summary(9, THREE, TWO)}
    assert unlike(found) == [
        "DAGs are built from other plans: 11111111 in 3.1.8/3.11, 3.1.8/3.12; 33333333 in 3.2.2/3.11"
    ]


def test_dags_of_one_version_that_are_written_otherwise_are_reported() -> None:
    found = unlike({OLD: summary(9, ONE, TWO), OTHER_PYTHON: summary(9, ONE, THREE), NEW: summary(9, ONE, TWO)})
    assert found == ["Airflow 3.1.8 writes other DAGs: 22222222 in 3.1.8/3.11; 33333333 in 3.1.8/3.12"]


def test_a_beta_and_what_did_not_run_are_left_out() -> None:
    assert unlike({OLD: summary(9, ONE, TWO), BETA: summary(9, TWO, TWO), NEW: "did not run"}) == []


def test_what_the_page_shows_is_the_same() -> None:
    on_page = shown_results(PAGE.read_text(), SAMPLES.title)
    assert unlike({cell: on_page[cell.name] for cell in CELLS}) == []
