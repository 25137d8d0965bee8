from __future__ import annotations

import pytest

from dag_factory.errors import ConfigError, SettingsError
from dag_factory.task.runner.interpreter import choose, environment

PREFIX = "AIRFLOW__OPENMETADATA_DAG_FACTORY__"


def test_ingestion_runs_in_the_task_s_process_unless_a_setting_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose(None) is None
    monkeypatch.setenv(f"{PREFIX}PYTHON", "/opt/ingestion/bin/python")
    assert choose(None) == "/opt/ingestion/bin/python"
    assert choose("/opt/ingestion/bin/python") == "/opt/ingestion/bin/python"
    assert choose("in_process") is None


def test_a_config_can_choose_no_program_but_those_that_the_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}ALLOWED_PYTHONS", "/opt/a/bin/python, /opt/b/bin/python\n")
    assert choose("/opt/b/bin/python") == "/opt/b/bin/python"
    for program in ("/bin/sh", "/opt/a/bin/python3", "/opt/a/bin/../bin/python", "python"):
        with pytest.raises(ConfigError, match=r"not among the interpreters .* allowed_pythons") as error:
            choose(program)
        assert error.value.field == "dagFactory.runner.python"


def test_a_setting_that_is_no_absolute_path_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}PYTHON", "python3")
    with pytest.raises(SettingsError, match="python: 'python3' is neither in_process nor an absolute path"):
        choose(None)


def test_the_child_s_environment_is_this_one_without_airflow_s_and_python_s_variables() -> None:
    passed_on = {"HOME": "/h", "LANG": "C.UTF-8", "https_proxy": "http://p", "AWS_REGION": "eu", "SSL_CERT_FILE": "/c"}
    airflow = {
        "AIRFLOW__CORE__FERNET_KEY": "k",
        "AIRFLOW_CONN_DB": "u",
        "_AIRFLOW_PROCESS_CONTEXT": "client",
        "__AIRFLOW_SUPERVISOR_FD": "9",
        "PYTHONPATH": "/airflow",
        "PYTHONHOME": "/airflow",
        "_PYTHON_HOST_PLATFORM": "x",
        "VIRTUAL_ENV": "/airflow",
        "VIRTUAL_ENV_PROMPT": "a",
    }
    found = environment("/opt/i/bin/python", {**passed_on, **airflow, "PATH": "/usr/bin"})
    assert found == {**passed_on, "PATH": "/opt/i/bin:/usr/bin"}


def test_a_variable_that_holds_a_secret_of_the_config_is_kept_back_but_for_a_cloud_s() -> None:
    inherited = {"MY_TOKEN": "s3cret", "AWS_SECRET_ACCESS_KEY": "s3cret", "OTHER": "s3cret-not"}
    found = environment("/opt/i/bin/python", inherited, secrets={"s3cret"})
    assert found == {"AWS_SECRET_ACCESS_KEY": "s3cret", "OTHER": "s3cret-not", "PATH": "/opt/i/bin"}
