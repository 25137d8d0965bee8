"""
Folders in which a run stages what it has read, such as the texts of queries: none is left when the run has ended.

A run removes its folders at its end, and when it is asked to end. Those of one that is killed are removed by the guard
of its process (`dag_factory.portable.ingestion.guard`); or, where a task runs in its own process, by the next run
that stages something in the same place. It knows them by their names, and by their locks, which end with the process.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp

from dag_factory.errors import WorkflowError

_PREFIX = "openmetadata_staging_"
_NAME = re.compile(rf"{_PREFIX}[a-z0-9_]{{8}}")
# Another run may take a folder for an abandoned one only between its creation and its lock, so for some microseconds.
_ATTEMPTS = 5


class Staging:
    """
    The folders of one run.

    :param on_folder: is called with each folder before something is in it
    """

    def __init__(self, on_folder: Callable[[Path], object] = lambda _: None) -> None:
        self._on_folder = on_folder
        self._locks: dict[Path, int] = {}

    def folder(self, location: str | None) -> Path:
        """
        Make a folder that only this user can read.

        :param location: the folder to make it in, which may be missing, but not its parent; None for that of temporary
            files. `dag_factory.task.staging_place` has checked it
        :raises WorkflowError: where it can't be made
        """
        place = Path(location or gettempdir())
        try:
            place.mkdir(exist_ok=True)
            _remove_abandoned(place)
            for _ in range(_ATTEMPTS):
                folder = Path(mkdtemp(prefix=_PREFIX, dir=place))
                if (lock := _locked(folder)) is not None:
                    self._locks[folder] = lock
                    self._on_folder(folder)
                    return folder
        except OSError as error:
            raise WorkflowError(
                f"what the run reads can't be staged in '{place}': {error.strerror}. Make it a folder that the worker "
                "can write to, or set another one (stageFileLocation)"
            ) from None
        raise WorkflowError(f"what the run reads can't be staged in '{place}': another process removes its folders")

    def remove(self) -> None:
        """Remove all folders. Never fails; what can't be removed is left."""
        while self._locks:
            folder, lock = self._locks.popitem()
            remove(folder)
            os.close(lock)


def remove(folder: Path) -> None:
    """Remove a folder of a run, and nothing that has another name. Never fails."""
    if _NAME.fullmatch(folder.name):
        shutil.rmtree(folder, ignore_errors=True)


def _locked(folder: Path) -> int | None:
    """Return the descriptor of a new folder, locked until it is closed; None where another run has removed it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    # Some file systems have no locks. There nobody else gets one either, so the folder of a killed run stays.
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    if folder.exists():
        return descriptor
    os.close(descriptor)
    return None


def _remove_abandoned(place: Path) -> None:
    """Remove the folders of runs whose process has ended. Never fails."""
    with suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            if _NAME.fullmatch(entry.name):
                with suppress(OSError):
                    _remove_if_abandoned(Path(entry.path))


def _remove_if_abandoned(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        # Raises BlockingIOError while its run goes on.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_uid == os.geteuid():
            remove(folder)
    finally:
        os.close(descriptor)
