"""Timetables as plain values, from which they can be made again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dag_factory.configs.timetables.schedule import PipelineTimetable, in_words, note_words
from dag_factory.configs.timetables.spread import SpreadTimetable

if TYPE_CHECKING:
    from dag_factory.configs.timetables.bounded import BoundedTimetable

_CRONS: dict[str, type[PipelineTimetable]] = {each.__name__: each for each in (PipelineTimetable, SpreadTimetable)}


def written(timetable: BoundedTimetable | None) -> dict[str, Any] | None:
    """Return plain values from which a timetable can be made again; None without a timetable."""
    if timetable is None:
        return None
    values = {"kind": type(timetable).__name__, **timetable.serialize()}
    return values | {"words": in_words(values["expression"])} if isinstance(timetable, PipelineTimetable) else values


def read_back(values: dict[str, Any] | None) -> BoundedTimetable | None:
    """
    Return the timetable that was written.

    :raises LookupError: where its kind is unknown, or a value is missing
    """
    if values is None:
        return None
    if values["kind"] in _CRONS:
        note_words(values["expression"], values["words"])
        return _CRONS[values["kind"]].deserialize(values)
    # Imported only when needed, since it imports FastAPI, and few pipelines have such a schedule.
    from dag_factory.configs.timetables.presets import WORDS

    kinds = {each.__name__: each() for each in WORDS.values()}
    return kinds[values["kind"]].within(values.get("start"), values.get("end"))
