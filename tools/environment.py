"""
Builds an environment and shows how far it is: ``python tools/environment.py .venv``.

It needs nothing but the standard library, and pip, which every Python has. The environment is made anew and not
upgraded, so that it holds what constraints.txt says and nothing else. The stamp ``.built`` comes last: half an
environment is none.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOOK_SECONDS = 0.5
# Where no terminal shows a clock that runs.
LINE_SECONDS = 20.0
TAIL_LINES = 20
COLLECTED, INSTALLING = "Collecting ", "Installing collected packages: "


def main(folder: Path) -> int:
    """Build the environment and return the exit code."""
    print(f"Building {folder} with Python {sys.version.split()[0]}: about a minute, once.", flush=True)
    began = time.monotonic()
    python = folder / "bin" / "python"
    # By the variables, the isolated builds are held to constraints.txt too, which pip's `-c` doesn't do.
    constraints = {"PIP_CONSTRAINT": "constraints.txt", "PIP_BUILD_CONSTRAINT": "constraints.txt"}
    pip = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--no-compile"]
    # The pip that is current first: an older one takes longer for the rest.
    update: list[str | Path] = [python, *pip, "pip"]
    install: list[str | Path] = [python, *pip, "-e", ".[ingestion,dev]"]
    log = folder / "pip.log"
    try:
        done = (
            step("Making it", [sys.executable, "-m", "venv", "--clear", folder])
            and step("Updating pip", update, log=log, env=constraints)
            and step("Installing", install, log=log, env=constraints, far=lambda: packages(folder, log))
            # pip compiles on one core, compileall on all of them. Some packages hold files that are no valid Python.
            and step("Compiling", [python, "-m", "compileall", "-q", "-j", "0", folder / "lib"], may_fail=True)
        )
    except KeyboardInterrupt:
        print(f"\nStopped. {folder} is not complete: it will be built from the beginning.", flush=True)
        return 130
    if done:
        (folder / ".built").touch()
        print(f"  Done in {time.monotonic() - began:.0f} s: {folder}", flush=True)
    return 0 if done else 1


def step(  # noqa: PLR0913 - all but the first two by name
    what: str,
    command: list[str | Path],
    *,
    log: Path | None = None,
    env: dict[str, str] | None = None,
    far: Callable[[], str] = str,
    may_fail: bool = False,
) -> bool:
    """
    Run a program to its end, and show meanwhile how far it is; return whether it succeeded.

    :param log: file that gets what it prints, whose end is shown where it fails; None for nowhere
    :param far: says how far it is
    """
    with open(log or os.devnull, "wb") as output:  # noqa: PTH123 - os.devnull is no path to read back
        process = subprocess.Popen(
            list(map(str, command)), cwd=ROOT, env={**os.environ, **(env or {})}, stdout=output, stderr=output
        )
        try:
            wait(process, what, far)
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if process.returncode == 0 or may_fail:
        return True
    tail = log.read_text(errors="replace").splitlines()[-TAIL_LINES:] if log else []
    print("\n".join([f"  {what} failed:", *tail, *([f"All of it is in {log}."] if log else [])]), file=sys.stderr)
    return False


def wait(process: subprocess.Popen[bytes], what: str, far: Callable[[], str]) -> None:
    """Wait for the end of a process, and show each moment what it does and for how long."""
    began = shown = time.monotonic()
    is_terminal = sys.stdout.isatty()
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(LOOK_SECONDS)
        now = time.monotonic()
        line = f"  {what} ... {far()}".rstrip()
        if is_terminal:
            print(f"\r\033[K{line}  {now - began:.0f} s", end="", flush=True)
        elif now - shown >= LINE_SECONDS:
            print(f"{line}  {now - began:.0f} s", flush=True)
            shown = now
        if process.returncode is not None:
            lead = "\r\033[K" if is_terminal else ""
            print(f"{lead}{line}  {now - began:.0f} s", flush=True)
            return


def packages(folder: Path, log: Path) -> str:
    """Return how many packages pip has looked up, or installed of those that it found."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    for line in lines:
        if line.startswith(INSTALLING):
            installed = len(list(folder.glob("lib/python*/site-packages/*.dist-info")))
            # pip itself is one of them.
            total = line.count(",") + 2
            return f"{min(installed, total)} of {total} packages"
    return f"{sum(line.startswith(COLLECTED) for line in lines)} packages found"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
