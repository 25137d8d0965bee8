"""A Redis server for tests, on a free port of 127.0.0.1."""

from __future__ import annotations

import shutil
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

from sandbox.client import wait_until
from sandbox.process import Process
from sandbox.scoped import Scoped
from sandbox.stack import child_environment, free_port


class RedisServer(Scoped):
    """
    A Redis server for as long as the context lasts; it keeps nothing on disk.

    :raises FileNotFoundError: where Redis isn't installed
    """

    def __init__(self) -> None:
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """The address of its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start the server, and return when it accepts connections."""
        program = shutil.which("redis-server")
        if program is None:
            raise FileNotFoundError("redis-server is not installed. On Debian: apt-get install redis-server")
        self._process = Process(
            [program, "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"],
            env=child_environment({}),
            log=self._folder / "redis.log",
            cwd=self._folder,
        )
        wait_until(self._look, "Redis to accept connections", timeout=30)

    def stop(self) -> None:
        """Stop the server."""
        if self._process is not None:
            self._process.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _look(self) -> tuple[bool | None, str]:
        assert self._process is not None
        self._process.check()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True, ""
        return None, self._process.tail(3)
