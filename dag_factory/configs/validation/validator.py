"""The one validation: all problems of a document, the same for all callers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from dag_factory.configs.allowed import Allowed, allowed_here
from dag_factory.configs.document import Document
from dag_factory.configs.pipeline import IngestionPipeline
from dag_factory.configs.problem import ERROR, InvalidError, Problem, without_doubles
from dag_factory.configs.pydantic_problems import problems_of
from dag_factory.configs.validation import (
    effects,
    foreign,
    in_clear,
    kinds,
    names,
    owners,
    patterns,
    permitted,
    schedules,
    source,
    source_config,
)
from dag_factory.configs.validation import server_connection as server

Check = Callable[[Document], Iterable[Problem]]
"""
Finds problems in a document as it stands in the store: with its defaults, its references unresolved.

It never raises, takes any JSON as a value, and its time is bounded whatever the document holds. The first problem of a
field is kept, so more specific checks come first.
"""

NAMES: tuple[Check, ...] = (names.snake_case, names.glued, names.ours)
"""Run first: a field under a wrong name would otherwise be reported as missing under the right one."""

ERRORS: tuple[Check, ...] = (
    kinds.booleans,
    source.kind,
    source.service,
    source.source_config,
    schedules.schedules,
    permitted.misspelt_references,
    permitted.parts_of_connections,
    permitted.executor,
)
"""Run at each parse too, so they must be cheap."""

WARNINGS: tuple[Check, ...] = (
    source.connection_of_service,
    names.unknown,
    source.doubtful_types,
    owners.owners,
    server.doubtful_server,
    server.doubtful_words,
    patterns.patterns,
    schedules.early_dates,
    schedules.doubtful_crons,
    schedules.doubtful_times,
    schedules.long_spread,
    effects.without_effect,
)
"""Run where a user reads the result: at a deploy, for a dropped file, and for a document that has errors."""


@dataclass(frozen=True)
class Verdict:
    """
    The result of validating a document.

    :param problems: errors first
    :param pipeline: the one that it describes, None where it has errors
    """

    problems: tuple[Problem, ...]
    pipeline: IngestionPipeline | None

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.level == ERROR)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.level != ERROR)

    def require_pipeline(self) -> IngestionPipeline:
        """
        Return the pipeline that the document describes.

        :raises InvalidError: where the document has errors, with all of them
        """
        if self.pipeline is None:
            raise InvalidError(self.errors)
        return self.pipeline


def validate(document: Document, allowed: Allowed | None = None, *, is_stored: bool = False) -> list[Problem]:
    """
    Return all problems of a document, errors first.

    :param document: merged over its defaults, its references unresolved
    :param allowed: what the operator allows configs; None to read the settings
    :param is_stored: whether the document is stored as it is; a deploy encrypts its secrets first
    """
    return list(examine(document, allowed, warnings=True, is_stored=is_stored).problems)


def examine(
    document: Document, allowed: Allowed | None = None, *, warnings: bool = False, is_stored: bool = False
) -> Verdict:
    """
    Return the problems of a document, and its pipeline where it has no errors.

    :param warnings: whether to look for warnings even where there are no errors
    :param is_stored: whether the document is stored as it is; a deploy encrypts its secrets first
    """
    if found := [*foreign.workflow(document), *foreign.answer(document)]:
        return Verdict(tuple(found), None)
    allowed = allowed or allowed_here()
    pipeline, misfits = _modelled(document)
    problems = [*_of(NAMES, document), *misfits, *_of(ERRORS, document)]
    problems += server.server(document, is_given=allowed.server_connection is not None)
    problems += permitted.refusals(document, allowed)
    if not warnings:
        problems += source_config.misfits(document, allowed.versions)
    if problems or warnings:
        problems += [*_of(WARNINGS, document), *permitted.interpreter(document, allowed)]
        problems += server.missing_token(document, is_given=allowed.server_connection is not None)
        problems += in_clear.in_clear(document) if is_stored else ()
        problems += source_config.misfits_and_doubts(document, allowed.versions)
    if not problems:
        return Verdict((), pipeline)
    kept = tuple(without_doubles(problems))
    is_wrong = any(problem.level == ERROR for problem in kept)
    return Verdict(kept, None if is_wrong else pipeline)


def _of(checks: Iterable[Check], document: Document) -> Iterator[Problem]:
    for check in checks:
        yield from check(document)


def _modelled(document: Document) -> tuple[IngestionPipeline | None, list[Problem]]:
    try:
        return IngestionPipeline.model_validate(document), []
    except ValidationError as error:
        return None, list(problems_of(error))
