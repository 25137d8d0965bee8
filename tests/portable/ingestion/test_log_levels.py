from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest

from dag_factory.portable.ingestion.log_levels import ingestion_logging

AIRFLOW, INGESTION = logging.getLogger("airflow.test_logs"), logging.getLogger("metadata.test_logs")


class Kept(logging.Handler):
    """Keeps the texts that it gets."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@pytest.fixture
def handler() -> Iterator[Kept]:
    """A handler of the root logger as Airflow has it."""
    kept, root = Kept(logging.INFO), logging.getLogger()
    root.addHandler(kept)
    level = root.level
    root.setLevel(logging.DEBUG)
    yield kept
    root.setLevel(level)
    root.removeHandler(kept)


def say_all() -> None:
    for logger in (AIRFLOW, INGESTION):
        for level in (logging.DEBUG, logging.INFO, logging.ERROR):
            logger.log(level, "%s %s", logger.name.partition(".")[0], logging.getLevelName(level))


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        ("DEBUG", ["metadata DEBUG", "metadata INFO", "metadata ERROR"]),
        ("INFO", ["metadata INFO", "metadata ERROR"]),
        ("error", ["metadata ERROR"]),
        ("SHOUT", ["metadata INFO", "metadata ERROR"]),
    ],
)
def test_ingestion_is_heard_from_its_level_on_and_airflow_as_before(
    handler: Kept, level: str, heard: list[str]
) -> None:
    with ingestion_logging(level):
        say_all()
    assert handler.texts == ["airflow INFO", "airflow ERROR", *heard]
    handler.texts.clear()
    say_all()
    assert handler.texts == ["airflow INFO", "airflow ERROR", "metadata INFO", "metadata ERROR"]


def test_what_a_workflow_does_to_logging_is_undone() -> None:
    root, ingestion = logging.getLogger(), logging.getLogger("metadata")
    AIRFLOW.setLevel(logging.WARNING)
    before = (root.level, AIRFLOW.level, ingestion.level, root.handlers[:])
    hooks = (sys.excepthook, threading.excepthook, warnings.showwarning)

    with ingestion_logging("INFO"):
        # All that openmetadata-ingestion does with streamable logs, and some that it might do.
        root.setLevel(logging.ERROR)
        AIRFLOW.setLevel(logging.CRITICAL)
        ingestion.setLevel(logging.DEBUG)
        root.addHandler(logging.NullHandler())
        logging.captureWarnings(True)
        sys.excepthook = threading.excepthook = print

    assert (root.level, AIRFLOW.level, ingestion.level, root.handlers) == before
    assert (sys.excepthook, threading.excepthook, warnings.showwarning) == hooks
    AIRFLOW.setLevel(logging.NOTSET)


def test_also_where_the_run_fails() -> None:
    ingestion = logging.getLogger("metadata")
    level = ingestion.level
    with pytest.raises(ZeroDivisionError), ingestion_logging("DEBUG"):
        1 / 0  # noqa: B018
    assert ingestion.level == level
