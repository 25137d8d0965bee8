"""Automations: a bounded number at a time, each in a child process that has openmetadata-ingestion."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from dag_factory import settings
from dag_factory.api_server.api.answers import Refused
from dag_factory.configs.document import Document
from dag_factory.errors import ConfigError, WorkflowError
from dag_factory.portable.ingestion.orders import AUTOMATION, AUTOMATION_FAILED
from dag_factory.portable.secrets.masking import Mask
from dag_factory.portable.secrets.redaction import secret_values
from dag_factory.settings.options import IN_PROCESS
from dag_factory.task.runner.child_process import Child, ChildDied
from dag_factory.task.runner.interpreter import environment

log = logging.getLogger(__name__)

REPORT_SECONDS = 60.0


@dataclass(frozen=True)
class Limits:
    """
    :param workers: how many automations run at the same time
    :param waiting: how many more are accepted
    :param seconds: after which one is ended
    """

    workers: int
    waiting: int
    seconds: float


class Automations:
    """
    Runs automations outside of this process; each reports to its OpenMetadata server itself.

    :param python: returns the interpreter that has openmetadata-ingestion, None where none has
    :param limits: called at the first automation
    """

    def __init__(self, python: Callable[[], str | None], limits: Callable[[], Limits]) -> None:
        self._python = python
        self._read_limits = limits
        self._limits: Limits | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._accepted = 0
        self._children: set[Child] = set()
        self._stopping = False

    def start(self, document: Document) -> None:
        """
        Accept an automation; returns at once.

        :param document: an automations ``Workflow`` of an OpenMetadata server
        :raises Refused: 501 where no interpreter has openmetadata-ingestion, 503 where too many wait already
        """
        python = self._python()
        if python is None:
            raise Refused(
                501,
                "Automations, such as a test of a connection, need openmetadata-ingestion. Install it beside Airflow's "
                "API server, or set [openmetadata_dag_factory] python to an interpreter that has it.",
            )
        with self._lock:
            limits = self._limits = self._limits or self._read_limits()
            self._pool = self._pool or ThreadPoolExecutor(limits.workers, thread_name_prefix="automation")
            if self._stopping or self._accepted >= limits.workers + limits.waiting:
                raise Refused(
                    503,
                    f"{self._accepted} automations run or wait already, and no more are accepted. Retry later.",
                )
            self._accepted += 1
            self._pool.submit(self._run, python, document, limits.seconds)

    def stop(self) -> None:
        """End the automations that run, discard those that wait, report neither, and return when none is left."""
        with self._lock:
            self._stopping = True
            pool, children = self._pool, list(self._children)
        for child in children:
            child.terminate()
        if pool is not None:
            pool.shutdown(cancel_futures=True)

    def _run(self, python: str, document: Document, seconds: float) -> None:
        number = document["id"]
        mask = Mask(in_airflow=False)
        for secret in secret_values(document):
            mask.add(secret)
        try:
            arguments = {"document": document, "allowed_applications": settings.allowed_applications()}
            if self._do(python, mask, AUTOMATION, arguments, seconds):
                log.info("Automation %s is done", number)
            else:
                log.warning("Automation %s is not run: the API server is being stopped", number)
        except ChildDied as error:
            log.warning("Automation %s has failed: %s", number, error)
            self._report(python, mask, document, f"The automation has failed: {error}.")
        except (ConfigError, WorkflowError) as error:
            log.warning("Automation %s has failed: %s", number, error)
        except Exception as error:  # noqa: BLE001 - reported nowhere else; its text may quote the document
            log.error("Automation %s has failed: %s", number, type(error).__name__)
        finally:
            with self._lock:
                self._accepted -= 1

    def _report(self, python: str, mask: Mask, document: Document, problem: str) -> None:
        """
        Report as failed an automation that can't report itself, so that no user waits for it.

        Not during a stop, which must not wait for the server.
        """
        number = document["id"]
        arguments = {"document": document, "problem": problem}
        try:
            if not self._do(python, mask, AUTOMATION_FAILED, arguments, REPORT_SECONDS):
                log.warning(
                    "The failure of automation %s is not reported to the server: the API server is being stopped",
                    number,
                )
        except (ConfigError, WorkflowError) as error:
            log.warning("The failure of automation %s can't be reported to the server: %s", number, error)

    def _do(self, python: str, mask: Mask, kind: str, arguments: dict[str, Any], seconds: float) -> bool:
        """Execute an order in a child and return True; return False during a stop, where none is started any more."""
        child = Child(python, environment(python, secrets=mask.secrets), mask)
        with self._lock:
            if self._stopping:
                return False
            self._children.add(child)
        try:
            child.run(kind, arguments, timeout=seconds)
            return True
        finally:
            with self._lock:
                self._children.discard(child)


def configured() -> Automations:
    """Return `Automations` with the limits of the settings, which are read later."""
    return Automations(interpreter, limits)


def interpreter() -> str | None:
    """Return the interpreter for automations: that of the settings, else this one if it has openmetadata-ingestion."""
    python = settings.python()
    if python != IN_PROCESS:
        return python
    return sys.executable if find_spec("metadata") is not None else None


def limits() -> Limits:
    """Return the limits of the settings."""
    return Limits(settings.automation_workers(), settings.automation_queue(), settings.automation_timeout())
