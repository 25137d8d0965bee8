from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dag_factory.portable.secrets.names import is_secret_name, is_secret_place
from tests.forked_python import ForkedPython

PROGRAM = """
import json, sys
from dag_factory.portable.secrets import names as secret_names
if sys.argv[1]:
    secret_names.declare_names([sys.argv[1]])
from dag_factory.portable.secrets.redaction import encrypt, redact, secret_values
document = {"sales_Rank": "canary", "x-motto": [1.5, {"a": "b"}], "open": "canary"}
print(json.dumps([redact(document), list(secret_values(document)), encrypt(document, lambda _: "***")]))
"""


Judged = Callable[..., list[object]]


@pytest.fixture
def judged(tmp_path: Path, forked_python: ForkedPython) -> Judged:
    """Judge a document in an interpreter that has imported Airflow, or in one that has not."""

    def judged(airflow: str = "", given: str = "", setting: str = "") -> list[object]:
        env = {
            "AIRFLOW_HOME": str(tmp_path),
            "PATH": os.defpath,
            "AIRFLOW__CORE__SENSITIVE_VAR_CONN_NAMES": setting,
        }
        if airflow:
            done = forked_python.run(PROGRAM, given, env=env)
        else:
            command = [sys.executable, "-c", PROGRAM, given]
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found: list[object] = json.loads(done.stdout)
        return found

    return judged


@pytest.mark.parametrize("how", [{"airflow": "airflow", "setting": "Salesrank, ,motto"}, {"given": "salesRank"}])
def test_names_that_an_operator_has_declared_secret_are(judged: Judged, how: dict[str, str]) -> None:
    shown, told, kept = judged(**how)
    motto = [1.5, {"a": "b"}] if "given" in how else "***"
    assert shown == {"sales_Rank": "***", "x-motto": motto, "open": "canary"}
    assert told == (["canary"] if "given" in how else ["canary", "1.5", "b"])
    assert isinstance(kept, dict)
    assert kept["sales_Rank"] == "***"


@pytest.mark.parametrize("how", [{"airflow": "airflow"}, {"setting": "salesrank"}])
def test_without_a_declaration_they_are_not(judged: Judged, how: dict[str, str]) -> None:
    # The second one is an interpreter without Airflow, which knows nothing of its settings unless it is given them.
    assert judged(**how)[0] == {"sales_Rank": "canary", "x-motto": [1.5, {"a": "b"}], "open": "canary"}


def test_a_very_long_name_is_judged_too() -> None:
    assert is_secret_name("x" * 100_000 + "password")
    assert not is_secret_name("x" * 100_000)
    assert not is_secret_place("x" * 100_000)
