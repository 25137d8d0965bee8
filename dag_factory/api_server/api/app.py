"""The FastAPI app that our plugin mounts into Airflow's API server."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.routing import APIRoute

from dag_factory import __version__, settings
from dag_factory.api_server.api import automation_calls, deployment_calls, health_calls, log_calls, run_calls
from dag_factory.api_server.api.answers import DeclaredAnswers, answer_errors, refusals
from dag_factory.api_server.api.application import Application
from dag_factory.api_server.api.automations import Automations, configured
from dag_factory.api_server.api.browsers import OwnPagesOnly
from dag_factory.api_server.api.call_metrics import ErrorCounter
from dag_factory.api_server.api.identity import Logins
from dag_factory.api_server.api.openapi_pages import pages
from dag_factory.api_server.api.rest import AirflowApi, running_app
from dag_factory.api_server.api.store_access import StoreAccess
from dag_factory.api_server.api.whole_bodies import SECONDS as BODY_SECONDS
from dag_factory.api_server.api.whole_bodies import WholeBodies
from dag_factory.api_server.sync.periodic_check import checking
from dag_factory.api_server.watch.loader_files import LoaderFiles
from dag_factory.api_server.watch.parse_requests import DatabaseRequests, RestRequests
from dag_factory.api_server.watch.parses import Parses, configured_parses
from dag_factory.api_server.watch.start import watch
from dag_factory.errors import DagFactoryError, SettingsError
from dag_factory.settings import airflow_settings
from dag_factory.store import ConfigStore, configured_store
from dag_factory.store.file_names import FileNames

if TYPE_CHECKING:
    from starlette.types import ASGIApp

log = logging.getLogger(__name__)

PREFIX = "/api/v1/openmetadata"


_CALLS = (health_calls, deployment_calls, run_calls, log_calls, automation_calls)


def create_app(  # noqa: PLR0913 - all by name, each with a default
    *,
    airflow: Callable[[], ASGIApp] = running_app,
    store: Callable[[], ConfigStore] = configured_store,
    parse_seconds: float = 60.0,
    delete_seconds: float = 20.0,
    read_seconds: float = 30.0,
    write_seconds: float = 30.0,
    body_seconds: float = BODY_SECONDS,
    automations: Automations | None = None,
) -> FastAPI:
    """
    Return the app with all calls of the OpenMetadata server. Nothing is read or opened before it starts.

    :param airflow: returns the app of Airflow's API server
    :param store: opens the config store
    :param parse_seconds: how long a call waits until Airflow knows a pipeline that is in the store
    :param delete_seconds: how long a deletion waits until Airflow has seen that a config is removed
    :param body_seconds: how long the body of a call may take to arrive
    :param read_seconds: how long a read of the store may take
    :param write_seconds: how long a change waits for earlier ones, and then for the store
    :param automations: runs automations; None for one with the settings' limits
    """
    files = LoaderFiles(store, airflow_settings.dags_folder())
    api = AirflowApi(airflow, one_writer=airflow_settings.database().startswith("sqlite"))
    application = Application(
        StoreAccess(store, read_seconds=read_seconds, write_seconds=write_seconds, names=_kept_names()),
        Logins(api),
        configured_parses(store, files),
        RestRequests(files, DatabaseRequests(files)),
        automations or configured(),
        parse_seconds=parse_seconds,
        delete_seconds=delete_seconds,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        _exempt_from_collection()
        async with _watching(store, application.parses, files):
            with checking():
                yield
        await application.stop()

    app = _bare_app(lifespan)
    app.state.application = application
    app.state.airflow = api
    app.add_middleware(WholeBodies, seconds=body_seconds)
    # The last one is the first that a call comes to, so it sees the errors of all others.
    app.add_middleware(ErrorCounter, calls=_calls())
    return app


def _bare_app(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]) -> FastAPI:
    """Return the app with its routes and the form of its answers, which still lacks what the calls share."""
    app = DeclaredAnswers(
        title="OpenMetadata DAG factory",
        description="What an OpenMetadata server calls to deploy, run and watch its ingestion pipelines.",
        version=__version__,
        openapi_url=None,  # FastAPI's own pages need no login
        lifespan=lifespan,
        responses=refusals(403),
    )
    answer_errors(app)
    app.add_middleware(OwnPagesOnly, own=[airflow_settings.base_url()])
    for calls in _CALLS:
        app.include_router(calls.router)
    # An operator who has switched off Airflow's own page does not want ours either.
    app.include_router(pages(app, docs=airflow_settings.swagger_ui()))
    return app


def _exempt_from_collection() -> None:
    """
    Exempt all that is in memory by now, which stays there, from Python's garbage collection.

    Airflow and FastAPI keep so many objects that a full collection takes 0.3 s, during which no call is answered. It
    comes once in some dozens of calls.
    """
    gc.collect()
    gc.freeze()


def _calls() -> frozenset[str]:
    """Return the names of all calls, as the last parts of their paths."""
    routes = (route for calls in _CALLS for route in calls.router.routes)
    return frozenset(route.path.rpartition("/")[2] for route in routes if isinstance(route, APIRoute))


@asynccontextmanager
async def _watching(store: Callable[[], ConfigStore], parses: Parses, files: LoaderFiles) -> AsyncIterator[None]:
    """Watch the store, unless the settings say not to. An invalid setting must not stop the API server."""
    try:
        mode = settings.watch_store()
    except SettingsError as error:
        log.error("The config store is not watched. %s", error)
        mode = "off"
    if mode == "off":
        # An API server that died may have made a change without asking for a parse.
        parses.ask_if_unseen(DatabaseRequests(files).send)
        yield
        return
    task = asyncio.create_task(_watched(store, parses, files, poll=mode == "poll"))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _watched(store: Callable[[], ConfigStore], parses: Parses, files: LoaderFiles, *, poll: bool) -> None:
    try:
        await watch(store, parses, files, poll=poll)
    except DagFactoryError as error:
        log.error("The config store is not watched. %s", error)


def _kept_names() -> FileNames | None:
    """Return what keeps the names of files between calls, None where it is unknown whether changes are watched."""
    try:
        return FileNames(is_watched=settings.watch_store() != "off")
    except SettingsError:
        return None
