"""The comment with its version that openmetadata-ingestion puts before each SQL statement."""

from __future__ import annotations

import json
import os
import sys
from types import ModuleType

import pytest

from dag_factory.portable.ingestion.query_header import read_version_once
from sandbox.server import OpenMetadataServer
from tests.e2e.pipelines import prepared, sample
from tests.forked_python import ForkedPython

HEADERS = "metadata.ingestion.connections.headers"
# Prints how often the file with the version was read for three statements, before the call and after it, twice.
STATEMENTS = """
import sys
from importlib.metadata import version
from dag_factory.portable.ingestion.query_header import read_version_once
from metadata.ingestion.connections.headers import inject_query_header

installed, files = version("openmetadata-ingestion"), []
sys.addaudithook(lambda event, arguments: files.append(str(arguments[0])) if event == "open" else None)

def read():
    files.clear()
    for _ in range(3):
        statement, _ = inject_query_header(None, None, "SELECT 1", None, None, None)
    assert installed in statement and statement.endswith("SELECT 1"), statement
    return sum("openmetadata_ingestion" in each for each in files)

before = read()
read_version_once()
print(before, read(), read())
"""
# Prints how often it was read in a run, and after how many new objects Python looked for unused ones: while the run
# connected, and at its end.
RUN = """
import gc, json, sys
from dag_factory.portable.ingestion.orders import RUN, execute

files, thresholds = [], []

def note(event, arguments):
    if event == "open":
        files.append(str(arguments[0]))
    elif event == "socket.connect":
        thresholds.append(gc.get_threshold()[0])

gc.set_threshold(700)
sys.addaudithook(note)
outcome = execute(RUN, json.load(sys.stdin), on_secret=id, on_folder=id)
assert outcome["summary"]["SQLite"]["records"] > 14, outcome
print(sum("openmetadata_ingestion" in each for each in files), thresholds[0], gc.get_threshold()[0])
"""


@pytest.fixture
def headers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of openmetadata-ingestion in which the version is read, of which nothing else is there."""
    module = ModuleType(HEADERS)
    for name in ("metadata", "metadata.ingestion", "metadata.ingestion.connections"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, HEADERS, module)
    return module


def test_the_version_is_read_once(headers: ModuleType) -> None:
    read: list[str] = []

    def version(name: str) -> str:
        read.append(name)
        return "2.0.6.0"

    headers.__dict__["_pkg_version"] = version
    for _ in range(2):
        read_version_once()
        assert headers._pkg_version("openmetadata-ingestion") == "2.0.6.0"
    assert read == ["openmetadata-ingestion"]


@pytest.mark.parametrize("names", [{}, {"_pkg_version": "2.1.0"}], ids=["elsewhere", "once"])
def test_a_release_that_reads_it_otherwise_is_left_alone(headers: ModuleType, names: dict[str, str]) -> None:
    vars(headers).update(names)
    before = dict(vars(headers))
    read_version_once()
    assert vars(headers) == before


def test_a_release_without_the_comment_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, HEADERS, None)
    read_version_once()


def test_the_installed_release_reads_no_file_for_a_statement(forked_ingestion: ForkedPython) -> None:
    done = forked_ingestion.run(STATEMENTS, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["3", "1", "0"]


def test_a_run_reads_it_less_often_than_it_has_tables(
    forked_ingestion: ForkedPython, openmetadata: OpenMetadataServer
) -> None:
    run = prepared(sample("versions"), openmetadata.env)
    done = forked_ingestion.run(RUN, env=os.environ, said=json.dumps(run))
    assert done.returncode == 0, done.stderr
    reads, at_the_connection, at_the_end = map(int, done.stdout.split()[-3:])
    assert reads < 14
    assert (at_the_connection, at_the_end) == (20_000, 700)
