from __future__ import annotations

import os
import shutil
import tempfile
from argparse import Namespace
from pathlib import Path

import pytest

from dag_factory.cli.checks.recommended import TO_LOOK_THROUGH
from dag_factory.cli.init import init, make_store, what_next
from dag_factory.cli.loaders import loader_folder, write_loaders
from dag_factory.dag.loader_file import loader_text
from dag_factory.errors import LoaderError, MissingStoreError, SettingsError, StoreError
from dag_factory.settings.options import OPTIONS
from dag_factory.store import configured_memory, configured_store, open_store
from tests.cli.failing import fails
from tests.forked_python import ForkedPython
from tests.places import ROOT

LOADER_NAME = "openmetadata_loader.py"
LOADER = loader_text()
OURS = "AIRFLOW__OPENMETADATA_DAG_FACTORY"
SETTINGS = (ROOT / "docs" / "settings.md").read_text()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which nothing is set up, and what Airflow is configured to have there."""
    monkeypatch.setenv(f"{OURS}__CONFIG_STORE", str(tmp_path / "mounts" / "configs"))
    monkeypatch.setenv(f"{OURS}__STATE_FOLDER", str(tmp_path / "state"))
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path / "dags"))
    return tmp_path


def write_loader(folder: str | None = None, *, force: bool = False) -> str:
    return write_loaders(loader_folder(folder), force=force)


@pytest.fixture
def store(home: Path) -> Path:
    return home / "mounts" / "configs"


def run(capsys: pytest.CaptureFixture[str], *, force: bool = False) -> str:
    init(Namespace(dags_folder=None, shards=None, settings=False, force=force))
    return capsys.readouterr().out


def test_the_loader_is_that_of_the_repository() -> None:
    assert (ROOT / "dags" / LOADER_NAME).read_text() == LOADER


def test_a_bucket_is_looked_at_and_not_made(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import fsspec

    monkeypatch.setenv(f"{OURS}__CONFIG_STORE", "memory://of-init/x")
    with fails(capsys, "config_store 'memory://of-init/x' can't be reached"):
        run(capsys)
    assert list((home / "dags").iterdir()) == [home / "dags" / LOADER_NAME]
    fsspec.filesystem("memory").mkdir("/of-init")
    assert "config_store 'memory://of-init/x' is there already, with 0 objects." in run(capsys)
    fsspec.filesystem("memory").rm("/of-init", recursive=True)
    assert not list(home.glob("memory*"))


def test_loader_and_store_are_made_and_the_next_time_nothing_changes(
    home: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = run(capsys)
    loader = home / "dags" / LOADER_NAME
    assert said.startswith(f"config_store '{store}' was made.")
    assert f"The loader '{loader}' was written.\n" in said
    assert loader.read_text() == LOADER
    assert store.stat().st_mode & 0o777 == 0o700
    configured_store().check()

    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}
    said = run(capsys)
    assert said.startswith(f"config_store '{store}' is there already, with 0 files.\n")
    assert f"The loader '{loader}' is there already.\n" in said
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before


def test_it_says_which_settings_to_look_through_and_what_to_restart(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{OURS}__ALLOWED_SERVERS", "om.example.com, *.internal")
    said = what_next()
    assert f"config_store = {store}\n" in said
    assert "allowed_servers = om.example.com, *.internal\n" in said
    assert "Restart Airflow's API server, scheduler, DAG processor and workers" in said


def test_the_settings_to_look_through_are_those_of_the_documentation() -> None:
    table = SETTINGS.partition("| `[openmetadata_dag_factory]` | why |")[2].partition("\n\n")[0]
    assert [line.split("`")[1] for line in table.splitlines() if "`" in line] == list(TO_LOOK_THROUGH)
    assert set(TO_LOOK_THROUGH) <= set(OPTIONS)


def test_a_loader_that_differs_stays_and_the_difference_is_shown(home: Path) -> None:
    loader = home / "dags" / LOADER_NAME
    loader.parent.mkdir()
    loader.write_text(f"{LOADER}# mine\n")
    with pytest.raises(LoaderError, match=r"differs from ours.*--force") as raised:
        write_loader()
    assert str(raised.value).splitlines()[-1] == "  -# mine"
    assert loader.read_text() == f"{LOADER}# mine\n"
    assert write_loader(force=True) == f"The loader '{loader}' was overwritten."
    assert loader.read_text() == LOADER


def test_a_long_difference_is_cut_and_brings_the_terminal_nothing(home: Path) -> None:
    (home / "dags").mkdir()
    (home / "dags" / LOADER_NAME).write_text("\x1b[2J x\n" * 1000)
    with pytest.raises(LoaderError) as raised:
        write_loader()
    assert len(str(raised.value).splitlines()) < 50
    assert "more lines" in str(raised.value)
    assert "\x1b" not in str(raised.value)


def test_the_loader_may_go_to_another_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = write_loader(str(home / "repository"))
    assert (home / "repository" / LOADER_NAME).read_text() == LOADER
    assert "No local bundle of [dag_processor] dag_bundle_config_list has this folder" in said
    bundles = (
        '[{"name": "repository", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",'
        f' "kwargs": {{"path": "{home}/repository"}}}}]'
    )
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", bundles)
    assert write_loader(str(home / "repository")).endswith("is there already.")


@pytest.mark.parametrize("what", ["a file in the way", "a folder of the loader's name"])
def test_a_loader_that_can_t_be_written_is_an_error_with_the_way_out(home: Path, what: str) -> None:
    if what == "a file in the way":
        (home / "dags").write_text("")
    else:
        (home / "dags" / LOADER_NAME).mkdir(parents=True)
    with pytest.raises(LoaderError, match=r"openmetadata_loader\.py' can't be written: .*--dags-folder"):
        write_loader()


def test_a_link_of_the_loader_s_name_that_leads_to_no_file_is_replaced_by_force_alone(home: Path) -> None:
    loader = home / "dags" / LOADER_NAME
    loader.parent.mkdir()
    loader.symlink_to(home / "not_mounted" / LOADER_NAME)
    with pytest.raises(LoaderError, match=r"is there already, but leads to no file\. Mount .*--force"):
        write_loader()
    assert loader.is_symlink()
    write_loader(force=True)
    assert loader.read_text() == LOADER


def test_a_setting_that_only_the_recommendations_read_is_an_error_and_no_traceback(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"{OURS}__PYTHON", "venv/bin/python")
    with fails(capsys, "python"):
        run(capsys)
    assert (home / "dags" / LOADER_NAME).is_file()


@pytest.mark.parametrize("bundle", ["[]", '{"classpath": "x.LocalDagBundle", "kwargs": null}'])
def test_bundles_of_any_form_are_no_traceback(monkeypatch: pytest.MonkeyPatch, bundle: str) -> None:
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", f"[{bundle}]")
    assert "was written" in write_loader()


def test_a_store_that_is_there_is_left_as_it_is(store: Path) -> None:
    store.mkdir(parents=True, mode=0o755)
    (store / "orders.yaml").write_text("name: orders")
    assert make_store() == f"config_store '{store}' is there already, with 1 files."
    assert [path.name for path in store.iterdir()] == ["orders.yaml"]


def test_no_folder_is_made_where_a_known_store_is_to_be_mounted(store: Path) -> None:
    store.mkdir(parents=True)
    (store / "orders.yaml").write_text("name: orders")
    open_store(str(store), configured_memory(str(store))).remember()
    mounted = store.rename(store.with_name("away"))
    with pytest.raises(MissingStoreError, match=r"this machine knows a store there. Mount it"):
        make_store()
    assert not store.exists()
    # An empty folder counts the same: it is the mount point of the store.
    store.mkdir()
    with pytest.raises(MissingStoreError, match="Is it mounted"):
        make_store()
    store.rmdir()
    mounted.rename(store)
    assert "is there already" in make_store()


@pytest.mark.parametrize("what", ["a file", "a link to nothing"])
def test_what_is_in_place_of_the_store_stays(store: Path, what: str) -> None:
    store.parent.mkdir()
    if what == "a file":
        store.write_text("")
    else:
        store.symlink_to("unmounted")
    with pytest.raises(MissingStoreError, match=r"is not a folder. Create it, mount it"):
        make_store()
    assert [path.name for path in store.parent.iterdir()] == [store.name]


def test_a_store_that_can_t_be_made_is_an_error_with_the_way_out(store: Path) -> None:
    store.parent.write_text("")
    with pytest.raises(StoreError, match=r"can't be made: .*or set .*config_store to another folder"):
        make_store()


def test_all_that_is_wrong_is_reported_at_once_and_what_can_be_done_is_done(
    home: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "dags").write_text("")
    with fails(capsys, "can't be written"):
        run(capsys)
    assert store.is_dir()
    (home / "dags").unlink()
    store.rmdir()
    store.write_text("")
    with fails(capsys, "is not a folder"):
        run(capsys)
    assert (home / "dags" / LOADER_NAME).is_file()


@pytest.mark.parametrize("name", ["CONFIG_STORE", "STATE_FOLDER"])
def test_a_setting_without_a_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"{OURS}__{name}", "")
    with pytest.raises(SettingsError, match=f"{name.lower()} is empty. Set it to"):
        make_store()


@pytest.mark.slow
def test_airflow_s_config_and_the_memory_of_the_store_must_be_readable(forked_python: ForkedPython) -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to the user below
        home = Path(folder)
        home.chmod(0o755)
        closed = [home / "state", home / "airflow.cfg"]
        closed[0].mkdir(mode=0o000)
        closed[1].write_text("")
        # No permission binds the superuser; the interpreter's own files may be closed to others.
        become_another = "os.setuid(65534)" if os.geteuid() == 0 else ""
        script = f"""
import os, sys
from argparse import Namespace
from dag_factory.cli.init import init
import dag_factory.api_server.watch.loader_files, dag_factory.cli.loaders, encodings.utf_8_sig
{become_another}
init(Namespace(dags_folder=None, shards=None, settings=False, force=False))
"""

        def run() -> str:
            environment = {
                "AIRFLOW_HOME": folder,
                "PATH": "",
                f"{OURS}__STATE_FOLDER": str(closed[0]),
            }
            done = forked_python.run(script, env=environment)
            assert done.returncode == 3
            return done.stderr

        assert f"state_folder '{closed[0]}' can't be read by this user. Run the command as Airflow's user." in run()
        closed[1].chmod(0)
        assert f"'{closed[1]}' can't be read by this user. Run the command as Airflow's user." in run()
        shutil.rmtree(closed[0])
        assert not (home / "configs").exists()
        assert not (home / "dags").exists()


def test_a_configuration_that_airflow_can_t_read_shows_no_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", "[canary")
    with fails(capsys, r"Airflow's configuration can't be read \(AirflowConfigException\)"):
        run(capsys)
