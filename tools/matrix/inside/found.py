"""Whether Airflow finds plugin and provider, and whether a module of ours uses what is deprecated."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
import tempfile
import warnings

from tools.matrix.inside import say_found

NAME = "openmetadata-dag-factory"
PLUGIN = "openmetadata_dag_factory"
# These are run, or need what a child process alone has.
NOT_IMPORTED = ("__main__", "dag_factory.portable.ingestion.")


def main() -> None:
    failed = [*deprecations(), *not_found()]
    say_found("yes" if not failed else f"{len(failed)} failed", failed)


def deprecations() -> list[str]:
    """Import every module of ours; return what is deprecated of what they use."""
    import dag_factory

    found = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for module in pkgutil.walk_packages(dag_factory.__path__, "dag_factory."):
            if not any(part in module.name for part in NOT_IMPORTED):
                try:
                    importlib.import_module(module.name)
                except Exception as error:  # noqa: BLE001 - each is named
                    found.append(f"import {module.name}: {type(error).__name__}: {error}")
    ours = os.path.dirname(dag_factory.__file__)  # noqa: PTH120 - warnings have it as a text
    found += [
        f"{os.path.relpath(each.filename)}:{each.lineno}: {each.message}"
        for each in caught
        if issubclass(each.category, DeprecationWarning | FutureWarning) and each.filename.startswith(ours)
    ]
    return found


def not_found() -> list[str]:
    """Ask Airflow's commands; return which of the two they don't show, or say something about."""
    failed = []
    for arguments, expected in ((["providers", "list"], NAME), (["plugins"], PLUGIN)):
        with tempfile.TemporaryDirectory() as home:
            env = {**os.environ, "AIRFLOW_HOME": home, "PYTHONWARNINGS": "default"}
            done = subprocess.run(
                [sys.executable, "-m", "airflow", *arguments, "--output", "json"],
                env=env, capture_output=True, text=True, check=False,
            )  # fmt: skip
        said = (done.stdout + done.stderr).splitlines()
        if done.returncode or expected not in done.stdout:
            failed.append(f"airflow {' '.join(arguments)} does not show {expected}")
        failed += [line for line in said if "dag_factory" in line and ("Warning" in line or "rror" in line)]
    return failed


if __name__ == "__main__":
    main()
