from __future__ import annotations

import os
from pathlib import Path

import pytest

from dag_factory.dag.loader_file import loader_text
from dag_factory.dag.loader_folder import LoaderFolder
from dag_factory.store.shards import WHOLE, Shard, shards
from tests.places import ROOT


@pytest.fixture
def files(tmp_path: Path) -> LoaderFolder:
    return LoaderFolder(tmp_path / "dags")


def test_the_loader_of_all_shards_is_that_of_the_repository() -> None:
    assert (ROOT / "dags" / WHOLE.file_name).read_text() == loader_text()


def test_a_loader_asks_for_its_shard_and_is_one_that_airflow_s_safe_mode_finds() -> None:
    text = loader_text(Shard(3, 64))
    assert "load_dags(shard=3, of=64)" in text
    compile(text, "loader", "exec")
    assert "dag" in text.lower()
    assert "airflow" in text.lower()


def test_a_loader_that_is_right_is_not_written_again_so_that_airflow_does_not_parse_it(files: LoaderFolder) -> None:
    assert files.make(shards(4)) == shards(4)
    for path in files.path.iterdir():
        os.utime(path, (1, 1))
    (files.path / Shard(2, 4).file_name).write_text("torn")
    assert files.make(shards(4)) == [Shard(2, 4)]
    assert [path.stat().st_mtime == 1 for path in sorted(files.path.iterdir())] == [True, True, False, True]
    assert files.found() == shards(4)


def test_only_loaders_that_nobody_has_changed_are_removed(files: LoaderFolder) -> None:
    files.make(shards(2))
    (files.path / Shard(0, 2).file_name).write_text("mine")
    (files.path / "openmetadata_loader_99_of_2.py").write_text("not one of ours")
    assert files.remove(files.found()) == [Shard(1, 2)]
    assert files.found() == [Shard(0, 2)]


def test_a_folder_that_is_missing_has_no_loaders_and_touching_them_does_nothing(files: LoaderFolder) -> None:
    assert files.found() == []
    files.touch(shards(4))
    assert not files.path.exists()
