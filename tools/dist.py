"""
Builds the package and tries it as a user does who has no clone: ``make dist``.

It builds sdist and wheel into dist/, builds them once more from the sdist, compares the bytes, checks both, installs
the wheel into a fresh environment, runs ``init`` there, loads a config, and uninstalls it. It needs build, twine and
check-wheel-contents, and a package index.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
SAMPLE = ROOT / "configs" / "sample_sqlite_metadata.json"
EPOCH = "SOURCE_DATE_EPOCH"

# As the DAG processor does: by the loader's file, wherever that lies.
LOAD = """
import runpy, sys
from airflow.sdk import DAG
print(*(value.dag_id for value in runpy.run_path(sys.argv[1]).values() if isinstance(value, DAG)))
"""


def main() -> int:
    """Return the exit code: 0 where a user would have a DAG."""
    try:
        epoch = epoch_of(ROOT)
        wheel = build(epoch)
        with tempfile.TemporaryDirectory(prefix="dist-") as folder:
            problem = differing(DIST, built_again(Path(folder), epoch))
            if problem is not None:
                print(problem, file=sys.stderr)
                return 1
            print_digests(epoch)
            dag_ids = install_and_load(wheel, Path(folder))
    except subprocess.CalledProcessError as error:
        print(f"Failed: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        return 1
    print(f"The wheel loads the DAG: {dag_ids}")
    return 0 if dag_ids == SAMPLE.stem else 1


def epoch_of(root: Path) -> str | None:
    """
    Return the time that all files of the packages get, in seconds since the epoch: that of the last commit.

    One that is set in the environment is used as it is. It is None where neither is known, as in an unpacked sdist;
    then hatchling has a time of its own, which is always the same.
    """
    if given := os.environ.get(EPOCH):
        return given
    asked = ["git", "-C", str(root), "log", "-1", "--format=%ct"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip() or None


def build(epoch: str | None) -> Path:
    """Return the wheel, built from the sdist and not from the clone: so the latter has all that it takes."""
    shutil.rmtree(DIST, ignore_errors=True)
    build_into(DIST, ROOT, epoch)
    packages = sorted(DIST.iterdir())
    (wheel,) = DIST.glob("*.whl")
    run([sys.executable, "-m", "twine", "check", "--strict", *packages])
    run([sys.executable, "-m", "check_wheel_contents", wheel])
    return wheel


def built_again(folder: Path, epoch: str | None) -> Path:
    """
    Return a folder with the packages as somebody makes them who has the sdist alone.

    They have another place, another umask, other times of files and another timezone.
    """
    (sdist,) = DIST.glob("*.tar.gz")
    with strict_umask():
        with tarfile.open(sdist) as packed:
            packed.extractall(folder / "elsewhere", filter="data")
        (source,) = (folder / "elsewhere").iterdir()
        for path in source.rglob("*"):
            os.utime(path)
        build_into(folder / "again", source, epoch, {"TZ": "Asia/Kathmandu", "LC_ALL": "C"})
    return folder / "again"


@contextmanager
def strict_umask() -> Iterator[None]:
    """Let new files be for their owner alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def build_into(folder: Path, source: Path, epoch: str | None, environment: Mapping[str, str] | None = None) -> None:
    """Build sdist and wheel of a source into a folder."""
    at = {} if epoch is None else {EPOCH: epoch}
    pinned = {"PIP_CONSTRAINT": str(ROOT / "constraints.txt")}
    run([sys.executable, "-m", "build", "--outdir", folder, source], {**pinned, **at, **(environment or {})})


def differing(first: Path, second: Path) -> str | None:
    """Return how the packages of two folders differ, None where all are the same bytes."""
    ours, theirs = (digests(folder) for folder in (first, second))
    names = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    return f"Built twice, these are not the same bytes: {', '.join(names)}" if names else None


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 digest of each file of a folder, by its name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def print_digests(epoch: str | None) -> None:
    """Print what somebody compares who builds the same commit."""
    print(f"Built twice with {EPOCH}={epoch or ''}, and the same bytes:")
    for name, digest in digests(DIST).items():
        print(f"  sha256:{digest}  {name}", flush=True)


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
