"""
Which openmetadata-ingestion an interpreter has: what `health`, `doctor`, `show` and the log of a run say.

Only the interpreter itself knows where it finds its packages: it may be of a virtual environment, or a script that
starts another one. So it is asked, as its runs are started, for the metadata of what is installed; nothing of that is
imported. It may hang, or print anything, so its time and its answer are limited. An answer holds until a package is
installed, updated or removed.
"""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from dag_factory.portable.openmetadata import installed_version
from dag_factory.portable.openmetadata.installed_version import DISTRIBUTION, Revision, revision
from dag_factory.settings.options import IN_PROCESS
from dag_factory.task.runner.interpreter import template_environment
from dag_factory.task.runner.process_group import ProcessGroup

ANSWER_SECONDS = 20.0
"""For how long an interpreter is waited for. On a machine that is not busy it takes a tenth of a second."""

RETRY_SECONDS = 60.0
"""After which one that has not said a version is asked again, though nothing has changed."""

_SCRIPT = Path(installed_version.__file__)
# In bytes. An answer names some folders.
_LONGEST_ANSWER = 64 * 1024
_VERSION = re.compile(r"\d{1,8}(\.\d{1,8}){1,4}[0-9A-Za-z.+-]{0,40}")


@dataclass(frozen=True)
class Installed:
    """
    What an interpreter has.

    :param version: such as ``2.0.6.0``; None where it is unknown
    :param problem: why it is unknown, as a clause that can follow the interpreter's path
    :param is_there: whether the interpreter is on this machine
    """

    version: str | None = None
    problem: str | None = None
    is_there: bool = True

    def __str__(self) -> str:
        return f"{DISTRIBUTION} {self.version or '(unknown version)'}"


@dataclass(frozen=True)
class _Answer:
    installed: Installed
    places: tuple[str, ...]
    revision: Revision
    at: float

    def holds(self) -> bool:
        """Return whether the interpreter would say the same again."""
        is_recent = time.monotonic() - self.at < RETRY_SECONDS
        return (self.installed.version is not None or is_recent) and self.revision == revision(self.places)


_answers: dict[str, _Answer] = {}
_lock = threading.Lock()


def installed_ingestion(python: str, *, seconds: float = ANSWER_SECONDS) -> Installed:
    """
    Return which openmetadata-ingestion an interpreter has; it is started unless it has already answered.

    :param python: a path that the settings name, or ``in_process`` for this process
    :param seconds: after which it is no longer waited for
    """
    # One after the other: a second caller that has waited finds the answer of the first.
    with _lock:
        answer = _answers.get(python)
        if answer is None or not answer.holds():
            answer = _answers[python] = _in_process() if python == IN_PROCESS else _asked(python, seconds)
        return answer.installed


def _in_process() -> _Answer:
    found = installed_version.installed_version()
    problem = None if found["version"] else f"has no {DISTRIBUTION}"
    return _answer(Installed(found["version"], problem), found["places"])


def _asked(python: str, seconds: float) -> _Answer:
    if not Path(python).exists():
        return _answer(Installed(problem="is not on this machine", is_there=False), [python])
    try:
        installed, places = _understood(_said(python, seconds))
    except TimeoutError:
        installed, places = Installed(problem=f"has not answered within {seconds:.0f} s"), []
    except OSError as error:
        installed, places = Installed(problem=f"can't be started ({error.strerror})"), []
    return _answer(installed, [python, *places])


def _understood(said: bytes) -> tuple[Installed, list[str]]:
    """Return what an interpreter's answer says, and the places that it depends on."""
    try:
        found = json.loads(said)
        version, places = found["version"], [str(place) for place in found["places"]]
        is_version = version is None or _VERSION.fullmatch(version) is not None
    except (ValueError, TypeError, KeyError, RecursionError):
        is_version = False
    if not is_version:
        return Installed(problem="prints no version that can be read"), []
    return Installed(version, None if version else f"has no {DISTRIBUTION}"), places


def _answer(installed: Installed, places: list[str]) -> _Answer:
    return _Answer(installed, tuple(places), revision(places), time.monotonic())


def _said(python: str, seconds: float) -> bytes:
    """
    Return what an interpreter prints, cut where it is too long.

    :raises TimeoutError: where it takes too long
    :raises OSError: where it can't be started
    """
    ends_at = time.monotonic() + seconds
    read, write = os.pipe()
    try:
        group = ProcessGroup(
            [python, "-I", "-u", str(_SCRIPT)],
            on_end=lambda: None,
            stdin=subprocess.DEVNULL,
            stdout=write,
            stderr=subprocess.DEVNULL,
            env=template_environment(python),
        )
    except BaseException:
        os.close(read)
        raise
    finally:
        os.close(write)
    try:
        return _read(read, ends_at)
    finally:
        os.close(read)
        group.collect()


def _read(descriptor: int, ends_at: float) -> bytes:
    """Return the first line, without waiting for what else the interpreter may have started."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    said = b""
    while len(said) < _LONGEST_ANSWER and b"\n" not in said:
        if not poll.poll(max(0.0, ends_at - time.monotonic()) * 1000):
            raise TimeoutError
        piece = os.read(descriptor, 8192)
        if not piece:
            break
        said += piece
    return said
