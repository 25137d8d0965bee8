"""Unknown fields: misspelt ones, and those on the wrong level."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any

from dag_factory.configs.document import Document, mapping_at
from dag_factory.configs.pipeline import RUNNER, AirflowConfig, DagFactory, IngestionPipeline, Runner
from dag_factory.configs.problem import ERROR, SPELLING, WARNING, Problem
from dag_factory.configs.schemas import PIPELINE, fields, kind_at
from dag_factory.configs.validation.spelling import in_camel_case
from dag_factory.portable.openmetadata.nearest import nearest
from dag_factory.portable.secrets.references import is_reference

Path = tuple[str, ...]

HAS_VALUE = "has its value in its name"

# Further unknown fields are not compared with known ones, which takes a while.
_MOST_UNKNOWN = 20
_MOST_OWNERS = 20
_MOST_NAMED = 5
# Of fields that authors add for themselves: a schema for the editor, a mapping that YAML's aliases repeat, a comment.
_NOTES = ("$", "x-", "_", ".", "#", "//")

_AIRFLOW, _SERVER = ("airflowConfig",), ("openMetadataServerConnection",)
# Other names for these fields, from Airflow or elsewhere.
_OTHERS_WORDS: Mapping[str, Path] = {
    **dict.fromkeys(("schedule", "cron", "interval"), (*_AIRFLOW, "scheduleInterval")),
    **dict.fromkeys(("timezone", "timeZone", "tz"), (*_AIRFLOW, "pipelineTimezone")),
    "catchup": (*_AIRFLOW, "pipelineCatchup"),
    "start": (*_AIRFLOW, "startDate"),
    "end": (*_AIRFLOW, "endDate"),
    **dict.fromkeys(("timeout", "pipelineTimeout"), (*_AIRFLOW, "workflowTimeout")),
    "paused": (*_AIRFLOW, "pausePipeline"),
    "url": (*_SERVER, "hostPort"),
    "host": (*_SERVER, "hostPort"),
    "token": (*_SERVER, "securityConfig", "jwtToken"),
    "logLevel": ("loggerLevel",),
    "disabled": ("enabled",),
    "owner": ("owners",),
    **dict.fromkeys(("dagId", "dag_id", "pipelineName"), ("name",)),
    "airflow": _AIRFLOW,
    **dict.fromkeys(("server", "openmetadata", "workflowConfig"), _SERVER),
}

_OURS: tuple[Path, ...] = (RUNNER[:1], RUNNER)
# The levels below the document itself; sourceConfig.config has checks of its own.
_LEVELS: tuple[Path, ...] = (
    ("airflowConfig",),
    ("service",),
    ("sourceConfig",),
    ("openMetadataServerConnection",),
    ("openMetadataServerConnection", "securityConfig"),
)


def is_servers(document: Document) -> bool:
    """Return whether an OpenMetadata server has written a document: it names each pipeline's id, and no author does."""
    return "id" in document


def snake_case(document: Document) -> Iterator[Problem]:
    """Yield an error for each field in snake_case that OpenMetadata has in camelCase: no server sends it so."""
    for path, mapping in _mappings(document):
        known = _known(path)
        for name in mapping:
            # A cheap test first: this runs at each parse, and most names have neither.
            if ("_" in name or "-" in name) and name not in known and (right := in_camel_case(name, known)):
                yield Problem(
                    _dotted(path, name),
                    SPELLING,
                    f"is spelled '{right}' in a config",
                    f"Write {right}",
                    meant=_dotted(path, right),
                )


def glued(document: Document) -> Iterator[Problem]:
    """Yield an error for each field whose colon has no space behind it, so that YAML takes its value for its name."""
    for path, mapping in _mappings(document):
        known = _known(path)
        for name in mapping:
            field, colon, _ = name.partition(":")
            if colon and field in known:
                way_out = f"Write a space after the colon of '{field}'"
                yield Problem(_dotted(path, name), SPELLING, HAS_VALUE, way_out, meant=_dotted(path, field))


def ours(document: Document) -> Iterator[Problem]:
    """Yield an error for each unknown field of our own section."""
    for path in _OURS:
        mapping = mapping_at(document, *path)
        known = _known(path)
        for name in islice((name for name in mapping or () if name not in known), _MOST_UNKNOWN):
            right = nearest(name, known)
            place = None if right else _places().get(name)
            way_out = f"Did you mean '{right}'?" if right else f"Known fields: {', '.join(known)}"
            meant = _dotted(path, right) if right else None
            if place is not None:
                way_out, meant = _belongs_in(place), _dotted(place, name)
            yield Problem(_dotted(path, name), SPELLING, "is unknown here", way_out, ERROR, meant)


def unknown(document: Document) -> Iterator[Problem]:
    """
    Yield a warning for each unknown field.

    In a server's document, only for a misspelt field, or one of another level: others may come from a newer server.
    """
    is_authors = not is_servers(document)
    found = ((path, name) for path, mapping in _mappings(document) for name in mapping if name not in _known(path))
    for path, name in islice(found, _MOST_UNKNOWN):
        field = _dotted(path, name)
        place, meant = _places().get(name), _OTHERS_WORDS.get(name, ())
        # Other tools' words first: they may resemble an unrelated field.
        if meant and (path in ((), meant[:-1]) or len(meant) == 1):
            where = " on the top level" if path and len(meant) == 1 else ""
            way_out = f"Did you mean '{meant[-1] if path == meant[:-1] else '.'.join(meant)}'{where}?"
            yield Problem(field, SPELLING, "is unknown here", way_out, WARNING, ".".join(meant))
        elif right := nearest(name, _known(path)):
            way_out = f"Did you mean '{right}'?"
            yield Problem(field, SPELLING, "is unknown here", way_out, WARNING, _dotted(path, right))
        elif place is not None and place != path:
            yield Problem(field, "misplaced", "has no meaning here", _belongs_in(place), WARNING, _dotted(place, name))
        elif is_authors and not name.startswith(_NOTES):
            yield Problem(field, "unknown", "is unknown here, and nothing reads it", _remove(path), WARNING)


def _remove(path: Path) -> str:
    known = _known(path)
    return "Remove it" if len(known) > _MOST_NAMED else f"Remove it: known here are {', '.join(known)}"


def _belongs_in(place: Path) -> str:
    if not place:
        return "It belongs on the top level: write it without indentation"
    return f"It belongs in {'.'.join(place)}: indent it below that"


def _mappings(document: Document) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield the mappings of a document whose fields are known by name, with their paths."""
    yield (), document
    for path in _LEVELS:
        if (mapping := mapping_at(document, *path)) is not None:
            yield path, mapping
    owners = document.get("owners")
    for number, owner in enumerate(owners[:_MOST_OWNERS] if isinstance(owners, list) else ()):
        if isinstance(owner, dict) and not is_reference(owner):
            yield ("owners", str(number)), owner


@cache
def _known(path: Path) -> tuple[str, ...]:
    """Return the names of the fields of a level."""
    if path in _OURS:
        model = DagFactory if len(path) == 1 else Runner
        return tuple(str(field.alias) for field in model.model_fields.values())
    if path == ():
        modelled = (str(field.alias) for field in IngestionPipeline.model_fields.values())
        return tuple(dict.fromkeys([*fields(PIPELINE), *modelled]))
    if path[0] == "owners":
        return tuple(fields("EntityReference"))
    if path == ("airflowConfig",):
        modelled = (str(field.alias) for field in AirflowConfig.model_fields.values())
        return tuple(dict.fromkeys([*fields(kind_at(*path)), *modelled]))
    return tuple(fields(kind_at(*path)))


@cache
def _places() -> Mapping[str, Path]:
    """Return the level of each field that only one level knows."""
    levels: tuple[Path, ...] = ((), *_LEVELS, *_OURS)
    found: dict[str, list[Path]] = {}
    for path in levels:
        for name in _known(path):
            found.setdefault(name, []).append(path)
    source = ("sourceConfig", "config")
    for kind in kind_at(*source)["one of"]:
        for name in fields(kind):
            # A field of both is meant for the source: hardly anybody writes that of the connection to OpenMetadata.
            if found.get(name, [_SERVER]) == [_SERVER]:
                found[name] = [source]
    return {name: paths[0] for name, paths in found.items() if len(paths) == 1}


def _dotted(path: Path, name: str) -> str:
    return ".".join((*path, name))
