from __future__ import annotations

import pytest

from dag_factory.errors import WorkflowError
from dag_factory.task.runner.installed_ingestion import Installed
from dag_factory.task.version_check import Interpreter, require_fitting_version

SERVER = {"hostPort": "https://user:canary@om.example:8585/api"}
OLD = "/opt/ingestion-1.12/bin/python"


def interpreter(version: str | None, path: str | None = OLD) -> Interpreter:
    return Interpreter(path, Installed(version), "config 'orders.yaml', field 'dagFactory.runner.python'")


def test_an_interpreter_of_another_minor_version_is_refused_with_the_way_out() -> None:
    with pytest.raises(WorkflowError) as error:
        require_fitting_version(interpreter("1.12.14.2"), SERVER, "2.0.6")
    assert str(error.value) == (
        f"config 'orders.yaml', field 'dagFactory.runner.python': '{OLD}' has openmetadata-ingestion 1.12.14.2, which "
        "runs only against an OpenMetadata server 1.12, and om.example:8585 has 2.0.6. Name an interpreter that has "
        "openmetadata-ingestion 2.0; `openmetadata-dag-factory ingestion-env PATH --version 2.0` makes one"
    )


def test_the_task_s_own_process_is_refused_too() -> None:
    with pytest.raises(WorkflowError, match=r"the task.s process has openmetadata-ingestion 2\.0\.6\.0"):
        require_fitting_version(interpreter("2.0.6.0", path=None), SERVER, "2.1.0")


def test_what_is_to_be_changed_is_named_a_config_or_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = "[openmetadata_dag_factory] python"
    assert Interpreter.chosen(None, "orders.yaml").named_by == setting
    field = "config 'orders.yaml', field 'dagFactory.runner.python'"
    assert Interpreter.chosen("in_process", "orders.yaml").named_by == field
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__PYTHON", "/gone/python")
    assert Interpreter.chosen(None, "orders.yaml").named_by == setting
    assert str(Interpreter.chosen(None, "orders.yaml")) == ("by /gone/python, openmetadata-ingestion (unknown version)")


@pytest.mark.parametrize(
    ("server", "ingestion"),
    [("2.0.6", "2.0.7.0"), ("1.12.3", "1.12.14.2"), (None, "1.12.14.2"), ("2.0.6", None), ("unknown", "2.0.6.0")],
)
def test_what_fits_or_is_unknown_is_left_to_openmetadata_ingestion(server: str | None, ingestion: str | None) -> None:
    require_fitting_version(interpreter(ingestion), SERVER, server)


@pytest.mark.parametrize("value", [False, "false", " False"])
def test_a_config_may_switch_the_check_off_as_for_openmetadata_ingestion(value: object) -> None:
    require_fitting_version(interpreter("1.12.14.2"), {**SERVER, "enableVersionValidation": value}, "2.0.6")
