from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dag_factory.cli.__main__ import main
from dag_factory.cli.exits import FAILED, FOUND
from dag_factory.portable.secrets.references import encrypted
from dag_factory.portable.secrets.sealing import Keys
from tests.documents import REST
from tests.places import ROOT

DEFAULTS = json.dumps({"pipelineType": "metadata", "service": {"type": "databaseService", "name": "s"}, **REST})
MISSPELT = "name: a\nairflowConfig:\n  scheduleInteval: 0 3 * * *\n"
WRONG = "name: a\nenabled: no\nairflowConfig:\n  retries: two\n"


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of configs with defaults, below the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE", str(tmp_path / "store"))
    monkeypatch.delenv("AIRFLOW__CORE__FERNET_KEY", raising=False)
    folder = tmp_path / "configs"
    folder.mkdir()
    (folder / "defaults.yaml").write_text(DEFAULTS)
    return folder


def code_of(*arguments: str) -> int:
    """Return the exit code of the program."""
    try:
        main(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_each_finding_is_a_line_with_its_place_and_the_way_out(
    configs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (configs / "a.yaml").write_text(MISSPELT)
    (configs / "b.yaml").write_text(WRONG.replace("name: a", "name: b"))
    assert code_of("validate", "configs") == FOUND
    assert capsys.readouterr().out.splitlines() == [
        "configs/a.yaml:3:3: warning: airflowConfig.scheduleInteval is unknown here. Did you mean 'scheduleInterval'?",
        "configs/b.yaml:2:1: error: enabled is neither true nor false. Write true or false, without quotes.",
        "configs/b.yaml:4:3: error: airflowConfig.retries is not a whole number. Write digits alone.",
        "3 files checked: 2 errors, 1 warning.",
    ]


def test_warnings_count_as_found_where_they_are_asked_to(configs: Path) -> None:
    (configs / "a.yaml").write_text(MISSPELT)
    assert code_of("validate", "configs") == 0
    assert code_of("validate", "configs", "--strict") == FOUND
    assert code_of("validate", "configs/a.yaml", "--strict") == FOUND
    (configs / "a.yaml").write_text("name: a\n")
    assert code_of("validate", "configs", "--strict") == 0


def test_what_can_not_be_done_has_another_code(configs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("validate", "gone.yaml") == FAILED
    assert "'gone.yaml' is missing" in capsys.readouterr().err
    assert code_of("validate") == FAILED
    assert "is not a folder" in capsys.readouterr().err
    assert code_of("validate", "-", "configs") == FAILED
    assert code_of("validate", "--output", "xml") == 2


def test_without_a_path_the_configured_store_is_checked(
    configs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE", str(configs))
    (configs / "a.yaml").write_text(WRONG)
    assert code_of("validate") == FOUND
    assert "configs/a.yaml:2:1: error: enabled" in capsys.readouterr().out
    assert sorted(path.name for path in configs.iterdir()) == ["a.yaml", "defaults.yaml"]


def test_standard_input_is_judged_as_the_file_that_it_will_be(
    configs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(text: str, *arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))
        return code_of("validate", "-", *arguments), capsys.readouterr().out

    assert told("name: a\n", "--stdin-name", "configs/a.yaml") == (0, "1 file checked: 0 errors, 0 warnings.\n")
    code, out = told(WRONG, "--stdin-name", "configs/x/a.yaml")
    assert (code, out.splitlines()[0].partition(" ")[0]) == (FOUND, "configs/x/a.yaml:2:1:")
    code, out = told('{"name": "a",}')
    assert (code, out.splitlines()[0]) == (
        FOUND,
        "<stdin>:1:14: error: is not JSON (Expecting property name enclosed in double quotes, line 1, column 14). "
        "Remove the comma after the last field.",
    ) or "is not JSON" in out
    assert "<stdin>:1:1: error: pipelineType is missing" in told("name: a\n")[1]
    defaults = ("--stdin-name", "configs/defaults.yaml")
    assert told("airflowConfig: {retries: 3}\n", *defaults) == (0, "1 file checked: 0 errors, 0 warnings.\n")
    code, out = told("airflowConfig: {retries: three}\n", *defaults)
    assert (code, out.splitlines()[0]) == (
        FOUND,
        "configs/defaults.yaml:1:17: error: airflowConfig.retries is not a whole number. Write digits alone.",
    )
    assert "is not YAML" in told("airflowConfig: {\n", *defaults)[1]


def test_json_has_every_finding_with_its_place(configs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (configs / "a.yaml").write_text(MISSPELT)
    code_of("validate", "configs", "--output", "json")
    assert json.loads(capsys.readouterr().out) == {
        "files": 2,
        "errors": 0,
        "warnings": 1,
        "findings": [
            {
                "file": "configs/a.yaml",
                "line": 3,
                "column": 3,
                "field": "airflowConfig.scheduleInteval",
                "level": "warning",
                "kind": "spelling",
                "problem": "is unknown here",
                "way_out": "Did you mean 'scheduleInterval'?",
            }
        ],
    }


def test_annotations_of_github_escape_what_would_end_them(configs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (configs / "50%, a:b.yaml").write_text(MISSPELT)
    code_of("validate", "configs", "--output", "github")
    assert capsys.readouterr().out == (
        "::warning file=configs/50%25%2C a%3Ab.yaml,line=3,col=3::airflowConfig.scheduleInteval is unknown here. "
        "Did you mean 'scheduleInterval'?\n"
    )


def test_sarif_has_what_its_readers_ask_for(configs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (configs / "a b.yaml").write_text(MISSPELT)
    (configs / "c.yaml").write_text("# nothing\n")
    code_of("validate", "configs", "--output", "sarif")
    log = json.loads(capsys.readouterr().out)
    assert (log["version"], log["$schema"]) == ("2.1.0", "https://json.schemastore.org/sarif-2.1.0.json")
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted(rule["id"] for rule in rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        assert result["level"] in ("error", "warning")
        (place,) = result["locations"]
        assert place["physicalLocation"]["region"]["startLine"] >= 1
    found: dict[str, Any] = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]: result["level"]
        for result in run["results"]
    }
    assert found == {"configs/a%20b.yaml": "warning", "configs/c.yaml": "error"}


def test_where_configs_are_written_no_key_is_needed(configs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sealed = encrypted("canary", "a", Keys("A" * 43 + "="))
    for name in ("a", "b"):
        (configs / f"{name}.json").write_text(json.dumps({"name": name, "description": sealed}))
    assert code_of("validate", "configs") == FOUND
    out = capsys.readouterr().out
    assert "a.json" not in out
    assert "configs/b.json:1:15: error: description was encrypted for another DAG than 'b'" in out


@pytest.mark.slow
def test_no_airflow_has_to_be_set_up_and_nothing_is_written(tmp_path: Path) -> None:
    configs = tmp_path / "configs"
    configs.mkdir()
    (configs / "a.yaml").write_text(WRONG)
    before = sorted(tmp_path.rglob("*"))
    done = subprocess.run(
        [Path(sys.executable).with_name("openmetadata-dag-factory"), "validate", "configs"],
        # No folder can be made below a device, not even by root.
        env={"PATH": os.environ["PATH"], "HOME": "/dev/null/home", "PYTHONWARNINGS": "error::ResourceWarning"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (FOUND, "")
    assert "configs/a.yaml:2:1: error: enabled" in done.stdout
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "is_set_up"), [(["validate", "configs"], False), (["validate"], True)], ids=["path", "configured"]
)
def test_airflow_s_database_is_set_up_only_where_a_configured_store_may_need_it(
    configs: Path, arguments: list[str], is_set_up: bool
) -> None:
    script = (
        f"import sys; sys.argv = ['openmetadata-dag-factory', *{arguments}]\n"
        "from dag_factory.cli.__main__ import main\n"
        # In Airflow 3.1, it has no value before.
        "main(); from airflow import settings; print(getattr(settings, 'Session', None) is not None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={
            "AIRFLOW_HOME": str(configs.parent),
            "PATH": os.environ["PATH"],
            "AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE": str(configs),
        },
        cwd=configs.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == str(is_set_up)


def test_the_hook_of_pre_commit_runs_the_program() -> None:
    import yaml

    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["entry"].split()[:2] == ["openmetadata-dag-factory", "validate"]
    assert hook["language"] == "python"
