"""A program that does as uv where an environment is built: the interpreters that it makes are scripts."""

from __future__ import annotations

import json
from pathlib import Path

EXTRAS = ("postgres", "snowflake", "pii-processor")

_UV = """#!/bin/sh
echo "$@" >> {log}
env >> {log}.env
case "$1" in
venv)
  for last in "$@"; do :; done
  mkdir -p "$last/bin"
  printf 'home = /usr/bin\\ncommand = venv %s\\n' "$last" > "$last/pyvenv.cfg"
  printf '#!%s/bin/python\\n' "$last" > "$last/bin/metadata"
  cp {python} "$last/bin/python"
  ;;
pip)
  {install}
  ;;
esac
"""


def fake_uv(folder: Path, *, install: str = "true", says: str | None = None) -> Path:
    """
    Write the program into a folder, and return its path; its calls are logged in the file `calls` there.

    :param install: what installing does, as shell
    :param says: what an interpreter that it made does, as shell; None for what a good one prints
    """
    folder.mkdir(exist_ok=True)
    good = json.dumps({"version": "2.0.7.0", "extras": EXTRAS, "python": "3.11.7"})
    python = folder / "made-python"
    python.write_text("#!/bin/sh\n" + (says if says is not None else f"echo imported\necho '{good}'\n"))
    python.chmod(0o755)
    uv = folder / "uv"
    uv.write_text(_UV.format(log=folder / "calls", python=python, install=install))
    uv.chmod(0o755)
    return uv
