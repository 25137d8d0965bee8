"""Settings that cost or risk more than they should, each with its cost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from importlib.util import find_spec

from dag_factory import settings
from dag_factory.api_server.watch.leader_lock import LeaderLock
from dag_factory.cli.checks.check import Finding, ok, split, unknown, warn
from dag_factory.cli.checks.recommended import (
    FILE_PROCESS_INTERVAL,
    REFRESH,
    SPREAD,
    TO_CREATE,
    Recommendation,
    parse_share,
    shards_for,
)
from dag_factory.cli.checks.site import Site
from dag_factory.cli.output import count_of
from dag_factory.dag.load_history import MODULE_LIMIT, PARSE_LIMIT
from dag_factory.errors import DagFactoryError
from dag_factory.settings import airflow_settings
from dag_factory.settings.airflow_settings import MetricsBackend
from dag_factory.settings.options import IN_PROCESS, SECTION
from dag_factory.store.folder.folder_store import FolderStore

MOST_OF_A_CORE = 0.05
"""While nothing changes, parsing should cost no larger share of a core."""

IMPORT_MEGABYTES = 300
"""What the import of openmetadata-ingestion takes."""

_MANY = 1_000


def risky_settings(site: Site) -> list[Finding]:
    """Return a warning for each setting that costs or risks more than it should."""
    try:
        pipelines = site.pipelines
    except DagFactoryError:
        pipelines = 0  # the check of the store says why
    found = [each for look in _LOOKS for each in _looked(look, site, pipelines)]
    return found or [ok(f"none costs or risks more than it should, with {count_of(pipelines, 'pipeline')}")]


def _looked(look: Callable[[Site, int], Iterable[Finding]], site: Site, pipelines: int) -> list[Finding]:
    try:
        return list(look(site, pipelines))
    except DagFactoryError as error:
        return [split(warn, error)]
    except OSError as error:
        return [unknown(f"a setting could not be looked at: {error.strerror}")]


def _parses(_: Site, pipelines: int) -> Iterable[Finding]:
    seconds = airflow_settings.file_process_seconds()
    share = parse_share(pipelines, seconds)
    if share > MOST_OF_A_CORE:
        recommended = FILE_PROCESS_INTERVAL.value(pipelines)
        yield warn(
            f"{FILE_PROCESS_INTERVAL.name} is {seconds}: while nothing changes, parsing {pipelines} pipelines takes "
            f"{share:.0%} of a core",
            f"Set it to {recommended}: {FILE_PROCESS_INTERVAL.why}.",
        )
    refresh = airflow_settings.number(REFRESH.section, REFRESH.option)
    if pipelines >= _MANY and refresh is not None and refresh < REFRESH.value(pipelines) / 5:
        yield _lower(REFRESH, refresh, pipelines)


def _shards(site: Site, pipelines: int) -> Iterable[Finding]:
    due = shards_for(pipelines)
    present = len(site.shards)
    # With a third of the recommended number, a change takes some seconds more.
    if present * 3 < due:
        yield warn(
            f"{present} loader{'s' * (present != 1)} for {pipelines} pipelines: each change has Airflow parse and "
            f"write {pipelines // present} of them",
            f"Divide them: airflow openmetadata-dag-factory init --shards {due}",
        )


def _runs(_: Site, pipelines: int) -> Iterable[Finding]:
    most = airflow_settings.number(TO_CREATE.section, TO_CREATE.option)
    if most is not None and most < TO_CREATE.value(pipelines):
        yield _lower(TO_CREATE, most, pipelines)
    if settings.schedule_spread_seconds() < SPREAD.value(pipelines):
        yield _lower(SPREAD, settings.schedule_spread_seconds(), pipelines)


def _lower(setting: Recommendation, value: float, pipelines: int) -> Finding:
    return warn(
        f"{setting.name} is {value:.0f}, with {pipelines} pipelines",
        f"Set it to {setting.value(pipelines)}: {setting.why}.",
    )


def _limits(_: Site, __: int) -> Iterable[Finding]:
    module, parse = airflow_settings.load_limits()
    if parse is not None and (module is None or parse <= module):
        yield warn(
            f"{PARSE_LIMIT} ({parse:.0f} s) is not above {MODULE_LIMIT} ({module or 0:.0f} s): a load that takes too "
            "long is killed without an import error, and its DAGs are removed",
            f"Set it to {2 * (module or parse):.0f}, and {MODULE_LIMIT} to {module or parse:.0f}.",
        )
    processes = airflow_settings.number("dag_processor", "parsing_processes")
    cores = os.cpu_count() or 1
    if processes is not None and processes > max(2, cores):
        yield warn(
            f"[dag_processor] parsing_processes is {processes:.0f}, and this machine has {cores} cores",
            "Set it to 2: Airflow writes the DAGs of all files in one process, which takes twice as long as parsing.",
        )


def _watching(site: Site, _: int) -> Iterable[Finding]:
    if settings.watch_store() != "off" or not isinstance(site.store, FolderStore):
        return
    try:
        with LeaderLock(site.store.root):
            pass
    except BlockingIOError:
        return  # the command `watch`, or an API server with other settings
    yield warn(
        f"[{SECTION}] watch_store is off, and no process of this machine watches: a file that is changed by hand is "
        f"noticed after {airflow_settings.file_process_seconds()} s ({FILE_PROCESS_INTERVAL.name})",
        "Set it to auto, or run airflow openmetadata-dag-factory watch. Ignore this where another machine watches.",
    )


def _safety(_: Site, __: int) -> Iterable[Finding]:
    if not settings.allowed_servers():
        yield warn(
            f"[{SECTION}] allowed_servers is empty: who may deploy can have a run report to any host",
            "Name the hosts of your OpenMetadata servers.",
        )
    if airflow_settings.option("core", "test_connection").lower() == "enabled":
        yield warn(
            "[core] test_connection is Enabled: who may edit Connections can have the API server connect to any host",
            "Leave it enabled only where all who may edit Connections are administrators.",
        )


def _memory(_: Site, __: int) -> Iterable[Finding]:
    import psutil

    free = psutil.virtual_memory().available // 2**20
    if settings.warm_start() and settings.python() == IN_PROCESS and free < 2 * IMPORT_MEGABYTES:
        yield warn(
            f"[{SECTION}] warm_start is on, and {free} MB of memory are free on this machine: a worker that has "
            f"imported openmetadata-ingestion takes {IMPORT_MEGABYTES} MB more",
            "Give the workers more memory, or set it to False: then each run imports it, which takes seconds.",
        )


def _metrics(_: Site, pipelines: int) -> Iterable[Finding]:
    backend = airflow_settings.metrics_backend()
    if backend is not MetricsBackend.OFF and settings.metrics_dag_id() and pipelines >= _MANY:
        yield warn(
            f"[{SECTION}] metrics_dag_id is on: {pipelines} DAGs are as many series of each metric of runs",
            "Set it to False; the page in Airflow's UI shows each pipeline's counts.",
        )
    is_statsd = airflow_settings.option("metrics", "statsd_on").lower() in ("true", "t", "1")
    if is_statsd and find_spec("statsd") is None:
        yield warn(
            "[metrics] statsd_on is on, and the package statsd is not installed here, so no metric is sent",
            "Install apache-airflow[statsd] in all of Airflow's components.",
        )


_LOOKS = (_parses, _shards, _runs, _limits, _watching, _safety, _memory, _metrics)
