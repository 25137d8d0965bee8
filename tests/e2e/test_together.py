"""Tests that run at the same time do so, and only where they get along with each other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.places import ROOT

CONFTEST = """
import threading
import pytest
from tests.e2e import together

def pytest_configure(config):
    config.addinivalue_line("markers", "together(name, seconds): see there")
    config.pluginmanager.register(together.Together())

@pytest.fixture(scope="package")
def barrier():
    return threading.Barrier(2, timeout=20)

@pytest.fixture(scope="session")
def places():
    return []
"""
MARK = "import pytest\n@pytest.mark.together('pair'{more})\n"


def run(folder: Path, **modules: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on a package of such modules."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "__init__.py").touch()
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    # Without the plugins that are installed, of which none is needed.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    env = {**inherited, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [*command, str(folder)], cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False
    )


def test_those_of_one_name_in_two_modules_of_a_package_wait_for_each_other(tmp_path: Path) -> None:
    meet = MARK.format(more="") + "def test_it(barrier):\n    barrier.wait()\n"
    done = run(tmp_path, test_one=meet, test_two=meet)
    assert "2 passed" in done.stdout, done.stdout


def test_the_one_that_takes_longest_begins_first(tmp_path: Path) -> None:
    come = "def test_{0}(places):\n    places.append('{0}')\n"
    last = "def test_last(places):\n    assert places == ['long', 'short']\n"
    conftest = "from tests.e2e import together\ntogether.AT_ONCE = 1\n"
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "conftest.py").write_text(conftest)
    (tmp_path / "below" / "test_a.py").write_text(MARK.format(more="") + come.format("short"))
    (tmp_path / "below" / "test_b.py").write_text(MARK.format(more=", seconds=60") + come.format("long"))
    done = run(tmp_path, test_z=last)
    assert "3 passed" in done.stdout, done.stdout


def test_two_with_a_fixture_of_the_same_name_are_not_given_each_other_s(tmp_path: Path) -> None:
    uses = MARK.format(more="") + "def test_it(airflow):\n    assert airflow == 'its own'\n"
    own = "@pytest.fixture(scope='session')\ndef airflow():\n    return 'its own'\n"
    done = run(tmp_path, test_one=uses + own, test_two=uses + own)
    assert "can't run together with" in done.stdout, done.stdout
    assert "each has a fixture 'airflow' of its own" in done.stdout
