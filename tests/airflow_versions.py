"""What tests use of Airflow's insides and what differs between its versions, as the newest of them has it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import airflow
from packaging.version import Version

AIRFLOW = Version(Version(airflow.__version__).base_version)
BEFORE_3_2 = Version("3.2") > AIRFLOW

AUTH_MANAGER = "airflow.api_fastapi.app." + ("auth_manager" if BEFORE_3_2 else "_AuthManagerState.instance")
"""Where Airflow's API keeps its auth manager, for `monkeypatch.setattr`."""

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.serialization.decoders import decode_timetable
    from airflow.serialization.definitions.dag import SerializedDAG
    from airflow.serialization.encoders import encode_timetable
    from airflow.serialization.serialized_objects import DagSerialization
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
    "DagSerialization",
    "SerializedDAG",
    "bag_of",
    "decode_timetable",
    "encode_timetable",
    "end_metrics",
    "policy_manager",
    "set_up_metrics",
    "sync_bag_to_db",
]


def bag_of(path: Path, *, root: Path, bundle: str) -> DagBag:
    """Return what Airflow's DAG processor makes of a file, or of a folder, of a bundle whose files are in ``root``."""
    if BEFORE_3_2:  # pragma: no cover - Airflow 3.1
        import sys

        sys.path.append(str(root))
        older: Any = DagBag
        bag: DagBag = older(path, bundle_path=root, include_examples=False)
        return bag
    if path.is_dir():
        return DagBag(path, bundle_path=root, bundle_name=bundle)
    from airflow.dag_processing.dagbag import BundleDagBag

    return BundleDagBag(path, bundle_path=root, bundle_name=bundle)


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
        factory = import_module(f"{package}.observability.metrics.stats_utils").get_stats_factory()
        _stats(package).initialize(factory=factory, export_legacy_names=legacy_names)


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
        if (client := getattr(stats._backend, "statsd", None)) is not None:
            client.close()
        stats.initialize(factory=None, export_legacy_names=False)


def _stats(package: str) -> Any:
    return import_module(f"{package}._shared.observability.metrics.stats")
