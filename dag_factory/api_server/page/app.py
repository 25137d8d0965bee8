"""The FastAPI app of the page, which our plugin mounts into Airflow's API server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

from dag_factory import __version__
from dag_factory.api_server.api.answers import answer_errors
from dag_factory.api_server.page import action_calls, data_calls, files
from dag_factory.api_server.page.guard import SameOriginOnly
from dag_factory.api_server.page.seconds import Budget
from dag_factory.api_server.page.standings import Visible, visible_to
from dag_factory.settings import airflow_settings

if TYPE_CHECKING:
    from dag_factory.api_server.api.rest import AirflowApi


def create_page(
    airflow: AirflowApi,
    *,
    budget: Budget | None = None,
    standings: Callable[[Any], Visible] = visible_to,
) -> FastAPI:
    """
    Return the app with the page's files, data and actions.

    :param airflow: Airflow's REST API; shared with our other app, whose calls also count for its limit
    :param budget: for how long one request works on an action
    :param standings: returns the pipelines that a user may see, for the counts
    """
    app = FastAPI(title="OpenMetadata pipelines", version=__version__, openapi_url=None)
    app.state.airflow = airflow
    app.state.standings = standings
    app.state.budget = budget or Budget()
    app.state.files = files.PageFiles()
    answer_errors(app)
    app.add_middleware(SameOriginOnly, own=[airflow_settings.base_url()])
    for routes in (files, data_calls, action_calls):
        app.include_router(routes.router)
    return app
