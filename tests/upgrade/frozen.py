"""
What a version has written: a config store with its hidden files, what a machine remembers of it, and an export.

``tests/upgrade/VERSION`` holds that of each released version, made by ``python -m tests.upgrade``:

- ``store/``: configs that are good, broken, sealed, merged over defaults, or run their last good version
- ``state/``: ``state_folder``, where the SQLite file has the name `STATE`: the true one depends on the store's place
- ``export.tar.gz``, ``key`` (the Fernet key) and ``expected.json``, which says what all of this means
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from airflow import __version__ as airflow_version

from dag_factory.api_server.sync.last_difference import LastDifference, keep
from dag_factory.configs.validation.validator import examine
from dag_factory.dag.builder import build_dag
from dag_factory.dag.load_history import Limits
from dag_factory.dag.load_notes import LoadNotes, notes_path
from dag_factory.dag.loader import load_dags
from dag_factory.dag.tags import WARNING_TAG
from dag_factory.portable.openmetadata.counts import COUNTS_XCOM
from dag_factory.portable.openmetadata.outcomes import OUTCOME_XCOM, left_by_task
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.reporting.run_note import run_note
from dag_factory.settings.options import SECTION
from dag_factory.store import configured_store, memory_of
from dag_factory.store.archive import ENCRYPTED
from dag_factory.store.archive.writing import export
from dag_factory.store.catalog import Catalog
from dag_factory.store.config import BrokenConfig, Config
from dag_factory.store.config_version import CONFIG_XCOM, config_version
from dag_factory.store.folder.pending import Pending
from dag_factory.store.own_files import PENDING
from dag_factory.store.shards import WHOLE, Shard, shards
from dag_factory.store.writer import checked, deploy, parsed
from tests.airflow_versions import DagSerialization
from tests.places import TESTS

FOLDER = TESTS / "upgrade"
STATE = "store.sqlite"
TOKEN = "token-of-nobody"
SHARDS = 2
PROBLEM = "The load took 40 s of the 50 s that it has."

_SERVER = {"hostPort": "http://openmetadata:8585/api", "authProvider": "openmetadata"}
_DEFAULTS = """\
service: {type: databaseService, name: shop}
openMetadataServerConnection:
  hostPort: http://openmetadata:8585/api
  authProvider: openmetadata
  securityConfig: {jwtToken: {$env: OPENMETADATA_TOKEN}}
airflowConfig: {scheduleInterval: 0 3 * * *, pipelineTimezone: Europe/Berlin, startDate: 2026-01-01}
"""
_ORDERS = """\
# yaml, merged over the folder's defaults
name: shop_orders
pipelineType: metadata
sourceConfig: {config: {type: DatabaseMetadata}}
dagFactory: {spread: false}
"""
_BROKEN = "name: shop_broken\npipelineType: metadat\n"


@dataclass(frozen=True)
class Frozen:
    """What a version has written, in a folder."""

    folder: Path
    expected: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return (self.folder / "key").read_text().strip()

    def thawed(self, place: Path) -> dict[str, str]:
        """Copy it to where it can be changed; return the environment that a process needs to use it there."""
        shutil.copytree(self.folder / "store", place / "store")
        shutil.copytree(self.folder / "state", place / "state")
        return environment(place, self.key)


def all_frozen() -> list[Frozen]:
    """Return what each released version has written."""
    found = sorted(FOLDER.glob("*/expected.json"))
    return [Frozen(path.parent, json.loads(path.read_text(encoding="utf-8"))) for path in found]


def environment(place: Path, key: str) -> dict[str, str]:
    """Return the settings for a store and a state folder below a place."""
    ours = f"AIRFLOW__{SECTION.upper()}__"
    return {
        "AIRFLOW__CORE__FERNET_KEY": key,
        f"{ours}CONFIG_STORE": str(place / "store"),
        f"{ours}STATE_FOLDER": str(place / "state"),
        f"{ours}ALLOWED_ENV": "OPENMETADATA_TOKEN",
    }


def memory_path(place: Path) -> Path:
    """Return the SQLite file that a process uses for the store at a place, which has the settings of `environment`."""
    return memory_of(str(place / "store")).path


def put_memory_in_place(place: Path) -> Path:
    """Give what a thawed machine remembers the name that it has for the store at a place; return the SQLite file."""
    path = memory_path(place)
    for made, suffix in ((STATE, ""), ("store.loads", ".loads"), ("store.difference.json", ".difference.json")):
        (place / "state" / made).rename(path.with_suffix(suffix) if suffix else path)
    return path


def freeze(folder: Path) -> None:
    """Write what this version writes into a new folder. The process has the settings of `environment` for it."""
    store_folder = folder / "store"
    (store_folder / "shop").mkdir(parents=True)
    (store_folder / "shop" / "defaults.yaml").write_text(_DEFAULTS)
    (store_folder / "shop" / "orders.yaml").write_text(_ORDERS)
    (store_folder / "shop" / "broken.yaml").write_text(_BROKEN)
    (store_folder / "shop" / "mended.yaml").write_text(_ORDERS.replace("shop_orders", "shop_mended"))
    store = configured_store()
    deploy(store, checked(parsed(json.dumps(_deployed("shop_deployed")).encode())))
    for shard in (WHOLE, *shards(SHARDS)):
        load_dags(shard.number, shard.of)
    # From here on its last good version runs.
    (store_folder / "shop" / "mended.yaml").write_text(_BROKEN.replace("shop_broken", "shop_mended"))
    load_dags()
    _leave_load_notes(folder)
    keep(LastDifference(datetime(2026, 11, 28, 12, tzinfo=timezone.utc), only_here=1, older_here=2))
    export(store, folder / "export.tar.gz", secrets=ENCRYPTED, keys=Keys(), shown=lambda items, what, count: items)
    expected = meaning() | {"load_problem": PROBLEM, "pending": ["shop_deployed.json"], "rows": rows()}
    store.note_load_problem(PROBLEM)
    # A writer that died after its change and before its marker.
    Pending(store_folder / PENDING).add("shop_deployed.json")
    _rename_memory(folder)
    (folder / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def meaning() -> dict[str, Any]:
    """Return what the configured store means: to people, to Airflow, and to whatever compares versions of configs."""
    store = configured_store()
    dags = load_dags()
    configs = {config.dag_id: config for config in Catalog(store, check).all()}
    return {
        "identity": store.check().identity,
        "marker": store.marker(),
        "loaded": {f"{shard.number} of {shard.of}": store.loaded(shard) for shard in (WHOLE, *shards(SHARDS))},
        "dags": {dag_id: _dag(dag_id, configs[dag_id], dags[dag_id]) for dag_id in sorted(dags)},
    }


def rows() -> dict[str, Any]:
    """Return what Airflow's database holds of us: each DAG as it is serialized, and what a run leaves behind."""
    dags = {dag_id: DagSerialization.to_dict(dag) for dag_id, dag in sorted(load_dags().items())}
    for serialized in dags.values():
        # The loader's place, which here is this module's.
        for name in ("fileloc", "_processor_dags_folder"):
            serialized["dag"].pop(name, None)
    version = {"key": "shop/orders.yaml", "digest": "36f35c097a46", "version": 0.3, "updatedAt": 1790000000000}
    summary = {"Source": {"records": 5, "warnings": 1, "errors": 0}}
    left = left_by_task("failed", 2, reason="connection refused", is_reported=False, task_failed=True)
    return {
        "airflow": airflow_version,
        "dags": dags,
        "note": run_note(version, summary),
        "xcoms": {CONFIG_XCOM: version, COUNTS_XCOM: summary, OUTCOME_XCOM: left},
    }


def check(config: Config) -> None:
    """Raise InvalidError where a config can't run."""
    examine(config.document).require_pipeline()


def _dag(dag_id: str, config: Config | BrokenConfig, dag: Any) -> dict[str, Any]:
    (task,) = dag.tasks
    said = {"file": config.key, "tags": tags_of(dag), "task": task.task_id, "operator": type(task).__name__}
    if isinstance(config, BrokenConfig):
        return {**said, "state": "broken"}
    assert dag.schedule == build_dag(config).schedule
    return {
        **said,
        "state": "good" if config.trouble is None else "last_good",
        "digest": config_version(config)["digest"],
        "timetable": dag.timetable.serialize(),
    }


def tags_of(dag: Any) -> list[str]:
    """Return a DAG's tags, but for the one of doubtful configs: a later version may doubt what this one doesn't."""
    return sorted(set(dag.tags) - {WARNING_TAG})


def _deployed(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "pipelineType": "metadata",
        "service": {"type": "databaseService", "name": "shop", "id": "11111111-2222-3333-4444-555555555555"},
        "sourceConfig": {"config": {"type": "DatabaseMetadata", "schemaFilterPattern": {"includes": ["main"]}}},
        "openMetadataServerConnection": {**_SERVER, "securityConfig": {"jwtToken": TOKEN}},
        "airflowConfig": {"scheduleInterval": "0 * * * *"},
        "version": 0.3,
        "updatedAt": 1790000000000,
        "aFieldOfANewerServer": {"kept": True},
    }


def _leave_load_notes(folder: Path) -> None:
    """Leave the notes of a load that ended by itself, as Airflow's DAG processor does."""
    path = notes_path(memory_path(folder), Shard(0, 1))
    with LoadNotes(configured_store(), path, Limits(30, 50), clock=iter(range(100)).__next__) as notes:
        notes.built(4)
    notes.end()


def _rename_memory(folder: Path) -> None:
    """Give the files of the state folder names that do not depend on where the store was."""
    path = memory_path(folder)
    for each in sorted((folder / "state").iterdir()):
        each.rename(each.with_name(each.name.replace(path.stem, Path(STATE).stem)))
