"""How a load counts its configs, for the metrics."""

from __future__ import annotations

import json
from pathlib import Path

from dag_factory.dag import load_settings
from dag_factory.dag.load import Load
from dag_factory.store.config_files import defaults_keys
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.last_good import InUse, Version
from dag_factory.store.load_time import LoadTime
from dag_factory.store.shards import WHOLE
from tests.e2e.pipelines import drop, sample


def test_each_config_is_in_one_state(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    for name in ("orders", "sales", "was_good"):
        drop(tmp_path, sample(name))
    key = "was_good.json"
    version = Version("was_good", key, sample("was_good"), store.access(key, defaults_keys(key)))
    store.last_good.keep([version], InUse(), since=0, complete=True)
    (tmp_path / key).write_text("{")
    (tmp_path / "never_good.json").write_text(json.dumps({"name": "never_good"}))
    load_time = LoadTime()
    load_time.left_out.add("new.json")
    load = Load(store, WHOLE, load_settings.configured(), load_time)
    load.run()
    assert load.states == {"good": 2, "last_good": 1, "broken": 1, "waiting": 1}
