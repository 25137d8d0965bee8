"""A real PostgreSQL: a new cluster in a new folder, on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from sandbox.client import wait_until
from sandbox.process import Process
from sandbox.scoped import Scoped
from sandbox.stack import child_environment, free_port

USER = "airflow"
# Debian keeps the server's programs off the PATH.
BINARIES = f"{os.environ.get('PATH', '')}:/usr/lib/postgresql/15/bin"
# PostgreSQL refuses to run as root: then the server runs as this user.
NOBODY = 65534


class PostgresServer(Scoped):
    """
    A PostgreSQL server for as long as the context lasts, removed afterwards.

    It trusts every connection, since it listens only on 127.0.0.1, holds test data, and lives for minutes.

    :param settings: settings of postgresql.conf to change, by name
    :raises FileNotFoundError: where PostgreSQL's programs aren't installed
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self._settings = {"unix_socket_directories": "", "fsync": "off", "max_connections": "200", **(settings or {})}
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._process: Process | None = None

    def start(self) -> None:
        """Make the cluster, and return when the server accepts connections."""
        data = self._folder / "data"
        if os.geteuid() == 0:
            os.chown(self._folder, NOBODY, NOBODY)
        # Locale and durability cost time, and tests need neither.
        self._run("initdb", "--pgdata", str(data), "--username", USER, "--auth=trust", "--no-sync", "--locale=C.UTF-8")
        self._process = Process(
            [
                *_as_nobody(),
                _program("postgres"),
                "-D",
                str(data),
                "-p",
                str(self.port),
                "-h",
                "127.0.0.1",
                *(f"--{name}={value}" for name, value in self._settings.items()),
            ],
            env=child_environment({}),
            log=self._folder / "postgres.log",
            cwd=self._folder,
        )
        wait_until(self._look, "PostgreSQL to accept connections", timeout=30)

    def stop(self) -> None:
        """Stop the server and remove its data."""
        if self._process is not None:
            self._process.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, database: str = "postgres", driver: str = "postgresql+psycopg2") -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"{driver}://{USER}@127.0.0.1:{self.port}/{database}"

    def _look(self) -> tuple[bool | None, str]:
        assert self._process is not None
        self._process.check()
        ready = subprocess.run(
            [_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False
        ).returncode
        return (True if ready == 0 else None), self._process.tail(3)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [*_as_nobody(), _program(program), *arguments], check=True, capture_output=True, cwd=self._folder
        )


def _program(name: str) -> str:
    path = shutil.which(name, path=BINARIES)
    if path is None:
        raise FileNotFoundError(
            f"PostgreSQL's program '{name}' is not installed. On Debian: apt-get install postgresql"
        )
    return path


def _as_nobody() -> list[str]:
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
