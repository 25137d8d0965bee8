"""Enforces what the fast tier promises: no Airflow is started, no ingestion imported, no network used."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from dag_factory.task.runner.interpreter import SCRIPT
from tests.fast_tier.no_ingestion import NotFast, install

SLOW = ("e2e", "ingestion")
INGESTION = "metadata"
COMPONENTS = {"api-server", "dag-processor", "scheduler", "triggerer", "db", "standalone"}


class Guard:
    """A plugin of pytest that lets a test without a marker of ``SLOW`` fail for what only those may do."""

    def __init__(self) -> None:
        self._guards = False
        # An audit hook can't be removed, so it asks whether it guards.
        sys.addaudithook(self._audit)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        if any(item.get_closest_marker(name) for name in SLOW):
            return (yield)
        with self.guarded():
            return (yield)

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Refuse what takes long while the context is open, in this process and in its children."""
        before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(Path(__file__).parent), before]))
        finder = install()
        # A test of another tier may have imported it in this process.
        modules = sys.modules.items() if INGESTION in sys.modules else ()
        imported = {name: module for name, module in modules if is_of_ingestion(name)}
        for name in imported:
            del sys.modules[name]
        self._guards = True
        try:
            yield
        finally:
            self._guards = False
            sys.modules.update(imported)
            sys.meta_path.remove(finder)
            if before is None:
                del os.environ["PYTHONPATH"]
            else:
                os.environ["PYTHONPATH"] = before

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._guards:
            return
        if event == "subprocess.Popen" and starts_airflow(arguments[1]):
            raise NotFast("a process of Airflow's is started. Mark the test: @pytest.mark.e2e")
        if event == "subprocess.Popen" and does_a_job(arguments[1]):
            raise NotFast("a child does a job of openmetadata-ingestion's. Mark the test: @pytest.mark.ingestion")
        # A datagram socket that connects sends nothing: a machine finds its own address that way.
        if event == "socket.connect" and arguments[0].type == socket.SOCK_STREAM and is_remote(arguments[1]):
            raise NotFast(f"a server at {arguments[1][0]} is asked. Have the test start one on 127.0.0.1")


def is_of_ingestion(module: str) -> bool:
    return module.partition(".")[0] == INGESTION


def starts_airflow(command: object) -> bool:
    """Return whether a command starts a component of Airflow, or works on its database; a stand-in of a test's may."""
    words = [str(word) for word in command] if isinstance(command, (list, tuple)) else str(command).split()
    places = [
        place
        for place, (word, following) in enumerate(pairwise(words))
        if Path(word).name == "airflow" and following in COMPONENTS
    ]
    return any(words[place - 1] != "-m" or "python" in Path(words[place - 2]).name for place in places)


def does_a_job(command: object) -> bool:
    """Return whether a command runs the script of a child in this Python: isolated, it ignores PYTHONPATH."""
    return isinstance(command, (list, tuple)) and sys.executable in command[:1] and str(SCRIPT) in command


def is_remote(address: object) -> bool:
    """Return whether an address to connect to is one of another machine."""
    if not isinstance(address, tuple):
        return False
    try:
        return not ipaddress.ip_address(str(address[0])).is_loopback
    except ValueError:
        return str(address[0]) != "localhost"
