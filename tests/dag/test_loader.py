"""The loader, as Airflow's DagBag runs it: in a process of its own, through the loader module."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dag_factory.store.folder.folder_store import FolderStore
from tests.forked_python import ForkedPython
from tests.places import ROOT, TESTS

SAMPLES = TESTS / "samples"

# Parses the loader module as the DAG processor does and prints what it made of it.
PARSE = """
import json, sys
from pathlib import Path
{before}
from tests.airflow_versions import DagSerialization, bag_of
dags = Path({dags!r})
bag = bag_of(dags / "openmetadata_loader.py", root=dags, bundle="dags")
result = {{
    "errors": bag.import_errors,
    "warnings": {{name: list(lines) for name, lines in bag.captured_warnings.items()}},
    "dags": {{dag_id: DagSerialization.to_dict(bag.dags[dag_id]) for dag_id in sorted(bag.dags)}},
}}
{after}
json.dump(result, open(sys.argv[1], "w"))
"""

Parse = Callable[..., dict[str, Any]]


@pytest.fixture
def parse(tmp_path: Path, forked_python: ForkedPython) -> Parse:
    """Parse the loader module: in a fork of an Airflow that is imported, or ``anew``, in a process that isn't."""

    def run(
        store: Path, *, before: str = "", after: str = "", anew: bool = False, **environment: str
    ) -> dict[str, Any]:
        result = tmp_path / "result.json"
        script = PARSE.format(before=before, after=after, dags=str(ROOT / "dags"))
        env = {
            **os.environ,
            "AIRFLOW_HOME": str(tmp_path / "airflow"),
            "AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE": str(store),
            **environment,
        }
        if anew:
            process = subprocess.run(
                [sys.executable, "-c", script, str(result)],
                env=env,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        else:
            home = env["AIRFLOW_HOME"]
            # What follows from its home, Airflow has found out before the fork.
            follows = {
                "AIRFLOW__CORE__DAGS_FOLDER": f"{home}/dags",
                "AIRFLOW__OPENMETADATA_DAG_FACTORY__STATE_FOLDER": f"{home}/openmetadata_dag_factory",
            }
            process = forked_python.run(script, str(result), env={**follows, **env})
        output = process.stdout + process.stderr
        assert process.returncode == 0, output[-4000:]
        return {**json.loads(result.read_text()), "log": output}

    return run


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SAMPLES, tmp_path / "store"))


def test_all_samples_load_and_the_obsolete_one_says_why(parse: Parse, store: Path) -> None:
    result = parse(store)
    assert result["errors"] == {}
    assert result["warnings"] == {}
    assert set(result["dags"]) == {path.stem for path in SAMPLES.glob("*.json")}
    assert "has become an application" in result["dags"]["openmetadata_dataInsight"]["dag"]["doc_md"]


@pytest.mark.parametrize(
    ("setting", "seconds", "said"),
    [
        (None, 86_400, ""),
        ("3600", 3_600, ""),
        ("0", None, ""),
        (
            "a day",
            86_400,
            "longest_run is not a whole number of at least 0. Set it to such a number. Until it is corrected, 86400",
        ),
    ],
)
def test_runs_are_ended_as_the_setting_says_and_a_wrong_one_stops_no_dag(
    parse: Parse, store: Path, setting: str | None, seconds: int | None, said: str
) -> None:
    name = "AIRFLOW__OPENMETADATA_DAG_FACTORY__LONGEST_RUN"
    result = parse(store, **({} if setting is None else {name: setting}))
    assert result["errors"] == {}
    (task,) = result["dags"]["sqlite_metadata_daily"]["dag"]["tasks"]
    assert task["__var"].get("execution_timeout") == seconds
    assert said in result["log"]


@pytest.mark.parametrize(
    ("setting", "offset", "said"),
    [
        (None, None, ""),
        ("3600", 1214, ""),
        ("an hour", None, "spread_seconds is not a whole number of at least 0. Set it to such a number. Until"),
        ("86401", None, "is more than 86400, a day. Set less. Until it is corrected"),
    ],
)
def test_runs_are_spread_as_the_setting_says_and_a_wrong_one_stops_no_dag(
    parse: Parse, store: Path, setting: str | None, offset: int | None, said: str
) -> None:
    name = "AIRFLOW__OPENMETADATA_DAG_FACTORY__SCHEDULE_SPREAD_SECONDS"
    result = parse(store, **({} if setting is None else {name: setting}))
    assert result["errors"] == {}
    assert result["dags"]["sqlite_metadata_daily"]["dag"]["timetable"]["__var"].get("offset") == offset
    assert said in result["log"]


def test_a_spread_that_is_set_later_reaches_pipelines_that_have_not_changed(parse: Parse, store: Path) -> None:
    name = "AIRFLOW__OPENMETADATA_DAG_FACTORY__SCHEDULE_SPREAD_SECONDS"
    for seconds, offset in (("0", None), ("3600", 1214), ("0", None)):
        dag = parse(store, **{name: seconds})["dags"]["sqlite_metadata_daily"]["dag"]
        assert dag["timetable"]["__var"].get("offset") == offset
        assert ("spread to" in dag["doc_md"]) is (offset is not None)


@pytest.mark.parametrize(
    ("setting", "is_tag", "said"),
    [
        (None, False, ""),
        ("True", True, ""),
        (
            "often",
            False,
            "title_tag is neither true nor false. Set it to one of the two. Until it is corrected, titles",
        ),
    ],
)
def test_titles_are_tags_as_the_setting_says_and_a_wrong_one_stops_no_dag(
    parse: Parse, store: Path, setting: str | None, is_tag: bool, said: str
) -> None:
    name = "AIRFLOW__OPENMETADATA_DAG_FACTORY__TITLE_TAG"
    result = parse(store, **({} if setting is None else {name: setting}))
    assert result["errors"] == {}
    daily = result["dags"]["sqlite_metadata_daily"]["dag"]
    assert (daily["dag_id"] in daily["tags"]) is is_tag
    assert said in result["log"]


CANARY = "canary-7be1"
TOKEN = json.loads((SAMPLES / "sqlite_metadata_daily.json").read_text())["openMetadataServerConnection"][
    "securityConfig"
]["jwtToken"]


def break_everything(store: Path) -> dict[str, str]:
    """Put every kind of broken config into a store; return the problem that is to be shown, by DAG id."""
    good = json.loads((SAMPLES / "sqlite_metadata_daily.json").read_text())

    def write(name: str, content: object) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        (store / name).parent.mkdir(exist_ok=True)
        (store / name).write_bytes(data)

    secret = {
        "openMetadataServerConnection": {"hostPort": "http://om/api", "securityConfig": {"jwtToken": CANARY}},
        "password": CANARY,
    }
    good |= secret
    write("truncated.json", json.dumps(secret).encode()[:-1])
    write("not_json.json", CANARY.encode())
    write("not_yaml.yaml", f"password: !{CANARY} [*{CANARY}".encode())
    write("no_mapping.json", [1, 2])
    write("empty.yaml", b"")
    write("wrong_types.json", {**good, "name": "wrong_types", "airflowConfig": {"retries": CANARY}})
    write("unknown_type.json", {**good, "name": "unknown_type", "pipelineType": "telepathy"})
    write("bad_cron.json", {**good, "name": "bad_cron", "airflowConfig": {"scheduleInterval": "every day"}})
    write("bad_zone.json", {**good, "name": "bad_zone", "airflowConfig": {"pipelineTimezone": "Mars/Base"}})
    write("nameless.json", {**good, "name": None})
    write("twin/again.json", {**good, "name": "sqlite_metadata_daily"})
    write("huge.json", b'{"name": "huge", "x": "' + b"x" * 10_000_000 + b'"}')
    write("latin1.json", '{"name": "café"}'.encode("latin-1"))
    write("deep.json", b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
    write("null_byte.json", {**good, "name": "null_byte", "description": "a\x00b"})
    (store / "a_folder.json").mkdir()
    (store / "dangling.json").symlink_to(store / "nowhere")
    (store / "circle_a.json").symlink_to(store / "circle_b.json")
    (store / "circle_b.json").symlink_to(store / "circle_a.json")
    os.mkfifo(store / "pipe.json")
    (store / "loop").symlink_to(store)
    return {
        "truncated": "is not JSON",
        "not_json": "is not JSON",
        "not_yaml": "is not YAML",
        "no_mapping": "is not a mapping",
        "empty": "is not a mapping",
        "wrong_types": "is not a whole number",
        "unknown_type": "is not a type that can be run",
        "bad_cron": "is not a cron expression",
        "bad_zone": "is not a timezone",
        "nameless": "is missing",
        "again": "is taken by config 'sqlite\\_metadata\\_daily.json'",
        "huge": "is larger than",
        "latin1": "is not UTF-8",
        "deep": "nested too deeply",
        "null_byte": "can't be stored",
        "a_folder": "is a folder",
        "dangling": "is a broken link",
        "circle_a": "can't be read",
        "circle_b": "can't be read",
        "pipe": "is not a regular file",
    }


def test_broken_configs_show_themselves_and_disturb_no_other(parse: Parse, store: Path) -> None:
    untouched = parse(store)["dags"]
    problems = break_everything(store)
    result = parse(store)
    assert result["errors"] == {}
    assert set(result["dags"]) == set(untouched) | set(problems)
    assert {dag_id: result["dags"][dag_id] for dag_id in untouched} == untouched
    assert CANARY not in json.dumps(result)
    assert TOKEN not in json.dumps(result)
    for dag_id, problem in problems.items():
        dag = result["dags"][dag_id]["dag"]
        assert problem in dag["doc_md"], dag_id
        assert "config-error" in dag["tags"]
        assert dag["timetable"]["__type"] == "airflow.timetables.simple.NullTimetable"
        assert [task["__var"]["task_id"] for task in dag["tasks"]] == ["config_error"]


def test_a_worker_gets_a_broken_config_s_placeholder_too(parse: Parse, store: Path) -> None:
    for dag_id in break_everything(store):
        result = parse(store, _AIRFLOW_PARSING_CONTEXT_DAG_ID=dag_id)
        assert list(result["dags"]) == [dag_id]
        if dag_id == "bad_cron":  # one that could be read, and one that could not, stand for all
            break


# Another clock, and folders that list their files in a random order.
DISTURB = """
import os, random, time_machine
scandir, listdir = os.scandir, os.listdir
os.listdir = lambda *path: random.sample(names := listdir(*path), len(names))
class Shuffled:
    def __init__(self, entries): self.entries = iter(random.sample(entries, len(entries)))
    def __iter__(self): return self
    def __next__(self): return next(self.entries)
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def close(self): pass
os.scandir = lambda *path: Shuffled(list(scandir(*path)))
time_machine.travel("{clock}").start()
"""


@pytest.mark.slow
def test_the_same_store_gives_the_same_bytes_whatever_the_seed_the_clock_and_the_order_of_files(
    parse: Parse, store: Path, tmp_path: Path
) -> None:
    break_everything(store)
    clocks = [DISTURB.format(clock=clock) for clock in ("2024-02-29 12:00", "2031-07-01 03:00")]
    first = parse(store, before=clocks[0], anew=True, PYTHONHASHSEED="1", TZ="UTC")
    second = parse(store, before=clocks[1], anew=True, PYTHONHASHSEED="2", TZ="Asia/Tokyo")
    assert len(first["dags"]) > 30
    assert json.dumps(first["dags"], sort_keys=True) == json.dumps(second["dags"], sort_keys=True)


FORBIDDEN = [
    "metadata",
    "fastapi",
    "httpx",
    "watchdog",
    "typer",
    "requests",
    "dag_factory.portable.ingestion.ometa_client",
]


@pytest.mark.slow
def test_parsing_imports_nothing_heavy_and_opens_no_socket(parse: Parse, store: Path) -> None:
    break_everything(store)
    before = "\n".join(
        [
            "import sys, airflow.sdk",
            "from airflow.sdk import DAG, BaseOperator; DAG, BaseOperator",
            "imported = set(sys.modules)",
            "sockets = []",
            "sys.addaudithook(lambda event, args: sockets.append(event) if event.startswith('socket.') else None)",
        ]
    )
    after = (
        f"result = {{'new': [m for m in {FORBIDDEN!r} if m in sys.modules and m not in imported], 'sockets': sockets}}"
    )
    result = parse(store, before=before, after=after, anew=True)
    assert result["new"] == []
    assert result["sockets"] == []


# Reports every open of a file in the store, so that what a worker reads can be counted.
WATCH_STORE = """
import os, sys
opened = []
def watch(event, args):
    if event == "open" and str(args[0]).startswith(os.environ["AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE"]):
        opened.append(os.path.relpath(args[0], os.environ["AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE"]))
sys.addaudithook(watch)
"""


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["{id}.json", "{half}/{id}.yaml", "{half}/any-{id}-name.json"])
def test_a_worker_opens_one_config_of_many(parse: Parse, tmp_path: Path, layout: str) -> None:
    store = tmp_path / "many"
    sample = json.loads((SAMPLES / "pg_metadata_hourly.json").read_text())
    for number in range(100):
        dag_id = f"pipeline_{number:04}"
        path = store / layout.format(id=dag_id, half="even" if number % 2 == 0 else "odd")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**sample, "name": dag_id}))
    (store / "defaults.yaml").write_text("loggerLevel: DEBUG")
    assert len(parse(store)["dags"]) == 100
    result = parse(
        store,
        before=WATCH_STORE,
        after="result['opened'] = opened",
        _AIRFLOW_PARSING_CONTEXT_DAG_ID="pipeline_0077",
    )
    assert list(result["dags"]) == ["pipeline_0077"]
    # The folder itself is opened as well, and the files that it keeps for itself.
    configs = [path for path in result["opened"] if path != "." and not Path(path).name.startswith((".", "defaults"))]
    assert configs == [layout.format(id="pipeline_0077", half="odd")]


def test_a_config_without_read_permission_is_that_config_s_problem_alone(parse: Parse) -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to the user below
        store = Path(shutil.copytree(SAMPLES, Path(folder) / "store"))
        Path(folder).chmod(0o755)
        (store / "closed.json").write_text("{}")
        (store / "closed.json").chmod(0)
        as_nobody = {}
        if os.geteuid() == 0:  # no permission binds the superuser
            as_nobody = {
                # The interpreter's own files may be closed to others: what is needed is imported before.
                "before": "import os, tests.airflow_versions, dag_factory.dag.loader, encodings.utf_8_sig\n"
                "os.seteuid(65534)",
                "after": "os.seteuid(0)",
            }
        result = parse(store, **as_nobody)
    assert result["errors"] == {}
    assert "Permission denied" in result["dags"]["closed"]["dag"]["doc_md"]
    assert len(result["dags"]) == len(list(SAMPLES.glob("*.json"))) + 1


POLICY = """
from airflow import policies
from airflow.exceptions import AirflowClusterPolicyViolation
class Policies:
    @staticmethod
    @policies.hookimpl
    def task_policy(task):
        task.retries += 1
        if getattr(task.dag.timetable, "summary", "") == "0 * * * *" or task.dag.dag_id == "pg_svc_usage":
            raise AirflowClusterPolicyViolation("not here")
from tests.airflow_versions import policy_manager
policy_manager().register(Policies())
"""


def test_a_cluster_policy_that_refuses_one_pipeline_costs_no_other_one(parse: Parse, store: Path) -> None:
    result = parse(store, before=POLICY)
    assert result["errors"] == {}
    assert "a cluster policy refuses the DAG: not here" in result["dags"]["pg_metadata_hourly"]["dag"]["doc_md"]
    assert "pg_svc_usage" not in result["dags"]  # it refuses the placeholder too
    assert len(result["dags"]) == len(list(SAMPLES.glob("*.json"))) - 1
    task = result["dags"]["pg_metadata_on_demand"]["dag"]["tasks"][0]["__var"]
    assert task["retries"] == 1


def test_a_pipeline_named_like_a_name_of_the_module_is_a_pipeline_like_any_other(parse: Parse, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    sample = json.loads((SAMPLES / "pg_metadata_hourly.json").read_text())
    names = ["__file__", "__name__", "load_dags", "dag_factory", "dag", "globals"]
    for name in names:
        (store / f"{name}.json").write_text(json.dumps({**sample, "name": name}))
    result = parse(store)
    assert result["errors"] == {}
    assert set(result["dags"]) == set(names)


def test_a_store_that_was_never_there_is_said_in_the_log_and_is_no_import_error(parse: Parse, tmp_path: Path) -> None:
    result = parse(tmp_path / "nowhere")
    assert result["errors"] == {}
    assert result["dags"] == {}
    assert "is not a folder. Create it, mount it, or set" in result["log"]


def test_a_parse_notes_the_marker_that_it_has_seen_and_a_worker_does_not(parse: Parse, store: Path) -> None:
    kept = FolderStore(store)
    parse(store)
    assert kept.loaded() is None
    marker = kept.bump()
    parse(store, _AIRFLOW_PARSING_CONTEXT_DAG_ID="pg_metadata_hourly")
    assert kept.loaded() is None
    parse(store)
    assert kept.loaded() == marker


def test_a_worker_that_asks_for_a_pipeline_that_is_gone_gets_none(parse: Parse, store: Path) -> None:
    assert parse(store, _AIRFLOW_PARSING_CONTEXT_DAG_ID="gone")["dags"] == {}


@pytest.mark.parametrize(("key", "problem"), [("malformed-canary", "is malformed"), ("", "is empty")])
def test_a_wrong_fernet_key_is_the_trouble_of_those_configs_alone_that_are_encrypted(
    parse: Parse, tmp_path: Path, key: str, problem: str
) -> None:
    folder = tmp_path / "configs"
    folder.mkdir()
    plain = json.loads((SAMPLES / "pg_metadata_hourly.json").read_text())
    (folder / "plain.json").write_text(json.dumps({**plain, "name": "plain"}))
    sealed = {**plain["openMetadataServerConnection"], "securityConfig": {"jwtToken": {"$fernet": "12345678:gAAAA"}}}
    (folder / "sealed.json").write_text(json.dumps({**plain, "name": "sealed", "openMetadataServerConnection": sealed}))
    result = parse(folder, AIRFLOW__CORE__FERNET_KEY=key)
    assert result["errors"] == {}
    tags = {dag_id: "config-error" in dag["dag"]["tags"] for dag_id, dag in result["dags"].items()}
    assert tags == {"plain": False, "sealed": True}
    assert f"[core] fernet_key {problem}" in result["dags"]["sealed"]["dag"]["description"]
    assert "canary" not in json.dumps(result["dags"])


def missing(store: Path) -> None:
    """What an unmounted volume leaves behind: the empty folder where it was mounted."""
    store.rename(store.with_name("unmounted"))
    store.mkdir()


def mounted(store: Path) -> None:
    shutil.rmtree(store)
    store.with_name("unmounted").rename(store)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["an empty folder", "no folder", "another store"])
def test_while_the_store_is_missing_all_dags_are_the_same_bytes_and_nothing_is_written(
    parse: Parse, store: Path, way: str
) -> None:
    break_everything(store)
    before = parse(store)
    missing(store)
    if way == "no folder":
        store.rmdir()
    elif way == "another store":
        (store / ".store").write_text("another")
        shutil.copy(SAMPLES / "pg_metadata_hourly.json", store)
    there = sorted(store.rglob("*"))
    result = parse(store)
    assert result["errors"] == {}
    assert len(before["dags"]) > 30
    assert json.dumps(result["dags"], sort_keys=True) == json.dumps(before["dags"], sort_keys=True)
    assert result["log"].count("Until the store is back, all DAGs stay as they were") == 1
    assert sorted(store.rglob("*")) == there
    # A worker of this machine builds the same DAG.
    worker = parse(store, _AIRFLOW_PARSING_CONTEXT_DAG_ID="pg_metadata_hourly")
    assert worker["dags"] == {"pg_metadata_hourly": before["dags"]["pg_metadata_hourly"]}
    if way != "no folder":
        mounted(store)
        (store / "truncated.json").unlink()
        back = parse(store)
        assert "stay as they were" not in back["log"]
        assert set(before["dags"]) - set(back["dags"]) == {"truncated"}


# Stands for a defect that nobody knows yet.
DEFECT = """
from dag_factory.store.folder.folder_store import FolderStore

def defect(*_):
    raise ZeroDivisionError("hunter2")

FolderStore.marker = defect
"""


def test_an_unexpected_error_is_logged_and_leaves_all_dags_as_they_were(parse: Parse, store: Path) -> None:
    before = parse(store)
    result = parse(store, before=DEFECT)
    assert result["errors"] == {}
    assert result["dags"] == before["dags"]
    assert "The loader has failed with ZeroDivisionError" in result["log"]
    assert "in _all\n" in result["log"]
    assert "Until that is fixed, all DAGs stay as they were: " in result["log"]
    assert "hunter2" not in result["log"].replace('ZeroDivisionError("hunter2")', "")


SWAPPED_AGAIN_AND_AGAIN = """
from dataclasses import replace
from itertools import count
from dag_factory.store.folder.folder_store import FolderStore
check, number = FolderStore.check, count()
FolderStore.check = lambda self: replace(check(self), folder=(0, next(number)))
"""


def test_a_store_that_is_another_one_after_each_load_leaves_all_dags_as_they_were(parse: Parse, store: Path) -> None:
    before = parse(store)
    result = parse(store, before=SWAPPED_AGAIN_AND_AGAIN)
    assert result["dags"] == before["dags"]
    assert "is replaced again and again while it is read" in result["log"]
    assert "Until the store is back, all DAGs stay as they were" in result["log"]


UNMOUNTED_ONCE_LOADED = """
from pathlib import Path
# In Python 3.10, it has taken hold of os.replace already.
replaced = Path.replace

def replace(new, path):
    replaced(new, path)
    # What the load has found is noted when all DAGs are built.
    if path.name == ".loaded":
        store = path.parent
        store.rename(store.with_name("unmounted"))
        store.mkdir()

Path.replace = replace
"""


def test_a_store_that_is_unmounted_just_after_its_first_load_keeps_the_dags_of_it(parse: Parse, store: Path) -> None:
    (store / ".version").write_text("1")
    first = parse(store, before=UNMOUNTED_ONCE_LOADED)
    assert "pg_metadata_hourly" in first["dags"]
    assert store.with_name("unmounted").is_dir()
    second = parse(store)
    assert json.dumps(second["dags"], sort_keys=True) == json.dumps(first["dags"], sort_keys=True)
    assert "Until the store is back, all DAGs stay as they were" in second["log"]
    assert list(store.iterdir()) == []


def test_a_worker_that_never_knew_the_store_starts_its_task_which_says_why_it_fails(
    parse: Parse, store: Path, tmp_path: Path
) -> None:
    missing(store)
    tasks = 'result["tasks"] = sorted(bag.dags["pg_metadata_hourly"].task_ids)'
    result = parse(store, _AIRFLOW_PARSING_CONTEXT_DAG_ID="pg_metadata_hourly", after=tasks)
    assert result["errors"] == {}
    assert "holds no configs at all. Is it mounted here?" in result["log"]
    assert {"ingestion_task", "dbt_task", "application_task", "config_error"} <= set(result["tasks"])
    assert parse(tmp_path / "nowhere", _AIRFLOW_PARSING_CONTEXT_DAG_ID="pg_metadata_hourly", after=tasks)["tasks"]


def test_a_new_store_needs_no_ceremony_and_may_become_empty_again(parse: Parse, store: Path) -> None:
    empty = store.with_name("new")
    empty.mkdir()
    assert parse(empty)["dags"] == {}
    assert list(empty.iterdir()) == []  # it may be where the store is to be mounted
    shutil.copy(SAMPLES / "pg_metadata_hourly.json", empty)
    assert set(parse(empty)["dags"]) == {"pg_metadata_hourly"}
    assert (empty / ".store").is_file()
    (empty / "pg_metadata_hourly.json").unlink()
    assert parse(empty)["dags"] == {}


def test_what_a_store_without_an_id_held_is_kept_when_it_suddenly_holds_nothing_at_all(
    parse: Parse, store: Path, tmp_path: Path
) -> None:
    # As git-sync does: the store is a link, and what it leads to is swapped.
    link = tmp_path / "link"
    read_only = "from dag_factory.store.folder import presence\n"
    read_only += "def refuse(_): raise OSError(30, 'Read-only file system')\n"
    read_only += "presence.give_identity = refuse"
    for revision in ("first", "second", "third"):
        (tmp_path / revision).mkdir()
    shutil.copy(SAMPLES / "pg_metadata_hourly.json", tmp_path / "first")
    shutil.copy(SAMPLES / "pg_svc_usage.json", tmp_path / "second")

    def loaded(revision: str) -> set[str]:
        link.unlink(missing_ok=True)
        link.symlink_to(tmp_path / revision)
        return set(parse(link, before=read_only)["dags"])

    assert loaded("first") == {"pg_metadata_hourly"}
    assert loaded("second") == {"pg_svc_usage"}
    assert loaded("third") == {"pg_svc_usage"}
    (tmp_path / "third" / "defaults.yaml").touch()
    assert loaded("third") == set()
    assert not (tmp_path / "second" / ".store").exists()


def test_what_is_remembered_holds_no_secret_and_is_for_one_user(parse: Parse, store: Path, tmp_path: Path) -> None:
    secrets = {"password": CANARY, "service": {"type": "databaseService", "name": "x", "password": CANARY}}
    secrets["openMetadataServerConnection"] = {"hostPort": f"https://host/api?token={CANARY}"}
    sample = json.loads((SAMPLES / "pg_metadata_hourly.json").read_text())
    (store / "secrets.json").write_text(json.dumps({**sample, **secrets, "name": "secrets"}))
    parse(store)
    (file,) = (tmp_path / "airflow" / "openmetadata_dag_factory").iterdir()
    assert b"https://host" in file.read_bytes()
    assert CANARY.encode() not in file.read_bytes()
    assert TOKEN.encode() not in file.read_bytes()
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    assert oct(file.parent.stat().st_mode & 0o777) == "0o700"


@pytest.mark.parametrize("state", ["unwritable", "corrupt", "no folder"])
def test_without_a_memory_all_goes_on_as_before(parse: Parse, store: Path, tmp_path: Path, state: str) -> None:
    folder = tmp_path / "airflow" / "openmetadata_dag_factory"
    folder.parent.mkdir()
    names = set(parse(store)["dags"])
    if state == "corrupt":
        (file,) = folder.iterdir()
        file.write_bytes(b"not a database, and not a short text either" * 1000)
    else:
        shutil.rmtree(folder)
        folder.write_text("a file, so that there can't be a folder")
    setting = {"AIRFLOW__OPENMETADATA_DAG_FACTORY__STATE_FOLDER": ""} if state == "no folder" else {}
    result = parse(store, **setting)
    assert result["errors"] == {}
    assert set(result["dags"]) == names
    lines = {"unwritable": "can't be used", "corrupt": "is corrupt", "no folder": "state_folder is empty"}
    assert result["log"].count(lines[state]) == 1
    if state == "corrupt":
        missing(store)
        assert set(parse(store)["dags"]) == names


SHARDS = """
from dag_factory import load_dags
result["shards"] = [
    {dag_id: DagSerialization.to_dict(dag) for dag_id, dag in load_dags(shard=number, of=3).items()}
    for number in range(3)
]
"""


@pytest.mark.slow
def test_each_shard_has_its_part_of_the_dags_and_keeps_it_while_the_store_is_missing(
    parse: Parse, store: Path, tmp_path: Path
) -> None:
    break_everything(store)
    whole = parse(store)["dags"]
    for state in ("new", "known"):
        env = {"AIRFLOW_HOME": str(tmp_path / "sharded"), "AIRFLOW__CORE__DAGS_FOLDER": f"{tmp_path}/airflow/dags"}
        result = parse(store, before="import json", after=SHARDS.replace("result[", "result[", 1), **env)
        together = {dag_id: dag for part in result["shards"] for dag_id, dag in part.items()}
        assert sum(map(len, result["shards"])) == len(together), state
        assert without_places(together) == without_places(whole), state
    missing(store)
    again = parse(store, after=SHARDS, **env)
    assert again["shards"] == result["shards"]
    assert "Until the store is back, all DAGs stay as they were" in again["log"]


def without_places(dags: dict[str, Any]) -> dict[str, Any]:
    """Return serialized DAGs without the file that made them."""
    return {dag_id: {**dag["dag"], "fileloc": None, "relative_fileloc": None} for dag_id, dag in dags.items()}


@pytest.mark.parametrize("shard", ["3, 3", "-1, 2", "0, 0", "0, 5000", "'a', 2", "0, None", "1.5, 4", "True, 2"])
def test_a_shard_that_can_not_be_loads_all_dags_rather_than_none(parse: Parse, store: Path, shard: str) -> None:
    after = f"from dag_factory import load_dags\nresult['dags'] = sorted(load_dags({shard}))"
    result = parse(store, after=after)
    assert result["dags"] == sorted(path.stem for path in SAMPLES.glob("*.json"))
    assert "Until load_dags() of this file is corrected, it loads all DAGs" in result["log"]


@pytest.mark.slow
def test_a_shard_that_is_loaded_for_the_first_time_leaves_nothing_out_however_long_it_takes(
    parse: Parse, store: Path
) -> None:
    first = "from dag_factory import load_dags; load_dags(0, 2)"
    parse(store, before=first.replace("load_dags(0, 2)", "pass"), after=first + "; result = {}")
    later = "from dag_factory import load_dags; result['dags'] = sorted([*load_dags(0, 2), *load_dags(1, 2)])"
    result = parse(store, after=later, AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT="0.02")
    assert result["dags"] == sorted(path.stem for path in SAMPLES.glob("*.json"))


def test_after_a_load_of_an_empty_store_new_configs_wait_for_a_load_that_has_time(parse: Parse, store: Path) -> None:
    configs = {path: path.read_bytes() for path in store.glob("*.json")}
    for path in configs:
        path.unlink()
    assert parse(store)["dags"] == {}
    for path, content in configs.items():
        path.write_bytes(content)
    result = parse(store, AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT="0.02")
    assert len(result["dags"]) < len(configs)
    assert "not loaded yet" in result["log"]
    assert len(parse(store)["dags"]) == len(configs)


def test_a_setting_that_names_no_store_is_no_import_error(parse: Parse, store: Path) -> None:
    result = parse(store, AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE="")
    assert result["errors"] == {}
    assert "config_store is empty" in result["log"]


@pytest.mark.parametrize("option", ["CONFIG_STORE", "STATE_FOLDER", "LAST_GOOD_FOLDER"])
def test_a_setting_with_an_unknown_home_folder_is_no_import_error(parse: Parse, store: Path, option: str) -> None:
    result = parse(store, **{f"AIRFLOW__OPENMETADATA_DAG_FACTORY__{option}": "~nosuchuser/x"})
    assert result["errors"] == {}
    assert "the home folder in '~nosuchuser/x' is unknown on this machine" in result["log"]
    # What a component remembers of the store is not needed to load it.
    assert ("pg_metadata_hourly" in result["dags"]) == (option == "STATE_FOLDER")
    assert ("No DAGs are loaded" in result["log"]) == (option != "STATE_FOLDER")


def test_a_wrong_setting_beside_a_store_that_is_known_leaves_all_dags_as_they_were(parse: Parse, store: Path) -> None:
    before = parse(store)
    wrong = {"AIRFLOW__OPENMETADATA_DAG_FACTORY__LAST_GOOD_FOLDER": "~nosuchuser/x"}
    result = parse(store, **wrong)
    assert result["errors"] == {}
    assert result["dags"] == before["dags"]
    assert "Set it to an absolute path. Until that is corrected, all DAGs stay as they were: " in result["log"]
    worker = parse(store, _AIRFLOW_PARSING_CONTEXT_DAG_ID="pg_metadata_hourly", **wrong)
    assert worker["dags"] == {"pg_metadata_hourly": before["dags"]["pg_metadata_hourly"]}


def test_a_worker_with_a_wrong_setting_starts_its_task_which_says_why_it_fails(parse: Parse, store: Path) -> None:
    result = parse(
        store,
        _AIRFLOW_PARSING_CONTEXT_DAG_ID="pg_metadata_hourly",
        AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE="~nosuchuser/x",
    )
    assert result["errors"] == {}
    assert list(result["dags"]) == ["pg_metadata_hourly"]
    assert "the home folder in '~nosuchuser/x' is unknown" in result["log"]
