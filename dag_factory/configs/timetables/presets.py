"""Timetables for Airflow's presets that are not crons."""

from __future__ import annotations

from typing import Any

from airflow.timetables.simple import ContinuousTimetable, OnceTimetable

from dag_factory.configs.timetables.bounded import BoundedTimetable


class PipelineOnceTimetable(BoundedTimetable, OnceTimetable):
    """Airflow's ``@once``, with start and end."""

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PipelineOnceTimetable:
        return cls().within(data.get("start"), data.get("end"))


class PipelineContinuousTimetable(BoundedTimetable, ContinuousTimetable):
    """Airflow's ``@continuous``, with start and end."""

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PipelineContinuousTimetable:
        return cls().within(data.get("start"), data.get("end"))


WORDS: dict[str, type[BoundedTimetable]] = {"@once": PipelineOnceTimetable, "@continuous": PipelineContinuousTimetable}
