"""Where the page is: below which path of Airflow's API server, and at which places of Airflow's UI."""

from __future__ import annotations

from typing import Any

PREFIX = "/openmetadata-pipelines"

# Airflow's UI resolves addresses from its own, so without a slash they hold for an Airflow below a path too.
_HERE = PREFIX.removeprefix("/")

_NAME_AND_ICON = {
    "name": "OpenMetadata",
    "icon": f"{_HERE}/static/icon.svg",
    "icon_dark_mode": f"{_HERE}/static/icon-dark.svg",
}

VIEWS: list[dict[str, Any]] = [
    {**_NAME_AND_ICON, "destination": "nav", "url_route": "openmetadata", "href": f"{_HERE}/"},
    {
        **_NAME_AND_ICON,
        "destination": "dag",
        "url_route": "openmetadata-pipeline",
        "href": f"{_HERE}/pipeline?dag_id={{DAG_ID}}",
    },
]
"""The entry in Airflow's menu, and the tab on the page of each DAG, whose id Airflow puts in place of ``{DAG_ID}``."""
