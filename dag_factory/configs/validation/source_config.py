"""Whether the source config is of the type of its pipeline type, and fits openmetadata-ingestion's schemas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from dag_factory.configs.document import mapping_at
from dag_factory.configs.ingestion_versions import IngestionVersions
from dag_factory.configs.pipeline import RUNNER
from dag_factory.configs.problem import ERROR, WARNING, Problem
from dag_factory.configs.schemas import ANY_SERVICE, PIPELINE, Schemas, is_ahead, of_version
from dag_factory.configs.validation.schema_check import SchemaCheck
from dag_factory.portable.secrets.references import is_reference

FIELD = "sourceConfig.config"

# Further fields that a run passes to openmetadata-ingestion, and that no DAG is built from.
_OF_RUN = ("enableStreamableLogs", "loggerLevel", "raiseOnError")
_MOST_PROBLEMS = 50


def misfits(document: Mapping[str, Any], versions: IngestionVersions) -> Iterator[Problem]:
    """Yield what openmetadata-ingestion is certain to refuse: at most 50 errors, found at little cost."""
    version = versions.of(_python(document))
    if not is_ahead(version):
        found = _problems(document, of_version(version), names_unknown=False)
        yield from islice((problem for problem in found if problem.level == ERROR), _MOST_PROBLEMS)


def doubts(document: Mapping[str, Any], versions: IngestionVersions) -> Iterator[Problem]:
    """
    Yield warnings for fields that openmetadata-ingestion does not know: a newer server may have sent them.

    Where openmetadata-ingestion is newer than the digests, all problems are warnings.
    """
    version = versions.of(_python(document))
    for problem in islice(_problems(document, of_version(version), names_unknown=True), 2 * _MOST_PROBLEMS):
        if problem.level == WARNING or is_ahead(version):
            yield replace(problem, level=WARNING)


def misfits_and_doubts(document: Mapping[str, Any], versions: IngestionVersions) -> list[Problem]:
    """Return what `misfits` and `doubts` yield, mostly from one check in place of two."""
    version = versions.of(_python(document))
    found = list(islice(_problems(document, of_version(version), names_unknown=True), _MOST_PROBLEMS))
    if is_ahead(version) or len(found) == _MOST_PROBLEMS:
        return [*misfits(document, versions), *doubts(document, versions)]
    return found


def _problems(document: Mapping[str, Any], schemas: Schemas, *, names_unknown: bool) -> Iterator[Problem]:
    """
    Yield the problems of a source config, and of the other fields that a run passes to openmetadata-ingestion.

    A missing source config yields none, nor does a pipeline type that this version of openmetadata-ingestion does not
    run.
    """
    check = SchemaCheck(schemas, names_unknown=names_unknown)
    for name in _OF_RUN:
        yield from check.problems_of(schemas.fields(PIPELINE).get(name), document.get(name), name)
    config = mapping_at(document, "sourceConfig", "config")
    if config is None:
        return
    choices = schemas.source_configs(document.get("pipelineType"))
    model = _for_service(choices, document)
    said = config.get("type")
    if said is not None and not is_reference(said):
        named = [each for each in choices.values() if said in schemas.values(schemas.fields(each)["type"])]
        if choices and not named:
            types = _types(schemas, [model] if model is not None else choices.values())
            problem = f"is not the type of a pipeline whose pipelineType is {document['pipelineType']}"
            yield Problem(f"{FIELD}.type", "type", problem, f"Write {' or '.join(types)}")
        elif model not in named:
            model = named[0] if named else None
    if model is not None:
        # Where the type is missing, the worker adds it.
        yield from check.of_object(model, {**config, "type": _types(schemas, [model])[0]}, FIELD)


def _for_service(choices: Mapping[str, str], document: Mapping[str, Any]) -> str | None:
    """Return the type that the source config must have, by the type of the service; None where that is unknown."""
    service = document.get("service")
    said = str(service.get("type")).lower() if isinstance(service, dict) else ""
    by_service = {name.lower(): kind for name, kind in choices.items()}
    return by_service.get(said) or choices.get(ANY_SERVICE)


def _types(schemas: Schemas, kinds: Iterable[str]) -> list[str]:
    """Return the values of the field ``type`` in some kinds of source config."""
    return list(dict.fromkeys(str(schemas.values(schemas.fields(kind)["type"])[0]) for kind in kinds))


def _python(document: Mapping[str, Any]) -> str | None:
    """Return the interpreter that a document names, None where it names none."""
    python = (mapping_at(document, *RUNNER) or {}).get("python")
    return python if isinstance(python, str) else None
