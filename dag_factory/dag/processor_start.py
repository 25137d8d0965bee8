"""
The start of a DAG processor: it imports once, before it forks a process for each parse, what each of them needs.

Every process of Airflow imports this module, so its own imports are late.
"""

from __future__ import annotations

import logging
from importlib import import_module

from airflow.listeners import hookimpl

from dag_factory.settings.components import is_start_of

log = logging.getLogger(__name__)

# For the last two, Airflow asks when it serializes a DAG.
_OF_PARSES = (
    "dag_factory.dag.loader",
    "airflow.providers.standard.operators.trigger_dagrun",
    "airflow.providers.standard.sensors.external_task",
)


@hookimpl
def on_starting(component: object) -> None:
    """Prepare a DAG processor; it is called before the first parse."""
    if is_start_of("dag-processor", component):
        _import_for_parses()


def _import_for_parses() -> None:
    """
    Import what each parse would import anew.

    The revision of the code is then that of what is imported here, even if its files are replaced later.
    """
    for name in _OF_PARSES:
        try:
            import_module(name)
        except Exception as error:  # noqa: BLE001 - each parse then says so itself, and all other DAGs go on
            log.debug("can't import %s: %s", name, type(error).__name__)
    from dag_factory.dag.load_settings import own_revision

    own_revision()
