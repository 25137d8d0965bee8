"""What may a user do with each pipeline? Asked for the page's buttons; Airflow checks each action by itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dag_factory.api_server.page.visitor import Visitor

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import BaseAuthManager, ResourceMethod
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity

log = logging.getLogger(__name__)


async def permissions(visitor: Visitor, dag_ids: Sequence[str]) -> dict[str, dict[str, bool | None]]:
    """
    Return by DAG id whether a user may ``trigger`` a run of a DAG, and ``edit`` the DAG.

    To pause it, a user must be allowed to edit it. None where the auth manager does not answer.
    """
    from airflow.api_fastapi.app import get_auth_manager

    try:
        return await asyncio.to_thread(_asked, get_auth_manager(), visitor.user, dag_ids)
    except Exception as error:  # noqa: BLE001 - an auth manager may be any code, and the page shows without it
        log.warning("What a user may do with pipelines can't be found out: %s", type(error).__name__)
        return {dag_id: {"trigger": None, "edit": None} for dag_id in dag_ids}


def _asked(manager: BaseAuthManager[Any], user: Any, dag_ids: Sequence[str]) -> dict[str, dict[str, bool | None]]:
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity

    trigger = _allowed(manager, user, dag_ids, "POST", DagAccessEntity.RUN)
    edit = _allowed(manager, user, dag_ids, "PUT", None)
    return {dag_id: {"trigger": dag_id in trigger, "edit": dag_id in edit} for dag_id in dag_ids}


def _allowed(
    manager: BaseAuthManager[Any],
    user: Any,
    dag_ids: Sequence[str],
    method: ResourceMethod,
    entity: DagAccessEntity | None,
) -> set[str]:
    from airflow.api_fastapi.auth.managers.models.batch_apis import IsAuthorizedDagRequest
    from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails

    details = {dag_id: DagDetails(id=dag_id) for dag_id in dag_ids}
    # Most users may do the same with all: an auth manager that is a server of its own is then asked once.
    every: list[IsAuthorizedDagRequest] = [
        {"method": method, "access_entity": entity, "details": each} for each in details.values()
    ]
    if manager.batch_is_authorized_dag(every, user=user):
        return set(dag_ids)
    return {
        dag_id
        for dag_id, each in details.items()
        if manager.is_authorized_dag(method=method, access_entity=entity, details=each, user=user)
    }
