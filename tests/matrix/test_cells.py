"""What is claimed of versions is what the matrix holds: its table, the docs, the classifiers, the constraints files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.places import ROOT
from tools.matrix.cells import CELLS, EVERYWHERE, MAIN, Cell, named
from tools.matrix.results import PAGE, shown_cells

PYPROJECT = (ROOT / "pyproject.toml").read_text()
# Names and versions, as pip and uv take them: no address, path or option.
PIN = re.compile(r"[a-z0-9][a-z0-9._-]*==[0-9][0-9a-z.+!]*( ; [A-Za-z_0-9<>=!.*'() ]+)?")


def test_each_pair_of_airflow_and_python_is_there_once_and_one_is_the_main_one() -> None:
    assert len({cell.name for cell in CELLS}) == len(CELLS)
    assert [cell.constraints for cell in CELLS if cell.is_main] == ["constraints.txt"]
    assert sum(cell.is_in_ci for cell in CELLS) == 2
    # The machines of .ci/run have no other Python.
    assert {cell.python for cell in CELLS if cell.is_in_ci} == {MAIN.python}
    assert not any(cell.may_fail for cell in CELLS if cell.is_main or cell.is_in_ci)


def test_the_page_shows_these_cells_and_no_others() -> None:
    assert shown_cells(PAGE.read_text()) == [(cell.airflow, cell.python, cell.ingestion) for cell in CELLS]


def test_the_pythons_that_are_claimed_are_those_of_cells_that_must_not_fail() -> None:
    claimed = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', PYPROJECT)
    assert sorted(claimed) == sorted({cell.python for cell in CELLS if not cell.may_fail})


def test_each_constraints_file_is_that_of_a_cell() -> None:
    own = {cell.constraints_file for cell in CELLS if not cell.constraints}
    assert set((ROOT / "constraints").iterdir()) == own


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_a_constraints_file_pins_what_its_cell_is_named_after_and_names_no_address_or_path(cell: Cell) -> None:
    lines = cell.constraints_file.read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert [line for line in pins if not PIN.fullmatch(line)] == []
    assert f"apache-airflow-core=={cell.airflow}" in pins
    assert f"openmetadata-ingestion=={cell.ingestion}" in pins
    # The reason stands where the pin does.
    for pin, reason in {**EVERYWHERE, **cell.pins}.items() if not cell.constraints else ():
        assert f"# {pin}: {reason}" in lines


def test_an_unknown_cell_is_refused_with_those_that_are_known() -> None:
    assert named([]) == list(CELLS)
    assert [cell.name for cell in named([CELLS[1].name])] == [CELLS[1].name]
    with pytest.raises(ValueError, match=rf"Unknown cells: 2\.0/3\.9\. These are known: {re.escape(CELLS[0].name)}"):
        named(["2.0/3.9"])


def test_environments_are_ignored_by_git() -> None:
    assert f"{CELLS[0].folder.parent.name}/" in Path(ROOT / ".gitignore").read_text().splitlines()
