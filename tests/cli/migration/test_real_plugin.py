"""
What openmetadata-managed-apis itself writes today is what the other tests take for it.

It needs an environment of its own: the variable OPENMETADATA_MANAGED_APIS names it, or it is `.predecessor` in the
repository. benchmarks/README.md says how to make it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from benchmarks.predecessor_configs import documents
from benchmarks.predecessor_kept import deploy
from dag_factory.cli.migration.generated import find
from dag_factory.cli.migration.migration import Migrator
from dag_factory.cli.output import progress
from dag_factory.store.catalog import Catalog
from dag_factory.store.config import check
from dag_factory.store.folder.folder_store import FolderStore
from sandbox.server import OpenMetadataServer
from tests.managed_apis import KEPT
from tests.places import ROOT
from tests.stored import good

PYTHON = Path(os.environ.get("OPENMETADATA_MANAGED_APIS", ROOT / ".predecessor")) / "bin" / "python"

pytestmark = [
    pytest.mark.ingestion,
    pytest.mark.skipif(not PYTHON.exists(), reason=f"needs openmetadata-managed-apis in {PYTHON.parent.parent}"),
]


def test_what_the_plugin_writes_is_recognized_and_moved(
    openmetadata: OpenMetadataServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__ALLOWED_APPLICATIONS", "metadata.")
    # A path that the plugin's template writes as for HTML.
    configs, dags, store = tmp_path / "it's dag_generated_configs", tmp_path / "dags", tmp_path / "store"
    deployed = documents(openmetadata).values()
    # It can't read such a path back: a file that it wrote is recognized all the same.
    env = openmetadata.env
    plain = tmp_path / "dag_generated_configs"
    deploy(PYTHON, deployed, home=tmp_path / "airflow", configs=plain, dags=dags, env=env)
    plain.rename(configs)
    for file in dags.glob("*.py"):
        file.write_text(file.read_text().replace(str(plain), str(configs).replace("'", "&#39;")))
    assert {path.name for path in configs.iterdir()} == {path.name for path in KEPT.iterdir()}
    assert [file.additions for file in find(dags, {})] == [None] * len(deployed)

    store.mkdir()
    migrator = Migrator(configs, dags, FolderStore(store), backup=tmp_path / "backup", progress=progress)
    migrator.look()
    migrator.move(remove=True)
    assert migrator.found.is_complete, migrator.found
    assert list(dags.glob("*.py")) == []
    moved = good(Catalog(FolderStore(store), check).all())
    assert [config.dag_id for config in moved] == sorted(path.stem for path in KEPT.iterdir())
