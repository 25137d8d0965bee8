"""Sets the log level of openmetadata-ingestion for a run, and restores the logging afterwards."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# The parent of all of openmetadata-ingestion's loggers.
INGESTION_LOGGER = "metadata"


class _AsBefore(logging.Filter):
    """Keeps a handler whose level was lowered from taking more records than before, except openmetadata-ingestion's."""

    def __init__(self, level: int) -> None:
        super().__init__()
        self._level = level

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= self._level or record.name.partition(".")[0] == INGESTION_LOGGER


@contextmanager
def ingestion_logging(level: str) -> Iterator[None]:
    """
    Log openmetadata-ingestion's messages from a level on, and restore levels, root handlers and hooks at the end.

    Airflow's handlers drop what is below ``[logging] logging_level``. For openmetadata-ingestion they are lowered to
    ``level``. A workflow sets the level of its loggers and of some libraries', and
    with ``enableStreamableLogs`` also a handler of the root logger, the hooks for uncaught exceptions, and where
    warnings go.

    :param level: ``loggerLevel`` of the pipeline, such as ``DEBUG``; an unknown one changes nothing
    """
    root, ingestion = logging.getLogger(), logging.getLogger(INGESTION_LOGGER)
    levels = {logger: logger.level for logger in _loggers()}
    handlers = {handler: handler.level for handler in root.handlers}
    hooks = (sys.excepthook, threading.excepthook, warnings.showwarning)
    filters: dict[logging.Handler, logging.Filter] = {}
    wanted = logging.getLevelName(level.upper())
    if isinstance(wanted, int):
        ingestion.setLevel(wanted)
        filters = {handler: _AsBefore(before) for handler, before in handlers.items() if before > wanted}
    for handler, only in filters.items():
        handler.addFilter(only)
        handler.setLevel(wanted)
    try:
        yield
    finally:
        for handler, only in filters.items():
            handler.setLevel(handlers[handler])
            handler.removeFilter(only)
        for logger, before in levels.items():
            if logger.level != before:
                logger.setLevel(before)
        root.handlers[:] = handlers
        if warnings.showwarning is not hooks[2]:
            logging.captureWarnings(False)
        sys.excepthook, threading.excepthook, warnings.showwarning = hooks


def _loggers() -> list[logging.Logger]:
    known = list(logging.root.manager.loggerDict.values())
    return [logging.getLogger(), *(logger for logger in known if isinstance(logger, logging.Logger))]
