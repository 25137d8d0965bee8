from __future__ import annotations

import json
from pathlib import Path

import pytest

from dag_factory.cli.__main__ import main
from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.last_good import InUse, Version
from tests.cli.failing import fails

CANARY = "canary-11f0"
DEFAULTS = f"""\
service: {{type: databaseService, name: s}}
openMetadataServerConnection:
  hostPort: https://om.example/api
  securityConfig: {{jwtToken: {CANARY}}}
sourceConfig: {{config: {{type: DatabaseMetadata, includeTables: true}}}}
"""
ORDERS = """\
name: orders
pipelineType: metadata
owners:
- name: sales
  type: team
sourceConfig:
  config:
    includeTables: false
    schemaFilterPattern: {includes: [a, b]}
"""


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "configs"
    (folder / "sales").mkdir(parents=True)
    (folder / "defaults.yaml").write_text(DEFAULTS)
    (folder / "sales" / "orders.yaml").write_text(ORDERS)
    return folder


@pytest.mark.usefixtures("configs")
def test_each_value_is_shown_with_the_line_that_it_comes_from(capsys: pytest.CaptureFixture[str]) -> None:
    main(["show", "orders", "--store", "configs"])
    out = capsys.readouterr().out
    assert out.splitlines()[:2] == ["orders: good, 1 warning", "File: configs/sales/orders.yaml"]
    rows = {line.split()[0]: line.split()[1:] for line in out.partition("\n\n")[2].splitlines()}
    assert rows["sourceConfig.config.includeTables"] == ["false", "configs/sales/orders.yaml:8"]
    assert rows["sourceConfig.config.type"] == ["DatabaseMetadata", "configs/defaults.yaml:5"]
    assert rows["sourceConfig.config.schemaFilterPattern.includes"] == ['["a",', '"b"]', "configs/sales/orders.yaml:9"]
    assert rows["owners.0.name"] == ["sales", "configs/sales/orders.yaml:4"]
    assert rows["openMetadataServerConnection.securityConfig.jwtToken"] == ["***", "configs/defaults.yaml:4"]
    assert CANARY not in out


@pytest.mark.usefixtures("configs")
def test_json_has_the_merged_config(capsys: pytest.CaptureFixture[str]) -> None:
    main(["show", "orders", "--store", "configs", "--output", "json"])
    out = capsys.readouterr().out
    found = json.loads(out)
    assert found["config"]["sourceConfig"]["config"]["includeTables"] is False
    assert found["config"]["service"] == {"type": "databaseService", "name": "s"}
    assert found["from"]["service.name"] == {"file": "configs/defaults.yaml", "line": 1}
    assert found["runs"]["key"] == "sales/orders.yaml"
    assert CANARY not in out


def test_it_says_what_is_wrong_and_what_runs_in_its_place(configs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = configs / "sales" / "orders.yaml"
    path.write_text(ORDERS + "airflowConfig: {retries: two}\n")
    main(["show", "orders", "--store", "configs"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "orders: broken"
    assert lines[2] == "Runs: nothing"
    assert lines[5].startswith("Error: configs/sales/orders.yaml:10:17: airflowConfig.retries is not a whole number")
    document = {"name": "orders", "pipelineType": "metadata", "service": {"name": "s"}}
    server = {"hostPort": "https://om.example/api", "securityConfig": {"jwtToken": CANARY}}
    whole = {
        **document,
        "openMetadataServerConnection": server,
        "sourceConfig": {"config": {"type": "DatabaseMetadata"}},
        "version": 0.3,
    }
    store = FolderStore(configs)
    store.last_good.keep([Version("orders", "sales/orders.yaml", whole)], InUse(), since=0, complete=True)
    main(["show", "orders", "--store", "configs"])
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "orders: last good"
    assert out.splitlines()[2].startswith("Runs: its last good version (version 0.3, digest ")
    # What is shown is what the file says.
    assert "airflowConfig.retries" in out.partition("\n\n")[2]
    path.write_text("name: [\n")
    main(["show", "orders", "--store", "configs"])
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "orders: last good"
    assert CANARY not in out


@pytest.mark.usefixtures("configs")
def test_an_unknown_id_and_a_missing_folder_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    with fails(capsys, "No config has the DAG id 'refunds'"):
        main(["show", "refunds", "--store", "configs"])
    with fails(capsys, "'nowhere' is not a folder"):
        main(["show", "orders", "--store", "nowhere"])


def interpreter_of(capsys: pytest.CaptureFixture[str]) -> tuple[str, dict[str, str | None]]:
    main(["show", "orders", "--store", "configs"])
    (line,) = [each for each in capsys.readouterr().out.splitlines() if each.startswith("Interpreter: ")]
    main(["show", "orders", "--store", "configs", "--output", "json"])
    return line, json.loads(capsys.readouterr().out)["interpreter"]


def test_it_says_which_interpreter_runs_a_config_and_what_that_has(
    configs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    python = configs.parent / "python"
    python.write_text("""#!/bin/sh\necho '{"version": "1.12.14.2", "places": []}'\n""")
    python.chmod(0o755)
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__PYTHON", str(python))
    line, found = interpreter_of(capsys)
    by_setting = ", by the setting [openmetadata_dag_factory] python"
    assert line == f"Interpreter: {python}{by_setting}, openmetadata-ingestion 1.12.14.2"
    assert found == {"python": str(python), "ingestion": "1.12.14.2"}
    with (configs / "sales" / "orders.yaml").open("a") as file:
        file.write("dagFactory: {runner: {python: /gone/python}}\n")
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__ALLOWED_PYTHONS", "/gone/python")
    line, found = interpreter_of(capsys)
    assert line == "Interpreter: /gone/python, which is not on this machine"
    assert found == {"python": "/gone/python", "ingestion": None}


def test_it_starts_no_program_that_the_settings_do_not_allow(configs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = configs.parent / "program"
    program.write_text(f"#!/bin/sh\ntouch {configs.parent}/started\n")
    program.chmod(0o755)
    with (configs / "sales" / "orders.yaml").open("a") as file:
        file.write(f"dagFactory: {{runner: {{python: {program}}}}}\n")
    line, found = interpreter_of(capsys)
    assert line.startswith(f"Interpreter: none: '{program}' is not among the interpreters")
    assert found == {"python": str(program), "ingestion": None}
    assert not (configs.parent / "started").exists()
