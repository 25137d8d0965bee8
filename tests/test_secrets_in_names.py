"""
A secret that stands in place of a field's name, or is glued to one, shows nowhere: an author's slip in YAML.

``{jwtToken:s3cr3t}`` is one name, since it lacks a space; so is ``{s3cr3t}``, and what was pasted in the wrong place.
"""

from __future__ import annotations

import copy
import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
import yaml
from fastapi import FastAPI
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from dag_factory.api_server.api.app import create_app
from dag_factory.api_server.watch.change_log import NEW, report
from dag_factory.cli.__main__ import main
from dag_factory.configs.document import parse
from dag_factory.dag.builder import build_dag, build_placeholder
from dag_factory.errors import ConfigError, DagFactoryError
from dag_factory.portable.secrets.redaction import secret_values
from dag_factory.store.archive.secrets import without_secrets
from dag_factory.store.catalog import Catalog
from dag_factory.store.config import Config, check
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.task.run_conf import overridden
from tests.airflow_versions import DagSerialization
from tests.api_server.api.conftest import ask  # noqa: F401 - a fixture
from tests.documents import REST
from tests.examples import examples
from tests.places import TESTS

# Airflow imports the test client of an HTTP library that is about to be replaced.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")

MARK = "c4n4ry"
# What a secret may look like, the mark in each of its parts.
TOKENS = [
    MARK,
    f"{MARK}_{MARK}-{MARK}",
    f"ghp_{MARK}0123456789abcd",
    f"eyJhbGciOiJub25lIn0{MARK}.{MARK}.{MARK}",
    f"a.{MARK}",
    f"reader:{MARK}",
    f"https://reader:{MARK}@db.example/{MARK}",
    f"Bearer {MARK}",
    f"-----BEGIN KEY-----\n{MARK}\n",
    f"{MARK}=",
]
# No shrinking: each example takes a while.
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
# Glued to the name of a secret field, plain words are a secret too.
WORDS = "kanarienvogel"
SERVICE = {"type": "databaseService", "name": "s"}
DOCUMENTS: list[dict[str, Any]] = [
    {"name": "orders", "pipelineType": "metadata", "service": SERVICE, **REST},
    {
        "name": "orders",
        "pipelineType": "dbt",
        "service": SERVICE,
        "owners": [{"type": "team", "name": "sales"}],
        "airflowConfig": {"scheduleInterval": "0 3 * * *", "retries": 1},
        "dagFactory": {"runner": {"pool": "small"}},
        **REST,
        "sourceConfig": {
            "config": {
                "type": "DBT",
                "dbtConfigSource": {"dbtConfigType": "cloud", "dbtCloudAuthToken": "x", "dbtCloudAccountId": "1"},
                "schemaFilterPattern": {"includes": ["a"]},
            }
        },
    },
    *(json.loads(path.read_text()) for path in sorted((TESTS / "samples").glob("*.json"))),
]


def mappings(value: Any) -> Iterator[dict[str, Any]]:
    """Yield each mapping in a value, references included."""
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from mappings(child)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A document in which names are secrets."""
    document: dict[str, Any] = copy.deepcopy(draw(st.sampled_from(DOCUMENTS)))
    for _ in range(draw(st.integers(1, 3))):
        holder = draw(st.sampled_from(list(mappings(document))))
        name = draw(st.sampled_from(sorted(holder) or ["x"]))
        token = draw(st.sampled_from(TOKENS))
        bad = draw(
            st.sampled_from([token, f"{name}:{token}", f"{name}={token}", f"{name} {token}", f"jwtToken:{WORDS}"])
        )
        # The value is gone, where it is in the name; or some other value follows.
        holder[bad] = draw(st.sampled_from([None, "x", [], {}, {"x": 1}, {"$env": "HOME"}]))
        if draw(st.booleans()):
            holder.pop(name, None)
    return document


@contextmanager
def logged() -> Iterator[list[str]]:
    """Return what is logged, and raised."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    root, handler = logging.getLogger(), Keep()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def printed(*arguments: str) -> str:
    """Return what a command prints."""
    out, problems = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(problems), suppress(SystemExit):
        main(arguments)
    return out.getvalue() + problems.getvalue()


def of_commands(folder: str) -> Iterator[tuple[str, str]]:
    for form in ("text", "json", "sarif", "github"):
        yield f"validate --output {form}", printed("validate", folder, "--output", form)
    for form in ("text", "json"):
        yield f"list --output {form}", printed("list", folder, "--output", form)
        for dag_id in {each["dag_id"] for each in json.loads(printed("list", folder, "--output", "json"))}:
            yield f"show --output {form}", printed("show", dag_id, "--store", folder, "--output", form)


def of_dags(store: FolderStore) -> Iterator[tuple[str, str]]:
    for config in Catalog(store, check).all():
        dag = build_dag(config) if isinstance(config, Config) else build_placeholder(config)
        yield "the DAG", json.dumps(DagSerialization.to_dict(dag))
        yield "its docs", str(dag.doc_md)
        yield "its description", str(dag.description)
        yield "its task", str(vars(dag.tasks[0]))


def assert_hidden(outputs: Iterator[tuple[str, str]]) -> None:
    for name, text in outputs:
        assert MARK not in text.lower(), name
        assert WORDS not in text.lower(), name


@pytest.mark.slow
@given(document=documents(), in_yaml=st.booleans(), in_defaults=st.booleans())
@settings(max_examples=examples(60), phases=PHASES)
def test_no_secret_in_a_name_is_shown(document: dict[str, Any], in_yaml: bool, in_defaults: bool) -> None:
    with TemporaryDirectory() as folder, logged() as lines:
        store = FolderStore(folder)
        text = yaml.safe_dump(document) if in_yaml else json.dumps(document)
        store.write("config.yaml" if in_yaml else "config.json", text.encode())
        if in_defaults:
            store.write("defaults.yaml", yaml.safe_dump({**document, "name": None}).encode())
        assert_hidden(of_commands(folder))
        assert_hidden(of_dags(store))
        report(store, dict.fromkeys(store.list_keys(), NEW))
        assert_hidden(("the log", line) for line in lines)


@given(document=documents(), conf=documents())
@settings(max_examples=examples(60), phases=PHASES)
def test_nor_is_one_in_the_conf_of_a_run_or_in_what_a_run_says(document: dict[str, Any], conf: dict[str, Any]) -> None:
    with logged() as lines:
        for given_conf in (conf, {"sourceConfigOverride": conf}, {"sourceConfigOverride": conf.get("sourceConfig")}):
            try:
                overridden(document, given_conf)
            except ConfigError as error:
                lines += [str(error), repr(error), error.field or ""]
    assert_hidden(("the log", line) for line in lines)


@pytest.mark.parametrize("document", DOCUMENTS[:2], ids=["metadata", "dbt"])
@pytest.mark.parametrize("token", TOKENS)
def test_nor_does_a_deploy_answer_one(
    ask: Callable[..., httpx.Response],  # noqa: F811 - the fixture
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    document: dict[str, Any],
    token: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    connection = {**document["openMetadataServerConnection"], f"hostPort:{token}": None, token: {"$conection": "x"}}
    wrong = {**document, "openMetadataServerConnection": connection, f"pipelineType:{token}": None, token: 1}
    app = create_app(airflow=FastAPI, store=lambda: FolderStore(tmp_path))
    answer = ask(app, "POST", "/deploy", json=wrong)
    assert answer.status_code == 400, answer.text
    assert MARK not in answer.text
    assert "pipelineType:***" in answer.text
    assert MARK not in caplog.text


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("key", ["twice.json", "twice.yaml"])
def test_nor_does_the_message_of_a_name_that_stands_twice(key: str, token: str) -> None:
    name = json.dumps(token)
    with pytest.raises(ConfigError) as error:
        parse(f"{{{name}: 1, {name}: 2}}".encode(), key)
    assert MARK not in str(error.value)
    assert "twice" in str(error.value)


def test_the_names_of_encrypted_fields_in_an_archive_s_report_are_hidden_too() -> None:
    document = {"connectionOptions": {MARK: {"password": "x"}}, "jwtToken": {f"{MARK}:x": {"$fernet": "x"}}}
    found = without_secrets(json.dumps(document).encode(), "orders.json")
    assert sorted(found.left_out) == ["connectionOptions.***", "jwtToken.***"]


FLOW = """\
name: orders
pipelineType: metadata
service: {type: databaseService, name: s}
sourceConfig: {config: {type: DatabaseMetadata}}
openMetadataServerConnection:
  hostPort: https://om.example/api
  authProvider: openmetadata
  securityConfig: {%s}
"""


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (f"jwtToken:{MARK}", "jwtToken:*** has its value in its name. Write a space after the colon of 'jwtToken'."),
        (f"jwtToken:{WORDS}", "jwtToken:*** has its value in its name. Write a space after the colon of 'jwtToken'."),
        (f"{MARK}", "*** is unknown here"),
    ],
)
def test_the_line_and_the_way_out_are_shown_all_the_same(tmp_path: Path, written: str, said: str) -> None:
    (tmp_path / "orders.yaml").write_text(FLOW % written)
    lines = printed("validate", str(tmp_path)).splitlines()
    prefix = f"{tmp_path}/orders.yaml:8:20: "
    found = [line for line in lines if line.startswith(prefix)]
    assert any(f"openMetadataServerConnection.securityConfig.{said}" in line for line in found), lines


def test_two_secrets_beside_each_other_are_two_problems_with_a_place_each(tmp_path: Path) -> None:
    (tmp_path / "orders.yaml").write_text(FLOW % f"jwtToken: x,\n    {MARK}one: x,\n    {MARK}two: x")
    lines = [line for line in printed("validate", str(tmp_path)).splitlines() if "*** is unknown here" in line]
    assert [line.removeprefix(f"{tmp_path}/orders.yaml:").partition(": ")[0] for line in lines] == ["9:5", "10:5"]


def test_of_a_source_config_the_field_whose_value_is_in_its_name_is_named(tmp_path: Path) -> None:
    text = f"dbtConfigSource: {{dbtConfigType: cloud, dbtCloudAuthToken:{MARK}, dbtCloudAccountId: a}}"
    flow = FLOW.replace("{type: DatabaseMetadata}", f"{{type: DBT, {text}}}").replace(": metadata", ": dbt")
    (tmp_path / "orders.yaml").write_text(flow % "jwtToken: {$env: OPENMETADATA_X}")
    out = printed("validate", str(tmp_path))
    assert "dbtCloudAuthToken:*** has its value in its name. Write a space after the colon" in out
    assert MARK not in out


def test_all_names_of_a_config_are_in_what_is_shown_of_it(tmp_path: Path) -> None:
    """Names that are hidden alike are numbered: none takes the place of another."""
    options = "jwtToken: x}\nsourceConfig: {config: {type: DatabaseMetadata, connectionOptions: {a1: x, b2: y, c3: z}"
    (tmp_path / "orders.yaml").write_text(
        FLOW.replace("sourceConfig: {config: {type: DatabaseMetadata}}\n", "") % options + "}"
    )
    shown = json.loads(printed("show", "orders", "--store", str(tmp_path), "--output", "json"))
    assert list(shown["config"]["sourceConfig"]["config"]["connectionOptions"]) == ["***", "*** (2)", "*** (3)"]


def test_what_prints_a_name_in_a_run_is_masked() -> None:
    document = {"a": [{f"jwtToken:{WORDS}": None}], f"ghp_{MARK}0123456789abcd": {"threads:3": 1, "name": "x"}}
    assert set(secret_values(document)) == {WORDS, f"ghp_{MARK}0123456789abcd"}


def test_the_property_is_not_empty() -> None:
    """The documents are such that a name would show: without what hides it, the test above fails."""
    document = {**DOCUMENTS[0], "airflowConfig": {"retrys": 1}}
    with TemporaryDirectory() as folder:
        FolderStore(folder).write("config.json", json.dumps(document).encode())
        outputs = [*of_commands(folder), *of_dags(FolderStore(folder))]
    shown = {name for name, text in outputs if "retrys" in text}
    assert {"validate --output sarif", "list --output text", "show --output json", "the DAG", "its docs"} <= shown


def test_no_error_of_ours_keeps_a_name_in_what_is_printed_of_it() -> None:
    error = ConfigError("is odd", field=f"a.{MARK}")
    assert isinstance(error, DagFactoryError)
    assert MARK not in f"{error} {error!r} {error.field} {error.within('x.json')}"
