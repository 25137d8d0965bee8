"""
What Airflow discovers as a plugin: the timetables that its scheduler deserializes, the listeners, the API, the page.

All of Airflow's processes import it, so it imports what is for one of them when that one asks.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from dag_factory.dag import processor_start
from dag_factory.reporting import listener
from dag_factory.task import warm_start


class OpenMetadataDagFactoryPlugin(AirflowPlugin):
    """Registers what Airflow's processes need of this package."""

    name = "openmetadata_dag_factory"
    # Called from the last to the first: the first starts a thread, and nothing may be imported or forked beside it.
    listeners = [listener, warm_start, processor_start]  # noqa: RUF012 - Airflow's own way of declaring them

    @cached_property
    def timetables(self) -> list[Any]:  # type: ignore[override]
        """The timetables of stored DAGs. Imported when asked for, since workers never deserialize DAGs."""
        from dag_factory.configs.timetables.presets import PipelineContinuousTimetable, PipelineOnceTimetable
        from dag_factory.configs.timetables.schedule import PipelineTimetable
        from dag_factory.configs.timetables.spread import SpreadTimetable

        return [PipelineTimetable, SpreadTimetable, PipelineOnceTimetable, PipelineContinuousTimetable]

    # All of Airflow's processes import plugins, but only the API server, which asks for apps, should import FastAPI.
    @cached_property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override]
        """The API that the OpenMetadata server calls, and the page in Airflow's UI."""
        from dag_factory.api_server.api.app import PREFIX, create_app
        from dag_factory.api_server.page.app import create_page
        from dag_factory.api_server.page.places import PREFIX as PAGE

        app = create_app()
        return [
            {"app": app, "url_prefix": PREFIX, "name": "OpenMetadata DAG factory"},
            {"app": create_page(app.state.airflow), "url_prefix": PAGE, "name": "OpenMetadata pipelines"},
        ]

    @cached_property
    def external_views(self) -> list[Any]:  # type: ignore[override]
        """Where the page is in Airflow's UI."""
        from dag_factory.api_server.page.places import VIEWS

        return VIEWS

    @cached_property
    def fastapi_root_middlewares(self) -> list[Any]:  # type: ignore[override]
        """The middleware of Airflow's API server that serves this API's calls."""
        from dag_factory.api_server.api.app import PREFIX
        from dag_factory.api_server.api.doubled_slash import FoldedSlashes

        return [{"middleware": FoldedSlashes, "kwargs": {"prefix": PREFIX}, "name": "OpenMetadata DAG factory"}]
