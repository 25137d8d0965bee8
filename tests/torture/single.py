"""One fault in one call: each system call of each call fails in each way, or is the last one of its process."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from dag_factory.store.folder.folder_store import FolderStore
from tests.torture.calls import CALLS, Call, set_up
from tests.torture.judge import Judge
from tests.torture.preload import FAIL_AFTER, FAIL_BEFORE, KILL_AFTER, KILL_BEFORE, KINDS, Fault, Faults

ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT, errno.ESTALE)
# What a signal interrupts, and Python calls again.
INTERRUPTED = ("open", "read", "write", "fsync", "flock", "close")
LASTING = (errno.ENOSPC, errno.EROFS, errno.ESTALE)


class Single:
    """
    The faults of a run, and what was found.

    :param folder: holds all files
    """

    def __init__(self, folder: Path, faults: Faults, judge: Judge) -> None:
        self._made, self._stores = folder / "made", folder / "stores"
        self._made.mkdir(parents=True)
        self._stores.mkdir()
        self._faults = faults
        self._judge = judge

    def all(self, faults: Callable[[str, int], Iterator[Fault]]) -> Iterator[tuple[Call, Fault]]:
        """
        Yield each fault that can happen to each call.

        :param faults: returns those of the n-th system call of a kind
        """
        for call in CALLS:
            store = self.store(call)
            self._faults.arm(store.root, Fault("open", 0, 0))
            call.do(store)
            counts = self._faults.counts()
            shutil.rmtree(store.root)
            for kind in KINDS:
                for nth in range(1, counts[kind] + 1):
                    yield from ((call, fault) for fault in faults(kind, nth))

    def suffer(self, call: Call, fault: Fault) -> None:
        """Let a fault happen, and see what became of it."""
        store = self.store(call)
        self._judge.suffer(call, fault, store, break_it=lambda: self._faults.arm(store.root, fault), mend=lambda: None)
        shutil.rmtree(store.root)
        if left := list(self._stores.iterdir()):
            self._judge.findings.append(f"{call.name}: {fault}: has left {left} outside of the store")

    def store(self, call: Call) -> FolderStore:
        """Return a store as it is before a call; it is made once, and then copied."""
        root, made = self._stores / "configs", self._made / call.name
        if not made.exists():
            call.prepare(set_up(made))
        shutil.copytree(made, root)
        return FolderStore(root)


def faults_of(kind: str, nth: int) -> Iterator[Fault]:
    yield from (Fault(kind, nth, action) for action in (KILL_BEFORE, KILL_AFTER))
    yield from (Fault(kind, nth, FAIL_BEFORE, error) for error in ERRORS)
    if kind in INTERRUPTED:
        yield Fault(kind, nth, FAIL_BEFORE, errno.EINTR)
    yield Fault(kind, nth, FAIL_AFTER, errno.EIO)
    yield from (Fault(kind, nth, FAIL_BEFORE, error, lasting=True) for error in LASTING)
