"""What may be imported from the package, and what importing it costs every process of Airflow."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import dag_factory

PROMISED = {"load_dags", "IngestionBundle", "IngestionOperator"}
ERRORS = {"ConfigError", "DagFactoryError", "SettingsError", "StoreError", "WorkflowError"}


def test_these_names_are_promised_and_no_others() -> None:
    assert set(dag_factory.__all__) == PROMISED | ERRORS
    # What an editor offers: what is promised, and what every module has.
    others = {name for name in dir(dag_factory) if not name.startswith("_")} - set(dag_factory.__all__)
    assert {name for name in others if callable(getattr(dag_factory, name))} <= {"import_module"}


def test_each_is_what_its_module_has_by_that_name() -> None:
    from dag_factory import IngestionBundle, IngestionOperator, errors
    from dag_factory.dag import bundle
    from dag_factory.task import operator

    assert IngestionOperator is operator.IngestionOperator
    assert IngestionBundle is bundle.IngestionBundle
    for name in ERRORS:
        assert getattr(dag_factory, name) is getattr(errors, name)
        assert issubclass(getattr(dag_factory, name), errors.DagFactoryError)


def test_another_name_is_missing_as_from_any_module() -> None:
    with pytest.raises(AttributeError, match="module 'dag_factory' has no attribute 'build_dag'"):
        dag_factory.build_dag  # noqa: B018


@pytest.mark.slow
def test_importing_the_package_imports_nothing_and_an_error_no_dag_machinery() -> None:
    script = """
import json, sys
import dag_factory
found = [[name for name in sys.modules if name.startswith(("airflow", "dag_factory."))]]
dag_factory.ConfigError
found.append([name for name in sys.modules if name.startswith("airflow")])
dag_factory.IngestionOperator
found.append([name for name in sys.modules if name in ("airflow.sdk", "dag_factory.dag.loader")])
print(json.dumps(found))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [[], [], ["airflow.sdk"]]
