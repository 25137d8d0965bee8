"""On which machine, when, and with which versions figures were measured."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

import psutil

GIGABYTE = 1024**3


def description() -> str:
    """Return a line that says it, with the load of the last minute: where that is high, only ratios mean something."""
    memory = psutil.virtual_memory().total / GIGABYTE
    load = os.getloadavg()[0]
    return (
        f"{datetime.now(timezone.utc):%d %B %Y %H:%M} UTC; {_processor()}, {os.cpu_count()} cores, {memory:.0f} GB; "
        f"Python {platform.python_version()}, Airflow {version('apache-airflow-core')}, {_postgresql()}; "
        f"commit {_commit()}; a load of {load:.1f}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _postgresql() -> str:
    return _output("psql", "--version").replace("psql (PostgreSQL)", "PostgreSQL") or "no PostgreSQL"


def _commit() -> str:
    return _output("git", "describe", "--always", "--dirty") or "unknown"


def _output(*command: str) -> str:
    """Return what a program prints; nothing where it fails or is missing."""
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
