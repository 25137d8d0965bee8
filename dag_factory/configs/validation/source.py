"""Whether the sourceConfig exists, has the type of its pipelineType, and fits the kind of the service."""

from __future__ import annotations

from collections.abc import Iterator

from dag_factory.configs.document import Document, mapping_at
from dag_factory.configs.problem import MISSING, WARNING, Problem, problem_of
from dag_factory.configs.validation.names import is_servers
from dag_factory.errors import ConfigError
from dag_factory.portable.openmetadata.nearest import nearest
from dag_factory.portable.openmetadata.pipeline_types import PIPELINE_TYPES, pipeline_type
from dag_factory.portable.openmetadata.source_configs import BY_SERVICE, KINDS_OF_SERVICES, misfit, types_of
from dag_factory.portable.secrets.references import is_reference

_FIELD = "sourceConfig"
_CONFIG = f"{_FIELD}.config"
_TYPE = f"{_CONFIG}.type"

_METADATA = BY_SERVICE["metadata"]
_SERVICES = (*KINDS_OF_SERVICES, "testSuite")
_TYPES = {name: types_of(name) for name in PIPELINE_TYPES}
# An application without a type in its source config.
_TYPES["application"] += ("ReverseIngestion",)
_ALL_TYPES = tuple(dict.fromkeys(name for names in _TYPES.values() for name in names))


def kind(document: Document) -> Iterator[Problem]:
    """Yield an error for a pipelineType that nothing runs."""
    name = document.get("pipelineType")
    if not isinstance(name, str):
        return  # the model reports that
    try:
        pipeline_type(name)
    except ConfigError as error:
        found = problem_of(error, "pipelineType")
        near = nearest(name, tuple(PIPELINE_TYPES))
        yield (
            found if near is None else Problem(found.exact_field, found.kind, found.problem, f"Did you mean '{near}'?")
        )


def service(document: Document) -> Iterator[Problem]:
    """Yield an error where no service is named."""
    found = document.get("service")
    if found is None:
        way_out = "Name the service that this pipeline ingests, as {type: databaseService, name: sales}"
        yield Problem("service", MISSING, "is missing", way_out)
    elif isinstance(found, dict) and not is_reference(found) and found.get("name") in (None, ""):
        yield Problem("service.name", MISSING, "is missing", "Write the name that the service has in OpenMetadata")


def connection_of_service(document: Document) -> Iterator[Problem]:
    """Yield a warning for the connection of the service, which a run fetches from OpenMetadata."""
    found = {"service.connection": (mapping_at(document, "service") or {}).get("connection")}
    for name in ("serviceConnection", "connection"):
        found[name] = document.get(name)
    for field, value in found.items():
        if value is not None:
            problem = "has no effect: a run gets the connection of its service from OpenMetadata"
            yield Problem(field, "unknown", problem, "Remove it, and set it at the service in OpenMetadata", WARNING)


def source_config(document: Document) -> Iterator[Problem]:
    """Yield what is wrong with the sourceConfig as a whole; `source_config` checks its fields."""
    source = document.get(_FIELD)
    example = _example(document)
    if source is None:
        yield Problem(_FIELD, MISSING, "is missing", f"Write {example}")
    elif is_reference(source):
        yield _no_mapping(_FIELD, example)
    elif not isinstance(source, dict):
        yield Problem(_FIELD, "kind", "is not a mapping of fields to values", f"Write {example}")
    elif source.get("config") is None:
        beside = "What stands in sourceConfig belongs one level deeper" if source else "Write the source config"
        yield Problem(_CONFIG, MISSING, "is missing", f"{beside}, as in {example}")
    elif is_reference(source["config"]):
        yield _no_mapping(_CONFIG, example)
    elif not isinstance(source["config"], dict):
        yield Problem(_CONFIG, "kind", "is not a mapping of fields to values", f"Write {example}")
    else:
        yield from _type(document, source["config"].get("type"))


def _type(document: Document, said: object) -> Iterator[Problem]:
    wanted = _TYPES.get(str(document.get("pipelineType")))
    if wanted is None or said is None or is_reference(said):
        return
    if not isinstance(said, str):
        yield Problem(_TYPE, "kind", "is not a text", f"Write {_one_of(wanted)}")
    elif wrong := misfit(document.get("pipelineType"), _service_type(document), said):
        yield Problem(_TYPE, "type", *wrong)


def doubtful_types(document: Document) -> Iterator[Problem]:
    """Yield a warning for a type that is missing, or a near miss of a known one: a newer server may know it."""
    service, source = document.get("service"), document.get(_FIELD)
    if isinstance(service, dict) and not is_reference(service):
        yield from _kind_of_service(service.get("type"), is_servers=is_servers(document))
    config = source.get("config") if isinstance(source, dict) else None
    if isinstance(config, dict) and not is_reference(config):
        wanted = _TYPES.get(str(document.get("pipelineType")), ())
        if config.get("type") is None and wanted and document["pipelineType"] != "application":
            way_out = f"Write {_METADATA.get(_service_type(document), _one_of(wanted))}"
            yield Problem(_TYPE, MISSING, "is missing, and newer versions of OpenMetadata ask for it", way_out, WARNING)
        yield from _near_miss(config.get("type"), _ALL_TYPES, _TYPE)


def _kind_of_service(said: object, *, is_servers: bool) -> Iterator[Problem]:
    """
    Yield a warning for an unknown kind of service.

    :param is_servers: whether a server has written it, which may be newer and know further kinds
    """
    found = list(_near_miss(said, _SERVICES, "service.type"))
    may_be_newer = is_servers and isinstance(said, str) and said.endswith("Service")
    if found or not isinstance(said, str) or said in _SERVICES or may_be_newer:
        yield from found
        return
    near = nearest(f"{said}Service", _SERVICES)
    way_out = f"Did you mean '{near}'?" if near else "Write one such as databaseService or dashboardService"
    yield Problem("service.type", "value", "is not a kind of service", way_out, WARNING)


def _near_miss(said: object, known: tuple[str, ...], field: str) -> Iterator[Problem]:
    if not isinstance(said, str) or said in known:
        return
    if near := nearest(said, known):
        yield Problem(field, "value", "is not a known type", f"Did you mean '{near}'?", WARNING)


def _service_type(document: Document) -> str:
    service = document.get("service")
    return str(service.get("type")) if isinstance(service, dict) else ""


def _example(document: Document) -> str:
    wanted = _TYPES.get(str(document.get("pipelineType")), ("DatabaseMetadata",))
    kind = _METADATA.get(_service_type(document), wanted[0]) if len(wanted) > 1 else wanted[0]
    return f"{{config: {{type: {kind}}}}}"


def _one_of(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"one of {', '.join(names)}"


def _no_mapping(field: str, example: str) -> Problem:
    return Problem(field, "kind", "is a reference, and a reference stands for one value only", f"Write {example}")
