"""The environments of cells: made by uv, which is quick, and made anew only when what is in them changes."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.matrix.cells import EVERYWHERE, ROOT, Cell

UV = "uv==0.13.9"
EXTRAS = ("ingestion", "dev")
# For these too a user gets pins. Without, pip takes longer than anybody waits to choose among Google's packages.
PINNED_EXTRAS = (*EXTRAS, "celery", "gcs", "azure")
STAMP = ".built"
# Of an environment's paths and addresses nothing may be in a constraints file.
_FOREIGN = re.compile(r"://|^-|\s@\s|^[./]")


class PythonMissing(Exception):
    """The Python of a cell is not on this machine."""


def build(cell: Cell) -> Path:
    """
    Return the interpreter of a cell's environment, which is made where it is missing or out of date.

    :raises PythonMissing: if this machine lacks the cell's Python
    :raises CalledProcessError: if it can't be made
    """
    python = cell.folder / "bin" / "python"
    parts = [(ROOT / "pyproject.toml").read_bytes(), cell.constraints_file.read_bytes(), repr(cell).encode()]
    wanted = hashlib.sha256(b"\0".join(parts)).hexdigest()
    stamp = cell.folder / STAMP
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    base = find_python(cell.python)
    shutil.rmtree(cell.folder, ignore_errors=True)
    uv("venv", "--python", base, cell.folder)
    constraints = cell.constraints_file
    uv(
        "pip", "install", "--python", python, "--prerelease", "if-necessary-or-explicit",
        "--constraints", constraints, "--build-constraints", constraints,
        "--editable", f"{ROOT}[{','.join(EXTRAS)}]", f"apache-airflow=={cell.airflow}",
    )  # fmt: skip
    stamp.write_text(wanted)
    return python


def of_make() -> Path | None:
    """Return the interpreter of the environment that ``make env`` has built, of the main cell's versions; else None."""
    built = ROOT / ".venv" / STAMP
    return built.with_name("bin") / "python" if built.exists() else None


def resolve(cell: Cell) -> None:
    """
    Write a cell's constraints file: as near to constraints.txt as its Airflow allows.

    :raises PythonMissing: if this machine lacks the cell's Python
    :raises CalledProcessError: if there is no set that fits
    """
    pins = {**EVERYWHERE, **cell.pins}
    wanted = [f"apache-airflow=={cell.airflow}", f"openmetadata-ingestion=={cell.ingestion}", *pins]
    requirements = "\n".join([*wanted, "hatchling", "editables", ""])
    # What stands in the file already is kept where it can be.
    path = cell.constraints_file
    path.parent.mkdir(exist_ok=True)
    shutil.copy(ROOT / "constraints.txt", path)
    uv(
        "pip", "compile", "--python", find_python(cell.python), "--prerelease", "if-necessary-or-explicit",
        *(argument for extra in PINNED_EXTRAS for argument in ("--extra", extra)),
        "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links",
        "--output-file", path, ROOT / "pyproject.toml", "-", said=requirements,
    )  # fmt: skip
    pinned = path.read_text().splitlines()
    if foreign := [line for line in pinned if _FOREIGN.search(line)]:
        raise ValueError(f"{path} names more than versions: {foreign}")
    head = [f"# Airflow {cell.airflow} on Python {cell.python}. Written by .ci/matrix --resolve {cell.name}"]
    head += [f"# {pin}: {reason}" for pin, reason in pins.items()]
    path.write_text("\n".join([*head, *pinned, ""]))


def find_python(version: str) -> str:
    """
    Return the interpreter of a version, such as ``3.12``: one on the PATH, or one of pyenv's.

    :raises PythonMissing: if there is none
    """
    installed = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [
        sys.executable,
        shutil.which(f"python{version}"),
        *sorted(map(str, installed.glob(f"{version}.*/bin/python"))),
    ]
    for path in filter(None, found):
        # A shim of pyenv's is on the PATH whether or not that version has been chosen.
        asked = subprocess.run(
            [path, "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if asked.returncode == 0 and asked.stdout.strip() == version:
            return path
    raise PythonMissing(f"Python {version} is missing: it is neither on the PATH nor in {installed}")


def uv(*arguments: str | Path, said: str = "") -> None:
    """Run uv, which is installed when it is first needed; raises CalledProcessError where it fails."""
    home = ROOT / ".cells" / "uv"
    program = home / "bin" / "uv"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        subprocess.run([home / "bin" / "pip", "install", "-q", "--disable-pip-version-check", UV], check=True)
    env = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    command = [program, "--quiet", *arguments]
    subprocess.run(command, cwd=ROOT, env=env, input=said, text=True, check=True, stdout=subprocess.DEVNULL)
