"""What is looked at in a cell: how its tests are run, and what of their report is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.places import ROOT
from tools.matrix.cells import CELLS
from tools.matrix.inside import found_in, say_found
from tools.matrix.looks import FAST_TESTS, LIFE, Outcome, read_report

CASE = '<testcase classname="tests.store.test_x" name="{name}" file="tests/store/test_x.py">{outcome}</testcase>'
# In place of an interpreter: pytest's reports are those that lie beside it, one for each time that it is started.
PYTHON = """#!/bin/bash
cd "$(dirname "$0")"
for argument; do
    case $argument in
        --junitxml=*) report=${argument#--junitxml=} ;;
    esac
done
number=$(($(ls said-* 2>/dev/null | wc -l) + 1))
printf '%s\n' "$@" >said-$number
cp report-$number "$report"
! grep -q failure report-$number
"""


def suite(**outcomes: str) -> str:
    cases = [CASE.format(name=name, outcome=f"<{outcome}/>" * bool(outcome)) for name, outcome in outcomes.items()]
    return f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>"


def look(folder: Path, *reports: str) -> Outcome:
    for number, report in enumerate(reports, start=1):
        (folder / f"report-{number}").write_text(report)
    python = folder / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    return FAST_TESTS.run(CELLS[0], python)


def test_pytest_s_report_becomes_names_that_pytest_knows(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(suite(**{"test_y[a b]": "", "test_z": "skipped", "test_w": "failure"}))
    found = read_report(report, 1).outcome()
    assert found == Outcome("1 passed, 1 failed, 1 skipped", ("tests/store/test_x.py::test_w",))


def test_a_run_that_ended_before_its_tests_did_is_no_success(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text("<testsuites><testsuite/></testsuites>")
    assert read_report(report, 2).outcome().failed == ("pytest ended with 2",)


def test_where_all_pass_nothing_is_repeated(tmp_path: Path) -> None:
    assert look(tmp_path, suite(test_a="", test_b="skipped")) == Outcome("1 passed, 1 skipped")
    assert not (tmp_path / "said-2").exists()
    assert "not e2e and not ingestion" in (tmp_path / "said-1").read_text()


def test_what_failed_by_chance_is_repeated_alone_and_shown(tmp_path: Path) -> None:
    found = look(tmp_path, suite(test_a="", test_b="failure", test_c="error"), suite(test_b="", test_c=""))
    assert found == Outcome("3 passed, 2 of them when repeated")
    said = (tmp_path / "said-2").read_text().splitlines()
    assert said[-2:] == ["tests/store/test_x.py::test_b", "tests/store/test_x.py::test_c"]
    assert "not e2e and not ingestion" not in said


def test_what_fails_again_has_failed(tmp_path: Path) -> None:
    found = look(tmp_path, suite(test_a="", test_b="failure"), suite(test_b="failure"))
    assert found == Outcome("1 passed, 1 failed", ("tests/store/test_x.py::test_b",))


def test_more_than_three_fail_for_a_reason(tmp_path: Path) -> None:
    found = look(tmp_path, suite(**{f"test_{number}": "failure" for number in range(4)}))
    assert found.summary == "0 passed, 4 failed"
    assert not (tmp_path / "said-2").exists()


def test_a_run_without_a_report_has_failed(tmp_path: Path) -> None:
    assert look(tmp_path) == Outcome("did not run", ("pytest ended without a report",))


@pytest.mark.parametrize("path", LIFE)
def test_the_tests_of_a_pipeline_s_life_are_there(path: str) -> None:
    assert (ROOT / path).is_file()


def test_what_a_script_has_found_is_known_among_what_else_it_prints(capfd: pytest.CaptureFixture[str]) -> None:
    say_found("2 failed", ["a", "b"])
    assert found_in(f"[warning]\n{capfd.readouterr().out}[another]\n") == ("2 failed", ["a", "b"])
