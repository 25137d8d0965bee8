"""A store that is unmounted during a call, before each of its system calls, and is back for the next one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from dag_factory.store.folder.folder_store import FolderStore
from dag_factory.store.memory import Memory
from tests.torture.calls import Call
from tests.torture.disks import mount, unmount
from tests.torture.judge import LOCK_SECONDS, Judge
from tests.torture.preload import UNMOUNT, Fault, Faults
from tests.torture.single import Single


class Mounts:
    """
    Calls to a store that is unmounted, on a machine that knows it.

    :param folder: holds all files
    """

    def __init__(self, folder: Path, faults: Faults) -> None:
        self._state, self._point = folder / "state", folder / "configs"
        self._state.mkdir()
        self._point.mkdir()
        self._faults = faults
        self.judge = Judge(self._opened)
        self._single = Single(folder / "single", faults, self.judge)

    def all(self) -> list[tuple[Call, Fault]]:
        """Return each moment at which the store can go away."""
        return list(self._single.all(unmounts))

    def suffer(self, call: Call, fault: Fault) -> None:
        """Let the store go away, and see what became of it."""
        root = self._single.store(call).root
        self._mount(root)
        try:
            self._opened(self._point).remember()
            self.judge.suffer(
                call,
                fault,
                self._opened(self._point),
                break_it=lambda: self._faults.arm(self._point, fault),
                mend=lambda: self._mount(root),
            )
        finally:
            unmount(self._point)
        # What a call writes by a path just as the store goes away lies here, where nobody reads it.
        for path in (self._point, self._state, root):
            shutil.rmtree(path)
        self._point.mkdir()
        self._state.mkdir()

    def _mount(self, root: Path) -> None:
        if not self._point.is_mount():
            mount("--bind", root, self._point)

    def _opened(self, root: Path) -> FolderStore:
        return FolderStore(root, Memory(self._state, str(root)), lock_seconds=LOCK_SECONDS)


def unmounts(kind: str, nth: int) -> Iterator[Fault]:
    yield Fault(kind, nth, UNMOUNT)
