from __future__ import annotations

import io
import json
import shutil
import subprocess
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest
from airflow.providers_manager import ProvidersManager
from cryptography.fernet import Fernet

from dag_factory.cli.encrypt import encrypt
from dag_factory.portable.secrets.references import decrypted, encrypted
from dag_factory.portable.secrets.sealing import Keys
from tests.cli.failing import fails
from tests.forked_python import ForkedPython

KEY = "A" * 43 + "="


NEEDS_COMMANDS = pytest.mark.skipif(
    not hasattr(ProvidersManager, "cli_command_functions"), reason="Airflow 3.1 asks for no commands"
)


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path, forked_python: ForkedPython) -> Run:
    """Run a command's function, or Airflow's command line, in a process of its own."""

    def run(code: str, said: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        ours = {"AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE": str(tmp_path), **env}
        code = f"from argparse import Namespace; {code}"
        return forked_python.run(code, env={"AIRFLOW_HOME": str(tmp_path), "PATH": "", **ours}, said=said)

    return run


@NEEDS_COMMANDS
@pytest.mark.parametrize(
    ("command", "help_text"),
    [
        ("init", "Write openmetadata_loader.py into Airflow's DAGs folder"),
        ("bundles", "Print the value of dag_bundle_config_list"),
        ("watch", "Watch the config store until stopped"),
        ("encrypt", "print the reference to write in its place"),
        ("rotate-key", "the store needs no older key"),
    ],
)
def test_airflow_has_our_commands_and_their_help(run: Run, command: str, help_text: str) -> None:
    arguments = ["airflow", "openmetadata-dag-factory", command, "--help"]
    done = run(f"import sys; sys.argv = {arguments}; from airflow.__main__ import main; main()", COLUMNS="500")
    assert done.returncode == 0, done.stderr
    assert help_text in done.stdout


def test_airflow_3_1_which_asks_for_no_commands_has_them_by_another_name(run: Run) -> None:
    code = (
        "import runpy, sys; sys.argv = ['program', 'encrypt', '--dag-id', 'orders', '--number'];"
        "runpy.run_module('dag_factory.cli', run_name='__main__')"
    )
    done = run(code, "1.5", AIRFLOW__CORE__FERNET_KEY=KEY)
    assert done.returncode == 0, done.stderr
    assert decrypted(json.loads(done.stdout), "orders", Keys(KEY)) == 1.5


@pytest.mark.parametrize(
    ("said", "number", "value"),
    [("p4$$: \u00fc\n", False, "p4$$: \u00fc"), ("two\nlines\n", False, "two\nlines"), ("1.5\n", True, 1.5)],
)
def test_a_value_is_encrypted_for_one_config(run: Run, said: str, number: bool, value: object) -> None:
    code = f"from dag_factory.cli.encrypt import encrypt; encrypt(Namespace(dag_id='my orders', number={number}))"
    done = run(code, said, AIRFLOW__CORE__FERNET_KEY=KEY)
    reference = json.loads(done.stdout)
    assert decrypted(reference, "my_orders", Keys(KEY)) == value


@pytest.mark.parametrize(
    ("said", "number", "key", "problem"),
    [
        ("", False, KEY, "The value is empty."),
        ("\n", False, KEY, "The value is empty."),
        ("canary", True, KEY, "The value is not a number."),
        ("canary", False, "", "[core] fernet_key is empty."),
        ("canary", False, "canary", "[core] fernet_key is malformed"),
    ],
)
def test_what_can_not_be_encrypted_ends_with_a_reason(
    run: Run, said: str, number: bool, key: str, problem: str
) -> None:
    code = f"from dag_factory.cli.encrypt import encrypt; encrypt(Namespace(dag_id='a', number={number}))"
    done = run(code, said, AIRFLOW__CORE__FERNET_KEY=key)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith(problem)
    assert "canary" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("dag_id", "problem"), [("", "no letter"), ("***", "no letter"), ("x" * 251, "at most 250"), ("x" * 250, None)]
)
def test_a_reference_that_no_config_could_use_is_not_made(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, dag_id: str, problem: str | None
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", KEY)
    monkeypatch.setattr("sys.stdin", io.StringIO("canary"))
    if problem is not None:
        with fails(capsys, f"^--dag-id .*{problem}"):
            encrypt(Namespace(dag_id=dag_id, number=False))
        return
    encrypt(Namespace(dag_id=dag_id, number=False))
    assert decrypted(json.loads(capsys.readouterr().out), dag_id, Keys(KEY)) == "canary"


def test_a_rotation_says_what_it_has_done_and_fails_where_the_old_key_is_needed(tmp_path: Path, run: Run) -> None:
    keep = {"name": "kept", "a": encrypted("canary", "kept", Keys(KEY))}
    (tmp_path / "kept.json").write_text(json.dumps(keep))
    (tmp_path / "dropped.json").write_text(json.dumps({**keep, "name": "orders", "a": {"$fernet": "canary"}}))
    new = Fernet.generate_key().decode()
    code = "from dag_factory.cli.rotate_key import rotate_key; rotate_key(Namespace(all_files={}))"
    done = run(code.format(False), AIRFLOW__CORE__FERNET_KEY=f"{new},{KEY}")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-2:] == [
        "1 configs encrypted again, 0 unchanged.",
        "dropped.json: unchanged, since no deploy wrote it. Run with --all-files to change it.",
    ]
    assert "Older keys of [core] fernet_key are still needed." in done.stderr
    done = run(code.format(True), AIRFLOW__CORE__FERNET_KEY=f"{new},{KEY}")
    assert done.returncode == 1
    assert "dropped.json: field 'a.$fernet'" not in done.stdout
    assert "dropped.json: field 'a': can't be decrypted" in done.stdout
    # A terminal would take parts of these names for commands, or show the second as a line of ours.
    for name in ("\x1b[2Kdropped.json", "x\n0 configs failed\x9b2J.json"):
        shutil.copy(tmp_path / "dropped.json", tmp_path / name)
    for all_files in (False, True):
        done = run(code.format(all_files), AIRFLOW__CORE__FERNET_KEY=f"{new},{KEY}")
        assert done.returncode == 1
        assert "\n[2Kdropped.json: " in done.stdout
        assert "\nx 0 configs failed2J.json: " in done.stdout
        assert not {"\x1b", "\x9b"}.intersection(done.stdout)
    for path in tmp_path.glob("*dropped.json"):
        path.unlink()
    (tmp_path / "x\n0 configs failed\x9b2J.json").unlink()
    done = run(code.format(True), AIRFLOW__CORE__FERNET_KEY=new)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "0 configs encrypted again, 1 unchanged.")
    done = run(code.format(True), AIRFLOW__CORE__FERNET_KEY="canary")
    assert done.returncode == 3
    assert "[core] fernet_key is malformed" in done.stderr
    assert "canary" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("setting", "value", "problem"),
    [("CONFIG_STORE", " ", "config_store is empty."), ("WATCH_STORE", "sometimes", "watch_store is invalid.")],
)
def test_what_can_not_be_watched_ends_with_a_reason(run: Run, setting: str, value: str, problem: str) -> None:
    code = "from dag_factory.cli.watch import watch; watch(Namespace())"
    done = run(code, **{f"AIRFLOW__OPENMETADATA_DAG_FACTORY__{setting}": value})
    assert done.returncode == 3, done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"[openmetadata_dag_factory] {problem}")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_watch_ends_when_it_is_asked_to(run: Run, number: str) -> None:
    code = (
        "import os, signal, threading; from dag_factory.cli.watch import watch;"
        f"threading.Timer(2, os.kill, [os.getpid(), signal.{number}]).start(); watch(Namespace())"
    )
    done = run(code, AIRFLOW__OPENMETADATA_DAG_FACTORY__WATCH_STORE="poll")
    assert done.returncode == 0, done.stderr
    assert "Watching config_store" in done.stdout + done.stderr
