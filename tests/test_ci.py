""".ci/run: a test that fails by chance is repeated, and seen; all else that fails lets the run fail."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.places import ROOT

FLAKY = "tests/api_server/api/test_x.py::test_y[a b$(c)-d@e]"
ONE_FAILED = "1 failed, 4 passed in 2.00s"

# In place of make: `make test` writes what pytest does.
MAKE = """#!/bin/bash
echo "make $*" >>calls
[ "$*" = env ] && echo "$PYTHON" >of_which
[ "$*" = "$FAILING" ] && exit 2
[ "$*" = test ] || exit 0
if [ "$EXIT" != 0 ]; then mkdir -p .pytest_cache/v/cache && cp lastfailed .pytest_cache/v/cache; fi
echo "== $SUMMARY =="
[ "$EXIT" = 0 ] || { echo "make: *** [Makefile:36: test] Error $EXIT" >&2; exit 2; }
"""
# In place of the look at other versions.
MATRIX = """#!/bin/bash
echo "matrix $*" >>calls
[ "matrix $*" != "$FAILING" ]
"""
# In place of the environment's Python, which repeats tests.
PYTHON = """#!/bin/bash
printf '%s\\n' "$@" >repeated
echo "== 9 repeated in 0.10s =="
exit "$REPEATED"
"""

Run = Callable[..., tuple[int, list[str]]]


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone that holds .ci/run alone, beside a stand-in for what it runs of .ci."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    program(tmp_path / ".ci" / "matrix", MATRIX)
    # There, they need not be installed.
    for name in ("chromedriver", "gcc"):
        program(tmp_path / "bin" / name, "#!/bin/sh\n")
    return tmp_path


def run_in(clone: Path, env: Mapping[str, str]) -> tuple[int, list[str]]:
    """Return the exit code and the lines printed."""
    done = subprocess.run(
        [clone / ".ci" / "run"],
        env={"PATH": f"{clone / 'bin'}:{os.environ['PATH']}", **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout.splitlines()


@pytest.fixture
def run(clone: Path) -> Run:
    """Run it where `make test` ends with an exit code of pytest's, and a repetition with another."""
    program(clone / "bin" / "make", MAKE)
    program(clone / ".venv" / "bin" / "python", PYTHON)

    def run(
        summary: str,
        *failed: str,
        code: int = 0,
        repeated: int = 0,
        failing: str = "",
        env: Mapping[str, str] | None = None,
    ) -> tuple[int, list[str]]:
        (clone / "lastfailed").write_text(json.dumps(dict.fromkeys(failed, True), indent=2))
        told = {"SUMMARY": summary, "EXIT": str(code), "REPEATED": str(repeated), "FAILING": failing}
        return run_in(clone, {**told, **(env or {})})

    return run


def repeated(clone: Path) -> list[str] | None:
    path = clone / "repeated"
    return path.read_text().splitlines() if path.exists() else None


def test_where_all_passes_nothing_is_repeated(run: Run, clone: Path) -> None:
    code, lines = run("5 passed in 2.00s")
    assert (code, lines[-1]) == (0, "== 5 passed in 2.00s ==")
    assert repeated(clone) is None
    assert not any("ailed" in line for line in lines)


def test_the_environment_is_made_of_the_python_that_was_asked_for(run: Run, clone: Path) -> None:
    run("5 passed in 2.00s", env={"PYTHON": "asked_for"})
    assert (clone / "of_which").read_text() == "asked_for\n"


@pytest.mark.parametrize(
    "python3", ["exit 0", 'case "$2" in *sysconfig*) exit 1 ;; esac; echo 9.9'], ids=["quick", "slow"]
)
def test_else_it_is_made_of_the_first_on_the_path_where_that_is_quick_or_the_system_has_none_of_its_version(
    run: Run, clone: Path, python3: str
) -> None:
    program(clone / "bin" / "python3", f"#!/bin/sh\n{python3}\n")
    run("5 passed in 2.00s")
    assert (clone / "of_which").read_text() == "python3\n"


def test_what_failed_by_chance_is_repeated_alone_and_said(run: Run, clone: Path) -> None:
    names = [FLAKY, "tests/test_z.py::test_z"]
    code, lines = run("2 failed, 3 passed in 2.00s", f"{names[0]}@e2e tests airflow", names[1], code=1)
    assert repeated(clone) == ["-m", "pytest", *names]
    assert code == 0
    assert lines[-3:] == [
        *(f"Failed at first and passed when repeated: {name}" for name in names),
        "== 2 failed, 3 passed in 2.00s ==",
    ]


def test_what_fails_again_lets_the_run_fail(run: Run, clone: Path) -> None:
    code, lines = run(ONE_FAILED, FLAKY, code=1, repeated=1)
    assert repeated(clone) is not None
    assert (code, lines[-2:]) == (1, ["Failed: make test", f"== {ONE_FAILED} =="])


def test_more_than_three_fail_for_a_reason(run: Run, clone: Path) -> None:
    names = [f"tests/test_z.py::test_{number}" for number in range(4)]
    code, lines = run("4 failed, 1 passed in 2.00s", *names, code=1)
    assert repeated(clone) is None
    assert (code, lines[-2:]) == (1, ["Failed: make test", "== 4 failed, 1 passed in 2.00s =="])


@pytest.mark.parametrize("code", [2, 3, 4])
def test_a_run_that_did_not_come_to_its_end_is_not_repeated(run: Run, clone: Path, code: int) -> None:
    left, lines = run("1 error in 2.00s", "tests/test_z.py", code=code)
    assert repeated(clone) is None
    assert (left, lines[-2:]) == (1, ["Failed: make test", "== 1 error in 2.00s =="])


def test_what_an_earlier_run_left_is_not_repeated(run: Run, clone: Path) -> None:
    # pytest says that some failed, and did not come to write which.
    program(clone / "bin" / "cp", "#!/bin/sh\n")
    stale = clone / ".pytest_cache" / "v" / "cache" / "lastfailed"
    stale.parent.mkdir(parents=True)
    stale.write_text(json.dumps({FLAKY: True}))
    code, _ = run(ONE_FAILED, code=1)
    assert (code, repeated(clone)) == (1, None)


def test_other_versions_are_tried_before_the_tests(run: Run, clone: Path) -> None:
    code, lines = run("5 passed in 2.00s")
    assert (code, lines[-1]) == (0, "== 5 passed in 2.00s ==")
    calls = (clone / "calls").read_text().splitlines()
    assert calls.index("matrix --ci") < calls.index("make test")


def test_where_another_version_fails_the_run_fails_and_ends_with_the_tests_summary(run: Run) -> None:
    code, lines = run("5 passed in 2.00s", failing="matrix --ci")
    assert (code, lines[-2:]) == (1, ["Failed: other versions", "== 5 passed in 2.00s =="])


@pytest.mark.parametrize("failing", ["lint", "run ONCE=1", "dist"])
def test_another_step_that_fails_lets_the_run_fail_and_the_tests_run_all_the_same(run: Run, failing: str) -> None:
    code, lines = run("5 passed in 2.00s", failing=failing)
    assert (code, lines[-2:]) == (1, [f"Failed: make {failing}", "== 5 passed in 2.00s =="])


def test_without_an_environment_it_ends_at_once(run: Run, clone: Path) -> None:
    code, _ = run("5 passed in 2.00s", failing="env")
    assert code == 1
    assert (clone / "calls").read_text() == "make env\n"


@pytest.mark.slow
def test_it_finds_by_their_names_what_failed_in_a_worker_of_xdist(clone: Path) -> None:
    (clone / "tests").mkdir()
    (clone / "tests" / "test_it.py").write_text(
        "import pathlib, pytest\n"
        "def test_of_another_time(): pass\n"
        "@pytest.mark.parametrize('text', ['a \"b\" $c'])\n"
        "def test_by_chance(text):\n"
        "    place = pathlib.Path('run-before')\n"
        "    before = place.exists()\n"
        "    place.touch()\n"
        "    assert before\n"
    )
    (clone / "conftest.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from tests.airflow_workers import END_TO_END\n"
        "from tests.xdist_groups import bind\n"
        "def pytest_collection_modifyitems(config, items):\n"
        "    for item in items * hasattr(config, 'workerinput'): bind(item, f'{END_TO_END}tests::airflow')\n"
    )
    python = clone / ".venv" / "bin" / "python"
    program(python, f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (clone / "Makefile").write_text(
        f"%:\n\t@true\ntest:\n\t@$(if $(ARGS),true,exec {python} -m pytest -n 1 --dist loadgroup)\n"
    )
    code, lines = run_in(clone, {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "xdist.plugin"})
    assert code == 0, lines
    assert lines[-2] == 'Failed at first and passed when repeated: tests/test_it.py::test_by_chance[a "b" $c]'
    assert "1 failed, 1 passed" in lines[-1]
