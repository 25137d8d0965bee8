"""
What the openmetadata-ingestion that is installed says of documents, in another process, since its imports are large.

`main` is of that one: it reads a JSON list of documents, and prints one of verdicts.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any, TypedDict

from tests.forked_python import ForkedPython


class Verdict(TypedDict):
    """
    What is said of one document.

    ``refused`` names the kinds of its models' errors, empty where they take the source config; ``fitted`` is what a
    run makes of it, None where it fails with ``problem``; ``warnings`` are what it logs.
    """

    refused: list[str]
    fitted: dict[str, Any] | None
    problem: str | None
    warnings: list[str]


def verdicts(python: ForkedPython, documents: Sequence[dict[str, Any]], *, server: str | None = None) -> list[Verdict]:
    """Return what is said of each document, by a process that has imported openmetadata-ingestion."""
    script = f"from tests.ingestion_verdicts import main; main({server!r})"
    done = python.run(script, env=os.environ, said=json.dumps(documents))
    assert done.returncode == 0, done.stderr
    found: list[Verdict] = json.loads(done.stdout)
    return found


def _verdict(document: dict[str, Any], server: str | None, warnings: list[str]) -> Verdict:
    from metadata.generated.schema.metadataIngestion.workflow import SourceConfig

    from dag_factory.errors import ConfigError
    from dag_factory.portable.ingestion.fitted_source_config import _model, fitted_source_config
    from dag_factory.portable.ingestion.models import errors_of, models_of

    del warnings[:]
    fitted, problem = None, None
    try:
        fitted = fitted_source_config(document, lambda: server)
    except ConfigError as error:
        problem = str(error)
    config = document["sourceConfig"]["config"]
    try:
        model = _model(document, config.get("type"), models_of(SourceConfig.model_fields["config"].annotation))
        refused = [] if model is None else [error["type"] for error in errors_of(model, config).values()]
    except ConfigError:
        refused = ["type"]
    return {"refused": refused, "fitted": fitted, "problem": problem, "warnings": [*warnings]}


def main(server: str | None = None) -> None:
    logged: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logged.append(record.getMessage())

    logging.getLogger("dag_factory").addHandler(Collector())
    print(json.dumps([_verdict(document, server, logged) for document in json.load(sys.stdin)]))
