"""What Airflow discovers as a plugin: the timetable that its scheduler must be able to read back."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from dag_factory.schedule import PipelineTimetable


class OpenMetadataDagFactoryPlugin(AirflowPlugin):
    """Registers what Airflow's processes need of this package."""

    name = "openmetadata_dag_factory"
    timetables = [PipelineTimetable]  # noqa: RUF012 - Airflow's own way of declaring them
