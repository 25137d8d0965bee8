"""Which version of openmetadata-ingestion runs the pipelines: the API's answer to an OpenMetadata server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from dag_factory import settings
from dag_factory.errors import SettingsError
from dag_factory.task.runner.installed_ingestion import Installed, installed_ingestion

log = logging.getLogger(__name__)

UNKNOWN = "unknown"
"""The answer where no version is known. The server then shows this Airflow as unhealthy, but still finds our API."""

WAIT_SECONDS = 2.0
"""For how long a call waits for an interpreter. A server waits for 5 s, and then takes our API for missing."""


class IngestionVersion:
    """
    Asks the interpreter of the settings, in one thread however many calls wait for its answer.

    :param look: returns what an interpreter has; it may block
    """

    def __init__(
        self, look: Callable[[str], Installed] = installed_ingestion, *, seconds: float = WAIT_SECONDS
    ) -> None:
        self._look = look
        self._seconds = seconds
        self._running: asyncio.Future[str] | None = None
        self._logged: str | None = None

    async def get(self) -> str:
        """Return the setting `ingestion_version`, else what the interpreter has; ``unknown`` where it does not say."""
        try:
            said = settings.ingestion_version()
        except SettingsError as error:
            self._log(str(error))
            return UNKNOWN
        if said is not None:
            return said
        # Anybody may call, so an interpreter that hangs must not take a thread for each call.
        if self._running is None or self._running.done():
            self._running = asyncio.ensure_future(asyncio.to_thread(self._found))
        try:
            return await asyncio.wait_for(asyncio.shield(self._running), self._seconds)
        except asyncio.TimeoutError:
            return UNKNOWN

    def _found(self) -> str:
        try:
            python = settings.python()
        except SettingsError as error:
            self._log(str(error))
            return UNKNOWN
        found = self._look(python)
        if found.version is None:
            self._log(
                f"The version of openmetadata-ingestion that runs the pipelines is unknown: '{python}' "
                f"{found.problem}. Set [openmetadata_dag_factory] ingestion_version to the workers' version"
            )
        return found.version or UNKNOWN

    def _log(self, problem: str) -> None:
        """Log a problem once, not at each look of a server."""
        if problem != self._logged:
            log.warning("%s", problem)
            self._logged = problem
