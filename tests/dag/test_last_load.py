"""What is kept of a load: the same DAGs, no secrets, and only what has changed is read and written."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from hypothesis import HealthCheck, assume, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dag_factory.configs.allowed import Allowed
from dag_factory.dag import last_load, load_settings
from dag_factory.dag.builder import build, build_dag, plan_of
from dag_factory.dag.load import Load
from dag_factory.dag.load_settings import LoadSettings, revision_of_code
from dag_factory.dag.plan import Plan, as_text, from_text
from dag_factory.errors import ConfigError
from dag_factory.portable.secrets.names import declare_names, declared_names
from dag_factory.store.config import Config
from dag_factory.store.database import Database
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.index import Index, Outcome
from dag_factory.store.load_time import LoadTime
from dag_factory.store.shards import WHOLE, Shard, shards
from dag_factory.store.stamps import Stamp
from tests.airflow_versions import DagSerialization
from tests.examples import examples
from tests.places import TESTS

SAMPLES = TESTS / "samples"
SAMPLE = json.loads((SAMPLES / "pg_metadata_hourly.json").read_text())
OPEN = Allowed(env=("*",), connections=("*",), applications=("metadata.",))
SETTINGS = LoadSettings(OPEN, 86_400)

SECRET = "canary-9a2e"
texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            f"https://user:{SECRET}@host/api",
            f"https://host/api?token={SECRET}",
            f"password={SECRET}",
            f"Bearer {SECRET}{SECRET}{SECRET}1",
            "***",
        ]
    ),
)
names = st.sampled_from(
    ["password", "token", "hostPort", "config", "name", "value", "type", "headers", "connectionOptions", "filter", "x"]
)
values = st.recursive(
    st.one_of(texts, st.integers(-(2**40), 2**40), st.booleans(), st.none(), st.just({"$env": "A"})),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=4)),
    max_leaves=12,
)
# Addresses that a DAG can be built with; what stands beside them, and in the source config, may be anything.
hosts = st.sampled_from(
    ["http://om:8585/api", f"https://user:{SECRET}@host/api", f"https://host/api?token={SECRET}", {"$env": "A"}]
)
fields = st.dictionaries(names, values, max_size=3)


def serialized(dag: DAG) -> str:
    return json.dumps(DagSerialization.to_dict(dag), sort_keys=True)


@given(host=hosts, server=fields, source=fields, description=texts, extra=fields)
def test_the_dag_of_what_is_kept_is_the_same_and_holds_no_secret(
    host: object, server: dict[str, Any], source: dict[str, Any], description: str, extra: dict[str, Any]
) -> None:
    document = {**SAMPLE, **extra, "name": "orders", "description": description}
    document["sourceConfig"] = {"config": {**source, "type": "DatabaseMetadata"}}
    document["openMetadataServerConnection"] = {**server, "hostPort": host}
    try:
        plan = plan_of(Config("orders", "orders.json", document), OPEN)
    except ConfigError:
        assume(False)
    kept = as_text(plan)
    again = from_text(kept)
    assert again == plan
    assert isinstance(again, Plan)
    assert serialized(build(again)) == serialized(build(plan))
    assert SECRET not in kept


@pytest.mark.parametrize(
    "airflow",
    [
        {"scheduleInterval": None},
        {"scheduleInterval": "@once", "startDate": "2026-01-01"},
        {"scheduleInterval": "@continuous"},
        {"scheduleInterval": "@daily", "pipelineTimezone": "Europe/Berlin"},
        {"scheduleInterval": "5 4 1 * 1", "startDate": "2026-01-01T10:00:00", "endDate": "2027-01-01"},
        {"scheduleInterval": "*/7 * * * *", "email": "a@example.com", "workflowTimeout": 60, "retries": 3},
    ],
    ids=["on demand", "once", "continuous", "preset", "bounded", "mailed"],
)
@pytest.mark.parametrize("spread", [0, 3600])
def test_each_kind_of_schedule_is_kept(airflow: dict[str, Any], spread: int) -> None:
    config = Config("orders", "orders.json", {**SAMPLE, "name": "orders", "airflowConfig": airflow})
    plan = plan_of(config, OPEN, longest_run=86_400, title_tag=True, spread=spread)
    again = from_text(as_text(plan))
    assert isinstance(again, Plan)
    dag = build_dag(config, OPEN, longest_run=86_400, title_tag=True, spread=spread)
    assert serialized(build(again)) == serialized(dag)


OTHER = as_text(plan_of(Config("other", "other.json", {**SAMPLE, "name": "other"}), OPEN))


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", "{}", '{"pipeline_type": 1}', '{"dag_id": "orders"}', "[" * 100_000, OTHER],
    ids=["empty", "torn", "null", "list", "nothing", "no id", "no problem", "too deep", "of another DAG"],
)
def test_a_config_whose_plan_can_not_be_read_is_left_out_and_no_other(
    index: Index, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    plans = {name: as_text(plan_of(Config(name, f"{name}.json", {**SAMPLE, "name": name}), OPEN)) for name in "ab"}
    outcomes = {name: Outcome(f"{name}.json") for name in "ab"}
    index.keep(WHOLE, outcomes, {**plans, "a": text})
    assert list(last_load.recalled(index, outcomes)) == ["b"]
    assert "of DAG 'a' can't be read" in caplog.text


class CountingStore(FolderStore):
    """Counts which configs are read, and takes no file for one that has just been changed."""

    def __init__(self, root: Path, **options: Any) -> None:
        super().__init__(root, **options)
        self.opened: Counter[str] = Counter()

    def stamps(self, unlisted: dict[str, str] | None = None) -> dict[str, Stamp]:
        return {key: Stamp(stamp.text) for key, stamp in super().stamps(unlisted).items()}

    def read(self, key: str) -> bytes:
        data = super().read(key)
        self.opened[key] += 1
        return data


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(Database(tmp_path / "state", "/store"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "store"
    root.mkdir()
    return root


def write(root: Path, *names: str, **fields: Any) -> None:
    for name in names:
        (root / f"{name}.json").write_text(json.dumps({**SAMPLE, "name": name, **fields}))


def load(
    root: Path, index: Index | None, shard: Shard = WHOLE, settings: LoadSettings = SETTINGS
) -> tuple[dict[str, DAG], set[str]]:
    """Return the DAGs of a load, and the keys that it has opened."""
    store = CountingStore(root)
    outcomes = index.outcomes() if index is not None else None
    found = Load(store, shard, settings, LoadTime(), index, outcomes)
    found.run()
    found.remember(found.keep_last_good(time.time() + 60, 60), None)
    return found.dags, set(store.opened) - {"defaults.yaml", "defaults.yml"}


def as_bytes(dags: dict[str, DAG]) -> dict[str, str]:
    return {dag_id: serialized(dag) for dag_id, dag in dags.items()}


def test_the_samples_give_the_same_bytes_the_second_time_without_being_opened(root: Path, index: Index) -> None:
    shutil.copytree(SAMPLES, root, dirs_exist_ok=True)
    first, opened = load(root, index)
    assert len(opened) == len(first) >= 10
    again, opened = load(root, index)
    assert as_bytes(again) == as_bytes(first) == as_bytes(load(root, None)[0])
    assert opened == {"openmetadata_dataInsight.json"}  # which is broken


def test_only_what_has_changed_is_opened(root: Path, index: Index) -> None:
    write(root, *"abcd")
    assert load(root, index)[1] == {"a.json", "b.json", "c.json", "d.json"}
    assert load(root, index)[1] == set()
    write(root, "b", description="newer")
    (root / "c.json").unlink()
    dags, opened = load(root, index)
    assert opened == {"b.json"}
    assert list(dags) == ["a", "b", "d"]
    assert "newer" in (dags["b"].doc_md or "")
    (root / "defaults.yaml").write_text("displayName: of all")
    dags, opened = load(root, index)
    assert opened == {"a.json", "b.json", "d.json"}


def test_a_file_whose_time_and_size_are_restored_is_opened_again(root: Path, index: Index) -> None:
    write(root, "a", description="one")
    load(root, index)
    status = (root / "a.json").stat()
    write(root, "a", description="two")
    os.utime(root / "a.json", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert FolderStore(root).revisions()["a.json"].startswith(f"{status.st_mtime_ns:x}-{status.st_size:x}")
    dags, opened = load(root, index)
    assert opened == {"a.json"}
    assert "two" in (dags["a"].doc_md or "")


def test_other_settings_judge_all_configs_again(root: Path, index: Index) -> None:
    write(root, "a", x={"$env": "A"})
    load(root, index)
    assert "config-error" not in load(root, index)[0]["a"].tags
    assert "config-error" in load(root, index, settings=LoadSettings(Allowed(env=("B",))))[0]["a"].tags
    dags, opened = load(root, index, settings=LoadSettings(OPEN, 60))
    assert opened == {"a.json"}
    assert dags["a"].tasks[0].execution_timeout.total_seconds() == 60  # type: ignore[union-attr]


def test_the_fingerprint_of_settings_is_the_same_for_the_same_settings_only() -> None:
    same = LoadSettings(Allowed(env=("*",), connections=("*",), applications=("metadata.",)), 86_400)
    assert same.fingerprint() == SETTINGS.fingerprint()
    others = [
        LoadSettings(OPEN, 3600),
        LoadSettings(OPEN, 86_400, title_tag=True),
        LoadSettings(OPEN, 86_400, spread=60),
        LoadSettings(Allowed(env=("A",), connections=("*",), applications=("metadata.",)), 86_400),
    ]
    assert len({each.fingerprint() for each in [SETTINGS, *others]}) == 1 + len(others)


def test_what_is_declared_secret_later_is_hidden_in_what_has_not_changed_too(root: Path, index: Index) -> None:
    source_config = {"type": "DatabaseMetadata", "schemaFilterPattern": {"includes": ["kitchen"]}}
    write(root, "a", sourceConfig={"config": source_config})
    assert "kitchen" in (load(root, index)[0]["a"].doc_md or "")
    declared = declared_names()
    declare_names(["schemaFilterPattern"])
    try:
        assert "kitchen" not in (load(root, index)[0]["a"].doc_md or "")
    finally:
        declare_names(declared)


def test_the_revision_of_the_code_changes_with_each_of_its_files_even_with_one_that_is_put_back(tmp_path: Path) -> None:
    code, schemas, newest = (
        tmp_path / name for name in ("store/config.py", "configs/ingestion_1_13.json", "newest.py")
    )
    for age, path in enumerate((newest, code, schemas)):
        path.parent.mkdir(exist_ok=True)
        path.write_text("1")
        os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))
    before = revision_of_code(tmp_path)
    assert revision_of_code(tmp_path) == before
    (tmp_path / "notes.txt").write_text("no code")
    assert revision_of_code(tmp_path) == before
    for path in (code, schemas):
        path.write_text("2")
        os.utime(path, (1_600_000_000, 1_600_000_000))
        assert revision_of_code(tmp_path) != before
        before = revision_of_code(tmp_path)


def test_files_that_are_replaced_after_the_import_do_not_count_for_what_the_code_in_memory_builds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = SETTINGS.fingerprint()
    monkeypatch.setattr(load_settings, "revision_of_code", lambda _: "that of another version")
    assert SETTINGS.fingerprint() == own


def test_what_somebody_has_changed_in_the_index_is_found_out_anew(root: Path, index: Index) -> None:
    write(root, "a", "b")
    load(root, index)
    outcome = index.outcome("a")
    assert outcome is not None
    index.keep(WHOLE, {"a": outcome._replace(copy="a\0b 3")}, {"a": OTHER})
    dags, opened = load(root, index)
    assert (list(dags), opened) == (["a", "b"], {"a.json"})
    assert load(root, index)[1] == set()


def test_a_lost_copy_is_kept_again(root: Path, index: Index) -> None:
    write(root, "a", "b")
    load(root, index)
    (copy,) = (root / ".last_good").glob("??/a.*")
    copy.write_bytes(b"")
    assert load(root, index)[1] == {"a.json"}
    assert copy.read_bytes()
    (root / "a.json").write_text("{")
    assert "config-error" in load(root, index)[0]["a"].tags
    assert load(root, index)[0]["a"].task_ids == ["ingestion_task"]


def test_where_no_copy_can_be_kept_what_is_unchanged_is_not_opened_either(root: Path, index: Index) -> None:
    write(root, "a")
    (root / ".last_good").write_text("a file in the place of the folder")
    assert load(root, index)[1] == {"a.json"}
    assert load(root, index)[1] == set()
    (root / ".last_good").unlink()
    assert load(root, index)[1] == {"a.json"}
    assert len(list((root / ".last_good").glob("??/a.*"))) == 1


def test_a_broken_config_is_judged_at_each_load_and_not_written_again(root: Path, index: Index) -> None:
    write(root, "a", "b")
    write(root, "bad", airflowConfig={"retries": "x"})
    load(root, index)
    path = next(index_path(root).glob("*.sqlite"))
    before = path.read_bytes()
    assert load(root, index)[1] == {"bad.json"}
    assert path.read_bytes() == before


def index_path(root: Path) -> Path:
    return root.parent / "state"


def test_the_index_holds_no_secret(root: Path, index: Index) -> None:
    server = {"hostPort": f"https://om/api?token={SECRET}", "securityConfig": {"jwtToken": SECRET}}
    write(root, "a", password=SECRET, openMetadataServerConnection=server)
    write(root, "bad", password=SECRET, airflowConfig={"retries": SECRET})
    (root / "torn.json").write_text(f'{{"name": "{SECRET}"')
    load(root, index)
    (path,) = index_path(root).iterdir()
    assert SECRET.encode() not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600


broken = st.sampled_from(["{", "{}", '{"name": "a"}', "", "[1]"])
files = st.dictionaries(
    st.sampled_from(["a.json", "b.json", "x/a.yaml", "x/c.json", "y/b b.json", "d.yaml", "x/defaults.yaml"]),
    st.one_of(
        broken,
        st.builds(
            lambda name, schedule: json.dumps(
                {**SAMPLE, "name": name, "airflowConfig": {"scheduleInterval": schedule}}
            ),
            st.sampled_from(["a", "b", "c", "d", "e e"]),
            st.sampled_from([None, "@daily", "1 2 * * *", "wrong"]),
        ),
    ),
    max_size=6,
)


@pytest.mark.slow
@hypothesis_settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=examples(25))
@given(before=files, after=files, of=st.integers(1, 5))
@example(
    before={"a.json": json.dumps({**SAMPLE, "name": "d"})},
    after={"d.yaml": json.dumps({**SAMPLE, "name": "d"}), "a.json": "{", "b.json": "{", "x/a.yaml": "{"},
    of=5,
)  # a.json's copy for DAG 'd' is gone as soon as the shard that has 'd' is loaded
def test_all_shards_together_have_the_dags_of_the_whole_each_once_after_any_change(
    tmp_path_factory: pytest.TempPathFactory, before: dict[str, str], after: dict[str, str], of: int
) -> None:
    folder = tmp_path_factory.mktemp("stores")
    indexes = [Index(Database(folder / "state", name)) for name in ("sharded", "whole")]
    roots = [folder / "sharded", folder / "whole", folder / "without"]
    for content in (before, after):
        for root in roots:
            put(root, content)
        by_shard = [as_bytes(load(roots[0], indexes[0], shard)[0]) for shard in shards(of)]
        again = [as_bytes(load(roots[0], indexes[0], shard)[0]) for shard in shards(of)]
        union = {dag_id: text for dags in by_shard for dag_id, text in dags.items()}
        assert sum(map(len, by_shard)) == len(union)
        assert union == as_bytes(load(roots[1], indexes[1])[0])
        assert union == as_bytes(load(roots[2], None)[0])
        assert again == by_shard


def put(root: Path, content: dict[str, str]) -> None:
    """Make the files of a folder those of a mapping."""
    root.mkdir(exist_ok=True)
    for path in root.rglob("[a-z]*.*"):
        if path.is_file() and ".last_good" not in path.parts and str(path.relative_to(root)) not in content:
            path.unlink()
    for key, text in content.items():
        path = root / key
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            os.utime(path, (1_700_000_000, 1_700_000_000))


def test_a_placeholder_is_kept_too(index: Index, root: Path) -> None:
    write(root, "bad", airflowConfig={"retries": "x"})
    dags, _ = load(root, index)
    recalled = last_load.recalled(index, index.outcomes())
    assert as_bytes(recalled) == as_bytes(dags)
