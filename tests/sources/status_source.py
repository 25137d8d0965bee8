"""A source for workflows that behave as a test wants; loaded by openmetadata-ingestion, in the worker."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import traceback
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from metadata.generated.schema.entity.services.connections.database.customDatabaseConnection import (
    CustomDatabaseConnection,
)
from metadata.generated.schema.entity.services.ingestionPipelines.status import StackTraceError
from metadata.generated.schema.metadataIngestion.workflow import Source as SourceConfig
from metadata.ingestion.api.models import Either
from metadata.ingestion.api.steps import Source


class StatusSource(Source):
    """
    Does what ``connectionOptions`` say.

    ``folder`` gets a file ``<number of the try>`` with the process ids of the task and of its parent. Then the source
    sleeps while there is a file ``hold`` in the folder, or ``hold<number>``, and does what ``then`` says, or, in all
    tries but the first, ``later``: raise, fail one record of none or of twenty (``partly``), print its ``password``,
    exit or be interrupted and quote it by that, or end. With ``unbuilt`` it fails before all that, with the password as
    well; with ``refuse`` it can't connect. With ``lost``, nothing that its workflow reports arrives any more.
    """

    def __init__(self, config: SourceConfig, metadata: Any) -> None:
        super().__init__()
        self.metadata = metadata
        connection: CustomDatabaseConnection = config.serviceConnection.root.config
        options = connection.connectionOptions.root
        self.folder = Path(options["folder"])
        self.number = len(list(self.folder.glob("[0-9]*"))) + 1
        self.then = options["then"] if self.number == 1 else options.get("later", options["then"])
        self.password, self.lost = options.get("password"), options.get("lost")
        if self.then == "unbuilt":
            raise RuntimeError(f"not built, {self.password}")

    @classmethod
    def create(cls, config_dict: dict[str, Any], metadata: Any, pipeline_name: str | None = None) -> StatusSource:
        return cls(SourceConfig.model_validate(config_dict), metadata)

    def prepare(self) -> None:
        """Connect, where that is to be refused."""
        if self.then == "refuse":
            self._wait()
            socket.create_connection(("127.0.0.1", 1))

    def test_connection(self) -> None:
        """There is nothing to connect to."""

    def close(self) -> None:
        """Nothing is open."""

    def _iter(self, *_: Any, **__: Any) -> Iterable[Either[Any]]:
        self._wait()
        if self.lost:
            self.metadata.create_or_update_pipeline_status = None
        if self.then == "exit":
            sys.exit(f"as the test wants, {self.password}")
        if self.then == "interrupt":
            raise KeyboardInterrupt(f"as the test wants, {self.password}") from RuntimeError(self.password)
        if self.then == "raise":
            raise RuntimeError("as the test wants")
        if self.then == "print":
            self._print()
        if self.then == "partly":
            self.status.records.extend(["a record"] * 19)
        if self.then in ("fail", "partly"):
            yield Either(left=StackTraceError(name="a", error="as the test wants", stackTrace=None))

    def _wait(self) -> None:
        """Say that a try has begun, and wait for as long as the test wants."""
        started = self.folder / str(self.number)
        started.with_suffix(".new").write_text(f"{os.getpid()} {os.getppid()}")
        started.with_suffix(".new").rename(started)
        while (self.folder / "hold").exists() or (self.folder / f"hold{self.number}").exists():
            time.sleep(0.1)

    def _print(self) -> None:
        """Print the password in all ways, each time between two marks."""
        for form in (str, repr, json.dumps, quote_plus):
            print(f"<{form.__name__}>{form(self.password)}</>")
            print(f"<error {form.__name__}>{form(self.password)}</>", file=sys.stderr)
        warnings.warn(f"<warning>{self.password}</>", stacklevel=1)
        try:
            self.status.__dict__[f"<traceback>{self.password}</>"]
        except KeyError:
            traceback.print_exc()
        print(f"<last>{self.password}</>", end="")
