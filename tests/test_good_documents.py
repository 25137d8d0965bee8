"""
Stores of which most configs are good: each becomes a DAG or says why not, always the same, and none touches another.

``EXAMPLES=2000 make test ARGS=tests/test_good_documents.py`` tries more of them.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dag_factory.configs.dag_ids import clean_dag_id, names_a_dag
from dag_factory.dag.loader import load_dags
from dag_factory.dag.tags import PROBLEM_TAG
from dag_factory.errors import ConfigError
from dag_factory.portable.openmetadata.source_configs import in_server_spelling
from dag_factory.store import writer
from dag_factory.store.folder.folder_store import FolderStore
from tests.airflow_versions import DagSerialization
from tests.forked_python import ForkedPython
from tests.places import ROOT

SAMPLE = json.loads((ROOT / "configs" / "sample_sqlite_metadata.json").read_text())
SECTION = "AIRFLOW__OPENMETADATA_DAG_FACTORY__"

# Each example writes and parses a store of its own.
slow = settings(
    max_examples=int(os.environ.get("EXAMPLES", "40")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


# Of all pipeline types' source configs, once a test has begun.
SCHEMAS: dict[str, list[dict[str, Any]]] = {}


@pytest.fixture(autouse=True, scope="module")
def _schemas_of_openmetadata_ingestion_s_models(forked_ingestion: ForkedPython) -> None:
    done = forked_ingestion.run(Path(__file__).with_name("ingestion_schemas.py").read_text(), env=os.environ)
    assert done.returncode == 0, done.stderr
    SCHEMAS.update(json.loads(done.stdout.splitlines()[-1]))


# NUL can't be stored, and is refused: other tests show that.
letters = st.characters(exclude_characters="\x00", exclude_categories=["Cs"])
texts = st.text(letters, max_size=12) | st.sampled_from(
    [
        "public",
        "^prod_.*$",
        "{{ ds }}",
        "${HOME}",
        "12:30",
        "no",
        "0123",
        "null",
        "~",
        "https://om.example/x?a=b",
        "a.md",
    ]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


@st.composite
def of_schema(draw: st.DrawFn, schema: dict[str, Any], whole: dict[str, Any], depth: int = 0) -> Any:
    """Draw what a schema describes, its optional fields now and then."""
    if "$ref" in schema:
        return draw(of_schema(whole["$defs"][schema["$ref"].rpartition("/")[2]], whole, depth))
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            kinds = schema[choice] if depth < 4 else schema[choice][-1:]
            return draw(of_schema(draw(st.sampled_from(kinds)), whole, depth))
    if "enum" in schema or "const" in schema:
        return draw(st.sampled_from(schema.get("enum", [schema.get("const")])))
    kind: Any = schema.get("type")
    if kind == "object":
        fields = schema.get("properties", {})
        required = schema.get("required", [])
        optional = sorted(fields.keys() - set(required))
        chosen = draw(st.lists(st.sampled_from(optional), max_size=3, unique=True)) if optional and depth < 4 else []
        return {name: draw(of_schema(fields[name], whole, depth + 1)) for name in [*required, *chosen]}
    if kind == "array":
        inner = schema.get("items")
        return draw(st.lists(of_schema(inner, whole, depth + 1), max_size=2)) if inner and depth < 4 else []
    least, most = (schema.get(name, default) for name, default in (("minimum", 0), ("maximum", 10**6)))
    number = st.floats(least, min(most, 100))
    simple = {"string": texts, "integer": st.integers(least, most), "number": number, "boolean": st.booleans()}
    return draw(simple.get(kind, st.none()))


names = st.sampled_from(["orders", "sales orders", "Größe", "a.b/c", "x" * 200]) | st.text(
    letters, min_size=1, max_size=20
).filter(names_a_dag)
schedules = st.sampled_from([None, "", "0 3 * * *", "@daily", "*/5 * * * MON-FRI", "0 0 1 1 *"])
moments = st.sampled_from(
    ["2024-02-29T00:00:00Z", "2030-01-01", "1970-01-01T00:00:00+14:00", "2026-11-27T09:00:00.123Z"]
)
airflow_configs = st.fixed_dictionaries(
    {},
    optional={
        "scheduleInterval": schedules,
        "pipelineTimezone": st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", None]),
        "startDate": moments | st.none(),
        "endDate": moments,
        "pipelineCatchup": st.booleans(),
        "concurrency": st.integers(1, 2**31 - 1),
        "maxActiveRuns": st.integers(1, 2**31 - 1),
        "retries": st.integers(0, 2**31 - 1),
        "retryDelay": st.integers(0, 2**31 - 1) | st.none(),
        "workflowTimeout": st.integers(0, 10**6) | st.none(),
        "pausePipeline": st.booleans(),
        "email": st.sampled_from(["a@example.com", "a@example.com, b@example.com", ["a@example.com"], None, ""]),
        "shinyNew": json_values,
    },
).map(
    lambda fields: {name: value for name, value in fields.items() if name != "endDate" or not fields.get("startDate")}
)


def _service_type(schema: dict[str, Any]) -> str:
    """Return the kind of service that a model is for, which its name begins with, such as StorageServiceMetadata…"""
    kind, found, _ = schema["title"].partition("Service")
    return in_server_spelling(f"{kind}Service") if found else "databaseService"


@st.composite
def good_documents(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a document that an OpenMetadata server could send."""
    kind = draw(st.sampled_from(sorted(SCHEMAS)))
    schema = draw(st.sampled_from(SCHEMAS[kind]))
    config = draw(of_schema(schema, schema))
    if kind == "application":
        config["sourcePythonClass"] = "metadata.applications.auto_tagger.AutoTaggerApp"
    more = st.fixed_dictionaries(
        {},
        optional={
            "displayName": texts,
            "description": texts,
            "owners": st.lists(st.builds(lambda name: {"name": name}, texts), max_size=2),
            "enabled": st.booleans(),
            "updatedAt": st.integers(0, 2**41),
            "loggerLevel": st.sampled_from(["INFO", "DEBUG"]),
            "pipelineStatuses": st.just([]),
            "raiseOnError": st.booleans(),
            "shinyNew": json_values,
        },
    )
    return {
        "name": draw(names),
        "pipelineType": kind,
        "service": {"type": _service_type(schema), "name": draw(texts.filter(bool))},
        "sourceConfig": {"config": config},
        "openMetadataServerConnection": SAMPLE["openMetadataServerConnection"],
        "airflowConfig": draw(airflow_configs),
        **draw(more),
    }


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, (dict, list)):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths(child, (*path, key))


@st.composite
def spoilt(draw: st.DrawFn, document: dict[str, Any]) -> bytes:
    """Draw a document in which something is wrong, or may be."""
    text = json.dumps(document)
    how = draw(st.sampled_from(["value", "cut", "twice", "bytes"]))
    if how == "cut":
        return text[: draw(st.integers(0, len(text)))].encode()
    if how == "twice":
        return f'{{"name": {json.dumps(document["name"])}, {text[1:]}'.encode()
    if how == "bytes":
        at = draw(st.integers(0, len(text)))
        return text[:at].encode() + draw(st.binary(min_size=1, max_size=3)) + text[at:].encode()
    path = draw(st.sampled_from(list(paths(document))[1:]))
    changed = json.loads(text)
    *above, last = path
    functools.reduce(lambda value, key: value[key], above, changed)[last] = draw(json_values)
    return json.dumps(changed).encode()


def as_file(document: dict[str, Any], suffix: str) -> bytes:
    if suffix.lower() == ".json":
        return json.dumps(document, ensure_ascii=False).encode()
    return yaml.safe_dump(document, allow_unicode=True).encode()


stems = st.sampled_from(["a", "b", "c", "orders", "x y", "Größe", "🚀"])
folders = st.sampled_from(["", "", "sales/", "sales/eu/"])
suffixes = st.sampled_from([".json", ".json", ".yaml", ".yml", ".JSON"])


@st.composite
def stores(draw: st.DrawFn, spoil: float = 0.2) -> dict[str, bytes]:
    """Draw the files of a store: mostly good configs, and now and then defaults."""
    files: dict[str, bytes] = {}
    for _ in range(draw(st.integers(1, 4))):
        suffix = draw(suffixes)
        document = draw(good_documents())
        is_good = draw(st.floats(0, 1)) >= spoil
        files[draw(folders) + draw(stems) + suffix] = as_file(document, suffix) if is_good else draw(spoilt(document))
    if draw(st.booleans()):
        defaults = draw(st.sampled_from([b"enabled: false\n", b"airflowConfig: {retries: 2}\n", b"a: [", b""]))
        files[f"{draw(folders)}defaults.yaml"] = defaults
    return files


@contextmanager
def store_of(files: dict[str, bytes]) -> Iterator[FolderStore]:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as environment:
        root = Path(folder) / "configs"
        root.mkdir()
        environment.setenv(f"{SECTION}CONFIG_STORE", str(root))
        environment.setenv(f"{SECTION}STATE_FOLDER", str(Path(folder) / "state"))
        environment.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
        put(root, files)
        yield FolderStore(root)


def put(root: Path, files: dict[str, bytes]) -> None:
    for key, data in files.items():
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(data)


def loaded() -> dict[str, str]:
    """Return what the loader makes of the store: serialized DAGs by their ids."""
    return {dag_id: json.dumps(DagSerialization.to_dict(dag), sort_keys=True) for dag_id, dag in load_dags().items()}


def configs_in(files: dict[str, bytes]) -> list[str]:
    return [key for key in files if not key.endswith("defaults.yaml")]


@slow
@given(good_documents(), suffixes)
def test_a_good_document_becomes_a_dag_under_its_own_id(document: dict[str, Any], suffix: str) -> None:
    with store_of({f"any{suffix}": as_file(document, suffix)}):
        [(dag_id, dag)] = load_dags().items()
        assert dag_id == clean_dag_id(document["name"])
        assert PROBLEM_TAG not in dag.tags, dag.description


@slow
@given(stores())
def test_every_config_is_a_dag_or_a_placeholder_and_the_same_twice(files: dict[str, bytes]) -> None:
    with store_of(files):
        first = loaded()
        assert len(first) == len(configs_in(files))
        assert loaded() == first


@slow
@given(stores(spoil=0), good_documents(), st.data())
def test_a_file_that_comes_touches_no_other_pipeline(
    files: dict[str, bytes], document: dict[str, Any], data: st.DataObject
) -> None:
    with store_of(files) as store:
        before = loaded()
        name = next(f"other{number}" for number in range(10) if f"other{number}" not in before)
        other = data.draw(spoilt({**document, "name": name}) | st.just(as_file({**document, "name": name}, ".json")))
        put(store.root, {data.draw(folders) + "zz.json": other})
        after = loaded()
    # What is spoilt may have got another's name, which its owner keeps.
    good = {dag_id: dag for dag_id, dag in before.items() if PROBLEM_TAG not in dag}
    assert {dag_id: after.get(dag_id) for dag_id in good} == good
    assert len(after) == len(before) + 1


@slow
@given(good_documents(), st.data())
def test_what_is_accepted_at_a_deploy_is_a_dag_and_what_is_refused_leaves_nothing(
    document: dict[str, Any], data: st.DataObject
) -> None:
    sent = data.draw(spoilt(document) | st.just(json.dumps(document).encode()))
    with store_of({}) as store:
        try:
            done = writer.deploy(store, writer.checked(writer.parsed(sent)))
        except ConfigError:
            assert store.list_keys() == []
            return
        dags = load_dags()
        assert [*dags] == [done.dag_id]
        assert PROBLEM_TAG not in dags[done.dag_id].tags, dags[done.dag_id].description
