"""
The start of a worker: it imports once, before it forks its runs, what each of them needs.

LocalExecutor forks its workers from the scheduler, Celery from the process that `airflow celery worker` starts, and
each worker forks a process for each task: all of them share the memory of what was imported before. Runs by another
interpreter are forked from a template of that interpreter, see `dag_factory.task.runner.templates`.

Every process of Airflow imports this module, so its own imports are late.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from datetime import datetime, timezone
from importlib import import_module
from importlib.util import find_spec

from airflow.listeners import hookimpl

from dag_factory.settings.components import is_start_of

log = logging.getLogger(__name__)

# What a task of ours imports of this package.
_OURS = ("dag_factory.dag.loader", "dag_factory.task.execution")


@hookimpl
def on_starting(component: object) -> None:
    """Prepare the scheduler, where its executor forks workers from it; it is called before these are forked."""
    if is_start_of("scheduler", component) and _forks_workers():
        prepare()
        # The imports took a while, so the heartbeat is renewed: Airflow counts a scheduler with an old one as dead, and
        # gives its tasks to others.
        component.latest_heartbeat = datetime.now(timezone.utc)  # type: ignore[attr-defined]


def prepare_celery() -> None:
    """Where this is the main process of a worker of Celery, have `prepare` called before that forks anything."""
    if sys.argv[1:3] == ["celery", "worker"]:
        from celery.signals import worker_init

        worker_init.connect(_on_worker_init)


def prepare() -> None:
    """Import for all runs what each would import; an error is logged, and each run then imports it as without this."""
    from dag_factory import settings
    from dag_factory.settings.options import IN_PROCESS

    try:
        if settings.warm_start():
            pythons = {settings.python(), *settings.allowed_pythons()}
            if hasattr(os, "pidfd_open"):
                from dag_factory.task.runner.templates import start_templates

                start_templates(sorted(pythons - {IN_PROCESS}), settings.warm_start_idle())
            if settings.python() == IN_PROCESS and find_spec("metadata") is not None:
                _import()
    except Exception as error:  # noqa: BLE001 - no package that ingestion needs may keep a scheduler from starting
        log.warning(
            "Runs of OpenMetadata's pipelines start cold, each with imports of its own: %s: %s",
            type(error).__name__,
            error,
        )


def _import() -> None:
    from dag_factory.portable.ingestion.imports import import_ingestion
    from dag_factory.portable.ingestion.sqlalchemy_patches import patches_set_aside

    began = time.monotonic()
    for name in _OURS:
        import_module(name)
    with patches_set_aside():
        import_ingestion()
    log.info("Imported openmetadata-ingestion for all runs of this worker in %.1f s", time.monotonic() - began)


def _forks_workers() -> bool:
    """Return whether one of the executors is LocalExecutor, or a class of its kind."""
    from airflow.executors.executor_loader import ExecutorLoader
    from airflow.executors.local_executor import LocalExecutor

    return any(
        issubclass(ExecutorLoader.import_executor_cls(name)[0], LocalExecutor)
        for name in ExecutorLoader.get_executor_names()
    )


def _on_worker_init(**_: object) -> None:
    prepare()
