"""
Builds the package and tries it as a user does who has no clone: ``make dist``.

It builds sdist and wheel into dist/, checks both, installs the wheel into a fresh environment, runs ``init`` there,
loads a config, and uninstalls it. It needs build, twine and check-wheel-contents, and a package index.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
SAMPLE = ROOT / "configs" / "sample_sqlite_metadata.json"

# As the DAG processor does: by the loader's file, wherever that lies.
LOAD = """
import runpy, sys
from airflow.sdk import DAG
print(*(value.dag_id for value in runpy.run_path(sys.argv[1]).values() if isinstance(value, DAG)))
"""


def main() -> int:
    """Return the exit code: 0 where a user would have a DAG."""
    try:
        wheel = build()
        with tempfile.TemporaryDirectory(prefix="dist-") as folder:
            dag_ids = install_and_load(wheel, Path(folder))
    except subprocess.CalledProcessError as error:
        print(f"Failed: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        return 1
    print(f"The wheel loads the DAG: {dag_ids}")
    return 0 if dag_ids == SAMPLE.stem else 1


def build() -> Path:
    """Return the wheel, built from the sdist and not from the clone: so the latter has all that it takes."""
    shutil.rmtree(DIST, ignore_errors=True)
    run([sys.executable, "-m", "build", "--outdir", DIST, ROOT], {"PIP_CONSTRAINT": str(ROOT / "constraints.txt")})
    packages = sorted(DIST.iterdir())
    (wheel,) = DIST.glob("*.whl")
    run([sys.executable, "-m", "twine", "check", "--strict", *packages])
    run([sys.executable, "-m", "check_wheel_contents", wheel])
    return wheel


def install_and_load(wheel: Path, folder: Path) -> str:
    """Return the ids of the DAGs, separated by spaces, that an Airflow has with the wheel and the sample config."""
    python, home = folder / "venv" / "bin" / "python", folder / "airflow"
    run([sys.executable, "-m", "venv", folder / "venv"])
    # Airflow imports a part of what it brings: only that is compiled.
    run([python, "-m", "pip", "install", "-qq", "--no-compile", "-c", ROOT / "constraints.txt", wheel])
    # Nothing of the clone can be imported from there.
    environment = {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    airflow: list[str | Path] = [python, "-m", "airflow"]
    run([*airflow, "openmetadata-dag-factory", "init"], environment, folder)
    shutil.copy(SAMPLE, home / "configs")
    dag_ids = run([python, "-c", LOAD, home / "dags" / "openmetadata_loader.py"], environment, folder, is_read=True)
    # As docs/upgrade.md says: Airflow must do without it.
    run([python, "-m", "pip", "uninstall", "-qq", "--yes", "openmetadata-dag-factory"])
    run([*airflow, "plugins"], environment, folder)
    return dag_ids


def run(
    command: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    folder: Path = ROOT,
    *,
    is_read: bool = False,
) -> str:
    """
    Run a program; return the last line of its output where that is read, else show all of it.

    :raises CalledProcessError: where it fails
    """
    print(f"$ {' '.join(map(str, command[:6]))}{' …' if len(command) > 6 else ''}", flush=True)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**inherited, **(environment or {})},
        stdout=subprocess.PIPE if is_read else None,
        text=True,
        check=True,
    )
    return done.stdout.strip().rpartition("\n")[2] if is_read else ""


if __name__ == "__main__":
    sys.exit(main())
