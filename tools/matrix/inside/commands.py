"""Runs commands by both of their fronts: Airflow's own, and the program."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.matrix.inside import say_found

ROOT = Path(__file__).resolve().parents[3]
NAME = "openmetadata-dag-factory"
# What each of them says where all is well.
COMMANDS = (
    (["init"], "openmetadata_loader.py"),
    (["validate", str(ROOT / "configs")], ""),
    (["list"], "sample_sqlite_metadata"),
    (["show", "sample_sqlite_metadata"], "sample_sqlite"),
    (["export", "{home}/configs.tar.gz"], ""),
)


def main() -> None:
    fronts = {NAME: [str(Path(sys.executable).parent / NAME)]}
    if has_provider_commands():
        fronts[f"airflow {NAME}"] = [sys.executable, "-m", "airflow", NAME]
    failed = [f"{name} {what}" for name, front in fronts.items() for what in wrong(front)]
    ran = f"{len(COMMANDS)} by {' and '.join(f'`{name}`' for name in fronts)}"
    say_found(ran if not failed else f"{len(failed)} of {ran} failed", failed)


def has_provider_commands() -> bool:
    """Return whether a provider's commands are Airflow's too: from 3.2 on."""
    import airflow
    from packaging.version import Version

    return Version(airflow.__version__) >= Version("3.2.0b0")


def wrong(front: list[str]) -> list[str]:
    """Return which commands of a fresh Airflow do not do what they are to do."""
    failed = []
    with tempfile.TemporaryDirectory() as home:
        store = Path(home) / "configs"
        store.mkdir()
        for path in (ROOT / "configs").iterdir():
            (store / path.name).write_bytes(path.read_bytes())
        env = {
            **os.environ,
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE": str(store),
        }
        for arguments, expected in COMMANDS:
            command = [each.format(home=home) for each in arguments]
            done = subprocess.run([*front, *command], env=env, cwd=home, capture_output=True, text=True, check=False)
            if done.returncode or expected not in done.stdout:
                failed.append(f"{arguments[0]} (exit code {done.returncode})")
                print(done.stdout, done.stderr, file=sys.stderr)
    return failed


if __name__ == "__main__":
    main()
