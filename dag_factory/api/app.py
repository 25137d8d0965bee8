"""The FastAPI app that our plugin mounts into Airflow's API server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI

from dag_factory import __version__, settings
from dag_factory.api import deployments, logs, runs, service
from dag_factory.api.answers import answer_errors
from dag_factory.api.context import Context
from dag_factory.api.identity import Logins
from dag_factory.api.parses import LoaderFiles
from dag_factory.api.rest import AirflowApi, running_app
from dag_factory.parses import Parses
from dag_factory.store import ConfigStore, open_store

if TYPE_CHECKING:
    from starlette.types import ASGIApp

PREFIX = "/api/v1/openmetadata"


def create_app(
    *,
    airflow: Callable[[], ASGIApp] = running_app,
    store: Callable[[], ConfigStore] | None = None,
    parse_seconds: float = 60.0,
) -> FastAPI:
    """
    Return the app with all calls of the OpenMetadata server. Nothing is read or opened before the first call.

    :param airflow: returns the app of Airflow's API server
    :param store: opens the config store; the configured one without it
    :param parse_seconds: how long a call waits until Airflow knows a pipeline that is in the store
    """
    store = store or _configured_store
    api = AirflowApi(airflow, one_writer=_is_on_sqlite())
    loader_files = LoaderFiles(store, _dags_folder())
    context = Context(store, Logins(api), Parses(store), loader_files, parse_seconds=parse_seconds)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await context.stop()

    app = FastAPI(
        title="OpenMetadata DAG factory",
        description="What an OpenMetadata server calls to deploy, run and watch its ingestion pipelines.",
        version=__version__,
        lifespan=lifespan,
    )
    app.state.context = context
    answer_errors(app)
    for routes in (service, deployments, runs, logs):
        app.include_router(routes.router)
    return app


def _configured_store() -> ConfigStore:
    return open_store(settings.config_store())


def _dags_folder() -> Path:
    from airflow.configuration import conf

    return Path(conf.get("core", "dags_folder"))


def _is_on_sqlite() -> bool:
    from airflow.configuration import conf

    return str(conf.get("database", "sql_alchemy_conn", fallback="")).startswith("sqlite")
