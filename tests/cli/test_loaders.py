from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from dag_factory.cli.init import init
from dag_factory.cli.loaders import ceases, retire_loaders, wait_for_loads, write_loaders
from dag_factory.dag.loader_folder import LoaderFolder
from dag_factory.errors import LoaderError, SettingsError
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.shards import WHOLE, Shard, shards
from tests.cli.failing import fails

OURS = "AIRFLOW__OPENMETADATA_DAG_FACTORY"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoaderFolder:
    """The DAGs folder of a machine without Airflow's database."""
    monkeypatch.setenv(f"{OURS}__CONFIG_STORE", str(tmp_path / "configs"))
    monkeypatch.setenv(f"{OURS}__STATE_FOLDER", str(tmp_path / "state"))
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path / "dags"))
    return LoaderFolder(tmp_path / "dags")


class Airflow:
    """Parses loaders or not, and notes what was there when it was asked to."""

    def __init__(self, files: LoaderFolder, *, parses: int = 100) -> None:
        self._files = files
        self._parses = parses
        self.asked: list[list[Shard]] = []

    def is_parsed(self, wanted: list[Shard], others: list[Shard]) -> bool:
        self.asked.append(wanted)
        assert not set(wanted).intersection(others)
        # Whatever happens now, each DAG has a loader.
        assert set(wanted) <= set(self._files.found())
        return len(self.asked) <= self._parses


def move(files: LoaderFolder, of: int | None, airflow: Airflow, *, force: bool = False) -> str:
    said = write_loaders(files, of, force=force)
    return f"{said}\n{retire_loaders(files, of, force=force, is_parsed=airflow.is_parsed)}"


def test_loaders_of_another_number_are_removed_once_airflow_has_parsed_the_new_ones(files: LoaderFolder) -> None:
    airflow = Airflow(files)
    said = move(files, 1, airflow)
    assert "openmetadata_loader.py' was written." in said
    said = move(files, 64, airflow)
    assert "64 loaders, " in said
    assert "openmetadata_loader_00_of_64.py' to 'openmetadata_loader_63_of_64.py', were written." in said
    assert "openmetadata_loader.py' was removed." in said
    assert files.found() == shards(64)
    move(files, 1, airflow)
    assert files.found() == [WHOLE]
    # Once before the others are removed, and once after: one of them may have been parsed in between.
    assert airflow.asked == [shards(64)] * 2 + [[WHOLE]] * 2


@pytest.mark.parametrize("of", [1, 64, None])
def test_the_next_time_nothing_changes_and_nobody_waits(files: LoaderFolder, of: int | None) -> None:
    airflow = Airflow(files)
    move(files, of or 8, airflow)
    before = {path: path.stat().st_mtime_ns for path in files.path.iterdir()}
    assert "there already." in move(files, of, airflow)
    assert {path: path.stat().st_mtime_ns for path in files.path.iterdir()} == before
    assert airflow.asked == []


def test_where_airflow_does_not_parse_the_new_ones_the_old_ones_stay_and_it_is_said_how_to_go_on(
    files: LoaderFolder,
) -> None:
    write_loaders(files, 1)
    with pytest.raises(
        LoaderError, match=r"is still there: Airflow has not parsed the new ones.*run this command again"
    ):
        move(files, 4, Airflow(files, parses=0))
    assert files.found() == sorted([WHOLE, *shards(4)])
    with pytest.raises(LoaderError, match=r"has loaders of 1 and of 4 shards.*--shards NUMBER"):
        write_loaders(files)
    # The command again, with Airflow running by now; or without Airflow.
    move(files, 4, Airflow(files))
    assert files.found() == shards(4)
    write_loaders(files, 2)
    move(files, 2, Airflow(files, parses=0), force=True)
    assert files.found() == shards(2)


def test_where_airflow_stops_parsing_when_the_old_ones_are_gone_that_is_said(files: LoaderFolder) -> None:
    write_loaders(files, 1)
    with pytest.raises(LoaderError, match=r"was removed, but Airflow has not parsed the new ones since.*processor"):
        move(files, 4, Airflow(files, parses=1))


def test_a_loader_that_somebody_has_changed_is_removed_by_force_alone(files: LoaderFolder) -> None:
    write_loaders(files, 2)
    changed = files.path / Shard(1, 2).file_name
    changed.write_text("mine")
    with pytest.raises(LoaderError, match=r"01_of_2|1_of_2\.py' is still there, because of changes by hand.*--force"):
        move(files, 4, Airflow(files))
    assert files.found() == sorted([*shards(4), Shard(1, 2)])
    move(files, 4, Airflow(files), force=True)
    assert files.found() == shards(4)


def test_a_loader_that_differs_stays_and_so_do_all_others(files: LoaderFolder) -> None:
    write_loaders(files, 4)
    (files.path / Shard(1, 4).file_name).write_text("mine")
    (files.path / Shard(2, 4).file_name).write_text("mine too")
    with pytest.raises(LoaderError, match=r"1_of_4\.py' is there already and differs from ours\. So do 1 more\."):
        write_loaders(files, 4)
    assert (files.path / Shard(1, 4).file_name).read_text() == "mine"


class Clock:
    """Goes on only while somebody sleeps, or asks what takes long."""

    now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def read(self) -> float:
        return self.now


@pytest.mark.parametrize("answer_takes", [0.0, 3.0])
def test_dags_of_an_old_loader_that_a_parse_begun_before_brings_back_are_waited_for(answer_takes: float) -> None:
    clock = Clock()
    answers = iter([True, False, True, False])
    asked: list[bool] = []

    def have_dags() -> bool:
        clock.sleep(answer_takes)
        asked.append(next(answers, False))
        return asked[-1]

    assert ceases(have_dags, 60, 2, clock=clock.read, sleep=clock.sleep)
    assert asked[:4] == [True, False, True, False]
    assert len(asked) > 4
    assert not any(asked[4:])


def test_dags_that_an_old_loader_keeps_are_given_up_waiting_for() -> None:
    clock = Clock()
    assert not ceases(lambda: True, 5, 2, clock=clock.read, sleep=clock.sleep)
    assert 5 < clock.now < 7


def test_airflow_is_asked_for_a_parse_when_it_can_see_the_new_marker_and_again_where_it_drops_that(
    tmp_path: Path,
) -> None:
    store = FolderStore(tmp_path)
    seen = [store.bump()]

    def ask(left: list[Shard]) -> bool:
        assert left == [WHOLE]
        marker = store.marker()
        assert marker is not None
        seen.append(marker)
        # The first request came while the loader was being parsed.
        if len(seen) > 2:
            store.note_loaded(marker)
        return True

    assert wait_for_loads(store, [WHOLE], ask, limit_seconds=60, again_seconds=0.01)
    assert seen[0] < seen[1] == seen[2]
    assert not wait_for_loads(store, [WHOLE], lambda left: True, limit_seconds=0.05, again_seconds=0.01)
    assert not wait_for_loads(store, [WHOLE], lambda left: False, limit_seconds=60)


@pytest.mark.parametrize("of", [0, -1, 5000])
def test_a_number_of_shards_that_can_t_be_is_said(files: LoaderFolder, of: int) -> None:
    with pytest.raises(SettingsError, match=r"shards is -?[0-9]+. Set it to a number of 1 to 4096"):
        write_loaders(files, of)
    assert not files.path.exists()


def test_without_airflow_s_database_the_command_removes_nothing_and_says_so(
    files: LoaderFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(of: int, *, force: bool = False) -> str:
        init(Namespace(dags_folder=str(files.path.parent / "repository"), shards=of, settings=False, force=force))
        return capsys.readouterr().out

    repository = LoaderFolder(files.path.parent / "repository")
    run(1)
    with fails(capsys, "Airflow has not parsed the new ones yet"):
        run(4)
    assert repository.found() == sorted([WHOLE, *shards(4)])
    assert "openmetadata_loader.py' was removed." in run(4, force=True)
    assert repository.found() == shards(4)
