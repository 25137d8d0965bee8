"""``schema``, ``export`` and ``import`` as a user runs them: what is printed, and the exit codes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.forked_python import ForkedPython

KEY = Fernet.generate_key().decode()
CANARY = "canary-5Hq2rT9xYw"
ORDERS = "name: orders\npipelineType: metadata\n"
REFUNDS = f"name: refunds\nopenMetadataServerConnection: {{securityConfig: {{jwtToken: {CANARY}}}}}\n"


class Program:
    """Our program with a store and a loader of its own."""

    def __init__(self, home: Path, python: ForkedPython) -> None:
        self.store, self.dags = home / "configs", home / "dags"
        for folder in (self.store, self.dags):
            folder.mkdir()
        self.loader = self.dags / "openmetadata_loader.py"
        self.loader.touch()
        os.utime(self.loader, (1, 1))
        self._home = home
        self._python = python

    def __call__(self, *arguments: str, key: str = KEY) -> tuple[int, str]:
        """Run a command; return its exit code, and what it has printed."""
        script = f"from dag_factory.cli.__main__ import main; main({list(arguments)!r})"
        env = {
            "AIRFLOW_HOME": str(self._home),
            "PATH": "",
            "AIRFLOW__CORE__FERNET_KEY": key,
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE": str(self.store),
        }
        done = self._python.run(script, env=env)
        assert CANARY not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def program(tmp_path: Path, forked_python: ForkedPython) -> Program:
    return Program(tmp_path, forked_python)


def test_a_schema_is_json_and_says_of_which_openmetadata_ingestion_it_is(program: Program) -> None:
    for arguments, wanted in (
        ([], "name"),
        (["--defaults"], None),
        (["--pipeline-type", "profiler"], "name"),
    ):
        code, said = program("schema", "--ingestion-version", "1.13", *arguments)
        schema = json.loads(said)
        assert code == 0
        assert "openmetadata-ingestion 1.13." in schema["$comment"]
        assert schema.get("required") == ([wanted] if wanted else None)


def test_a_type_that_is_not_run_is_refused_and_an_unknown_version_is_said(program: Program) -> None:
    code, said = program("schema", "--pipeline-type", "metdata")
    assert code == 3
    assert "'metdata' is not a pipelineType" in said
    assert "metadata, " in said
    code, said = program("schema", "--ingestion-version", "9.1")
    assert code == 0
    assert "The source configs of openmetadata-ingestion 9.1 are unknown" in said


def test_a_store_is_exported_lost_and_imported(program: Program, tmp_path: Path) -> None:
    (program.store / "orders.yaml").write_text(ORDERS)
    (program.store / "refunds.yaml").write_text(REFUNDS)
    tar = str(tmp_path / "store.tar.gz")
    code, said = program("export", tar)
    assert code == 0
    assert said.splitlines() == [
        f"2 files of configs and defaults written to '{tar}'.",
        "refunds.yaml: encrypted in the file: openMetadataServerConnection.securityConfig.jwtToken.",
        "refunds.yaml: rewritten in the file, without its comments.",
    ]
    for path in program.store.glob("*.yaml"):
        path.unlink()
    code, said = program("import", tar)
    assert code == 0
    assert said.splitlines()[0] == "2 files written, 0 unchanged."
    assert (program.store / "orders.yaml").read_text() == ORDERS
    # Without a database, the loader's file is touched, so that Airflow parses it.
    assert program.loader.stat().st_mtime > 1


def test_a_config_that_differs_is_named_and_stays(program: Program, tmp_path: Path) -> None:
    (program.store / "orders.yaml").write_text(ORDERS)
    tar = str(tmp_path / "store.tar")
    program("export", tar)
    (program.store / "orders.yaml").write_text(f"{ORDERS}enabled: false\n")
    code, said = program("import", tar)
    assert code == 1
    assert said.splitlines() == [
        "orders.yaml: differs from the store's.",
        "Nothing was written. Run with --overwrite to overwrite these.",
    ]
    assert program.loader.stat().st_mtime == 1
    code, said = program("import", tar, "--overwrite", "--output", "json")
    assert (code, json.loads(said)["written"]) == (0, ["orders.yaml"])


@pytest.mark.parametrize(
    ("arguments", "key", "code", "words"),
    [
        (["export", "{}/store.tar"], KEY, 1, "defaults.yaml: left out: openMetadataServerConnection.securityConfig"),
        (["export", "{}/store.tar", "--secrets", "left-out"], "", 0, "defaults.yaml: left out: "),
        (["export", "{}/store.tar"], "", 3, "[core] fernet_key is empty"),
        (["export", "{}/missing/store.tar"], KEY, 3, "can't be written"),
        (["export", "{}/configs/defaults.yaml"], KEY, 3, "exists already"),
        (["import", "{}/missing.tar"], KEY, 3, "can't be read: No such file or directory"),
        (["import", "{}/configs/defaults.yaml"], KEY, 3, "is damaged, or not made by export"),
    ],
    ids=["defaults", "left out", "no key", "no folder", "exists", "no file", "not ours"],
)
def test_what_is_left_out_or_fails_shows_in_the_exit_code(
    program: Program, tmp_path: Path, arguments: list[str], key: str, code: int, words: str
) -> None:
    connection = f"openMetadataServerConnection: {{securityConfig: {{jwtToken: {CANARY}}}}}\n"
    (program.store / "defaults.yaml").write_text(connection)
    found, said = program(*(each.format(tmp_path) for each in arguments), key=key)
    assert found == code, said
    assert words in said
