"""No text of a document is ever executed: not as a template, not as a path, not as code to import."""

from __future__ import annotations

import copy
import functools
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.definitions._internal.templater import Templater

from dag_factory.dag.builder import build_dag, build_placeholder
from dag_factory.errors import ConfigError
from dag_factory.settings.airflow_versions import has_executor
from dag_factory.store.config import Config
from sandbox.mailbox import Mailbox
from sandbox.stack import AirflowStack
from tests.e2e.runs import run_all

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.json"))
MARK = "executed-7c1d"
# Jinja (what Airflow's templates can do), a shell, Python's formats.
TEXT = f"{{{{ macros.uuid.os.popen('touch {MARK}').read() }}}}{{% set x = 1 %}}$(touch {MARK})`touch {MARK}`%(x)s"

# What a document of a server may hold, and the samples do not.
MORE = {
    "displayName": "x",
    "description": "x",
    "owners": [{"name": "x", "displayName": "x", "type": "user", "fullyQualifiedName": "x"}],
    "tags": [{"tagFQN": "x", "name": "x"}],
    "domains": [{"name": "x"}],
    "loggerLevel": "INFO",
    "shinyNew": {"x": ["x"]},
    "dagFactory": {"runner": {"pool": "x", "queue": "x"}},
}

# The only places of a DAG in which a document's text may stand. Airflow shows these, or compares them; it renders,
# opens and imports none of them.
SHOWN = {
    "DAG.dag_display_name", "DAG.description", "DAG.doc_md", "DAG.tags[]",
    "DAG.task_dict[].owner", "DAG.task_dict[].pool", "DAG.task_dict[].queue", "DAG.task_dict[].problem",
    # What the operator was made with, which Airflow keeps for tasks that are mapped.
    "DAG.task_dict[]._BaseOperator__init_kwargs[]", "DAG.task_dict[]._BaseOperator__init_kwargs[].title",
}  # fmt: skip


def texts(value: Any, path: str, seen: set[int]) -> Iterator[tuple[str, str]]:
    """Yield every text that can be reached from an object, with the way to it."""
    if isinstance(value, str):
        yield path, value
    if isinstance(value, (str, int, float, type, type(None))) or id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, dict):
        for key, child in value.items():
            yield from texts(key, f"{path}{{}}", seen)
            yield from texts(child, f"{path}[]", seen)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for child in value:
            yield from texts(child, f"{path}[]", seen)
    elif isinstance(value, functools.partial):
        yield from texts([value.func, value.args, value.keywords], f"{path}()", seen)
    else:
        slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
        for name in sorted({*slots, *getattr(value, "__dict__", {})}):
            yield from texts(getattr(value, name, None), f"{path}.{name}", seen)


def objects(value: Any, seen: dict[int, Any]) -> dict[int, Any]:
    """Return everything that can be reached from an object."""
    if not isinstance(value, (str, int, float, type, type(None))) and id(value) not in seen:
        seen[id(value)] = value
        children = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        if not isinstance(children, (list, tuple, set, frozenset)):
            children = list(getattr(value, "__dict__", {}).values())
        for child in children:
            objects(child, seen)
    return seen


def places(dag: DAG) -> set[str]:
    """Return where in a DAG the text stands."""
    return {path for path, text in texts(dag, "DAG", set()) if MARK in text}


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, str):
        yield path
    elif isinstance(value, (dict, list)):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(child, (*path, key))


def with_text(document: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    *above, last = path
    functools.reduce(lambda value, key: value[key], above, changed)[last] = TEXT
    return changed


def full_of_text(path: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """
    Return a sample with the text in every field that takes one, and for each other field a sample with it there.

    The second are refused.
    """
    document = {**MORE, **json.loads(path.read_text())}
    document = {**document, **{name: MORE[name] for name in MORE if not document.get(name)}}
    refused = {}
    for leaf in leaves(document):
        changed = with_text(document, leaf)
        try:
            build_dag(Config("orders", "orders.json", changed))
        except ConfigError:
            refused[".".join(map(str, leaf))] = changed
        else:
            document = changed
    return document, refused


REFUSED = {
    "pipelineType", "airflowConfig.scheduleInterval", "airflowConfig.pipelineTimezone", "airflowConfig.startDate",
    "airflowConfig.endDate", "airflowConfig.email", "sourceConfig.config.type", "sourceConfig.config.sourcePythonClass",
    "sourceConfig.config.dbtConfigSource.dbtConfigType", "sourceConfig.config.searchIndexMappingLanguage",
    "openMetadataServerConnection.hostPort", "openMetadataServerConnection.apiVersion",
    "openMetadataServerConnection.secretsManagerProvider", "loggerLevel",
}  # fmt: skip


@pytest.mark.parametrize(
    "path", [path for path in SAMPLES if "dataInsight" not in path.stem], ids=lambda path: path.stem
)
def test_a_document_s_text_stands_only_where_airflow_shows_it(path: Path) -> None:
    document, refused = full_of_text(path)
    assert document["name"] == document["description"] == document["service"]["name"] == TEXT
    assert set(refused) <= REFUSED
    document["airflowConfig"]["email"] = "team@example.com"
    dags = [build_dag(Config("orders", "orders.json", {**document, TEXT: {TEXT: TEXT}}))]
    for each in refused.values():
        config = Config("orders", f"{TEXT}.json", each)
        with pytest.raises(ConfigError) as error:
            build_dag(config)
        dags.append(build_placeholder(config.broken(error.value)))
    assert "DAG.description" in places(dags[0])
    for dag in dags:
        assert places(dag) <= SHOWN
        assert not (dag.doc_md or "").endswith(".md")
        reached = objects(dag, {}).values()
        assert any(isinstance(each, Templater) for each in reached)
        for each in reached:
            if isinstance(each, Templater):
                assert (each.template_fields, each.template_ext) == ((), ())


@pytest.mark.parametrize("email", [f"{TEXT}@x.example", ["team@example.com", TEXT]])
def test_an_address_that_is_a_template_is_refused(email: Any) -> None:
    document = {**json.loads(SAMPLES[-1].read_text()), "airflowConfig": {"email": email}}
    with pytest.raises(ConfigError, match=r"field 'airflowConfig\.email': is not an e-mail address"):
        build_dag(Config("orders", "orders.json", document))


def test_an_executor_s_name_is_looked_up_and_never_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "of_a_document.py").write_text(f"open({str(tmp_path / MARK)!r}, 'w')\nclass Executor: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("of_a_document.Executor", "alias:of_a_document.Executor", TEXT):
        assert not has_executor(name)
    assert not (tmp_path / MARK).exists()


@pytest.mark.e2e
def test_nothing_of_a_document_or_a_trigger_is_executed_when_a_run_fails_and_is_mailed(
    airflow: AirflowStack, config_store: Path, tmp_path: Path
) -> None:
    target = tmp_path / MARK
    attack = f"{{{{ macros.uuid.os.popen('touch {target}').read() }}}}"
    document, _ = full_of_text(next(path for path in SAMPLES if path.stem == "sqlite_metadata_daily"))
    reachable = {"hostPort": {"$env": "OPENMETADATA_HOST_PORT"}, "authProvider": "openmetadata",
                 "securityConfig": {"jwtToken": {"$env": "OPENMETADATA_JWT_TOKEN"}}}  # fmt: skip
    fields = {
        "openMetadataServerConnection": reachable,
        "service": {**document["service"], "type": "databaseService"},
        "dagFactory": {},
    }
    mailed = {**fields, "name": f"executes {TEXT}", "airflowConfig": {"email": "a@example.com, b@example.com"}}
    templated = {**fields, "name": "executes_email", "airflowConfig": {"email": f"{TEXT}@x.example"}}
    application: dict[str, Any] = {
        **fields,
        "name": "executes_class",
        "pipelineType": "application",
        "sourceConfig": {"config": {"type": "Application", "sourcePythonClass": "of_a_document.App"}},
    }
    overridden = copy.deepcopy(application)
    overridden["name"] = "executes_override"
    overridden["sourceConfig"]["config"]["sourcePythonClass"] = "metadata.applications.auto_tagger.AutoTaggerApp"
    configs = {"overridden": overridden, "mailed": mailed, "templated": templated, "application": application}
    for name, changes in configs.items():
        text = json.dumps({**document, **changes}).replace(json.dumps(TEXT)[1:-1], json.dumps(attack)[1:-1])
        (config_store / f"executes_{name}.json").write_text(text)
    (dag_id,) = {re.sub(r"[^0-9a-zA-Z\-_]+", "_", f"executes {attack}")}
    conf = {
        attack: attack,
        "sourceConfigOverride": {attack: attack, "sourcePythonClass": "of_a_document.App"},
    }
    with Mailbox() as mailbox:
        connection = {"connection_id": "smtp_default", **mailbox.connection}
        airflow.request("DELETE", "/api/v2/connections/smtp_default")
        airflow.api("POST", "/api/v2/connections", json=connection)
        # On PostgreSQL, the fields of a conf have an order of their own: with one field, it is the one that is named.
        attacked = run_all(airflow, dag_id, conf={attack: attack, "sourceConfigOverride": {attack: attack}})
        runs = attacked | run_all(airflow, "executes_email", "executes_class", "executes_override", conf=conf)
        assert {run.state for run in runs.values()} == {"failed"}
        logs = {each: run.log for each, run in runs.items()}
        assert mailbox.received.wait(30), logs[dag_id]
        airflow.api("DELETE", "/api/v2/connections/smtp_default")
    assert not target.exists()
    assert mailbox.recipients == ["a@example.com", "b@example.com"]
    assert len(mailbox.mails) == 1
    assert attack in html.unescape(mailbox.text)  # the title; the unknown field's name might be a secret
    assert "***" in html.unescape(mailbox.text)
    assert "field 'airflowConfig.email': is not an e-mail address" in logs["executes_email"]
    for name in ("executes_class", "executes_override"):
        assert "field 'sourceConfig.config.sourcePythonClass': names a class that is not open to configs" in logs[name]
    for name in configs:
        (config_store / f"executes_{name}.json").unlink()
