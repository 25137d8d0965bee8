"""
Installs the package in each way that docs/install.md has, and tries it: ``.ci/install-paths``.

Each way has a fresh environment. What is tried is what a user wants: ``init`` makes a store and a loader, and that
loads a config as a DAG. It needs what `tools.dist` needs, uv, and a package index.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.dist import LOAD, ROOT, SAMPLE, build_into, epoch_of, run

CONSTRAINTS = ROOT / "constraints.txt"
NAME = "openmetadata-dag-factory"


def main() -> int:
    """Return the exit code: 0 where each way led to a DAG."""
    parser = argparse.ArgumentParser(description="Install the package in several ways, each in a fresh environment.")
    parser.add_argument("way", nargs="*", help=", ".join(WAYS))
    ways = parser.parse_args().way or list(WAYS)
    if unknown := [way for way in ways if way not in WAYS]:
        parser.error(f"unknown: {', '.join(unknown)}. Known are {', '.join(WAYS)}")
    failed = []
    with tempfile.TemporaryDirectory(prefix="install-") as place:
        build_into(Path(place) / "dist", ROOT, epoch_of(ROOT))
        (wheel,) = (Path(place) / "dist").glob("*.whl")
        for way in ways:
            print(f"\n--- {way}: {WAYS[way].__doc__}", flush=True)
            folder = Path(place) / way
            folder.mkdir()
            try:
                WAYS[way](wheel, folder)
            except (subprocess.CalledProcessError, AssertionError) as error:
                print(f"Failed: {error}", file=sys.stderr, flush=True)
                failed.append(way)
            # Each environment is half a gigabyte.
            shutil.rmtree(folder)
    print(f"\nFailed: {', '.join(failed)}" if failed else f"\nEach led to a DAG: {', '.join(ways)}")
    return 1 if failed else 0


def tested_set(wheel: Path, folder: Path) -> None:
    """With pip and constraints.txt"""
    python = virtual_environment(folder)
    run([python, "-m", "pip", "install", *QUIET, "--constraint", CONSTRAINTS, wheel])
    try_it(python, folder)


def after_airflow(wheel: Path, folder: Path) -> None:
    """
    Airflow by its own constraints, then the wheel by the same ones, which changes no package of Airflow's

    Airflow's constraints file is on GitHub. What stands for it here is what uv resolves for the same version of Airflow
    alone, at the date of constraints.txt: no pin of it knows of this package.
    """
    python, airflow = virtual_environment(folder), f"apache-airflow=={pinned('apache-airflow')}"
    asked, theirs = folder / "airflow.in", folder / "constraints-of-airflow.txt"
    # What Airflow itself leaves open, and breaks with, its constraints pin too.
    asked.write_text(f"{airflow}\nsqlalchemy<2.1\n")
    run([*UV, "pip", "compile", "--quiet", "--python", python, "--output-file", theirs, asked])
    run([python, "-m", "pip", "install", *QUIET, "--constraint", theirs, airflow])
    before = installed(python)
    run([python, "-m", "pip", "install", *QUIET, "--constraint", theirs, airflow, wheel])
    after = installed(python)
    changed = {name for name in before if after.get(name) != before[name]}
    assert not changed, f"these packages of Airflow have changed: {sorted(changed)}"
    print(f"Added to Airflow: {', '.join(sorted(after.keys() - before.keys()))}", flush=True)
    run([python, "-m", "pip", "check"])
    try_it(python, folder)


def uv(wheel: Path, folder: Path) -> None:
    """With uv pip install, into an environment of uv's, which has no pip"""
    run([*UV, "venv", "--quiet", "--python", sys.executable, folder / "venv"])
    python = folder / "venv" / "bin" / "python"
    run([*UV, "pip", "install", "--quiet", "--python", python, "--constraint", CONSTRAINTS, wheel])
    try_it(python, folder)


def uv_tool(wheel: Path, folder: Path) -> None:
    """With uv tool install, for authors who need the program alone"""
    places = {"UV_TOOL_DIR": str(folder / "tools"), "UV_TOOL_BIN_DIR": str(folder / "bin")}
    run([*UV, "tool", "install", "--quiet", "--python", sys.executable, "--constraints", CONSTRAINTS, wheel], places)
    shutil.copytree(SAMPLE.parent, folder / "configs")
    run([folder / "bin" / NAME, "validate", folder / "configs"], {"AIRFLOW_HOME": str(folder / "airflow")}, folder)


def offline(wheel: Path, folder: Path) -> None:
    """With pip download, then pip install on a machine that has a folder and no network"""
    python, packages = virtual_environment(folder), folder / "packages"
    run([python, "-m", "pip", "download", "-qq", "--constraint", CONSTRAINTS, "--dest", packages, wheel])
    install: list[str | Path] = [python, "-m", "pip", "install", *QUIET, "--no-index", "--find-links", packages, NAME]
    # A home of its own has no cache either; and where the system allows it, there is no network at all.
    run([*without_network(), *install], {"HOME": str(folder), "PIP_CACHE_DIR": str(folder / "cache")})
    try_it(python, folder)


WAYS: dict[str, Callable[[Path, Path], None]] = {
    "tested-set": tested_set,
    "after-airflow": after_airflow,
    "uv": uv,
    "uv-tool": uv_tool,
    "offline": offline,
}
QUIET = ("-qq", "--no-compile", "--disable-pip-version-check")
UV = (sys.executable, "-m", "uv")


def virtual_environment(folder: Path) -> Path:
    """Make a virtual environment; return its interpreter."""
    run([sys.executable, "-m", "venv", folder / "venv"])
    return folder / "venv" / "bin" / "python"


def try_it(python: Path, folder: Path) -> None:
    """
    Do what the docs say after an installation, and load a config.

    :raises AssertionError: where there is no DAG
    """
    home = folder / "airflow"
    environment = {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    run([python, "-m", "airflow", NAME, "init"], environment, folder, is_read=True)
    shutil.copy(SAMPLE, home / "configs")
    loaded = run([python, "-c", LOAD, home / "dags" / "openmetadata_loader.py"], environment, folder, is_read=True)
    assert loaded == SAMPLE.stem, f"no DAG of the sample, but '{loaded}'"
    print(f"It loads the DAG: {loaded}", flush=True)


def installed(python: Path) -> dict[str, str]:
    """Return the versions of all packages of an environment, by name."""
    done = subprocess.run([python, "-m", "pip", "freeze"], capture_output=True, text=True, check=True)
    return dict(re.findall(r"^([\w.-]+)==(\S+)$", done.stdout, re.MULTILINE))


def pinned(package: str) -> str:
    """Return the version that constraints.txt has of a package."""
    (found,) = re.findall(rf"^{re.escape(package)}==(\S+)$", CONSTRAINTS.read_text(), re.MULTILINE)
    return str(found)


def without_network() -> Sequence[str]:
    """Return what a command is preceded by to be without a network; nothing where the system does not allow that."""
    wanted = ["unshare", "--net"]
    if shutil.which("unshare") is None or subprocess.run([*wanted, "true"], check=False).returncode:
        print("No rights to take the network away, so only pip's index is.", flush=True)
        return []
    return wanted


if __name__ == "__main__":
    sys.exit(main())
