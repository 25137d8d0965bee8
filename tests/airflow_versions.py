"""What tests use of Airflow's insides and what differs between its versions, as the newest of them has it."""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import airflow
from airflow.dag_processing.bundles import manager
from airflow.dag_processing.bundles.manager import DagBundlesManager
from packaging.version import Version

AIRFLOW = Version(Version(airflow.__version__).base_version)
BEFORE_3_2 = Version("3.2") > AIRFLOW
BEFORE_3_3 = Version("3.3") > AIRFLOW

AUTH_MANAGER = "airflow.api_fastapi.app." + ("auth_manager" if BEFORE_3_2 else "_AuthManagerState.instance")
"""Where Airflow's API keeps its auth manager, for `monkeypatch.setattr`."""
OUR_COMMANDS = [sys.executable, "-m", *(["dag_factory.cli"] if BEFORE_3_2 else ["airflow", "openmetadata-dag-factory"])]
"""What runs one of our commands: Airflow 3.1 does not know them, so the program of our own does."""

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.models.dag import DagModel
    from airflow.models.dagrun import DagRun
    from airflow.serialization.decoders import decode_timetable
    from airflow.serialization.definitions.dag import SerializedDAG
    from airflow.serialization.encoders import encode_timetable
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.timetables.base import DagRunInfo, Timetable
elif BEFORE_3_2:  # pragma: no cover - Airflow 3.1
    from airflow.models.dagbag import DagBag, sync_bag_to_db
    from airflow.serialization.serialized_objects import SerializedDAG, decode_timetable, encode_timetable

    DagSerialization = SerializedDAG
else:
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.serialization.decoders import decode_timetable
    from airflow.serialization.definitions.dag import SerializedDAG
    from airflow.serialization.encoders import encode_timetable
    from airflow.serialization.serialized_objects import DagSerialization

__all__ = [
    "AIRFLOW",
    "AUTH_MANAGER",
    "BEFORE_3_2",
    "BEFORE_3_3",
    "OUR_COMMANDS",
    "DagSerialization",
    "SerializedDAG",
    "bag_of",
    "decode_timetable",
    "encode_timetable",
    "end_metrics",
    "next_run_info",
    "plan_next_run",
    "policy_manager",
    "set_up_metrics",
    "sync_bag_to_db",
    "taken_params",
    "timetables_of_plugins",
]


def bundles_configured() -> DagBundlesManager:
    """Return Airflow's manager of the bundles that are configured now. From 3.4 on, a process keeps the first list."""
    kept = getattr(manager, "_load_bundle_config_snapshot", None)
    if kept is not None:
        kept.cache_clear()
    return DagBundlesManager()


def bag_of(path: Path, *, root: Path, bundle: str) -> DagBag:
    """Return what Airflow's DAG processor makes of a file, or of a folder, of a bundle whose files are in ``root``."""
    if BEFORE_3_2:  # pragma: no cover - Airflow 3.1
        sys.path.append(str(root))
        older: Any = DagBag
        bag: DagBag = older(path, bundle_path=root, include_examples=False)
        return bag
    if path.is_dir():
        return DagBag(path, bundle_path=root, bundle_name=bundle)
    from airflow.dag_processing.dagbag import BundleDagBag

    return BundleDagBag(path, bundle_path=root, bundle_name=bundle)


def plan_next_run(model: DagModel, dag: SerializedDAG, latest: DagRun | None) -> None:
    """Have Airflow write into the row of a DAG when its next run is due, after the latest one of the schedule's."""
    planned: Any = model.calculate_dagrun_date_fields
    if BEFORE_3_2:  # pragma: no cover - Airflow 3.1
        from airflow.models.dag import get_run_data_interval

        planned(dag, get_run_data_interval(dag.timetable, latest) if latest else None)
    elif BEFORE_3_3:  # pragma: no cover - Airflow 3.2
        planned(dag, last_automated_run=latest)
    else:
        planned(dag, reference_run=latest)


def next_run_info(model: DagModel, timetable: Timetable) -> DagRunInfo | None:
    """Return of which tick the run is that Airflow's scheduler makes next, and when, by the row of its DAG."""
    if BEFORE_3_2:  # pragma: no cover - Airflow 3.1
        from airflow.models.dag import get_next_data_interval
        from airflow.timetables.base import DagRunInfo

        run_after: Any = model.next_dagrun_create_after
        interval = get_next_data_interval(timetable, model)
        return interval and DagRunInfo(run_after, interval)
    return timetable.next_run_info_from_dag_model(dag_model=model)


def taken_params(dag: SerializedDAG, conf: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the params of a run that is triggered with a ``conf``, as Airflow checks them before it makes the run.

    :raises ParamValidationError: where Airflow refuses them
    """
    params: Any = dag.params
    if BEFORE_3_2:  # pragma: no cover - Airflow 3.1
        merged = copy.deepcopy(params)
        merged.update(conf)
    else:
        merged = params.deep_merge(conf)
    taken: dict[str, Any] = merged.validate()
    return taken


def timetables_of_plugins() -> dict[str, type[Timetable]]:
    """Return the timetables that Airflow knows from plugins, by their names in serialized DAGs; changes take effect."""
    plugins: Any = import_module("airflow.plugins_manager")
    if BEFORE_3_2:  # pragma: no cover - Airflow 3.1
        plugins.initialize_timetables_plugins()
        known: dict[str, type[Timetable]] = plugins.timetable_classes
    else:
        known = plugins.get_timetables_plugins()
    return known


def policy_manager() -> Any:
    """Return what cluster policies are registered with."""
    from airflow import settings

    if BEFORE_3_2:  # pragma: no cover - Airflow 3.1
        return settings.POLICY_PLUGIN_MANAGER
    return settings.get_policy_plugin_manager()


def set_up_metrics(*packages: str, legacy_names: bool = True) -> None:
    """
    Set up Airflow's metrics as the environment says now.

    :param packages: ``airflow``, as its components do, and ``airflow.sdk``, as the process of a task does
    """
    if BEFORE_3_2:  # pragma: no cover - Airflow 3.1, which has one for all
        end_metrics()
        stats = import_module("airflow.stats")
        del stats._Stats.factory
        stats._Stats.__init__(stats.Stats)
        return
    for package in packages:
        get_factory = import_module(f"{package}.observability.metrics.stats_utils").get_stats_factory
        stats = _stats(package)
        if BEFORE_3_3:  # pragma: no cover - Airflow 3.2, whose metrics have one name each
            stats.initialize(factory=get_factory(stats))
        else:
            stats.initialize(factory=get_factory(), export_legacy_names=legacy_names)


def end_metrics(*packages: str) -> None:
    """Have Airflow send no metrics from now on, and close the connections by which it did."""
    if BEFORE_3_2:  # pragma: no cover - Airflow 3.1
        sent = import_module("airflow.stats")
        if (client := getattr(sent.Stats.instance, "statsd", None)) is not None:
            client.close()
        sent.Stats.instance = None
        sent._Stats.factory = import_module("airflow.metrics.base_stats_logger").NoStatsLogger
        return
    for package in packages:
        stats = _stats(package)
        if (client := getattr(stats.instance if BEFORE_3_3 else stats._backend, "statsd", None)) is not None:
            client.close()
        stats.initialize(factory=None, **({} if BEFORE_3_3 else {"export_legacy_names": False}))


def _stats(package: str) -> Any:
    module = import_module(f"{package}._shared.observability.metrics.stats")
    return module.Stats if BEFORE_3_3 else module
