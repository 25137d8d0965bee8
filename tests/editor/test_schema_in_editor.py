"""What an author sees who writes a config in an editor: the real language server for YAML, with our schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dag_factory.configs.json_schema.document import config_schema, defaults_schema
from dag_factory.configs.schemas import newest
from tests.editor.language_server import LanguageServer, NotInstalledError, running

CONFIG = "# yaml-language-server: $schema=config.schema.json\n"
OF_DEFAULTS = "# yaml-language-server: $schema=defaults.schema.json\n"
GOOD = f"""\
{CONFIG}name: orders_metadata
pipelineType: metadata
service: {{type: databaseService, name: orders}}
openMetadataServerConnection:
  hostPort: https://openmetadata.example.com/api
  securityConfig: {{jwtToken: {{$env: OPENMETADATA_JWT_TOKEN}}}}
sourceConfig:
  config:
    type: DatabaseMetadata
    includeViews: false
    schemaFilterPattern: {{includes: [public]}}
airflowConfig:
  scheduleInterval: "0 3 * * *"
  startDate: 2027-01-31
dagFactory:
  runner: {{pool: ingestion}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("editor")
    for name, schema in (("config", config_schema(newest())), ("defaults", defaults_schema(newest()))):
        (folder / f"{name}.schema.json").write_text(json.dumps(schema))
    return folder


@pytest.fixture(scope="module")
def editor(folder: Path) -> Iterator[LanguageServer]:
    try:
        with running(folder) as server:
            yield server
    except NotInstalledError as error:
        pytest.skip(str(error))


def labels(editor: LanguageServer, path: Path, text: str) -> set[str]:
    """Return what is completed at the mark ``|`` in a text."""
    before, _, after = text.partition("|")
    editor.open(path, before + after)
    line = before.count("\n")
    column = len(before) - before.rfind("\n") - 1
    return {item["label"] for item in editor.completions(path, line, column)}


def test_nothing_is_underlined_in_a_good_config(editor: LanguageServer, folder: Path) -> None:
    assert editor.open(folder / "good.yaml", GOOD) == []


def test_nothing_is_underlined_in_good_defaults(editor: LanguageServer, folder: Path) -> None:
    assert editor.open(folder / "defaults.yaml", f"{OF_DEFAULTS}airflowConfig: {{retries: 2}}\nenabled: true\n") == []


@pytest.mark.parametrize(
    ("right", "wrong", "underlined"),
    [
        ("scheduleInterval", "scheduleInteval", "scheduleInteval"),
        ("includeViews: false", "includeViews: perhaps", "perhaps"),
        ("includeViews", "includeVeiws", "includeVeiws"),
        ("includes", "include", "include"),
        ("pipelineType: metadata", "pipelineType: metdata", "metdata"),
        ("type: databaseService", "type: databaseSevice", "databaseSevice"),
        ("type: DatabaseMetadata", "type: DashboardMetadata", "DashboardMetadata"),
        ("pool", "pools", "pools"),
        ("https://openmetadata", "openmetadata", "openmetadata.example.com/api"),
        ("$env", "$envv", "$envv"),
        ("2027-01-31", "31.01.2027", "31.01.2027"),
    ],
    ids=lambda text: text.split(": ")[-1],
)
def test_a_mistake_is_underlined_where_it_stands(
    editor: LanguageServer, folder: Path, right: str, wrong: str, underlined: str
) -> None:
    text = GOOD.replace(right, wrong, 1)
    assert text != GOOD
    found = editor.open(folder / f"wrong_{re.sub('[^a-zA-Z]', '', wrong)}.yaml", text)
    lines = text.splitlines()
    marked = {
        lines[each["range"]["start"]["line"]][each["range"]["start"]["character"] : each["range"]["end"]["character"]]
        for each in found
    }
    assert underlined in marked, found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"{CONFIG}name: a\n|", {"pipelineType", "service", "sourceConfig", "airflowConfig", "dagFactory"}),
        (f"{CONFIG}name: a\npipelineType: |\n", {"metadata", "profiler", "dbt", "TestSuite"}),
        (f"{CONFIG}name: a\nairflowConfig:\n  |\n", {"scheduleInterval", "retries", "pausePipeline"}),
        (f"{CONFIG}name: a\ndagFactory:\n  runner:\n    |\n", {"pool", "queue", "python", "priorityWeight"}),
        (f"{OF_DEFAULTS}|", {"openMetadataServerConnection", "airflowConfig"}),
        (
            f"{CONFIG}name: a\npipelineType: metadata\nservice: {{type: databaseService, name: s}}\nsourceConfig:\n"
            "  config:\n    |\n",
            {"type", "includeTables", "markDeletedTables", "schemaFilterPattern"},
        ),
        (
            f"{CONFIG}name: a\npipelineType: metadata\nservice: {{type: dashboardService, name: s}}\nsourceConfig:\n"
            "  config:\n    |\n",
            {"type", "dashboardFilterPattern", "includeDataModels"},
        ),
        (
            f"{CONFIG}name: a\npipelineType: profiler\nservice: {{type: databaseService, name: s}}\nsourceConfig:\n"
            "  config:\n    |\n",
            {"profileSampleConfig", "timeoutSeconds", "computeColumnMetrics"},
        ),
    ],
    ids=["top", "types", "airflowConfig", "runner", "defaults", "databases", "dashboards", "profiler"],
)
def test_fields_are_completed(
    editor: LanguageServer, folder: Path, request: pytest.FixtureRequest, text: str, wanted: set[str]
) -> None:
    found = labels(editor, folder / f"completed_{request.node.callspec.id}.yaml", text)
    assert wanted <= found, sorted(found)


def test_what_another_source_config_has_is_not_completed(editor: LanguageServer, folder: Path) -> None:
    text = (
        f"{CONFIG}name: a\npipelineType: metadata\nservice: {{type: dashboardService, name: s}}\nsourceConfig:\n"
        "  config:\n    |\n"
    )
    assert "includeTables" not in labels(editor, folder / "dashboards_alone.yaml", text)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("scheduleInterval", 'a cron such as "0 3 * * *"'),
        ("includeViews", "turn off fetching metadata for views"),
        ("pool", "Airflow's pool"),
        ("hostPort", "OpenMetadata Server Config"),
    ],
)
def test_a_field_is_explained(editor: LanguageServer, folder: Path, field: str, words: str) -> None:
    path = folder / f"hover_{field}.yaml"
    editor.open(path, GOOD)
    before = GOOD.partition(field)[0]
    shown = editor.hover(path, before.count("\n"), len(before) - before.rfind("\n") + 1)
    assert words in shown.replace("\\", "")
