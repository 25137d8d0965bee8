"""
``python -m tests.upgrade``: freezes what this version writes, once for each release.

What later versions must read is what the released one wrote. So an existing folder is replaced only if it is removed
first, which is right for a version that was not released yet.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet

from dag_factory import __version__
from tests.places import ROOT
from tests.upgrade.frozen import FOLDER, environment, freeze


def main(arguments: list[str]) -> int:
    """Return the exit code. With a folder as its argument, it is the process that writes into it."""
    if arguments:
        freeze(Path(arguments[0]))
        return 0
    folder = FOLDER / __version__
    if folder.exists():
        print(f"{folder} is there. Raise the version, or remove it if {__version__} was not released yet.")
        return 1
    folder.mkdir()
    key = Fernet.generate_key().decode()
    (folder / "key").write_text(f"{key}\n")
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "AIRFLOW_HOME": home, **environment(folder, key)}
        done = subprocess.run([sys.executable, "-m", "tests.upgrade", folder], cwd=ROOT, env=env, check=False)
    print(f"Frozen: {folder}" if done.returncode == 0 else f"{folder} is not complete: remove it.")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
